"""The ledger: what was claimed is sent once, and what a dead process has left is told apart."""

import os
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from threading import Barrier, Thread

import pytest

from insights_lib.errors import MailError
from insights_lib.mail.ledger import Delivery, Ledger, State, ledger

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
ANNA = Delivery("1", "2025-01_2025-12", "", "anna@example.com", "v1")
BERT = replace(ANNA, recipient="bert@example.com")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Ledger]:
    with ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def settled(book: Ledger, state: State, delivery: Delivery = ANNA, **others: object) -> None:
    (entry,) = book.claim([delivery], "<m@x>", NOW, again=["uncertain"])
    values = {"next_try": None, **others}
    book.settle(replace(entry, state=state, changed_at=NOW, **values))  # type: ignore[arg-type]


def claims(book: Ledger, now: datetime = LATER, again: Collection[State] = ()) -> bool:
    return bool(book.claim([ANNA], "<m@x>", now, again))


def test_every_part_of_a_delivery_makes_it_another_one() -> None:
    parts = ("1", "22", "", "4@x", "5")
    shifted = [
        ("12", "2", "", "4@x", "5"),
        ("1", "22", "4", "@x", "5"),
        ("1", "", "22", "4@x", "5"),
    ]
    changed = [(*parts[:i], f"{parts[i]}0", *parts[i + 1 :]) for i in range(5)]
    keys = [Delivery(*p).key for p in (parts, *shifted, *changed)]
    assert all(one != other for one, other in combinations(keys, 2))


def test_other_versions_of_a_report_are_known_also_when_they_are_pruned(book: Ledger) -> None:
    settled(book, "sent")
    newer = replace(ANNA, version="newer")
    assert book.earlier(newer) == {"sent": NOW}
    assert book.earlier(ANNA) == {}
    assert book.earlier(replace(newer, months="2020-01_2020-12")) == {}
    assert book.earlier(replace(newer, recipient="bert@example.com")) == {}
    assert book.prune(NOW + timedelta(seconds=1)) == 1
    assert book.earlier(newer) == {"sent": NOW}


def test_newer_data_goes_in_place_of_what_was_put_off(book: Ledger) -> None:
    settled(book, "deferred", next_try=NOW)
    settled(book, "deferred", BERT, next_try=NOW)
    newer = replace(ANNA, version="newer")
    assert book.claim([newer], "<n@x>", NOW)
    old, bert = book.entry(ANNA), book.entry(BERT)
    assert old
    assert (old.state, old.next_try, old.reason) == (
        "withheld",
        None,
        "newer data went in its place",
    )
    assert bert
    assert bert.state == "deferred"


def test_only_the_domain_of_an_address_is_compared_without_case() -> None:
    assert replace(ANNA, recipient="anna@EXAMPLE.com").key == ANNA.key
    assert replace(ANNA, recipient="Anna@example.com").key != ANNA.key


def test_what_is_claimed_cannot_be_claimed_again(book: Ledger) -> None:
    assert claims(book)
    assert not claims(book)
    book.sending([ANNA], NOW)
    assert not claims(book)


@pytest.mark.parametrize(
    ("state", "again"),
    [("sent", False), ("failed", False), ("uncertain", False), ("withheld", True)],
)
def test_what_was_sent_or_refused_or_may_have_been_sent_is_not_claimed_again(
    state: State, again: bool, book: Ledger
) -> None:
    settled(book, state, tries=1)
    assert claims(book) == again


def test_what_may_have_been_sent_is_claimed_where_the_caller_says_so(book: Ledger) -> None:
    settled(book, "uncertain", tries=1)
    assert claims(book, again=["uncertain"])
    for state in ("sent", "failed"):
        book.recover(NOW)
        settled(book, state)
        assert not claims(book, again=["uncertain"])
        book._db.execute("DELETE FROM deliveries")


def test_what_has_failed_is_claimed_where_the_caller_says_so(book: Ledger) -> None:
    settled(book, "failed", tries=10)
    assert not claims(book)
    (entry,) = book.claim([ANNA], "<new@x>", LATER, again=["failed"])
    book.recover(LATER)
    assert book.entry(ANNA) == replace(entry, message_id="<new@x>", changed_at=LATER)
    book._db.execute("DELETE FROM deliveries")
    settled(book, "sent")
    assert not claims(book, again=["failed", "uncertain"])


@pytest.mark.parametrize("state", ["deferred", "uncertain"])
def test_another_try_waits_for_its_moment(state: State, book: Ledger) -> None:
    settled(book, state, tries=1, next_try=LATER)
    assert not claims(book, LATER - timedelta(seconds=1), again=["uncertain"])
    (entry,) = book.claim([ANNA], "<new@x>", LATER, again=["uncertain"])
    assert (entry.state, entry.tries, entry.next_try) == (state, 1, LATER)


def test_a_claim_that_fails_claims_none(book: Ledger) -> None:
    with pytest.raises(TypeError):
        book.claim([BERT, None], "<m@x>", NOW)  # type: ignore[list-item]
    assert book.entries() == []


def test_nothing_is_noted_as_being_sent_that_was_not_claimed(book: Ledger) -> None:
    settled(book, "sent", BERT)
    book.claim([ANNA], "<m@x>", NOW)
    with pytest.raises(MailError, match="partner 1 is no longer claimed") as raised:
        book.sending([ANNA, BERT], NOW)
    assert "bert" not in str(raised.value)
    entry = book.entry(ANNA)
    assert entry is not None
    assert entry.state == "claimed"


def test_a_settled_delivery_is_told_as_it_was_settled(book: Ledger, tmp_path: Path) -> None:
    (entry,) = book.claim([ANNA], "<m@x>", NOW)
    expected = replace(
        entry, state="deferred", tries=3, next_try=LATER, changed_at=NOW, reason="451 åter"
    )
    book.settle(expected)
    assert book.entry(ANNA) == expected
    with ledger(tmp_path / "ledger.sqlite") as second:
        assert second.entries("1") == [expected]
        assert second.entries("2") == []


def test_a_claim_of_a_dead_process_counts_as_nothing_sent(book: Ledger) -> None:
    book.claim([ANNA], "<m@x>", NOW)
    settled(book, "uncertain", BERT, tries=1)
    book.claim([BERT], "<m@x>", LATER, again=["uncertain"])
    book.recover(LATER)
    states = {e.delivery: (e.state, e.tries, e.next_try) for e in book.entries()}
    assert states == {ANNA: ("deferred", 0, NOW), BERT: ("uncertain", 1, None)}
    assert claims(book)


def test_what_a_dead_process_was_sending_is_uncertain(book: Ledger) -> None:
    book.claim([ANNA], "<m@x>", NOW)
    book.sending([ANNA], NOW)
    book.recover(LATER)
    entry = book.entry(ANNA)
    assert entry is not None
    assert (entry.state, entry.tries, entry.changed_at) == ("uncertain", 1, LATER)
    assert not claims(book)


def test_a_settled_delivery_is_left_as_it_is_by_what_follows_a_crash(book: Ledger) -> None:
    settled(book, "sent", tries=1, reason="250 ok")
    before = book.entries()
    book.recover(LATER)
    assert book.entries() == before


def test_pruning_forgets_who_and_what_but_not_that_it_was_sent(book: Ledger) -> None:
    settled(book, "sent", reason="250 told anna")
    settled(book, "sent", BERT, reason="")
    book._db.execute(
        "UPDATE deliveries SET changed_at = ? WHERE key = ?",
        [LATER.isoformat(timespec="microseconds"), BERT.key],
    )
    assert book.prune(LATER - timedelta(seconds=1)) == 1
    assert book.prune(LATER - timedelta(seconds=1)) == 0
    assert [entry.delivery for entry in book.entries()] == [BERT]
    written = b"".join(f.read_bytes() for f in book.file.parent.glob("ledger.sqlite*"))
    assert b"anna" not in written
    assert b"bert" in written
    assert not claims(book, again=["uncertain", "failed"])
    entry = book.entry(ANNA)
    assert entry is not None
    assert (entry.state, entry.message_id, entry.reason) == ("sent", "<m@x>", "")


def test_the_file_is_for_its_owner_and_group_and_keeps_what_a_method_has_written(
    tmp_path: Path,
) -> None:
    mask = os.umask(0)
    try:
        with ledger(tmp_path / "new" / "ledger.sqlite") as book:
            settled(book, "sent")
            modes = {f.name: f.stat().st_mode & 0o777 for f in book.file.parent.iterdir()}
            for pragma, value in {
                "journal_mode": "wal",
                "synchronous": 2,
                "secure_delete": 1,
            }.items():
                assert book._db.execute(f"PRAGMA {pragma}").fetchall() == [(value,)]
    finally:
        os.umask(mask)
    assert "ledger.sqlite-wal" in modes
    assert set(modes.values()) == {0o640}


def test_a_file_that_is_no_ledger_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.write_text("no database at all\n" * 100, encoding="utf-8")
    with pytest.raises(MailError, match=r"ledger\.sqlite: the ledger .* cannot be used") as raised:
        ledger(file).__enter__()
    assert isinstance(raised.value.__cause__, sqlite3.Error)
    with pytest.raises(MailError, match="cannot be used"):
        ledger(file / "below").__enter__()


def test_of_several_that_claim_at_once_one_wins(tmp_path: Path) -> None:
    start = Barrier(4)

    def race(file: Path, won: list[str]) -> None:
        start.wait(timeout=10)
        with ledger(file) as book:
            won += [e.delivery.recipient for e in book.claim([ANNA, BERT], "<m@x>", NOW)]

    for number in range(30):
        won: list[str] = []
        given = (tmp_path / str(number) / "ledger.sqlite", won)
        racers = [Thread(target=race, args=given) for _ in range(4)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(60)
        assert sorted(won) == [ANNA.recipient, BERT.recipient]
