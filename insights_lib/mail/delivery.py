"""Messages out: each claimed in the ledger, offered to the server, and settled by its answer."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

from insights_lib.disk import locked
from insights_lib.errors import InsightsError, MailError, ParameterError
from insights_lib.mail.ledger import Delivery, Entry, Ledger, State, lock_file
from insights_lib.mail.login import Login
from insights_lib.mail.smtp import Answer, Connection, Offer, Outcome
from insights_lib.parameters.addresses import check_address, is_allowed
from insights_lib.parameters.recipients_yml import SmtpServer
from insights_lib.timing import Clock

Made = TypeVar("Made")

MOST_TRIES = 10
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=60), timedelta(hours=1)
MOST_FAILURES = 3  # of the connection, in a row, before the messages left are deferred unseen
MOST_DOUBTS = 3  # messages that the server takes from nobody like us, before the send stops


@dataclass(frozen=True)
class OutgoingMessage:
    """One message, and the deliveries that it makes: one per recipient.

    Both `build` and `check` raise an `InsightsError` if it must not be sent.
    """

    deliveries: tuple[Delivery, ...]
    message_id: str  # always the same, whenever it is built
    build: Callable[[], bytes]  # as late as can be
    check: Callable[[], object] = lambda: None  # when the server asks for it
    # Held while it is built and sent, so that what it tells stays as it is.
    alone: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True)
class MailSettings:
    """How mail is sent, and to which domains only."""

    server: SmtpServer
    login: Login | None
    sender: str
    allowed_domains: tuple[str, ...]
    again: tuple[State, ...] = ()  # states from which to send again: uncertain, failed


def deliver_messages(
    find: Callable[[], list[OutgoingMessage]],
    ledger: Ledger,
    settings: MailSettings,
    clock: Clock,
    stay: bool = False,
) -> Iterator[Entry]:
    """Send what is due of some messages, after another process that is sending has ended.

    What was sent, failed, is uncertain or not yet due again is passed over.

    Args:
        find: Finds the messages, once nobody else sends, so that what they sent counts.
        ledger: Where each step is noted.
        settings: The server, and what may go to it.
        clock: Tells the time, and waits.
        stay: Whether to stay until nothing is left to be tried again.

    Yields:
        How each delivery stands after its turn, as soon as it is noted.

    Raises:
        MailError: The server cannot be used as it is; what was not sent by then stands as before.
    """
    while True:
        with locked(lock_file(ledger.file)):
            messages = find()
            yield from _deliver(messages, ledger, settings, clock)
        entries = (ledger.entry(one) for message in messages for one in message.deliveries)
        tries = (e.next_try for e in entries if e and e.state == "deferred" and e.next_try)
        if not stay or not (first := min(tries, default=None)):
            return
        settings = replace(settings, again=())  # what has failed just now has failed
        clock.sleep(max(0.0, (first - clock.now()).total_seconds()))


def _deliver(
    messages: list[OutgoingMessage], ledger: Ledger, settings: MailSettings, clock: Clock
) -> Iterator[Entry]:
    ledger.recover(clock.now())
    with Connection(settings.server, settings.login) as connection:
        turn = _Turn(ledger, settings, clock, connection)
        for message in [*messages, None]:
            try:  # a message is settled for all of its recipients, whatever the caller does
                settled = list(turn.deliver(message) if message else turn.resolve_doubts())
            except BaseException:
                ledger.recover(clock.now())
                raise
            yield from settled


# Beside the server's answers: the server is away, and the message may not be offered.
_Ending = Outcome | Literal["away", "withheld"]
_STATES: dict[_Ending, State] = {
    "sent": "sent",
    "later": "deferred",
    "away": "deferred",
    "refused": "failed",
    "not ours": "failed",
    "withheld": "withheld",
    "uncertain": "uncertain",
}


class _Withheld(Exception):  # noqa: N818 - not an error: the message is settled by it
    """The message must not be sent, by what it was made of."""


@dataclass
class _Turn:
    """Sends one message after the other, no faster than allowed."""

    ledger: Ledger
    settings: MailSettings
    clock: Clock
    connection: Connection
    last: datetime | None = None  # when the last dialogue began
    proved: bool = False  # whether the server has taken a message of this sender
    # Refusals of sender or login, by message, while it has taken none.
    doubts: list[list[tuple[Entry, Answer]]] = field(default_factory=list)

    def deliver(self, message: OutgoingMessage) -> Iterator[Entry]:
        """Send a message to those of its recipients that are due; yields what became of them."""
        entries = []
        now, again = self.clock.now(), self.settings.again
        for entry in self.ledger.claim(message.deliveries, message.message_id, now, again):
            if reason := self._refusal(entry.delivery.recipient):
                yield self._settle(entry, "withheld", reason)
            else:
                entries.append(entry)
        if not entries:
            return
        if self.connection.failures >= MOST_FAILURES:
            reason = "not offered: the mail server was out of reach for the messages before"
            yield from (self._settle(entry, "away", reason) for entry in entries)
            return
        self._pace()
        try:
            with message.alone():
                answers = self._offer(entries, message)
        except _Withheld as error:
            yield from (self._settle(entry, "withheld", str(error)) for entry in entries)
        else:
            yield from self._answered([(e, answers[e.delivery.recipient]) for e in entries])

    def _refusal(self, recipient: str) -> str:
        """Why nothing may be sent to an address; empty if it may."""
        try:
            if is_allowed(check_address(recipient), self.settings.allowed_domains):
                return ""
        except ParameterError as error:
            return str(error)
        return f"mail to {recipient.rpartition('@')[2]} is not allowed; see allowed_domains"

    def _pace(self) -> None:
        """Wait for as long as the server's rate asks since the last message."""
        between = 60 / self.settings.server.messages_per_minute
        passed = (self.clock.now() - self.last).total_seconds() if self.last else between
        if 0 <= passed < between:  # a clock that was set back tells nothing
            self.clock.sleep(between - passed)

    def _offer(self, entries: list[Entry], message: OutgoingMessage) -> dict[str, Answer]:
        def note(accepted: tuple[str, ...]) -> None:
            sending = [e.delivery for e in entries if e.delivery.recipient in accepted]
            self.ledger.sending(sending, self.clock.now())

        data = _or_withheld(message.build)
        self.last = self.clock.now()
        recipients = tuple(dict.fromkeys(entry.delivery.recipient for entry in entries))
        check = partial(_or_withheld, message.check)
        return self.connection.deliver(Offer(self.settings.sender, recipients, data, check, note))

    def _answered(self, answered: list[tuple[Entry, Answer]]) -> Iterator[Entry]:
        """Settle what is clear; a refusal of the sender is so once a message was taken."""
        self.proved = self.proved or any(answer.outcome == "sent" for _, answer in answered)
        doubted = []
        for entry, answer in answered:
            if answer.outcome == "not ours" and not self.proved:
                doubted.append((entry, answer))
            else:
                yield self._settle(entry, answer.outcome, answer.reason)
        if doubted:
            self.doubts.append(doubted)
            if len(self.doubts) >= MOST_DOUBTS:
                yield from self.resolve_doubts()

    def resolve_doubts(self) -> Iterator[Entry]:
        """Settle refusals of the sender, or raise a `MailError`: the server takes none from it."""
        doubts, self.doubts = self.doubts, []
        for entry, answer in (pair for pairs in doubts for pair in pairs):
            if not self.proved:
                raise MailError(self.connection.unwelcome(answer.reason))
            yield self._settle(entry, answer.outcome, answer.reason)

    def _settle(self, entry: Entry, ending: _Ending, reason: str) -> Entry:
        """Note how a delivery stands after its turn: the one place that decides on another try."""
        now, state, due = self.clock.now(), _STATES[ending], None
        offered = ending not in {"away", "withheld"}
        tries = (0 if entry.state == "failed" and offered else entry.tries) + offered
        if ending == "later" and tries >= MOST_TRIES:
            state, reason = "failed", f"{MOST_TRIES} tries; the last: {reason}"
        if entry.state == "failed" and not offered:
            state = "failed"
        if state == "deferred":
            due = now + min(FIRST_WAIT * 2 ** max(tries - 1, 0), LONGEST_WAIT)
        if entry.state == "uncertain" and state in {"deferred", "withheld"}:
            state = "uncertain"  # as it may have been sent before, whatever came of this try
        settled = Entry(entry.delivery, state, tries, due, entry.message_id, now, reason)
        self.ledger.settle(settled)
        return settled


def _or_withheld(step: Callable[[], Made]) -> Made:
    """What a step makes; what goes wrong there withholds the message."""
    try:
        return step()
    except InsightsError as error:
        raise _Withheld(" ".join(str(error).split())) from error
