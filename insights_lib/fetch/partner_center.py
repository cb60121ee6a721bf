"""What Partner Center offers, and the queries, reports and executions of a user there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from insights_lib.errors import FetchError, InsightsError
from insights_lib.fetch.records import (
    Execution,
    Offer,
    Query,
    ServerReport,
    execution_of,
    offer_of,
    query_of,
    report_of,
)
from insights_lib.fetch.refusals import ApiError
from insights_lib.fetch.wire import Answer, Record, UnsureError, Wire

Found = TypeVar("Found")

COMPLETED = "Completed"
_STATES = "Pending;Running;Paused;Completed"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LOOKS = 3  # before something is taken for impossible to make


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
        answer = self._get("ScheduledDataset")
        self.mfa = answer.mfa
        offers = [offer_of(record) for record in answer.records]
        return {offer.dataset.lower(): offer for offer in offers if offer.dataset}

    def query(self, name: str, text: str) -> Query:
        """The stored query of a name and text, which is made if there is none.

        Raises:
            FetchError: It cannot be made.
        """

        def look() -> Query | None:
            answer = self._get("ScheduledQueries", queryName=name, includeSystemQueries="false")
            # The parameters may be ignored, and system queries name columns that are gone.
            own = [r for r in answer.records if r.get("queryname", r.get("name")) == name]
            same = [r for r in own if r.get("query") == text and r.get("type") != "system"]
            return next((query_of(record) for record in same), None)

        body = {"Name": name, "Description": "Made by Partner Insights", "Query": text}
        return self._made(look, lambda: query_of(self._post("ScheduledQueries", body)))

    def report(self, asked: ReportRequest, now: datetime) -> ServerReport:
        """The report of a name and query, the latest of several; made if there is none.

        Raises:
            FetchError: It cannot be made.
        """

        def look() -> ServerReport | None:
            found = self._get("ScheduledReport", reportName=asked.name).records
            usable = {"active", "inactive"} if not asked.every else {"active"}
            own = [report_of(r) for r in found if _is(r, asked)]
            fit = [report for report in own if report.status.lower() in usable]
            return max(fit, key=lambda report: report.created, default=None)

        body = asked.body(now)
        return self._made(look, lambda: report_of(self._post("ScheduledReport", body)))

    def latest_execution(self, report: str) -> Execution | None:
        """The latest run of a report that is completed, else one that is not; None without any.

        Raises:
            ApiError: With the status 404 there may be no such report, or no run of it yet.
        """
        answer = self._get(
            f"ScheduledReport/execution/{report}",
            executionStatus=_STATES,
            getLatestExecution="false",  # the latest may be one that is not completed
        )
        runs = [execution_of(record, answer.redacted) for record in answer.records]
        completed = [run for run in runs if run.status == COMPLETED]
        latest = max(completed, key=lambda run: run.generated, default=None)
        return latest or next(iter(runs), None)

    def has_report(self, report: str) -> bool:
        """Whether a report of this id is still there."""
        try:
            found = self._get("ScheduledReport", reportId=report).records
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return any(record.get("reportid") == report for record in found)

    def report_ids(self, name: str) -> list[str]:
        """The ids of all reports of a name, in whatever state."""
        found = self._get("ScheduledReport", reportName=name).records
        return [report_of(r).id for r in found if r.get("reportname") == name]

    def delete_report(self, report: str) -> None:
        """Delete a report with its runs, if it is still there."""
        self._delete(f"ScheduledReport/{report}")

    def delete_query(self, query: str) -> None:
        """Delete a query, if it is still there."""
        self._delete(f"ScheduledQueries/{query}")

    def _delete(self, path: str) -> None:
        with self._understood(path, FetchError):
            self._wire.delete(path)

    def _get(self, path: str, **parameters: str) -> Answer:
        with self._understood(path, FetchError):
            return self._wire.get(path, **parameters)

    def _post(self, path: str, body: Record) -> Record:
        with self._understood(path, UnsureError):
            return self._wire.post(path, body)

    @contextmanager
    def _understood(self, path: str, kind: type[FetchError]) -> Iterator[None]:
        """Raise an error of a kind for an answer that has not the form it is to have."""
        try:
            yield
        except InsightsError:
            raise
        except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
            what = f"Partner Center answered something unexpected ({type(error).__name__})"
            raise kind(f"{self._wire.name}: {path}: {what}; try again later.") from error

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
