"""Messages out: each delivery once, to whom it may go, whatever fails on the way."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from insights_lib.errors import MailError, ReportError
from insights_lib.mail.delivery import MailSettings, OutgoingMessage, deliver_messages
from insights_lib.mail.ledger import Entry, Ledger, ledger
from insights_lib.mail.login import Login
from insights_lib.timing import Clock
from tests.support.processes import completed
from tests.support.smtp_server import DROP, TAKE_AND_DROP, MailServer, ca_file, mail_server
from tests.support.sweeps import sweep
from tests.sweeps.deliveries import START, deliver_in_storm, message_to, settings_by

ANNA, BERT, CARL = "anna@example.com", "bert@example.com", "carl@example.com"
# Sends a message and is killed at a certain note in the ledger, before or after it is taken.
DYING_SENDER = """
import os, signal, sys
from pathlib import Path
from tests.sweeps.deliveries import message_to, settings_by
from tests.support.smtp_server import MailServer
from insights_lib.mail.delivery import deliver_messages
from insights_lib.timing import Clock
from insights_lib.mail.ledger import Ledger, ledger

note, moment, folder, server = sys.argv[1], sys.argv[2], Path(sys.argv[3]), MailServer()
server.port = int(sys.argv[4])
taken = getattr(Ledger, note)

def dies(*given):
    if moment == "after":
        taken(*given)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(Ledger, note, dies)
messages, settings = [message_to("anna@example.com")], settings_by(server, folder / "ca.pem")
with ledger(folder / "ledger.sqlite") as book:
    list(deliver_messages(lambda: messages, book, settings, Clock()))
"""


@dataclass
class Office:
    """A server, a ledger, and a clock that moves on by what is slept, or by hand."""

    server: MailServer
    book: Ledger
    settings: MailSettings
    now: datetime = START
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def results(self, *messages: OutgoingMessage, stay: bool = False) -> Iterator[Entry]:
        clock = Clock(lambda: self.now, self.sleep)
        return deliver_messages(lambda: [*messages], self.book, self.settings, clock, stay)

    def send(self, *messages: OutgoingMessage) -> dict[str, tuple[str, str]]:
        """The state and reason that each delivery gets whose turn it is."""
        return {r.delivery.recipient: (r.state, r.reason) for r in self.results(*messages)}

    def states(self, *messages: OutgoingMessage) -> dict[str, str]:
        return {recipient: state for recipient, (state, _) in self.send(*messages).items()}

    def received(self) -> list[tuple[str, ...]]:
        return [message.recipients for message in self.server.received]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with mail_server() as server, ledger(tmp_path / "ledger.sqlite") as book:
        yield Office(server, book, settings_by(server, ca_file(tmp_path)))


def failing(recipient: str, error: Exception) -> OutgoingMessage:
    def build() -> bytes:
        raise error

    return replace(message_to(recipient), build=build)


def test_the_same_messages_again_send_nothing(office: Office) -> None:
    messages = [message_to(ANNA, BERT), message_to(CARL)]
    assert office.send(*messages) == dict.fromkeys((ANNA, BERT, CARL), ("sent", "250 2.0.0 taken"))
    assert office.send(*messages) == {}
    assert office.received() == [(ANNA, BERT), (CARL,)]
    assert office.server.count("greeting") == 1


def test_a_new_version_is_a_new_delivery_and_a_new_copy_goes_to_who_is_new(office: Office) -> None:
    office.send(message_to(ANNA))
    assert office.states(message_to(ANNA, version="v2")) == {ANNA: "sent"}
    assert office.states(message_to(ANNA, BERT)) == {BERT: "sent"}
    assert office.received() == [(ANNA,), (ANNA,), (BERT,)]


def test_addresses_outside_the_allowed_domains_are_never_given_to_the_server(
    office: Office,
) -> None:
    eve, mallory = "eve@sub.example.com", "mallory@example.com.evil"
    results = office.send(message_to(eve, ANNA, mallory), message_to("eve@evil"))
    assert [results[to][0] for to in (eve, ANNA, mallory)] == ["withheld", "sent", "withheld"]
    assert results["eve@evil"] == ("withheld", "mail to evil is not allowed; see allowed_domains")
    assert office.received() == [(ANNA,)]
    named = [argument for step, argument in office.server.steps if step == "RCPT"]
    assert named == [f"TO:<{ANNA}>"]
    office.settings = replace(office.settings, allowed_domains=("EVIL", "example.com"))
    assert office.states(message_to("eve@evil")) == {"eve@evil": "sent"}


def test_an_address_that_is_none_is_withheld_and_told_to_nobody_else(office: Office) -> None:
    results = office.send(message_to("x\r\nDATA@example.com", ANNA))
    assert results[ANNA] == ("sent", "250 2.0.0 taken")
    assert results["x\r\nDATA@example.com"][0] == "withheld"


@pytest.mark.parametrize("error", [ReportError("a section\nhas failed"), MailError("no charts")])
def test_a_message_that_must_not_be_sent_is_withheld_until_it_may(
    error: Exception, office: Office
) -> None:
    results = office.send(failing(ANNA, error), message_to(BERT))
    assert results[ANNA] == ("withheld", " ".join(str(error).split()))
    assert results[BERT][0] == "sent"
    assert office.states(message_to(ANNA)) == {ANNA: "sent"}


def test_an_unforeseen_error_leaves_no_claim(office: Office) -> None:
    with pytest.raises(ZeroDivisionError):
        office.send(failing(ANNA, ZeroDivisionError()))
    (entry,) = office.book.entries()
    assert (entry.state, entry.tries) == ("deferred", 0)
    assert office.states(message_to(ANNA)) == {ANNA: "sent"}


def test_what_the_server_wants_later_is_tried_ten_times_at_growing_distances(
    office: Office,
) -> None:
    office.server.fails("DATA", "451 4.3.0 again")
    waits = []
    for _ in range(9):
        (result,) = office.results(message_to(ANNA))
        assert (result.state, result.reason) == ("deferred", "451 4.3.0 again")
        assert result.next_try is not None
        waits.append((result.next_try - office.now).total_seconds())
        office.now = result.next_try - timedelta(seconds=1)
        assert office.send(message_to(ANNA)) == {}
        office.now = result.next_try
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert office.send(message_to(ANNA)) == {
        ANNA: ("failed", "10 tries; the last: 451 4.3.0 again")
    }
    office.server.works()
    office.now += timedelta(days=1)
    assert office.send(message_to(ANNA)) == {}
    assert office.server.count("DATA") == 10


def test_one_of_three_that_is_refused_has_failed_and_the_others_have_it(office: Office) -> None:
    office.server.fails("RCPT", f"550 5.1.1 {BERT} is unknown", on=BERT)
    results = office.send(message_to(ANNA, BERT, CARL))
    assert results[BERT] == ("failed", "550 5.1.1 … is unknown")
    assert results[ANNA] == results[CARL] == ("sent", "250 2.0.0 taken")
    office.server.works()
    office.now += timedelta(days=1)
    assert office.send(message_to(ANNA, BERT, CARL)) == {}
    assert office.received() == [(ANNA, CARL)]


def test_a_refused_login_costs_no_try_and_is_raised(office: Office) -> None:
    right, office.settings = office.settings, replace(office.settings, login=Login("me", "wrong"))
    with pytest.raises(MailError, match="answers 535 to the login") as raised:
        office.send(message_to(ANNA), message_to(BERT))
    assert ANNA not in str(raised.value)
    assert [(e.state, e.tries) for e in office.book.entries()] == [("deferred", 0)]
    office.settings = right
    assert office.states(message_to(ANNA), message_to(BERT)) == {ANNA: "sent", BERT: "sent"}


@pytest.mark.parametrize("verdict", [DROP, TAKE_AND_DROP])
def test_what_may_have_been_sent_is_sent_again_only_if_asked_for_with_its_message_id(
    verdict: str, office: Office
) -> None:
    office.server.fails("dot", verdict)
    assert office.states(message_to(ANNA)) == {ANNA: "uncertain"}
    office.server.works()
    office.now += timedelta(days=1)
    assert office.send(message_to(ANNA)) == {}
    office.settings = replace(office.settings, again=("uncertain",))
    assert office.states(message_to(ANNA)) == {ANNA: "sent"}
    assert {m.message_id for m in office.server.received} == {message_to(ANNA).message_id}
    assert len(office.server.received) == 1 + (verdict == TAKE_AND_DROP)


def test_what_may_have_been_sent_stays_uncertain_while_it_cannot_be_sent_again(
    office: Office,
) -> None:
    office.server.fails("dot", TAKE_AND_DROP)
    office.send(message_to(ANNA))
    asks, office.settings = office.settings, replace(office.settings, again=("uncertain",))
    office.server.fails("MAIL", "451 4.3.0 again")
    assert office.send(message_to(ANNA)) == {ANNA: ("uncertain", "451 4.3.0 again")}
    office.now += timedelta(hours=1)
    assert office.states(failing(ANNA, ReportError("stale"))) == {ANNA: "uncertain"}
    office.server.works()
    office.settings = asks
    assert office.send(message_to(ANNA)) == {}


def test_what_has_failed_is_tried_again_if_asked_for_and_stays_failed_until_it_is_offered(
    office: Office,
) -> None:
    office.server.fails("RCPT", "550 5.1.1 unknown")
    assert office.states(message_to(ANNA)) == {ANNA: "failed"}
    office.server.works()
    office.now += timedelta(days=1)
    asks, office.settings = office.settings, replace(office.settings, again=("failed",))
    assert office.states(failing(ANNA, ReportError("stale"))) == {ANNA: "failed"}
    office.settings = asks
    assert office.send(message_to(ANNA)) == {}
    office.settings = replace(asks, again=("failed",))
    office.server.fails("RCPT", "452 4.2.2 full")
    assert office.states(message_to(ANNA)) == {ANNA: "deferred"}
    assert [entry.tries for entry in office.book.entries()] == [1]


def test_what_fails_while_others_are_waited_for_is_not_tried_again(office: Office) -> None:
    """Anna is refused; Bert is put off twice, and waited for."""

    def fault(step: str, argument: str) -> str:
        if step == "RCPT" and ANNA in argument:
            return "550 5.1.1 unknown"
        put_off = step == "RCPT" and office.server.count("RCPT") <= 3
        return "452 4.2.2 full" if put_off else ""

    office.server.fault = fault
    settings = replace(office.settings, again=("failed", "uncertain"))
    clock = Clock(lambda: office.now, office.sleep)
    messages = [message_to(ANNA), message_to(BERT)]
    results = list(deliver_messages(lambda: messages, office.book, settings, clock, stay=True))
    assert [(r.delivery.recipient, r.state) for r in results] == [
        (ANNA, "failed"),
        (BERT, "deferred"),
        (BERT, "deferred"),
        (BERT, "sent"),
    ]


def test_messages_leave_no_faster_than_the_server_allows(office: Office) -> None:
    slow = office.settings.server.model_copy(update={"messages_per_minute": 30})
    office.settings = replace(office.settings, server=slow)
    build = message_to(BERT).build

    def slowly() -> bytes:
        office.now += timedelta(seconds=0.5)
        return build()

    office.send(message_to(ANNA), replace(message_to(BERT), build=slowly), message_to(CARL))
    assert office.slept == [2, 2]
    office.slept.clear()
    again = [message_to(to, version="v2") for to in (ANNA, BERT)]
    for _ in office.results(*again):
        office.now -= timedelta(hours=1)  # somebody sets the clock
    assert office.slept == []


def test_a_server_that_cannot_be_reached_is_asked_three_times_in_a_row(office: Office) -> None:
    office.server.fails("greeting", "421 4.3.2 closing")
    people = [f"r{i}@example.com" for i in range(6)]
    results = office.send(*(message_to(person) for person in people))
    assert {state for state, _ in results.values()} == {"deferred"}
    assert office.server.count("greeting") == 3
    assert [e.tries for e in sorted(office.book.entries(), key=str)] == [1, 1, 1, 0, 0, 0]
    assert results[people[3]][1].startswith("not offered: the mail server was out of reach")
    office.server.works()
    office.now += timedelta(seconds=60)
    assert set(office.states(*(message_to(person) for person in people)).values()) == {"sent"}


def test_messages_that_are_only_for_later_are_all_offered(office: Office) -> None:
    office.server.fails("RCPT", "450 4.2.0 greylisted")
    office.send(*(message_to(f"r{i}@example.com") for i in range(5)))
    assert office.server.count("RCPT") == 5


def test_one_process_at_a_time_sends_by_a_ledger(office: Office) -> None:
    sending = office.results(message_to(ANNA), message_to(BERT))
    assert next(sending).delivery.recipient == ANNA
    results: list[Entry] = []
    waits, found = Event(), Event()

    def find() -> list[OutgoingMessage]:
        found.set()
        return [message_to(BERT), message_to(CARL)]

    def second() -> None:
        with ledger(office.book.file) as book:
            waits.set()
            results.extend(deliver_messages(find, book, office.settings, Clock()))

    waiting = Thread(target=second, daemon=True)
    waiting.start()
    assert waits.wait(10)
    assert not found.wait(0.3), "it looks for messages while another one is sending"
    assert [result.delivery.recipient for result in sending] == [BERT]
    waiting.join(timeout=10)
    assert [result.delivery.recipient for result in results] == [CARL]
    assert office.received() == [(ANNA,), (BERT,), (CARL,)]


@pytest.mark.parametrize(
    ("note", "moment", "state", "received"),
    [
        ("claim", "after", "deferred", 0),
        ("sending", "before", "deferred", 0),
        ("sending", "after", "uncertain", 0),
        ("settle", "before", "uncertain", 1),
        ("settle", "after", "sent", 1),
    ],
)
def test_what_a_killed_process_has_left_is_known_to_the_next_one(
    note: str, moment: str, state: str, received: int, office: Office
) -> None:
    folder = office.book.file.parent
    given = [note, moment, str(folder), str(office.server.port)]
    command = [sys.executable, "-c", DYING_SENDER, *given]
    completed(command, 60, -signal.SIGKILL, cwd=Path(__file__).parents[2])
    assert len(office.server.received) == received
    office.now += timedelta(days=3650)  # the child has gone by the clock of the system
    results = office.states(message_to(ANNA), message_to(BERT))
    entry = office.book.entry(message_to(ANNA).deliveries[0])
    assert entry is not None
    if state == "deferred":
        assert results == {ANNA: "sent", BERT: "sent"}
        assert office.received() == [(ANNA,), (BERT,)]
    else:
        assert results == {BERT: "sent"}
        assert entry.state == state
        assert office.received() == [(ANNA,)] * received + [(BERT,)]


def test_only_who_was_accepted_is_in_doubt_when_a_send_is_stopped_in_the_gap(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_ledger: Ledger, _entry: Entry) -> None:
        raise KeyboardInterrupt

    office.server.fails("RCPT", "450 4.2.1 busy", on=BERT)
    monkeypatch.setattr(Ledger, "settle", stopped)
    with pytest.raises(KeyboardInterrupt):
        office.send(message_to(ANNA, BERT))
    monkeypatch.undo()
    states = {entry.delivery.recipient: entry.state for entry in office.book.entries()}
    assert states == {ANNA: "uncertain", BERT: "deferred"}
    office.server.works()
    assert office.states(message_to(ANNA, BERT)) == {BERT: "sent"}


@pytest.mark.parametrize("seed", sweep([1, 2]))
def test_in_a_storm_nothing_is_lost_nothing_comes_twice_and_the_gap_is_marked(
    seed: int, tmp_path: Path
) -> None:
    summary = deliver_in_storm(200, seed, tmp_path)
    assert sum(summary.states.values()) == 200
    assert min(summary.states[state] for state in ("sent", "failed", "uncertain")) > 0
    for kind in ("process: died", "dot: ", "report: failed"):
        assert [what for what in summary.happened if what.startswith(kind)], f"no {kind}"


# Refusals of the sender, and messages that must not go any more

NOT_OWNED = "553 5.7.1 <reports@example.com>: Sender address rejected: not owned by user me"


def test_a_server_that_takes_nothing_from_the_sender_fails_nobody(office: Office) -> None:
    """All but one are tried; all stand as before, and what is wrong is told in one sentence."""
    office.server.fails("RCPT", NOT_OWNED)
    people = [f"r{i}@example.com" for i in range(4)]
    with pytest.raises(
        MailError, match=r"takes no mail from this sender \(553 5\.7\.1 <…>: Sender"
    ):
        office.send(*(message_to(person) for person in people))
    assert office.server.count("RCPT") == 3
    assert {(e.state, e.tries) for e in office.book.entries()} == {("deferred", 0)}
    office.server.works()
    assert set(office.states(*(message_to(person) for person in people)).values()) == {"sent"}


def test_the_only_message_of_a_sender_that_is_refused_fails_nobody(office: Office) -> None:
    office.server.fails("RCPT", "554 5.7.1 <anna@example.com>: Relay access denied")
    for _ in range(2):
        with pytest.raises(MailError, match=r"Relay access denied.*see that sender and login"):
            office.send(message_to(ANNA))
    assert [(e.state, e.tries) for e in office.book.entries()] == [("deferred", 0)]


def test_a_recipient_who_is_refused_in_such_words_fails_once_another_message_was_taken(
    office: Office,
) -> None:
    office.server.fails("RCPT", "550 relay not permitted", on=ANNA)
    results = office.send(message_to(ANNA), message_to(BERT), message_to(CARL))
    assert {to: state for to, (state, _) in results.items()} == {
        ANNA: "failed",
        BERT: "sent",
        CARL: "sent",
    }
    assert office.states(message_to(ANNA, version="v2"), message_to(BERT, version="v2")) == {
        ANNA: "failed",
        BERT: "sent",
    }


def test_a_recipient_who_is_refused_in_such_words_keeps_no_other_of_the_message_from_it(
    office: Office,
) -> None:
    office.server.fails("RCPT", "550 relay not permitted", on=BERT)
    assert office.states(message_to(ANNA, BERT)) == {ANNA: "sent", BERT: "failed"}


def test_a_sender_that_is_refused_keeps_what_was_uncertain_or_failed(office: Office) -> None:
    office.server.fails("dot", DROP)
    assert office.states(message_to(ANNA)) == {ANNA: "uncertain"}
    office.server.fails("RCPT", "550 5.1.1 unknown")
    assert office.states(message_to(BERT)) == {BERT: "failed"}
    office.server.fails("RCPT", NOT_OWNED)
    office.settings = replace(office.settings, again=("uncertain", "failed"))
    with pytest.raises(MailError, match="takes no mail from this sender"):
        office.send(message_to(ANNA), message_to(BERT))
    states = {entry.delivery.recipient: entry.state for entry in office.book.entries()}
    assert states == {ANNA: "uncertain", BERT: "failed"}


def test_what_must_not_go_any_more_when_the_server_asks_for_it_is_withheld(
    office: Office,
) -> None:
    steps: list[str] = []

    def gone() -> None:
        steps.extend(step for step, _ in office.server.steps)
        raise MailError("the page\nis gone")

    results = office.send(replace(message_to(ANNA, BERT), check=gone), message_to(CARL))
    assert results[ANNA] == results[BERT] == ("withheld", "the page is gone")
    assert results[CARL] == ("sent", "250 2.0.0 taken")
    assert steps[-1] == "RCPT"
    assert office.received() == [(CARL,)]
    assert office.states(message_to(ANNA, BERT)) == {ANNA: "sent", BERT: "sent"}


def test_a_message_is_built_and_answered_while_it_is_alone(office: Office) -> None:
    done: list[str] = []

    @contextmanager
    def alone() -> Iterator[None]:
        done.append("alone")
        yield
        done.append(f"not any more, {len(office.server.received)} received")

    def build() -> bytes:
        done.append("built")
        return message_to(ANNA).build()

    office.send(replace(message_to(ANNA), build=build, alone=alone))
    assert done == ["alone", "built", "not any more, 1 received"]
