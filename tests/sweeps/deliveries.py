"""Many deliveries by processes and a server that fail at random, until every one is settled.

    python -m tests.sweeps.deliveries [--deliveries 1000] [--seed 1]

Nothing may be lost, nothing may come twice, and whatever was cut off between the note before the
final dot and the note of its answer must be marked uncertain. Who was cut off is known here from
both sides: from the server, which knows what it has not answered, and from the process that died.
"""

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from insights_lib.errors import MailError, ReportError
from insights_lib.mail.delivery import MailSettings, OutgoingMessage, deliver_messages
from insights_lib.mail.ledger import Delivery, Entry, Ledger, State, ledger
from insights_lib.timing import Clock
from tests.support.smtp_server import (
    DRIP,
    DROP,
    ENDLESS,
    FLOOD,
    HANG,
    LOGIN,
    TAKE_AND_DROP,
    MailServer,
    ca_file,
    mail_server,
    settings,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
FINAL = {"sent", "failed", "uncertain"}
MOST_RUNS = 2000
# How a step of the server fails, and how often it does.
FAILURES = {
    "greeting": ["421 4.3.2 closing", "450 4.3.2 busy", DROP, FLOOD],
    "EHLO": [DROP, ENDLESS],
    "STARTTLS": ["454 4.7.0 no TLS now", DROP, FLOOD],
    "AUTH": ["454 4.7.0 not now", "535 5.7.8 wrong", DROP],
    "RSET": ["421 4.3.2 closing", DROP, DRIP, ENDLESS],
    "MAIL": ["421 4.3.2 closing", "451 4.3.0 again", "452 4.3.1 full", DROP, DRIP],
    "RCPT": [
        *("421 4.3.2 closing", "450 4.2.1 busy", "550 5.1.1 unknown", DROP, FLOOD),
        "554 5.7.1 Relay access denied",
    ],
    "DATA": ["421 4.3.2 closing", "451 4.3.0 again", "554 5.6.0 no", DROP],
    "body": [DROP],
    "dot": [
        *("421 4.3.2 closing", "451 4.3.0 again", "452 4.3.1 full", "552 5.3.4 too big"),
        *(DROP, DROP, TAKE_AND_DROP, TAKE_AND_DROP, "what?", FLOOD, DRIP),
    ],
}
STEP_FAILS, STEP_HANGS, PROCESS_DIES, BUILD_FAILS = 0.05, 0.0005, 0.01, 0.03


def message_to(*recipients: str, version: str = "v1", message_id: str = "") -> OutgoingMessage:
    """A message with one delivery per recipient."""
    message_id = message_id or f"<{recipients[0]}-{version}>"
    deliveries = tuple(Delivery("1", "2025-01_2025-12", "", r, version) for r in recipients)
    data = f"Message-ID: {message_id}\n\nHello\n".encode()
    return OutgoingMessage(deliveries, message_id, lambda: data)


def settings_by(server: MailServer, ca: Path, **others: object) -> MailSettings:
    """MailSettings by a server on loopback, to addresses at example.com."""
    return MailSettings(
        settings(server, ca, **others), LOGIN, "reports@example.com", ("example.com",)
    )


class Died(BaseException):
    """The process has died; nothing of it comes after this."""


class Chances:
    """What fails, and what of it the server and the processes know of the recipients.

    Attributes:
        refused: Whom the server has refused for good.
        cut_in_data: Whose message it has cut off before the final dot.
        in_gap: Whose message was cut off after the note before the final dot.
        happened: How often what has failed.
    """

    def __init__(self, seed: int) -> None:
        self.server, self.process = Random(seed), Random(seed + 1)
        self.at_hand: set[str] = set()  # accepted for the message that the server is getting
        self.refused: set[str] = set()
        self.cut_in_data: set[str] = set()
        self.in_gap: set[str] = set()
        self.happened: Counter[str] = Counter()

    def fault(self, step: str, argument: str) -> str:
        """The server's; see `MailServer`."""
        verdict = ""
        if self.server.random() < STEP_FAILS:
            verdict = self.server.choice(FAILURES[step])
        elif self.server.random() < STEP_HANGS:
            verdict = HANG
        if verdict:
            self.happened[f"{step}: {verdict}"] += 1
        self._remember(step, argument, verdict)
        return verdict

    def _remember(self, step: str, argument: str, verdict: str) -> None:
        if step == "MAIL":
            self.at_hand = set()
        elif step == "RCPT":
            of = {argument.removeprefix("TO:<").removesuffix(">")}
            if not verdict:
                self.at_hand |= of
            elif verdict.startswith("5"):
                self.refused |= of
        elif step in {"DATA", "dot"} and verdict.startswith("5"):
            self.refused |= self.at_hand
        elif step == "body" and verdict:
            self.cut_in_data |= self.at_hand
        elif step == "dot" and verdict and not verdict.startswith("4"):
            self.in_gap |= self.at_hand


class MortalLedger(Ledger):
    """The ledger of a process that can die before and after each note it takes."""

    def __init__(self, book: Ledger, chances: Chances) -> None:
        super().__init__(book.file, book._db)
        self.chances = chances
        self.dead = False
        self.noted: set[str] = set()  # as being sent, and not settled

    def _survive(self, where: str) -> None:
        if not self.dead and self.chances.process.random() < PROCESS_DIES:
            self.dead = True
            self.chances.in_gap |= self.noted
            self.chances.happened[f"process: died {where}"] += 1
        if self.dead:
            raise Died

    def claim(
        self,
        deliveries: Iterable[Delivery],
        message_id: str,
        now: datetime,
        again: Collection[State] = (),
    ) -> list[Entry]:
        claimed = super().claim(deliveries, message_id, now, again)
        if claimed:
            self._survive("after the claim")
        return claimed

    def sending(self, deliveries: Iterable[Delivery], now: datetime) -> None:
        deliveries = tuple(deliveries)
        self._survive("before the note")
        super().sending(deliveries, now)
        self.noted = {delivery.recipient for delivery in deliveries}
        self._survive("between the note and the dot")

    def settle(self, entry: Entry) -> None:
        self._survive("between the answer and its note")
        super().settle(entry)
        self.noted -= {entry.delivery.recipient}
        self._survive("after the note of the answer")

    def recover(self, now: datetime) -> None:
        if self.dead:
            raise Died
        super().recover(now)


@dataclass(frozen=True)
class Summary:
    """How all deliveries ended, in how many runs, and what has failed how often."""

    states: Counter[str]
    runs: int
    happened: Counter[str]


def deliver_in_storm(number: int, seed: int, folder: Path) -> Summary:
    """Deliver so many messages' worth until all is settled, and check what was received."""
    chances = Chances(seed)
    messages = _messages(number, Random(seed), chances)
    now = START
    clock = Clock(lambda: now, lambda _seconds: None)
    with mail_server() as server, ledger(folder / "ledger.sqlite") as book:
        by = settings_by(server, ca_file(folder), timeout_seconds=3.0)
        server.fault = chances.fault
        entries: list[Entry] = []
        runs = 0
        while len(entries) < number or not {entry.state for entry in entries} <= FINAL:
            runs += 1
            assert runs < MOST_RUNS, "what is due is never settled"
            now += timedelta(hours=1)
            with suppress(Died, MailError):
                list(deliver_messages(lambda: messages, MortalLedger(book, chances), by, clock))
            entries = book.entries()
        _check(entries, server, chances)
    return Summary(Counter(entry.state for entry in entries), runs, chances.happened)


def _messages(number: int, random: Random, chances: Chances) -> list[OutgoingMessage]:
    messages = []
    while number:
        size = min(random.choice([1, 1, 2, 3]), number)
        plain = message_to(*(f"r{number - i}@example.com" for i in range(size)))

        def build(plain: OutgoingMessage = plain) -> bytes:
            if random.random() < BUILD_FAILS:
                chances.happened["report: failed"] += 1
                raise ReportError("a section has failed")
            return plain.build()

        messages.append(OutgoingMessage(plain.deliveries, plain.message_id, build))
        number -= size
    return messages


def _check(entries: list[Entry], server: MailServer, chances: Chances) -> None:
    received = Counter(r for message in server.received for r in message.recipients)
    of = {
        state: {entry.delivery.recipient for entry in entries if entry.state == state}
        for state in FINAL
    }
    given_up = {entry.delivery.recipient for entry in entries if entry.tries == 10}
    assert set(received.values()) <= {1}, "something was received twice"
    assert of["sent"] <= set(received), "something is noted as sent that was not received"
    assert not of["failed"] & set(received), "something is noted as failed that was received"
    assert of["failed"] <= chances.refused | given_up, "something was lost"
    assert chances.in_gap <= of["uncertain"], "something in the gap is not marked uncertain"
    assert of["uncertain"] <= chances.in_gap | chances.cut_in_data, "something known is uncertain"


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--deliveries", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    logging.getLogger("mail.log").disabled = True  # the server's
    with TemporaryDirectory(prefix="deliveries-") as folder:
        summary = deliver_in_storm(asked.deliveries, asked.seed, Path(folder))
    lines = [f"{count:6} {what}" for what, count in sorted(summary.happened.items())]
    states = ", ".join(f"{count} {state}" for state, count in sorted(summary.states.items()))
    lines.append(f"{asked.deliveries} deliveries in {summary.runs} runs: {states}")
    lines.append("nothing lost, nothing twice, every one in the gap is marked uncertain")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
