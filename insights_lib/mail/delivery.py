"""Letters out: each claimed in the ledger, offered to the server, and settled by its answer."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from insights_lib.errors import InsightsError, MailError
from insights_lib.mail.ledger import Delivery, Entry, Ledger, State, lock_file
from insights_lib.mail.login import Login, Server
from insights_lib.mail.smtp import Answer, Connection, check_address, is_allowed

MOST_TRIES = 10
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=60), timedelta(hours=1)
MOST_FAILURES = 3  # of the connection, in a row, before the letters left are deferred unseen

_STATES: dict[str, State] = {
    "sent": "sent",
    "later": "deferred",
    "refused": "failed",
    "uncertain": "uncertain",
}


@dataclass(frozen=True)
class Letter:
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
class Post:
    """How mail is sent.

    Attributes:
        server: The mail server.
        login: Who logs in there, if anybody.
        sender: Address for the envelope.
        allowed_domains: Mail goes to addresses of these domains only.
        again: States from which to send again: `uncertain`, which may have been sent, `failed`.
    """

    server: Server
    login: Login | None
    sender: str
    allowed_domains: tuple[str, ...]
    again: tuple[State, ...] = ()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """What time it is (UTC), and how to wait for some seconds."""

    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Result:
    """How a delivery stands after it was its turn; see `Entry`."""

    delivery: Delivery
    state: State
    reason: str
    next_try: datetime | None


def deliver_letters(
    letters: Iterable[Letter], ledger: Ledger, post: Post, clock: Clock, wait: bool = False
) -> Iterator[Result]:
    """Send what is due of some letters.

    Args:
        letters: The letters; what of them was sent, has failed, is uncertain or not yet due
            again is passed over.
        ledger: Where it is noted.
        post: How to send.
        clock: What to go by.
        wait: Whether to wait until no other process sends by this ledger.

    Yields:
        The result of each delivery whose turn it was, as soon as it is noted.

    Raises:
        MailError: Another process sends by this ledger, or the server cannot be used as it is;
            what was not sent by then stands as before.
    """
    with _alone(ledger.file, wait):
        ledger.recover(clock.now())
        with Connection(post.server, post.login) as connection:
            turn = _Turn(ledger, post, clock, connection)
            for letter in letters:
                try:
                    settled = list(turn.deliver(letter))
                except BaseException:
                    ledger.recover(clock.now())
                    raise
                yield from settled


@contextmanager
def _alone(file: Path, wait: bool) -> Iterator[None]:
    lock = FileLock(lock_file(file), mode=0o640)
    try:
        lock.acquire(blocking=wait)
    except Timeout as error:
        raise MailError(
            f"{file}: another send is at work here; wait for it to end, then try again."
        ) from error
    try:
        yield
    finally:
        lock.release()


@dataclass
class _Turn:
    """Sends one letter after the other, no faster than allowed."""

    ledger: Ledger
    post: Post
    clock: Clock
    connection: Connection
    last: datetime | None = None  # when the last dialogue began

    def deliver(self, letter: Letter) -> Iterator[Result]:
        claimed = self.ledger.claim(
            letter.deliveries, letter.message_id, self.clock.now(), self.post.again
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
            reason = "not offered: the mail server was out of reach for the letters before"
            for entry in open_entries:
                yield self._defer(entry, reason)
            return
        self._pace()
        try:
            data = letter.build()
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
        return self.connection.deliver(self.post.sender, recipients, data, note)

    def _refusal(self, recipient: str) -> str:
        """Why nothing may be sent to an address; empty if it may."""
        try:
            check_address(recipient)
        except MailError as error:
            return str(error)
        if is_allowed(recipient, self.post.allowed_domains):
            return ""
        return f"mail to {recipient.rpartition('@')[2]} is not allowed; see allowed_domains"

    def _pace(self) -> None:
        """Wait for as long as the server's rate asks since the last message."""
        if self.last is None:
            return
        between = 60 / self.post.server.messages_per_minute
        passed = (self.clock.now() - self.last).total_seconds()
        if 0 <= passed < between:  # a clock that was set back tells nothing
            self.clock.sleep(between - passed)

    def _answered(self, entry: Entry, answer: Answer) -> Result:
        tried = replace(entry, tries=entry.tries + 1)
        if entry.state == "failed":
            tried = replace(entry, tries=1, state="deferred")  # it begins anew
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
