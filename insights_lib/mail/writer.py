"""The writer: from the mail plan to messages, each of a report that is checked right before."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from insights_lib.disk import make_folder, write_whole
from insights_lib.errors import InsightsError, MailError
from insights_lib.mail.delivery import OutgoingMessage
from insights_lib.mail.plan import PlannedMail
from insights_lib.outputs import Manifest, Outputs
from insights_lib.parameters.recipients_yml import MEGABYTE, RecipientsFile
from insights_lib.timing import Clock
from insights_lib.warm_kernels.deferred import grammar_deferred

if TYPE_CHECKING:  # seconds of imports, for those who write a message
    from insights_lib.mail.message import Envelope
    from insights_lib.mail.pictures import Pictures
    from insights_lib.page.sections import Report


@dataclass(frozen=True)
class Writer:
    """Writes messages."""

    recipients: RecipientsFile
    outputs: Outputs
    pictures: "Pictures"
    clock: Clock
    test_to: str | None = None  # gets every message in place of those whom it is for
    dry: bool = False  # no message is sent, so nothing is put where pages are served

    def messages(self, planned: Iterable[PlannedMail]) -> list[OutgoingMessage]:
        """A message for each person with one of their own, the first with those who get a copy."""
        groups: dict[tuple[str, ...], list[PlannedMail]] = {}
        for one in planned:
            if not one.blocked_by:
                groups.setdefault(one.message_key, []).append(one)
        messages = []
        for group in groups.values():
            copies = [one for one in group if one.person.message == "copy"]
            own = [one for one in group if one.person.message == "own"]
            # Who wants updates gets them, even if those with a message of their own do not.
            first, *others = own or [copies.pop(0)]
            messages.append(self._message([first, *copies]))
            messages += [self._message([one]) for one in others]
        return messages

    def _message(self, people: list[PlannedMail]) -> OutgoingMessage:
        deliveries = tuple(one.delivery for one in people)
        # Of the first, whose message it is: stable, so that programs know it if it comes again.
        name = uuid4().hex if self.test_to else deliveries[0].key[:40]
        message_id = f"{name}@{self.recipients.sender.rpartition('@')[2]}"
        if self.test_to:  # all go to one address, and the version tells them apart
            deliveries = (replace(deliveries[0], recipient=self.test_to, version=message_id),)
        return OutgoingMessage(
            deliveries,
            message_id,
            build=partial(self._build, people, message_id),
            check=partial(checked_page, people[0]),
            alone=self.outputs.mailing,
        )

    def _build(self, people: list[PlannedMail], message_id: str) -> bytes:
        """The message, or a `MailError`: the report is not the planned one, or cannot be sent."""
        with grammar_deferred():
            from insights_lib.mail.content import CHARTS  # noqa: PLC0415 - as above
            from insights_lib.mail.message import Enclosed, message_of  # noqa: PLC0415 - as above

        planned = people[0]
        try:
            before = Manifest.read(planned.folder)
            report, page = checked_report(planned)
            drawn = self.pictures.of(planned.folder / "report.html", CHARTS)
            publish = partial(self._publish, planned, message_id, page)
            link = publish() if planned.person.how == "link" else None
            attach = planned.person.attach
            files = {kind: checked_file(planned, kind) for kind in planned.person.files}
            enclosed = Enclosed(report, page if "html" in attach else None, link, drawn, files)
            envelope = self._envelope(people, message_id)
            message = message_of(envelope, enclosed).as_bytes()
            if len(message) > self.recipients.largest_message_mb * MEGABYTE and not link:
                enclosed = replace(enclosed, link=publish(), files={})
                message = message_of(envelope, enclosed).as_bytes()
            if Manifest.read(planned.folder) == before:
                return message
        except InsightsError:
            raise
        except Exception as error:  # whatever it is, this message alone is withheld
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise MailError(
                f"{planned.folder}: is not a whole report ({why}); `insights run --force` makes it "
                "again."
            ) from error
        raise MailError(f"{planned.folder}: was rendered again at that moment; send it again.")

    def _envelope(self, people: list[PlannedMail], message_id: str) -> "Envelope":
        from insights_lib.mail.message import Envelope  # noqa: PLC0415 - as above

        to, *copies = ((one.person.name, one.person.address) for one in people)
        mark = ""
        if self.test_to:
            mark = f"[Test for {', '.join(address for _, address in (to, *copies))}] "
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

    def _publish(self, planned: PlannedMail, message_id: str, page: bytes) -> str:
        """Put a page where it is served, under a name that nobody can guess; return its address."""
        if not self.recipients.base_url:
            raise MailError(
                f"the message has more than {self.recipients.largest_message_mb:g} MB, and no "
                "base_url tells where pages are served, for a link; set one of the two."
            )
        # Of the page itself: who does not have it cannot make the name up.
        secret = hashlib.sha256(message_id.encode() + page).hexdigest()
        name = f"{planned.spec.partner}-{secret}.html"
        if not self.dry:
            make_folder(self.outputs.linked)
            write_whole(self.outputs.linked / name, page)
        return f"{self.recipients.base_url.rstrip('/')}/{name}"


def checked_page(planned: PlannedMail) -> bytes:
    """The page of a report that is as it was planned.

    Raises:
        MailError: The report is not complete, not of this partner, months, filters or data, or
            its page is not the one that was rendered.
    """
    spec, manifest = planned.spec, Manifest.read(planned.folder)
    try:
        page = (planned.folder / "report.html").read_bytes()
    except OSError:
        page = b""
    if manifest is None:
        raise MailError(f"{planned.folder}: has no manifest; `insights run` makes the report.")
    checks = {
        "status": (manifest.status, "complete"),
        "partner": (manifest.partner, spec.partner),
        "months": (manifest.months, planned.months),
        "tables": (manifest.tables_sha256, planned.version),
        "filters": (manifest.parameters.get("filters"), spec.filters.texts()),
        "locale": (manifest.parameters.get("locale"), spec.locale),
        "role": (manifest.parameters.get("role"), spec.role),
        "page": (hashlib.sha256(page).hexdigest(), manifest.report_sha256),
    }
    _refuse_others(planned, checks)
    return page


def checked_file(planned: PlannedMail, kind: str) -> bytes:
    """A file beside a page, as it was made with it.

    Raises:
        MailError: It could not be made, or is another one.
    """
    manifest, name = Manifest.read(planned.folder), f"report.{kind}"
    try:
        content = (planned.folder / name).read_bytes()
    except OSError:
        content = b""
    if manifest is None or hashlib.sha256(content).hexdigest() != manifest.also.get(name):
        reason = manifest.unmade.get(name, "it is not as it was made") if manifest else ""
        raise MailError(
            f"{planned.folder}: {name} is not sent ({reason}); `insights run` makes it again."
        )
    return content


def checked_report(planned: PlannedMail) -> "tuple[Report, bytes]":
    """A report that is as it was planned, its notebooks too, and the bytes of its page.

    Raises:
        MailError: See `checked_page`; or the notebooks tell something else.
    """
    from insights_lib.page.sections import read_report, tables_digest  # noqa: PLC0415 - as above

    page, spec = checked_page(planned), planned.spec
    report = read_report(planned.folder / "notebooks")
    facts = report.facts
    checks = {
        "role of the notebooks": (facts["role"], spec.role),
        "tables of the notebooks": (tables_digest(report), planned.version),
        "partner of the notebooks": (facts["partner"], spec.partner),
        "months of the notebooks": (f"{facts['first']}_{facts['last']}", planned.months),
        "filters of the notebooks": (facts["filters"], spec.filters.chosen()),
    }
    _refuse_others(planned, checks)
    return report, page


def _refuse_others(planned: PlannedMail, checks: Mapping[str, tuple[object, object]]) -> None:
    for what, (found, expected) in checks.items():
        if found != expected:
            raise MailError(
                f"{planned.folder}: the {what} is {found}, not {expected}; it is not sent. "
                "Render it again with `insights run --force`."
            )
