"""Who gets which report now: the recipients and the reports that are there, made into letters."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from insights_lib.errors import InsightsError, MailError, ParameterError
from insights_lib.mail.delivery import Clock, Letter
from insights_lib.mail.ledger import Delivery
from insights_lib.outputs import FILE_MODE, folder_of, make_folder
from insights_lib.parameters.recipients_yml import MEGABYTE, Person, RecipientsFile, wanted_specs
from insights_lib.parameters.reports_yml import Asked, ReportsFile
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import Standing
from insights_lib.run.reports import standings

if TYPE_CHECKING:  # seconds of imports, for those who write a letter
    from insights_lib.mail.message import Envelope
    from insights_lib.mail.pictures import Pictures
    from insights_lib.page.sections import Report

LINKED = "_linked"  # folder of the pages that messages link to; no partner can be called so


@dataclass(frozen=True)
class Planned:
    """One report to one person, as the parameters ask for it.

    Attributes:
        person: Who gets it.
        spec: Which report.
        months: The months that it is of; empty if there is no data.
        folder: Where it is.
        version: Digest of its tables; empty if it is not there.
        hindrance: Why it cannot be sent now, empty if it can.
    """

    person: Person
    spec: ReportSpec
    months: str
    folder: Path
    version: str
    hindrance: str = ""

    @property
    def delivery(self) -> Delivery:
        """It as the ledger calls it."""
        spec = self.spec
        return Delivery(spec.partner, self.months, spec.variant, self.person.address, self.version)


def planned_letters(
    recipients: RecipientsFile, file: ReportsFile, asked: Asked, outputs: Path
) -> list[Planned]:
    """What is to be sent to whom, and what hinders it.

    Raises:
        ParameterError: As of `specs_for`, or a copy has no message to be a copy of.
    """
    wanted = list(wanted_specs(recipients, file, asked))
    found = standings([spec for _, spec in wanted], outputs)
    planned = [
        _planned(person, spec, standing, outputs)
        for (person, spec), standing in zip(wanted, found, strict=True)
    ]
    _refuse_twice(planned)
    own = {_message(one) for one in planned if one.person.message == "own"}
    for one in planned:
        if _message(one) not in own:
            raise ParameterError(
                f"partner {one.spec.partner}: {one.person.address} is to get a copy, but nobody "
                "gets the same report in a message of their own; write message: own."
            )
    return planned


def _refuse_twice(planned: list[Planned]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for one in planned:
        address = one.person.address
        other = seen.setdefault((*_message(one)[:-1], address.lower()), address)
        if other != address:  # to a mail server they may be two, but hardly to anybody else
            raise ParameterError(
                f"partner {one.spec.partner}: {other} and {address} would get the same report "
                "twice; list one of them."
            )


def _planned(person: Person, spec: ReportSpec, standing: Standing, outputs: Path) -> Planned:
    folder = folder_of(outputs, spec, standing.months)
    planned = Planned(person, spec, standing.months, folder, "")
    if standing.state != "fresh":
        why = f"the report: {standing.state} ({standing.why}); `insights run` makes it"
        return replace(planned, hindrance=why)
    manifest = _manifest(folder)
    unmatched = set(manifest["unmatched_filters"])
    for facet, values in spec.filters.chosen().items():
        if unmatched.issuperset(f"{facet}={value}" for value in values):
            why = (
                f"no subscription has the {facet} {' or '.join(values)}, so all numbers are 0; see "
                "that it is spelt as in the exports"
            )
            return replace(planned, hindrance=why)
    return replace(planned, version=manifest["tables_sha256"])


def _message(planned: Planned) -> tuple[str, str, str, str, str]:
    """What those have in common who can share a message."""
    spec = planned.spec
    return (spec.partner, spec.date_range, spec.locale, spec.variant, planned.person.how)


@dataclass(frozen=True)
class Writer:
    """Writes letters.

    Attributes:
        recipients: Sender and limits.
        outputs: Folder of the reports.
        pictures: Draws charts.
        clock: Dates the messages.
        test_to: An address that gets every letter in place of those whom it is for.
        dry: Whether no letter is sent, so that nothing is put where pages are served.
    """

    recipients: RecipientsFile
    outputs: Path
    pictures: "Pictures"
    clock: Clock
    test_to: str | None = None
    dry: bool = False

    def letters(self, planned: Iterable[Planned]) -> list[Letter]:
        """One letter for each message of one's own, with those who get a copy of the first."""
        groups: dict[tuple[str, ...], list[Planned]] = {}
        for one in planned:
            if not one.hindrance:
                groups.setdefault(_message(one), []).append(one)
        letters = []
        for group in groups.values():
            copies = [one for one in group if one.person.message == "copy"]
            own = [one for one in group if one.person.message == "own"]
            # Who wants updates gets them, even if those with a message of their own do not.
            first, *others = own or [copies.pop(0)]
            letters.append(self._letter([first, *copies]))
            letters += [self._letter([one]) for one in others]
        return letters

    def _letter(self, people: list[Planned]) -> Letter:
        deliveries = tuple(one.delivery for one in people)
        # Of the first, whose message it is: stable, so that programs know it if it comes again.
        domain = self.recipients.sender.rpartition("@")[2]
        message_id = f"{deliveries[0].key[:40]}@{domain}"
        if self.test_to:
            message_id = (
                f"{uuid4().hex}@{domain}"  # tests are to come as often as they are asked for
            )
            # Told apart by what stands for the data, as they all go to one address.
            deliveries = (replace(deliveries[0], recipient=self.test_to, version=message_id),)
        return Letter(deliveries, message_id, partial(self._build, people, message_id))

    def _build(self, people: list[Planned], message_id: str) -> bytes:
        """The message, from a report that has just been checked.

        Raises:
            MailError: The report is not what is to be sent, or the message cannot be.
        """
        from insights_lib.mail.content import CHARTS  # noqa: PLC0415 - as above
        from insights_lib.mail.message import Enclosed, message_of  # noqa: PLC0415 - as above

        planned = people[0]
        try:
            before = (planned.folder / "manifest.json").read_bytes()
            report, page = checked_report(planned)
            file = planned.folder / "report.html"
            drawn = self.pictures.of(file, CHARTS)
            link = (
                self._publish(planned, message_id, page) if planned.person.how == "link" else None
            )
            enclosed = Enclosed(report, page, link, drawn)
            envelope = self._envelope(people, message_id)
            message = message_of(envelope, enclosed).as_bytes()
            if len(message) > self.recipients.largest_message_mb * MEGABYTE and not enclosed.link:
                enclosed = replace(enclosed, link=self._publish(planned, message_id, page))
                message = message_of(envelope, enclosed).as_bytes()
            changed = (planned.folder / "manifest.json").read_bytes() != before
        except InsightsError:
            raise
        except Exception as error:  # whatever it is, this letter alone is withheld
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise MailError(
                f"{planned.folder}: is no whole report ({why}); `insights run --force` makes it "
                "again."
            ) from error
        if changed:
            raise MailError(f"{planned.folder}: was made anew at that moment; send it again.")
        return message

    def _envelope(self, people: list[Planned], message_id: str) -> "Envelope":
        from insights_lib.mail.message import Envelope  # noqa: PLC0415 - as above

        to, *copies = ((one.person.name, one.person.address) for one in people)
        mark = ""
        if self.test_to:
            mark = f"[Test for {', '.join(one.person.address for one in people)}] "
            to, copies = ("", self.test_to), []
        return Envelope(
            sender=(self.recipients.sender_name, self.recipients.sender),
            to=(to,),
            copies=tuple(copies),
            message_id=message_id,
            date=self.clock.now(),
            unsubscribe=self.recipients.unsubscribe,
            mark=mark,
        )

    def _publish(self, planned: Planned, message_id: str, page: bytes) -> str:
        """Put a page where it is served, under a name that nobody can guess; return its address.

        Raises:
            MailError: Nothing is served.
        """
        if not self.recipients.base_url:
            raise MailError(
                f"the message has more than {self.recipients.largest_message_mb:g} MB, and no "
                "base_url tells where pages are served, for a link; set one of the two."
            )
        # Of the page itself: who does not have it cannot make the name up.
        secret = hashlib.sha256(message_id.encode() + page).hexdigest()
        name = f"{planned.spec.partner}-{secret}.html"
        if not self.dry:
            make_folder(self.outputs / LINKED)
            file = self.outputs / LINKED / name
            unfinished = file.with_suffix(".tmp")
            unfinished.touch(FILE_MODE)
            unfinished.write_bytes(page)
            unfinished.replace(file)
        return f"{self.recipients.base_url.rstrip('/')}/{name}"


def checked_report(planned: Planned) -> "tuple[Report, bytes]":
    """A report and the bytes of its page, right before they are sent.

    Raises:
        MailError: It is not complete, not of this partner, months, filters or data, or its page
            is not the one that was rendered.
    """
    from insights_lib.page.sections import digest_of, read_report  # noqa: PLC0415 - as above

    spec, manifest = planned.spec, _manifest(planned.folder)
    report = read_report(planned.folder / "notebooks")
    page = (planned.folder / "report.html").read_bytes()
    facts = report.facts
    told = {
        "status": (manifest["status"], "complete"),
        "partner": (manifest["partner"], spec.partner),
        "months": (f"{manifest['first']}_{manifest['last']}", planned.months),
        "tables": (manifest["tables_sha256"], planned.version),
        "filters": (manifest["parameters"]["filters"], spec.filters.texts()),
        "locale": (manifest["parameters"]["locale"], spec.locale),
        "page": (manifest["report_sha256"], hashlib.sha256(page).hexdigest()),
        "tables of the notebooks": (digest_of(report), planned.version),
        "partner of the notebooks": (facts["partner"], spec.partner),
        "months of the notebooks": (f"{facts['first']}_{facts['last']}", planned.months),
        "filters of the notebooks": (facts["filters"], spec.filters.chosen()),
    }
    for what, (found, expected) in told.items():
        if found != expected:
            raise MailError(
                f"{planned.folder}: the {what} is {found}, not {expected}; it is not sent. "
                "Render it again with `insights run --force`."
            )
    return report, page


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest
