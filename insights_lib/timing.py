"""What time it is, and where the seconds of a notebook go: data, metrics, figures."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

# Of this process, which is a kernel's own.
_seconds: defaultdict[str, float] = defaultdict(float)
_under_way: list[str] = []


def timed(stage: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Count the seconds that a function takes, unless a function that calls it counts them."""

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def wrapper(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            if _under_way:
                return function(*args, **kwargs)
            _under_way.append(stage)
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                _seconds[stage] += time.perf_counter() - started
                _under_way.clear()

        return wrapper

    return decorate


def seconds_by_stage() -> dict[str, float]:
    """The seconds that each stage took since this was called last."""
    seconds = {stage: round(value, 4) for stage, value in _seconds.items()}
    _seconds.clear()
    return seconds


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """What time it is (UTC), and how to wait for some seconds."""

    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
