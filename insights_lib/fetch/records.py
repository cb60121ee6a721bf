"""The records of the API as what they mean: datasets, queries, reports and their runs."""

import re
from dataclasses import dataclass

from insights_lib.errors import FetchError
from insights_lib.fetch.secrets import without_secrets
from insights_lib.fetch.wire import Record

_ID = re.compile(r"[\w-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class Offer:
    """A dataset that is offered to this user.

    Attributes:
        dataset: Its name, as the server spells it.
        columns: That a query can select.
        metrics: That it can select besides, for each combination of columns.
        ranges: Of time; none for what has no months.
        every: Hours that a scheduled report waits at least.
    """

    dataset: str
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    ranges: tuple[str, ...]
    every: int


@dataclass(frozen=True)
class Query:
    """A stored query of the user."""

    id: str
    text: str


@dataclass(frozen=True)
class ServerReport:
    """A report as Partner Center understands it: a query that is run, once or every day."""

    id: str
    status: str
    created: str


@dataclass(frozen=True)
class Execution:
    """One run of a report.

    Attributes:
        id: Its own.
        status: Completed, or that it is not yet.
        link: Where its file is; a secret as long as it opens the file.
        redacted: Whether what the user may not see was left out.
        generated: When its file was made.
    """

    id: str
    status: str
    link: str | None
    redacted: bool
    generated: str

    def __repr__(self) -> str:
        """Without the link."""
        return f"Execution({self.id}, {self.status})"


def offer_of(record: Record) -> Offer:
    """A dataset that is offered."""
    every = record.get("minimumrecurrenceinterval")
    return Offer(
        dataset=_text(record, "datasetname"),
        columns=_names(record.get("selectablecolumns")),
        metrics=_names(record.get("availablemetrics")),
        ranges=_names(record.get("availabledateranges")),
        every=every if type(every) is int else 24,  # a bool is one, too
    )


def _names(listed: object) -> tuple[str, ...]:
    """Names that stand as texts, or in objects."""
    texts = []
    for entry in listed if isinstance(listed, list) else ():
        named = entry
        if isinstance(entry, dict):
            lower = {str(key).strip().lower(): value for key, value in entry.items()}
            named = lower.get("name") or lower.get("columnname")
        if isinstance(named, str) and named.strip():
            texts.append(named.strip())
    return tuple(texts)


def query_of(record: Record) -> Query:
    """A stored query."""
    return Query(_id(record, "queryid"), _text(record, "query"))


def report_of(record: Record) -> ServerReport:
    """A report."""
    status, created = _text(record, "reportstatus"), _text(record, "createdtime")
    return ServerReport(_id(record, "reportid"), status, created)


def execution_of(record: Record, redacted: bool) -> Execution:
    """A run of a report."""
    return Execution(
        id=_id(record, "executionid"),
        status=without_secrets(_text(record, "executionstatus")).capitalize(),
        link=_text(record, "reportaccesssecurelink") or None,
        redacted=redacted,
        generated=_text(record, "reportgeneratedtime"),
    )


def _text(record: Record, name: str) -> str:
    """A text of a record; an empty one if it is missing, or no text."""
    value = record.get(name)
    return value.strip() if isinstance(value, str) else ""


def _id(record: Record, name: str) -> str:
    """An id, which becomes part of an address."""
    text = str(record.get(name) or "")
    if not _ID.fullmatch(text):
        raise FetchError(f"Partner Center answers without a usable {name}; try again later.")
    return text
