"""The clock, and where the seconds of a notebook go: data, metrics, figures."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

# A kernel is a process of its own, so these are the seconds of one notebook.
_seconds: defaultdict[str, float] = defaultdict(float)
_under_way: list[str] = []


def timed(stage: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Count a function's seconds for a stage, unless the function that calls it counts its own."""

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
    """The seconds of each stage since the last call of this."""
    seconds = {stage: round(value, 4) for stage, value in _seconds.items()}
    _seconds.clear()
    return seconds


_NEVER = datetime.max.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """Tells the time (UTC) and waits for a number of seconds; tests hand in their own.

    Attributes:
        end: When all that goes by this clock has to be over.
    """

    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    end: datetime = _NEVER

    def end_of(self, limit: timedelta) -> datetime:
        """When something that begins now and may take so long has to be over."""
        return min(self.now() + limit, self.end)
