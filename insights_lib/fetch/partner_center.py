"""What Partner Center offers, and the queries, reports and executions of a user there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from insights_lib.errors import FetchError
from insights_lib.fetch.refusals import ApiError
from insights_lib.fetch.wire import Record, UnsureError, Wire

Found = TypeVar("Found")

COMPLETED = "Completed"
_STATES = "Pending;Running;Paused;Completed"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LOOKS = 3  # before something is taken for impossible to make


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
        id: Of this run.
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


@dataclass(frozen=True)
class ReportRequest:
    """A report to be made.

    Attributes:
        name: By which it is found again.
        query: Id of its query.
        start: When it begins to run, or of which time the data is to be.
        end: The end of that time, of a report that runs at once; None for a scheduled one.
        every: Hours between the runs of a scheduled one.
    """

    name: str
    query: str
    start: datetime | None
    end: datetime | None
    every: int = 0

    def body(self, now: datetime) -> Record:
        """The same as the API takes it."""
        body: Record = {"ReportName": self.name, "QueryId": self.query, "Format": "CSV"}
        body["Description"] = "Made by Partner Insights"
        if self.every and self.start:
            times = {"StartTime": self.start.strftime(_TIME), "RecurrenceInterval": self.every}
            return body | times | {"RecurrenceCount": 365, "ExecuteNow": False}
        body |= {"StartTime": now.strftime(_TIME), "ExecuteNow": True}
        if self.start and self.end:
            body["QueryStartTime"] = self.start.strftime(_TIME)
            body["QueryEndTime"] = self.end.strftime(_TIME)
        return body


class PartnerCenter:
    """The API, in the words of this program.

    Attributes:
        mfa: Whether Partner Center finds the sign-in good enough; None while it has not said.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.mfa: bool | None = None

    def offers(self) -> dict[str, Offer]:
        """What is offered to this user, by names in lower case."""
        answer = self._wire.get("ScheduledDataset")
        self.mfa = answer.mfa
        offers = [_offer(record) for record in answer.records]
        return {offer.dataset.lower(): offer for offer in offers if offer.dataset}

    def query(self, name: str, text: str) -> Query:
        """The stored query of a name and text, which is made if there is none.

        Raises:
            FetchError: It cannot be made.
        """

        def look() -> Query | None:
            found = self._wire.get(
                "ScheduledQueries", queryName=name, includeSystemQueries="false"
            ).records
            # The parameters may be ignored, and system queries name columns that are gone.
            own = [r for r in found if r.get("queryname", r.get("name")) == name]
            same = [r for r in own if r.get("query") == text and r.get("type") != "system"]
            return next((_query(record) for record in same), None)

        body = {"Name": name, "Description": "Made by Partner Insights", "Query": text}
        return self._made(look, lambda: _query(self._wire.post("ScheduledQueries", body)))

    def report(self, asked: ReportRequest, now: datetime) -> ServerReport:
        """The report of a name and query, the latest of several; made if there is none.

        Raises:
            FetchError: It cannot be made.
        """

        def look() -> ServerReport | None:
            found = self._wire.get("ScheduledReport", reportName=asked.name).records
            usable = {"active", "inactive"} if not asked.every else {"active"}
            own = [_report(r) for r in found if _is(r, asked)]
            fit = [report for report in own if report.status.lower() in usable]
            return max(fit, key=lambda report: report.created, default=None)

        body = asked.body(now)
        return self._made(look, lambda: _report(self._wire.post("ScheduledReport", body)))

    def report_ids(self, name: str) -> list[str]:
        """The ids of all reports of a name, in whatever state."""
        found = self._wire.get("ScheduledReport", reportName=name).records
        return [_report(r).id for r in found if r.get("reportname") == name]

    def latest_execution(self, report: str) -> Execution | None:
        """The latest run of a report that is completed, else one that is not; None without any.

        Raises:
            ApiError: With the status 404 there may be no such report, or no run of it yet.
        """
        answer = self._wire.get(
            f"ScheduledReport/execution/{report}",
            executionStatus=_STATES,
            getLatestExecution="false",  # the latest may be one that is not completed
        )
        runs = [_execution(record, answer.redacted) for record in answer.records]
        completed = [run for run in runs if run.status == COMPLETED]
        latest = max(completed, key=lambda run: run.generated, default=None)
        return latest or next(iter(runs), None)

    def has_report(self, report: str) -> bool:
        """Whether a report of this id is still there."""
        try:
            found = self._wire.get("ScheduledReport", reportId=report).records
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return any(record.get("reportid") == report for record in found)

    def delete(self, report: str, query: str) -> None:
        """Delete a report with its runs, and its query."""
        self._wire.delete(f"ScheduledReport/{report}")
        self._wire.delete(f"ScheduledQueries/{query}")

    @staticmethod
    def _made(look: Callable[[], Found | None], make: Callable[[], Found]) -> Found:
        """What is found, or made if it is not: a POST that may have been done is not repeated."""
        for attempt in range(_LOOKS):
            if (found := _looked(look)) is not None:
                return found
            try:
                return make()
            except UnsureError:
                if attempt + 1 == _LOOKS:
                    raise
        raise AssertionError


def _looked(look: Callable[[], Found | None]) -> Found | None:
    try:
        return look()
    except ApiError as error:
        if error.status == 404:  # "No item found with given filters."
            return None
        raise


def _is(record: Record, asked: ReportRequest) -> bool:
    return record.get("reportname") == asked.name and record.get("queryid") == asked.query


def _offer(record: Record) -> Offer:
    every = record.get("minimumrecurrenceinterval")
    return Offer(
        dataset=str(record.get("datasetname") or "").strip(),
        columns=_names(record.get("selectablecolumns")),
        metrics=_names(record.get("availablemetrics")),
        ranges=_names(record.get("availabledateranges")),
        every=every if isinstance(every, int) else 24,
    )


def _names(listed: object) -> tuple[str, ...]:
    """Names that stand as texts, or in objects."""
    if not isinstance(listed, list):
        return ()
    texts = []
    for entry in listed:
        named = entry
        if isinstance(entry, dict):
            lower = {str(key).strip().lower(): value for key, value in entry.items()}
            named = lower.get("name") or lower.get("columnname")
        if isinstance(named, str) and named.strip():
            texts.append(named.strip())
    return tuple(texts)


def _query(record: Record) -> Query:
    return Query(_id(record, "queryid"), str(record.get("query") or ""))


def _report(record: Record) -> ServerReport:
    status, created = record.get("reportstatus"), record.get("createdtime")
    return ServerReport(_id(record, "reportid"), str(status or ""), str(created or ""))


def _execution(record: Record, redacted: bool) -> Execution:
    link = record.get("reportaccesssecurelink")
    status = str(record.get("executionstatus") or "").strip().capitalize()
    return Execution(
        id=_id(record, "executionid"),
        status=status,
        link=str(link) if link else None,
        redacted=redacted,
        generated=str(record.get("reportgeneratedtime") or ""),
    )


def _id(record: Record, name: str) -> str:
    """An id, which becomes part of an address."""
    text = str(record.get(name) or "")
    if not text or not all(c.isalnum() or c in "-_" for c in text):
        raise FetchError(f"Partner Center answers without a usable {name}; try again later.")
    return text
