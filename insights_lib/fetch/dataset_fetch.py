"""Fetching one dataset: asked for, waited for, downloaded, checked, put in its place."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import httpx

from insights_lib.disk import digest, make_folder, move_file
from insights_lib.errors import FetchError
from insights_lib.fetch.download import Received, download, received
from insights_lib.fetch.leftovers import delete_leftover, delete_leftovers, discard
from insights_lib.fetch.notes import RUNS_AN_HOUR, Leftover, Note, Notes
from insights_lib.fetch.partner_center import COMPLETED, PartnerCenter, ReportRequest
from insights_lib.fetch.records import Execution, ServerReport
from insights_lib.fetch.refusals import ApiError
from insights_lib.fetch.wanted import Wanted, first_day
from insights_lib.fetch.wire import LaterError
from insights_lib.timing import Clock

GIVEN_UP = timedelta(hours=20)  # after which a run that is not ready is asked for again
_QUOTA_WAIT = timedelta(minutes=10)  # where others use up what is allowed in an hour
_DOWNLOADS = 3  # of one export
_LEAD = timedelta(hours=4, minutes=15)  # before a scheduled report can begin; the rule says 4 h


@dataclass(frozen=True)
class FetchResult:
    """What became of a dataset of a tenant.

    Attributes:
        tenant: As fetch.yml calls it.
        dataset: Its name; empty if all of the tenant are meant.
        text: What there is to say, a sentence.
        file: The new export; None if there is none.
        failed: Whether something has to be done about it.
    """

    tenant: str
    dataset: str
    text: str
    file: Path | None = None
    failed: bool = False

    def __str__(self) -> str:
        """Whose it is, and what became of it."""
        about = f"{self.tenant} {self.dataset}".strip()
        text = self.text.removeprefix(f"{self.tenant}: ")
        return f"{about}: {text}"


@dataclass(frozen=True)
class Place:
    """What all datasets of a tenant share.

    Attributes:
        tenant: As fetch.yml calls it.
        center: The API.
        notes: What was asked for before.
        to: The folder of the exports.
    """

    tenant: str
    center: PartnerCenter
    notes: Notes
    to: Path


class DatasetFetch:
    """One dataset of one tenant, until its export is here.

    Attributes:
        state: What it waits for.
    """

    def __init__(self, place: Place, wanted: Wanted, months: int, clock: Clock) -> None:
        self.name = wanted.dataset.name
        self.state = "begins"
        self._place = place
        self._wanted = wanted
        self._months = months if wanted.monthly else 0
        self._clock, self._now = clock, clock.now
        self._has_begun = False
        self._failed_downloads = 0
        self._quota_until = datetime.min.replace(tzinfo=UTC)
        self._tries = 0

    def visit(self, scheduled: bool) -> FetchResult | None:
        """Do what can be done now.

        Returns:
            What became of it; None if it has to be visited again.

        Raises:
            FetchError: It cannot be fetched.
        """
        try:
            if not self._has_begun:
                self._has_begun = True
                delete_leftovers(self._place.center, self._place.notes, self.name)
            return self._visited(scheduled)
        except LaterError as later:  # the others have their turn meanwhile
            if later.until > self._now():  # else the time for all of it is up
                self.state = f"waits until {later.until:%H:%M} UTC, as Partner Center is busy"
            return None

    def _visited(self, scheduled: bool) -> FetchResult | None:
        note = self._place.notes.of(self.name)
        if note and note.placed:
            return self._cleared(f"fetched before: {note.placed}")
        if note and self._is_outdated(note, scheduled):
            with suppress(FetchError):
                discard(self._place.center, self._place.notes, self.name)
            note = None
        if not note or scheduled:  # what is scheduled ends some day, and is made again
            note = self._asked(scheduled, note)
        if not note:
            return None
        execution = self._execution(note)
        if execution and execution.status == COMPLETED:
            if scheduled and execution.id == note.fetched:
                return self._result("has no newer export; the latest is here")
            return self._fetched(execution, scheduled)
        if scheduled:
            return self._result("is scheduled; no export is ready yet, fetch again tomorrow")
        self.state = (execution.status if execution else "") or "Pending"
        return None

    def _is_outdated(self, note: Note, scheduled: bool) -> bool:
        """Whether what was asked for is not what is wanted, or does not come any more."""
        name = self._report_name(scheduled, note)
        if not note.name.startswith(name) or note.text != self._wanted.text:
            return True
        return not scheduled and note.age(self._now()) > GIVEN_UP

    def _report_name(self, scheduled: bool, note: Note | None = None) -> str:
        """The name of a report there, by which it is found again after a kill."""
        kind = "nightly" if scheduled else "now"
        asked_at = datetime.fromisoformat(note.asked_at) if note else self._now()
        what = digest(self._wanted.text, self._months)[:8]
        day = "" if scheduled else f"-{asked_at:%Y%m%d}"
        return f"insights-{kind}-{self.name}-{what}{day}"

    def _asked(self, scheduled: bool, before: Note | None) -> Note | None:
        """Ask for it, if that is allowed now; what was asked for before a kill is found."""
        now, notes = self._now(), self._place.notes
        if self._quota_until > now:
            return None
        if not scheduled and (next_run := notes.next_run(now)) > now:
            self.state = (
                f"waits until {next_run:%H:%M} UTC: Partner Center begins {RUNS_AN_HOUR} "
                "reports an hour"
            )
            return None
        name = before.name if before else self._free_name(scheduled)
        # Names have letters, digits and blanks only; the text is part of it, for none is changed.
        query = self._place.center.query(name.replace("-", " "), self._wanted.text)
        report = self._ordered(self._request(name, query.id, scheduled), now)
        if not report:
            return None
        if not scheduled:
            notes.note_run(now)
        if before and before.report == report.id:
            return before
        note = Note(self._wanted.text, query.id, report.id, now.isoformat(), name)
        notes.note(self.name, note)
        return note

    def _request(self, name: str, query: str, scheduled: bool) -> ReportRequest:
        now = self._now()
        if scheduled:
            return ReportRequest(name, query, now + _LEAD, None, every=self._wanted.every)
        start = first_day(now, self._months) if self._months else None
        return ReportRequest(name, query, start, now if start else None)

    def _free_name(self, scheduled: bool) -> str:
        """A name that no report has which is still to be deleted: it would be found again."""
        first = self._report_name(scheduled)
        taken = {one.name for one in self._place.notes.leftovers(self.name) if one.report}
        names = (f"{first}-{number}" for number in count(2))
        return first if first not in taken else next(name for name in names if name not in taken)

    def _ordered(self, asked: ReportRequest, now: datetime) -> ServerReport | None:
        """The report; None if no more may be made now. Without one its query is not left behind."""
        leftover = Leftover(asked.name, "", asked.query)
        try:
            report = self._place.center.report(asked, now)
        except (FetchError, KeyboardInterrupt) as error:
            self._place.notes.leave(leftover)
            if not isinstance(error, ApiError):
                raise
            if "quota" not in error.said.lower() or "executenow" not in error.said.lower():
                delete_leftover(self._place.center, self._place.notes, leftover)
                raise
            self._quota_until = now + _QUOTA_WAIT
            self.state = "waits: others have begun all reports that are allowed in an hour"
            return None
        self._place.notes.settle(leftover)
        return report

    def _execution(self, note: Note) -> Execution | None:
        """The latest run; None if there is none yet."""
        center = self._place.center
        try:
            return center.latest_execution(note.report)
        except ApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
        if not center.has_report(note.report):
            self._place.notes.leave(Leftover(note.name, "", note.query))
            self._place.notes.forget(self.name)
            self._tries += 1
            if self._tries > 1:
                raise FetchError("Partner Center loses what it was asked for; try again later.")
        return None

    def _fetched(self, execution: Execution, scheduled: bool) -> FetchResult | None:
        """Download, check, put in place; delete there what was made for it.

        Returns:
            What became of it; None if the download failed, and another link may do.
        """
        target = self._place.to / f"{self._now():%Y-%m-%d}_{self.name}_{self._place.tenant}"
        make_folder(self._place.to)
        unfinished = target.with_name(f".{target.name}.part")  # hidden: nothing takes it as yet
        try:
            if not self._is_downloaded(execution, unfinished):
                return None
            export = received(unfinished, self._wanted.columns)
            text = ", ".join(self._told(export, execution.redacted))
            if not export.rows:
                return self._done(execution, scheduled, f"{text}; no file is written")
            file = target.with_name(target.name + export.ending)
            move_file(unfinished, file)
        finally:
            unfinished.unlink(missing_ok=True)
        return self._done(execution, scheduled, f"{text}, in {file}", file)

    def _is_downloaded(self, execution: Execution, file: Path) -> bool:
        """Whether it is here now; if not, the next visit gets another link for it.

        Raises:
            FetchError: It was tried often enough.
        """
        try:
            if not execution.link:
                raise FetchError("Partner Center gives no link to what is completed; try again.")
            download(execution.link, file, self._clock)
        except FetchError as error:
            self._failed_downloads += 1
            if self._failed_downloads == _DOWNLOADS:
                raise
            self.state = f"is tried again: {error}".rstrip(".")
            return False
        return True

    def _told(self, export: Received, redacted: bool) -> Iterator[str]:
        """What there is to say of an export: months, rows, and what is missing in it."""
        if export.months:
            first, last = (f"{month:%Y-%m}" for month in export.months)
            yield first if first == last else f"{first} to {last}"
        yield f"{export.rows:,} rows"
        if redacted:
            yield "redacted: revenue is missing, as the user is not an Executive report viewer"
        yield from self._wanted.notes

    def _done(
        self, run: Execution, scheduled: bool, text: str, file: Path | None = None
    ) -> FetchResult:
        if scheduled:
            self._place.notes.change(self.name, fetched=run.id)
            return self._result(text, file)
        self._place.notes.change(self.name, placed=text)
        return self._cleared(text, file)

    def _cleared(self, text: str, file: Path | None = None) -> FetchResult:
        """Delete there what was made; that it stays there is no reason not to use the export."""
        try:
            discard(self._place.center, self._place.notes, self.name)
        except FetchError as error:
            why = str(error).rstrip(".")
            text += f" (the next fetch deletes its report at Partner Center, as now: {why})"
        return self._result(text, file)

    def _result(self, text: str, file: Path | None = None) -> FetchResult:
        return FetchResult(self._place.tenant, self.name, text, file)
