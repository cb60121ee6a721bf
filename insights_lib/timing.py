"""Where the seconds of a notebook go, by stage: data, metrics, figures."""

import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

# Of this process, which is a kernel's own.
_seconds: defaultdict[str, float] = defaultdict(float)
_under_way: list[str] = []


def measured(stage: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Count the seconds that a function takes, but for those that another one counts already."""

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def timed(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            if _under_way:
                return function(*args, **kwargs)
            _under_way.append(stage)
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                _seconds[stage] += time.perf_counter() - started
                _under_way.clear()

        return timed

    return decorate


def taken() -> dict[str, float]:
    """The seconds by stage since this was last asked."""
    seconds = {stage: round(value, 4) for stage, value in _seconds.items()}
    _seconds.clear()
    return seconds
