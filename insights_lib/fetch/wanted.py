"""What to ask for: the columns that are offered of a dataset, over how many months."""

import re
from dataclasses import dataclass
from datetime import datetime

from insights_lib.errors import FetchError
from insights_lib.exports.datasets import (
    AUTO_RENEW,
    DATASETS,
    DATE_COLUMNS,
    MONTH,
    NUMBER_COLUMNS,
    SEATS,
    SEATS_SOLD,
    Dataset,
    find,
    folded,
    missing_columns,
    notes_on_absence,
    recognise,
)
from insights_lib.fetch.records import Offer
from insights_lib.parameters.validation import unknown

_LONGEST_RECURRENCE = 2160  # hours
_NAME = re.compile(r"\w{1,100}", re.ASCII)
# Months that a range of time has at least; one that is not here is not chosen.
_RANGES = {
    "LAST_MONTH": 1,
    "LAST_90_DAYS": 2,
    "LAST_3_MONTHS": 3,
    "LAST_180_DAYS": 5,
    "LAST_6_MONTHS": 6,
    "LAST_365_DAYS": 11,
    "LAST_1_YEAR": 12,
    "LIFETIME": 1200,
}


@dataclass(frozen=True)
class Wanted:
    """A query to ask for.

    Attributes:
        dataset: Which dataset it is.
        text: In the query language of Partner Center.
        columns: Of its answer.
        monthly: Whether it has months; a Profile has none.
        every: Hours between two runs of it, if it is scheduled.
        notes: What is not offered, and what reports lack without it.
    """

    dataset: Dataset
    text: str
    columns: tuple[str, ...]
    monthly: bool
    every: int
    notes: tuple[str, ...]


def datasets_named(names: list[str] | None) -> list[Dataset]:
    """The datasets of these names, in the order of `DATASETS`; all of them for None.

    Raises:
        FetchError: There is none of a name.
    """
    known = {dataset.name.lower(): dataset for dataset in DATASETS}
    for name in names or ():
        if name.lower() not in known:
            sentence = unknown(name, [dataset.name for dataset in DATASETS])
            raise FetchError(f"dataset: {sentence.rstrip('.?')}.")
    asked = {name.lower() for name in names or known}
    return [dataset for name, dataset in known.items() if name in asked]


def wanted(dataset: Dataset, offer: Offer, months: int) -> Wanted:
    """What to ask for of a dataset, as it is offered.

    Raises:
        FetchError: What is offered is not enough for a report.
    """
    columns = _columns(dataset, offer)
    if not columns:
        raise FetchError(f"{dataset.name} is offered without any column.")
    lacking = missing_columns(dataset, columns)
    if lacking or recognise(columns) != dataset:
        what = f"without the column {', and '.join(lacking)}" if lacking else "with other columns"
        raise FetchError(f"{dataset.name} is offered {what}; reports cannot use it.")
    monthly = find(columns, MONTH) is not None
    span = _range(offer.ranges, months) if monthly else None
    text = f"SELECT {', '.join(columns)} FROM {offer.dataset}"
    return Wanted(
        dataset=dataset,
        text=f"{text} TIMESPAN {span}" if span else text,
        columns=tuple(columns),
        monthly=monthly,
        every=min(max(24, offer.every), _LONGEST_RECURRENCE),
        notes=tuple(_notes(dataset, columns)),
    )


def first_day(now: datetime, months: int) -> datetime:
    """When so many months begin, of which the last is under way."""
    month = now.year * 12 + now.month - months
    return now.replace(
        year=month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )


def _columns(dataset: Dataset, offer: Offer) -> list[str]:
    """All columns, and the metrics that stand for a column that is read and not there.

    With fewer columns a row could stand for several, and none of them be told from the others.
    """
    columns = {folded(name): name for name in offer.columns if _NAME.fullmatch(name)}
    metrics = {folded(name): name for name in offer.metrics if _NAME.fullmatch(name)}
    groups = [dataset.measures]
    if dataset.name == SEATS:
        groups += [SEATS_SOLD, *NUMBER_COLUMNS.values()]
    for group in groups:
        names = [folded(name) for name in group]
        if not any(name in columns for name in names):
            metric = next((name for name in names if name in metrics), None)
            columns |= {metric: metrics[metric]} if metric else {}
    return [*columns.values()]


def _range(offered: tuple[str, ...], months: int) -> str | None:
    """The shortest range with so many months; the longest if none has."""
    by_months = sorted((_RANGES[r.upper()], r.upper()) for r in offered if r.upper() in _RANGES)
    enough = [name for length, name in by_months if length >= months]
    return next(iter(enough), by_months[-1][1] if by_months else None)


def _notes(dataset: Dataset, columns: list[str]) -> list[str]:
    notes = notes_on_absence(dataset, columns)
    if dataset.name == SEATS:
        groups = (SEATS_SOLD, *NUMBER_COLUMNS.values(), *DATE_COLUMNS.values(), AUTO_RENEW)
        absent = [group[0] for group in groups if find(columns, group) is None]
        notes += [f"not offered: {', '.join(absent)}"] if absent else []
    return notes
