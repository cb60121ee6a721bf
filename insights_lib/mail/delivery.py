"""Messages out: each claimed in the ledger, offered to the server, and settled by its answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from insights_lib.disk import locked
from insights_lib.errors import InsightsError, MailError
from insights_lib.mail.ledger import Delivery, Entry, Ledger, State, lock_file
from insights_lib.mail.login import Login
from insights_lib.mail.smtp import Answer, Connection
from insights_lib.parameters.addresses import check_address, is_allowed
from insights_lib.parameters.recipients_yml import SmtpServer
from insights_lib.timing import Clock

MOST_TRIES = 10
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=60), timedelta(hours=1)
MOST_FAILURES = 3  # of the connection, in a row, before the messages left are deferred unseen

_STATES: dict[str, State] = {
    "sent": "sent",
    "later": "deferred",
    "refused": "failed",
    "uncertain": "uncertain",
}


@dataclass(frozen=True)
class OutgoingMessage:
    """One message, and the deliveries that it makes: one per recipient.

    Attributes:
        deliveries: What it brings to whom.
        message_id: The Message-ID that it has whenever it is built.
        build: Makes it, as late as can be; raises an `InsightsError` if it must not be sent.
    """

    deliveries: tuple[Delivery, ...]
    message_id: str
    build: Callable[[], bytes]


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
    """How a delivery mail_statuses after it was its turn; see `Entry`."""

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
        find: Finds the messages; what of them was sent, has failed, is uncertain or not yet due
            again is passed over. It is called once nobody else sends, so that what they sent
            counts.
        ledger: Where it is noted.
        settings: How to send.
        clock: What to go by.
        stay: Whether to stay until there is nothing left to be tried again.

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
        for message in messages:
            try:
                settled = list(turn.deliver(message))
            except BaseException:
                ledger.recover(clock.now())
                raise
            yield from settled


def _open_tries(messages: Sequence[OutgoingMessage], ledger: Ledger) -> list[datetime]:
    entries = (ledger.entry(delivery) for message in messages for delivery in message.deliveries)
    return [e.next_try for e in entries if e and e.state == "deferred" and e.next_try]


@dataclass
class _Turn:
    """Sends one message after the other, no faster than allowed."""

    ledger: Ledger
    settings: MailSettings
    clock: Clock
    connection: Connection
    last: datetime | None = None  # when the last dialogue began

    def deliver(self, message: OutgoingMessage) -> Iterator[Result]:
        claimed = self.ledger.claim(
            message.deliveries, message.message_id, self.clock.now(), self.settings.again
        )
        open_entries = []
        for entry in claimed:
            if reason := self._refusal(entry.delivery.recipient):
                yield self._settle(entry, "withheld", reason)
            else:
                open_entries.append(entry)
        if not open_entries:
            return
        if self.connection.failures >= MOST_FAILURES:
            reason = "not offered: the mail server was out of reach for the messages before"
            for entry in open_entries:
                yield self._defer(entry, reason)
            return
        self._pace()
        try:
            data = message.build()
        except InsightsError as error:
            for entry in open_entries:
                yield self._settle(entry, "withheld", " ".join(str(error).split()))
            return
        answers = self._offer(open_entries, data)
        for entry in open_entries:
            yield self._answered(entry, answers[entry.delivery.recipient])

    def _offer(self, entries: list[Entry], data: bytes) -> dict[str, Answer]:
        def note(accepted: tuple[str, ...]) -> None:
            sending = [e.delivery for e in entries if e.delivery.recipient in accepted]
            self.ledger.sending(sending, self.clock.now())

        self.last = self.clock.now()
        recipients = tuple(dict.fromkeys(entry.delivery.recipient for entry in entries))
        return self.connection.deliver(self.settings.sender, recipients, data, note)

    def _refusal(self, recipient: str) -> str:
        """Why nothing may be sent to an address; empty if it may."""
        try:
            check_address(recipient)
        except MailError as error:
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

    def _answered(self, entry: Entry, answer: Answer) -> Result:
        tried = replace(entry, tries=entry.tries + 1)
        if entry.state == "failed":
            tried = replace(entry, tries=1, state="deferred")  # it begins again
        if answer.outcome != "later":
            return self._settle(tried, _STATES[answer.outcome], answer.reason)
        if tried.tries >= MOST_TRIES:
            return self._settle(tried, "failed", f"{MOST_TRIES} tries; the last: {answer.reason}")
        return self._defer(tried, answer.reason)

    def _defer(self, entry: Entry, reason: str) -> Result:
        longer: int = 2 ** max(entry.tries - 1, 0)
        return self._settle(entry, "deferred", reason, min(FIRST_WAIT * longer, LONGEST_WAIT))

    def _settle(
        self, entry: Entry, state: State, reason: str, wait: timedelta | None = None
    ) -> Result:
        if entry.state == "uncertain" and state in {"deferred", "withheld"}:
            state = "uncertain"  # as it may have been sent before, whatever came of this try
        if entry.state == "failed" and state in {"deferred", "withheld"}:
            state, wait = "failed", None  # it was not even offered
        now = self.clock.now()
        next_try = None if wait is None else now + wait
        self.ledger.settle(
            replace(entry, state=state, reason=reason, next_try=next_try, changed_at=now)
        )
        return Result(entry.delivery, state, reason, next_try)
