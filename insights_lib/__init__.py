"""Partner Insights: Partner Center exports in, one interactive HTML report per partner out.

What an analyst types is handed on here. It is imported when it is first used: the command line
and the kernels of a run never do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from insights_lib.analysis.comparison import compare
    from insights_lib.analysis.explorer import explore
    from insights_lib.analysis.partner import open_partner
    from insights_lib.analysis.partners import partners

_HOMES = {
    "partners": "partners",
    "open_partner": "partner",
    "compare": "comparison",
    "explore": "explorer",
}
__all__ = ["compare", "explore", "open_partner", "partners"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"insights_lib.analysis.{_HOMES[name]}"), name)
    import_module("insights_lib.analysis.session").prepare()
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
