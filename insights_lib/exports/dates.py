"""Months and days, in the forms in which exports write them."""

import re
from datetime import date

_FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        r"(?P<y>\d{4})-(?P<m>\d{2})(?:-(?P<d>\d{2})(?:[T ](?P<time>.+))?)?",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})?",
        r"(?P<m>\d{1,2})(?P<slash>/)(?P<d>\d{1,2})/(?P<y>\d{4})(?: (?P<time>.+))?",
    )
)
_TIME = re.compile(
    r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AP]M)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII | re.IGNORECASE
)
_MIDNIGHT = re.compile(
    r"0?0:00(:00(\.0+)?)?(Z|[+-]\d\d(:?\d\d)?)?|12:00(:00)? ?AM", re.ASCII | re.IGNORECASE
)
_FIRST_YEAR = 1990
MONTH_FORMS = (
    "2025-06-01, 2025-06, 20250601, 202506 or 6/1/2025 (the month first, and its first day), "
    f"from {_FIRST_YEAR} on, and no time but midnight"
)
DAY_FORMS = "2026-03-14, 20260314 or 3/14/2026 (the month first), with or without a time"


def parse_month(text: str) -> date:
    """The first day of the month that `text` names.

    Raises:
        ValueError: The text has none of the forms of `MONTH_FORMS`, or names no day there is.
    """
    found, time = _parts(text)
    day = date(int(found["y"]), int(found["m"]), int(found["d"] or 1))
    # A slash date that is not a first was written day first.
    day_first = found.get("slash") and day.day != 1
    if day.year < _FIRST_YEAR or day_first or (time and not _MIDNIGHT.fullmatch(time)):
        raise ValueError(f"{text!r} is not a month")
    return day.replace(day=1)


def parse_day(text: str) -> date:
    """The day that `text` names.

    Raises:
        ValueError: The text has none of the forms of `DAY_FORMS`, or names no day there is.
    """
    found, time = _parts(text)
    if not found["d"] or (time and not _TIME.fullmatch(time)):
        raise ValueError(f"{text!r} is not a day")
    return date(int(found["y"]), int(found["m"]), int(found["d"]))


def _parts(text: str) -> tuple[dict[str, str], str | None]:
    for form in _FORMS:
        if found := form.fullmatch(text):
            return found.groupdict(), found.groupdict().get("time")
    raise ValueError(f"{text!r} is not a date")
