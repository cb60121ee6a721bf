"""Sending: what the ledger knows of the mail plan, and what of it is still to go."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from insights_lib.errors import MailError
from insights_lib.mail.delivery import MailSettings, OutgoingMessage, deliver_messages
from insights_lib.mail.ledger import Entry, Ledger, State, ledger
from insights_lib.mail.login import read_login
from insights_lib.mail.plan import PlannedMail
from insights_lib.mail.smtp import Connection, Offer
from insights_lib.mail.writer import Writer
from insights_lib.outputs import Outputs
from insights_lib.parameters.addresses import clean_text, is_allowed
from insights_lib.parameters.recipients_yml import RecipientsFile
from insights_lib.timing import Clock

# What the ledger may say of a delivery, or why there is nothing to deliver.
NOT_READY, NO_UPDATE, DUE = "not ready", "no update wanted", "due"
DONE = {"sent", NO_UPDATE}
PLANNED = DONE | {DUE}
OPEN = {DUE, "claimed", "sending", "deferred", "withheld"}  # claimed, sending: by a dead process


@dataclass(frozen=True)
class MailStatus:
    """How a planned mail stands, and since when (UTC), if it was ever in the ledger."""

    planned: PlannedMail
    state: str  # of the ledger, or one of the three above
    since: datetime | None = None  # what is due or not ready: an earlier version was put off then
    reason: str = ""  # or the server's answer

    COLUMNS = ("partner", "months", "recipient", "how", "state", "since", "why")

    def row(self) -> dict[str, Any]:
        """It as a row to be shown."""
        person = self.planned.person
        return {
            "partner": self.planned.spec.partner,
            "months": self.planned.months,
            "variant": self.planned.spec.variant,
            "recipient": person.address,
            "how": f"{person.message}, {person.how}",
            "state": self.state,
            "since": self.since.isoformat(timespec="seconds") if self.since else "",
            "why": self.reason,
        }


def _mail_status(planned: PlannedMail, book: Ledger) -> MailStatus:
    own = planned.delivery
    earlier = book.earlier(own)
    if not planned.blocked_by and (entry := book.entry(own)):
        until = f"; next try from {entry.next_try:%Y-%m-%d %H:%M} UTC" if entry.next_try else ""
        return MailStatus(planned, entry.state, entry.changed_at, f"{entry.reason}{until}")
    sent = earlier.get("sent") or earlier.get("uncertain") or earlier.get("sending")
    if sent and not planned.person.updates:
        reason = "these months were sent from earlier data, and `updates` is not set"
        return MailStatus(planned, NO_UPDATE, sent, reason)
    put_off = earlier.get("deferred")
    if planned.blocked_by:
        return MailStatus(planned, NOT_READY, put_off, planned.blocked_by)
    return MailStatus(planned, DUE, put_off, "in place of earlier data, put off" if put_off else "")


def put_off(planned: Sequence[PlannedMail], outputs: Outputs) -> list[PlannedMail]:
    """The mails that a server has put off, be it this version or an earlier one."""
    return [
        status.planned
        for status in mail_statuses_now(planned, outputs)
        if status.state == "deferred" or (status.since and status.state in {DUE, NOT_READY})
    ]


def mail_statuses_now(planned: Sequence[PlannedMail], outputs: Outputs) -> list[MailStatus]:
    """How each planned mail stands, by the ledger of a folder of reports, if there is one."""
    with ledger_to_read(outputs) as book:
        return [_mail_status(one, book) for one in planned]


@contextmanager
def ledger_to_read(outputs: Outputs) -> Iterator[Ledger]:
    """The ledger of a folder, to be read only; a missing one is not created."""
    with TemporaryDirectory() as empty:
        file = outputs.ledger if outputs.ledger.exists() else Path(empty) / outputs.ledger.name
        with ledger(file) as book:
            yield book


def open_messages(
    planned: Sequence[PlannedMail], writer: Writer, book: Ledger, retry_failed: bool = False
) -> list[OutgoingMessage]:
    """The messages with something left to deliver.

    Who has got a message is still named in it; the ledger passes over them.
    """
    statuses = [_mail_status(one, book) for one in planned]
    left = OPEN.union(_states_again(writer.recipients, retry_failed))
    keys = {status.planned.delivery.key for status in statuses if status.state in left}
    ready = [status.planned for status in statuses if status.state not in {NOT_READY, NO_UPDATE}]
    return [
        message
        for message in writer.messages(ready)
        if any(delivery.key in keys for delivery in message.deliveries)
    ]


def send_planned(
    planned: Sequence[PlannedMail], writer: Writer, retry_failed: bool = False, stay: bool = False
) -> Iterator[Entry]:
    """Send what is due of a mail plan; see `deliver_messages`.

    Raises:
        MailError: There is no login, or the server cannot be used as it is.
    """
    with ledger(writer.outputs.ledger) as book:
        find = partial(open_messages, planned, writer, book, retry_failed)
        if find():  # else no login is needed
            settings = mail_settings(writer.recipients, retry_failed)
            yield from deliver_messages(find, book, settings, writer.clock, stay)


def _states_again(recipients: RecipientsFile, retry_failed: bool) -> tuple[State, ...]:
    """The states of deliveries that are over, but to be sent again."""
    wanted: dict[State, bool] = {"uncertain": recipients.resend_uncertain, "failed": retry_failed}
    return tuple(state for state in wanted if wanted[state])


def mail_settings(recipients: RecipientsFile, retry_failed: bool = False) -> MailSettings:
    """How mail is sent, by the parameters and the login of the environment."""
    return MailSettings(
        server=recipients.smtp,
        login=read_login(os.environ) if recipients.smtp.login else None,
        sender=recipients.sender,
        allowed_domains=recipients.allowed_domains,
        again=_states_again(recipients, retry_failed),
    )


def send_note(
    settings: MailSettings, sender_name: str, address: str, note: tuple[str, str]
) -> None:
    """Send a short message, subject and text, at once; the ledger is for reports.

    A message whose answer is lost counts as sent: else it would be sent again and again.

    Raises:
        MailError: It was not sent.
    """
    subject, text = note
    if not is_allowed(address, settings.allowed_domains):
        raise MailError(f"{address} is in none of the allowed_domains; it is not mailed.")
    message = EmailMessage(SMTP.clone(cte_type="7bit"))
    message["From"] = Address(sender_name, addr_spec=settings.sender)
    message["To"] = Address(addr_spec=address)
    message["Subject"] = clean_text(subject, "the subject")
    message["Date"] = format_datetime(Clock().now())
    message["Message-ID"] = f"<{uuid4().hex}@{settings.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    with Connection(settings.server, settings.login) as connection:
        answers = connection.deliver(Offer(settings.sender, (address,), message.as_bytes()))
    if answers[address].outcome not in {"sent", "uncertain"}:
        raise MailError(f"{address} was not mailed: {answers[address].reason}.")
