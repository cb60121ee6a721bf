"""Messages out: each claimed in the ledger, offered to the server, and settled by its answer."""

from collections.abc import Callable, Iterator, Sequence
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

    Attributes:
        deliveries: What it brings to whom.
        message_id: The Message-ID that it has whenever it is built.
        build: Makes it, as late as can be; raises an `InsightsError` if it must not be sent.
        check: Called when the server asks for it; raises an `InsightsError` if it must not be sent.
        alone: Held while it is built and sent, so that what it tells stays as it is.
    """

    deliveries: tuple[Delivery, ...]
    message_id: str
    build: Callable[[], bytes]
    check: Callable[[], object] = lambda: None
    alone: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True)
class MailSettings:
    """How mail is sent.

    Attributes:
        server: The mail server.
        login: Who logs in there, if anybody.
        sender: Address for the envelope.
        allowed_domains: Mail goes to addresses of these domains only.
        again: States from which to send again: `uncertain`, which may have been sent, `failed`.
    """

    server: SmtpServer
    login: Login | None
    sender: str
    allowed_domains: tuple[str, ...]
    again: tuple[State, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a delivery stands after its turn; see `Entry`."""

    delivery: Delivery
    state: State
    reason: str
    next_try: datetime | None

    def __str__(self) -> str:
        """What became of it, in a line."""
        one = self.delivery
        place = f"partner {one.partner}, {one.months}, {one.recipient}"
        return f"{place}: {self.state}{self.reason and ': '}{self.reason}"


def deliver_messages(
    find: Callable[[], list[OutgoingMessage]],
    ledger: Ledger,
    settings: MailSettings,
    clock: Clock,
    stay: bool = False,
) -> Iterator[Result]:
    """Send what is due of some messages, after another process that is sending has ended.

    Args:
        find: Finds the messages; it is called once nobody else sends, so that what they sent
            counts. What was sent, failed, is uncertain or not yet due again is passed over.
        ledger: Where it is noted.
        settings: How to send.
        clock: What to go by.
        stay: Whether to stay until nothing is left to be tried again.

    Yields:
        The result of each delivery whose turn it was, as soon as it is noted.

    Raises:
        MailError: The server cannot be used as it is; what was not sent by then stands as before.
    """
    while True:
        with locked(lock_file(ledger.file)):
            messages = find()
            yield from _deliver(messages, ledger, settings, clock)
        if not stay or not (tries := _open_tries(messages, ledger)):
            return
        settings = replace(settings, again=())  # what has failed just now has failed
        clock.sleep(max(0.0, (min(tries) - clock.now()).total_seconds()))


def _deliver(
    messages: list[OutgoingMessage], ledger: Ledger, settings: MailSettings, clock: Clock
) -> Iterator[Result]:
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


def _open_tries(messages: Sequence[OutgoingMessage], ledger: Ledger) -> list[datetime]:
    entries = (ledger.entry(delivery) for message in messages for delivery in message.deliveries)
    return [e.next_try for e in entries if e and e.state == "deferred" and e.next_try]


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


def _settled(entry: Entry, ending: _Ending, reason: str, now: datetime) -> Entry:
    """How a delivery stands after its turn: the one place that decides on another try."""
    state, offered = _STATES[ending], ending not in {"away", "withheld"}
    tries = (0 if entry.state == "failed" and offered else entry.tries) + offered
    if ending == "later" and tries >= MOST_TRIES:
        state, reason = "failed", f"{MOST_TRIES} tries; the last: {reason}"
    wait = min(FIRST_WAIT * 2 ** max(tries - 1, 0), LONGEST_WAIT) if state == "deferred" else None
    if entry.state == "failed" and not offered:
        state, wait = "failed", None
    elif entry.state == "uncertain" and state in {"deferred", "withheld"}:
        state = "uncertain"  # as it may have been sent before, whatever came of this try
    return replace(
        entry,
        state=state,
        tries=tries,
        reason=reason,
        next_try=None if wait is None else now + wait,
        changed_at=now,
    )


class _Withheld(Exception):  # noqa: N818 - not an error: the message is settled by it
    """The message must not be sent, by what it was made of."""


@dataclass
class _Turn:
    """Sends one message after the other, no faster than allowed.

    Attributes:
        last: When the last dialogue began.
        proved: Whether the server has taken a message of this sender.
        doubts: Refusals of sender or login, by message, while it has taken none.
    """

    ledger: Ledger
    settings: MailSettings
    clock: Clock
    connection: Connection
    last: datetime | None = None
    proved: bool = False
    doubts: list[list[tuple[Entry, Answer]]] = field(default_factory=list)

    def deliver(self, message: OutgoingMessage) -> Iterator[Result]:
        """Send a message to those of its recipients that are due; yields what became of them."""
        claimed = self.ledger.claim(
            message.deliveries, message.message_id, self.clock.now(), self.settings.again
        )
        entries = []
        for entry in claimed:
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
            return
        yield from self._answered([(e, answers[e.delivery.recipient]) for e in entries])

    def _refusal(self, recipient: str) -> str:
        """Why nothing may be sent to an address; empty if it may."""
        try:
            check_address(recipient)
        except ParameterError as error:
            return str(error)
        if is_allowed(recipient, self.settings.allowed_domains):
            return ""
        return f"mail to {recipient.rpartition('@')[2]} is not allowed; see allowed_domains"

    def _pace(self) -> None:
        """Wait for as long as the server's rate asks since the last message."""
        if self.last is None:
            return
        between = 60 / self.settings.server.messages_per_minute
        passed = (self.clock.now() - self.last).total_seconds()
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

    def _answered(self, answered: list[tuple[Entry, Answer]]) -> Iterator[Result]:
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

    def resolve_doubts(self) -> Iterator[Result]:
        """Settle refusals of the sender.

        Raises:
            MailError: The server takes nothing from this sender; the refused stand as before.
        """
        doubts, self.doubts = self.doubts, []
        for entry, answer in (pair for pairs in doubts for pair in pairs):
            if not self.proved:
                raise MailError(self.connection.unwelcome(answer.reason))
            yield self._settle(entry, answer.outcome, answer.reason)

    def _settle(self, entry: Entry, ending: _Ending, reason: str) -> Result:
        settled = _settled(entry, ending, reason, self.clock.now())
        self.ledger.settle(settled)
        return Result(settled.delivery, settled.state, settled.reason, settled.next_try)


def _or_withheld(step: Callable[[], Made]) -> Made:
    """What a step makes; what goes wrong there withholds the message."""
    try:
        return step()
    except InsightsError as error:
        raise _Withheld(" ".join(str(error).split())) from error
