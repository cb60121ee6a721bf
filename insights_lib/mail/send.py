"""What is planned, what the ledger knows of it, and what is still to be sent."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import uuid4

from insights_lib.errors import MailError
from insights_lib.mail.delivery import Clock, Letter, Post, Result, deliver_letters
from insights_lib.mail.ledger import Ledger
from insights_lib.mail.plan import Planned, Writer
from insights_lib.mail.smtp import Connection, is_allowed
from insights_lib.parameters.recipients_yml import clean_text

# What the ledger may say of a delivery, or why there is nothing to deliver.
HINDERED, TOLD, DUE = "not ready", "no update wanted", "due"
DONE = {"sent", TOLD}
OPEN = {DUE, "claimed", "sending", "deferred", "withheld"}  # the first two by a process that died


@dataclass(frozen=True)
class Stand:
    """How a planned delivery stands.

    Attributes:
        planned: Which one.
        state: A state of the ledger, or `due`, `not ready`, `no update wanted`.
        since: When it came to stand so (UTC), None if it never was in the ledger; of what is due
            or not ready, since when an earlier version of it has been put off.
        why: The reason, or the server's answer; empty if there is none.
    """

    planned: Planned
    state: str
    since: datetime | None = None
    why: str = ""


def stands(planned: Sequence[Planned], ledger: Ledger) -> list[Stand]:
    """How each planned delivery stands, by the ledger."""
    return [_stand(one, ledger) for one in planned]


def _stand(planned: Planned, ledger: Ledger) -> Stand:
    own = planned.delivery
    earlier = ledger.earlier(own)
    if not planned.hindrance and (entry := ledger.entry(own)):
        until = f"; next try from {entry.next_try:%Y-%m-%d %H:%M} UTC" if entry.next_try else ""
        return Stand(planned, entry.state, entry.changed_at, f"{entry.reason}{until}")
    told = earlier.get("sent") or earlier.get("uncertain") or earlier.get("sending")
    if told and not planned.person.updates:
        why = "these months were sent from earlier data, and `updates` is not set"
        return Stand(planned, TOLD, told, why)
    put_off = earlier.get("deferred")
    if planned.hindrance:
        return Stand(planned, HINDERED, put_off, planned.hindrance)
    return Stand(planned, DUE, put_off, "in place of earlier data, put off" if put_off else "")


def put_off(planned: Sequence[Planned], ledger: Ledger) -> list[Planned]:
    """What a mail server has put off, be it this version or an earlier one."""
    return [
        stand.planned
        for stand in stands(planned, ledger)
        if stand.state == "deferred" or (stand.since and stand.state in {DUE, HINDERED})
    ]


def open_letters(
    writer: Writer, found: Sequence[Stand], again: Collection[str] = ()
) -> list[Letter]:
    """The letters with something left to deliver, by how their deliveries stand.

    What stands in one of the states `again` is left, too. Who has got a letter is still named in
    it; the ledger passes over them.
    """
    left = OPEN.union(again)
    keys = {stand.planned.delivery.key for stand in found if stand.state in left}
    ready = [stand.planned for stand in found if stand.state not in {HINDERED, TOLD}]
    return [
        letter
        for letter in writer.letters(ready)
        if any(delivery.key in keys for delivery in letter.deliveries)
    ]


def send_letters(
    find: Callable[[], list[Letter]],
    ledger: Ledger,
    post: Post,
    clock: Clock,
    stay: bool = False,
) -> Iterator[Result]:
    """Send letters, after another process that is sending has ended.

    Args:
        find: Finds the letters. It is called once nobody else sends, so that what they sent counts.
        ledger: Where it is noted.
        post: How to send.
        clock: What to go by.
        stay: Whether to stay until there is nothing left to be tried again.

    Yields:
        The results, each as soon as it is noted.

    Raises:
        MailError: As of `deliver_letters`.
    """
    while True:
        found: list[Letter] = []
        yield from deliver_letters(_found(find, found), ledger, post, clock, wait=True)
        if not stay or not (tries := _open_tries(found, ledger)):
            return
        post = replace(post, again=())  # what has failed just now has failed
        clock.sleep(max(0.0, (min(tries) - clock.now()).total_seconds()))


def _found(find: Callable[[], list[Letter]], found: list[Letter]) -> Iterator[Letter]:
    found += find()
    yield from found


def _open_tries(letters: Sequence[Letter], ledger: Ledger) -> list[datetime]:
    entries = (ledger.entry(delivery) for letter in letters for delivery in letter.deliveries)
    return [e.next_try for e in entries if e and e.state == "deferred" and e.next_try]


def send_note(post: Post, sender_name: str, address: str, note: tuple[str, str]) -> None:
    """Send a short message, subject and text, at once; the ledger is for reports.

    Raises:
        MailError: It cannot be sent.
    """
    subject, text = note
    if not is_allowed(address, post.allowed_domains):
        raise MailError(f"{address} is in none of the allowed_domains; it is not mailed.")
    message = EmailMessage(SMTP.clone(cte_type="7bit"))
    message["From"] = Address(sender_name, addr_spec=post.sender)
    message["To"] = Address(addr_spec=address)
    message["Subject"] = clean_text(subject, "the subject")
    message["Date"] = format_datetime(Clock().now())
    message["Message-ID"] = f"<{uuid4().hex}@{post.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    with Connection(post.server, post.login) as connection:
        answers = connection.deliver(post.sender, (address,), message.as_bytes(), lambda _: None)
    if answers[address].outcome != "sent":
        raise MailError(f"{address} was not mailed: {answers[address].reason}.")
