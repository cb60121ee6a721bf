"""Jupyter kernels that start in a moment; see `engine`."""
