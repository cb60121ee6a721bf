"""Jupyter kernels that start in a moment, forked from a process that has imported everything.

from insights_lib.warm_kernels import warm_kernels

with warm_kernels("pandas", "plotly.graph_objects"):
    papermill.execute_notebook("in.ipynb", "out.ipynb")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from insights_lib.warm_kernels.engine import WarmEngine, warm_kernels

__all__ = ["WarmEngine", "warm_kernels"]


def __getattr__(name: str) -> Any:
    """Import the engine when it is asked for: a fork server needs no papermill."""
    if name in __all__:
        from insights_lib.warm_kernels import engine  # noqa: PLC0415 - as said above

        return getattr(engine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
