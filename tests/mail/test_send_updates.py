"""`insights send` again: new data goes to those who want updates, the same numbers to nobody."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.mailing import (
    AS_OF,
    OSLO,
    insights,
    person,
    received,
    seats,
    send,
    states,
)
from tests.support.rows import seats_row, write_tsv
from tests.support.smtp_server import MailServer

pytestmark = pytest.mark.slow


def more_customers(**of_row: str) -> None:
    """Ingest an export that says more of the last month, and render again."""
    rows = [row for row in seats() if row["Month"].startswith("2025-06")]
    rows += [seats_row("2025-06", f"new-{n}", **of_row) for n in range(9)]
    write_tsv(Path("SeatsSubscriptionsAndRevenue-2.tsv"), rows)
    assert insights("ingest", "SeatsSubscriptionsAndRevenue-2.tsv").exit_code == 0
    assert insights("run", "--as-of", AS_OF, "--quiet").exit_code == 0


def test_new_data_goes_to_those_who_want_updates(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), person("bo", message="copy", updates=True), person("cleo", updates=True))
    assert send().exit_code == 0
    more_customers()
    assert states() == {"anna": "no update wanted", "bo": "due", "cleo": "due"}
    again = send()
    assert again.exit_code == 0
    who = [{r.split("@")[0] for r in one.recipients} for one in server.received]
    assert who == [{"anna", "bo"}, {"cleo"}, {"cleo", "bo"}]
    assert len({one.message_id for one in server.received}) == len(server.received)
    told_why = insights("status", "--mail", "--as-of", AS_OF).stdout
    assert "sent from earlier data, and `updates` is not set" in " ".join(told_why.split())
    assert send().exit_code == 0
    assert len(server.received) == 3


def as_if_of_other_data() -> None:
    """Change the ledger as if new data had come and been rendered since."""
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db, db:
        db.execute("UPDATE deliveries SET version = '0', key = key || '-'")


def test_a_copy_that_wants_updates_gets_them_where_nobody_else_does(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), person("bo", message="copy", updates=True))
    assert send().exit_code == 0
    as_if_of_other_data()
    assert states() == {"anna": "no update wanted", "bo": "due"}
    assert send().exit_code == 0
    assert server.received[-1].recipients == ("bo@example.com",)
    assert str(received(server)[-1]["To"]) == "bo@example.com"


def test_numbers_that_are_what_was_mailed_once_before_are_not_mailed_again(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna", updates=True))
    assert send().exit_code == 0
    more_customers()
    assert send().exit_code == 0
    write_tsv(Path("back.tsv"), [row for row in seats() if row["Month"].startswith("2025-06")])
    assert insights("ingest", "back.tsv").exit_code == 0
    assert insights("run", "--as-of", AS_OF, "--quiet").exit_code == 0
    assert send().exit_code == 0
    assert len(server.received) == 2


@pytest.mark.parametrize(("state", "again"), [("sending", 0), ("claimed", 1)])
def test_who_may_have_got_earlier_numbers_when_a_process_died_gets_no_update_unasked(
    state: str, again: int, people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    assert send().exit_code == 0
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db, db:
        db.execute("UPDATE deliveries SET state = ?, was = 'deferred'", [state])
    as_if_of_other_data()
    send()
    assert len(server.received) == 1 + again


def test_what_another_process_has_sent_meanwhile_counts(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier version is sent after this process has planned, and before it is its turn."""
    from insights_lib.mail import send as sending  # noqa: PLC0415 - to do something before it

    people(person("anna"))
    deliver = sending.deliver_messages
    calls = []

    def after_another(*given: Any, **options: Any) -> Any:
        if not calls:
            calls.append(given)
            assert send().exit_code == 0
            as_if_of_other_data()
        return deliver(*given, **options)

    monkeypatch.setattr(sending, "deliver_messages", after_another)
    assert send().exit_code == 0
    assert len(server.received) == 1
    assert states() == {"anna": "no update wanted"}


def test_who_wants_no_updates_gets_none_after_the_ledger_was_pruned_either(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), person("bo", updates=True))
    assert send().exit_code == 0
    as_if_of_other_data()
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db, db:
        db.execute("UPDATE deliveries SET changed_at = '2020-01-01T00:00:00.000000+00:00'")
    assert "addresses of 2 mails" in insights("prune").stdout
    assert states() == {"anna": "no update wanted", "bo": "due"}


def test_other_rows_with_the_same_numbers_are_no_news(
    people: Callable[..., None], server: MailServer
) -> None:
    """Of a report of one location, when something changes in another one."""
    people({**OSLO, "updates": True}, person("anna", updates=True))
    assert send().exit_code == 0
    more_customers(PartnerLocation="Bergen")
    assert states() == {"oslo": "sent", "anna": "due"}
