"""Jupyter kernels that start in a moment, forked from a process that has imported everything."""
