"""`insights schedule --once`: exports in, reports made, mail out, and failures told."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from insights_lib.run import plan as run_plan
from insights_lib.schedule import inbox, steps
from insights_lib.timing import Clock
from tests.support.mailing import (
    RANGE,
    datasets,
    insights,
    person,
    received,
    rendered,
    sentences,
    told,
    write_parameters,
)
from tests.support.notebooks import notebook
from tests.support.rows import seats_row, write_tsv
from tests.support.smtp_server import MailServer

pytestmark = pytest.mark.kernels
FIRST = datetime(2025, 8, 5, 4, 30, tzinfo=UTC)  # half an hour after six in Stockholm


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(tmp_path_factory.mktemp("made") / "here", [person("anna")])


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store and a fresh report, and new exports that need no time to settle."""
    monkeypatch.setattr(inbox, "STABLE_SECONDS", 0.0)
    Path("data/incoming").mkdir()
    return here


@pytest.fixture
def plan(here: Path, server: MailServer) -> Callable[..., None]:
    """A function that writes a plan, by default without steps but sending, and the recipients."""

    def write(*people: Any, **others: Any) -> None:
        write_parameters(list(people), server.port)
        group = {
            "partners": "all",
            "cron": "0 6 * * *",
            "time_zone": "Europe/Stockholm",
            "range": RANGE,
            "steps": ["send"],
            "catch_up_hours": 2,
            "alert_to": "ops@example.com",
            "grace_hours": 30,
            **others,
        }
        text = yaml.safe_dump({"groups": {"daily": group}})
        Path("parameters/schedule.yml").write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that does what is due so many days after the first time."""

    def run(days: float = 0) -> Result:
        monkeypatch.setattr(steps, "_CLOCK", Clock(lambda: FIRST + timedelta(days=days)))
        result = insights("schedule", "--once", "--jobs", "1")
        sentences(result)
        return result

    return run


def recipients(server: MailServer) -> list[tuple[str, ...]]:
    return [one.recipients for one in server.received]


ANNA, OPS = ("anna@example.com",), ("ops@example.com",)


def test_new_exports_become_reports_and_mail_once(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    shutil.rmtree("data/store")
    shutil.rmtree("outputs")
    for name, rows in datasets().items():
        write_tsv(Path("data/incoming") / f"{name}.tsv", rows)
    plan(person("anna"), steps=["ingest", "run", "send"])
    first = once()
    assert (first.exit_code, recipients(server)) == (0, [ANNA])
    assert first.stdout.count("daily, 2025-08-05 06:00 Europe/Stockholm: done") == 1
    assert list(Path("data/incoming").iterdir()) == []
    assert {f.stem for f in Path("data/exports").iterdir()} == set(datasets())
    assert (Path("outputs/1") / RANGE / "report.html").exists()
    again = once()
    assert (again.exit_code, again.stdout, recipients(server)) == (0, "", [ANNA])
    assert once(days=1).exit_code == 0
    assert recipients(server) == [ANNA]


def test_a_report_that_fails_is_told_to_its_owner_and_sent_to_nobody(
    plan: Callable[..., None],
    once: Callable[..., Result],
    server: MailServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notebook(tmp_path / "few", "01_summary", "raise ValueError('no numbers today')")
    monkeypatch.setattr(run_plan, "NOTEBOOKS", tmp_path / "few")
    plan(person("anna"), person("bo"), steps=["run", "send"])
    assert once().exit_code == 1
    assert recipients(server) == [OPS]
    [alert] = received(server)
    assert str(alert["Subject"]) == "Partner Insights: daily failed"
    assert str(alert["Auto-Submitted"]) == "auto-generated"
    text = " ".join(told(alert).split())
    section = "partner 1, 2025-01_2025-06, section 01_summary"
    assert f"run: {section}: ValueError: no numbers today" in text
    assert "Traceback" not in text
    assert once(days=1).exit_code == 1
    assert recipients(server) == [OPS], "told again within the grace period"
    assert once(days=2).exit_code == 1
    assert recipients(server) == [OPS, OPS]


def test_a_fetch_that_fails_is_told_to_the_owner_and_the_last_report_stays(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    before = (Path("outputs/1") / RANGE / "report.html").read_bytes()
    plan(person("anna"), steps=["fetch", "ingest", "run", "send"])
    ids = dict.fromkeys(("tenant_id", "client_id"), "11111111-2222-3333-4444-555555555555")
    fetching = {"tenants": {"contoso": ids}, "authority": "https://localhost:1"}
    Path("parameters/fetch.yml").write_text(yaml.safe_dump(fetching), encoding="utf-8")
    assert once().exit_code == 1
    assert recipients(server) == [OPS]
    text = " ".join(told(received(server)[0]).split())
    assert "fetch: contoso: the sign-in service cannot be reached" in text
    assert re.search(
        r"fetch: reports are of exports that came on \d{4}-\d\d-\d\d, -?\d+ days", text
    )
    assert (Path("outputs/1") / RANGE / "report.html").read_bytes() == before


def come_wrong() -> None:
    """An export comes in that is refused: its months cannot be read."""
    write_tsv(Path("data/incoming/SeatsSubscriptionsAndRevenue.tsv"), [seats_row("someday", "a")])


def test_an_export_that_is_refused_lies_with_its_reason_and_nothing_is_sent(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    come_wrong()
    plan(person("anna"), steps=["ingest", "run", "send"])
    assert once().exit_code == 1
    assert recipients(server) == [OPS]
    names = {f.name for f in Path("data/refused").iterdir()}
    assert len(names) == 2
    [reason] = Path("data/refused").glob("*.reason.txt")
    assert reason.read_text(encoding="utf-8").split()[-1] in told(received(server)[0])
    assert once(days=1).exit_code == 0
    assert recipients(server) == [OPS, ANNA]


def test_what_is_not_an_export_is_put_aside_and_told_and_keeps_nothing_from_going_on(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    strange = {
        "desktop.ini": b"[.ShellClassInfo]\r\nIconResource=C:\\Windows\\x.dll,3\r\n",
        "~$Seats.xlsx": b"\x05Anna " + b" " * 50 + b"\x00" * 100,
        "Seats.csv": b"<!DOCTYPE html>\n<title>Sign in</title>\n",
        "empty.tsv": b"",
    }
    for name, content in strange.items():
        (Path("data/incoming") / name).write_bytes(content)
    plan(person("anna"), steps=["ingest", "run", "send"])
    result = once()
    assert recipients(server) == [ANNA, OPS]
    alert = told(received(server)[1])
    assert all(name in alert for name in strange)
    assert all(name in result.stdout for name in strange)
    assert list(Path("data/incoming").iterdir()) == []
    assert {f"{name}{end}" for name in strange for end in ("", ".reason.txt")} == {
        file.name for file in Path("data/refused").iterdir()
    }
    assert once(days=1).exit_code == 0


def test_who_cannot_be_mailed_is_told_to_the_owner(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    server.fails("RCPT", "550 5.1.1 unknown", "anna@")
    plan(person("anna"), person("bo"))
    assert once().exit_code == 1
    assert recipients(server) == [("bo@example.com",), OPS]
    assert "anna@example.com: failed (550 5.1.1" in told(received(server)[1])


def make_due() -> None:
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db, db:
        long_ago = "2025-08-01T00:00:00.000000+00:00"
        db.execute("UPDATE deliveries SET next_try = ? WHERE state = 'deferred'", [long_ago])


def test_mail_that_was_put_off_is_tried_by_a_later_command_without_a_window(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    server.fails("RCPT", "451 4.7.1 later", "anna@")
    plan(person("anna"), person("bo"))
    assert once().exit_code == 0
    assert recipients(server) == [("bo@example.com",)]
    server.works()
    assert once().exit_code == 0
    assert recipients(server) == [("bo@example.com",)], "its time has not come"
    make_due()
    assert once(days=0.5).exit_code == 0
    assert recipients(server) == [("bo@example.com",), ANNA]
    tried = server.count("RCPT")
    assert once(days=0.5).exit_code == 0
    assert server.count("RCPT") == tried


def test_trying_again_sends_nothing_that_was_never_begun(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    server.fails("RCPT", "451 4.7.1 later", "anna@")
    plan(person("anna"))
    assert once().exit_code == 0
    server.works()
    make_due()
    plan(person("anna"), person("new"))
    assert once(days=0.5).exit_code == 0
    assert recipients(server) == [ANNA]


def test_what_was_put_off_goes_with_newer_data_when_it_has_come_meanwhile(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    server.fails("RCPT", "451 4.7.1 later", "anna@")
    plan(person("anna"))
    assert once().exit_code == 0
    make_due()
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db, db:
        db.execute("UPDATE deliveries SET version = '0', key = key || '-'")
    server.works()
    assert once(days=0.5).exit_code == 0
    assert recipients(server) == [ANNA]
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db:
        rows = db.execute("SELECT state FROM deliveries ORDER BY state").fetchall()
    assert rows == [("sent",), ("withheld",)]


def test_an_old_failure_fails_no_later_window(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    server.fails("RCPT", "550 5.1.1 unknown", "anna@")
    plan(person("anna"))
    assert once().exit_code == 1
    assert once(days=3).exit_code == 0
    assert recipients(server) == [OPS]


def test_a_refused_export_keeps_every_group_of_its_folder_from_going_on(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    come_wrong()
    plan(person("anna"), steps=["ingest", "run", "send"])
    file = Path("parameters/schedule.yml")
    [group] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"].values()
    file.write_text(yaml.safe_dump({"groups": {"one": group, "two": group}}), encoding="utf-8")
    result = once()
    assert result.exit_code == 1
    assert recipients(server) == [OPS, OPS]
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == ["one", "two"]
    assert result.stdout.count("ingest: ") == 2


def test_an_owner_who_cannot_be_told_is_a_mistake_in_the_plan(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    plan(person("anna"), alert_to="ops@elsewhere.example")
    result = once()
    assert result.exit_code == 2
    assert "alert_to ops@elsewhere.example is not in one of the allowed_domains" in result.stderr
    assert server.received == []


def test_mail_that_fails_when_it_is_tried_again_is_told_to_the_owner(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    server.fails("RCPT", "451 4.7.1 later", "anna@")
    plan(person("anna"))
    assert once().exit_code == 0
    make_due()
    server.fails("RCPT", "550 5.1.1 gone", "anna@")
    assert once(days=0.5).exit_code == 1
    assert recipients(server) == [OPS]
    assert "550 5.1.1 gone" in told(received(server)[0])


def test_a_server_that_is_down_for_the_alert_too_leaves_the_reason_and_is_asked_again(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    server.fails("EHLO", "554 5.0.0 not today")
    plan(person("anna"))
    result = once()
    assert result.exit_code == 1
    assert "ops@example.com could not be told, and is next time: mail server" in result.stderr
    with closing(sqlite3.connect("outputs/schedule.sqlite")) as db:
        [(state, reason)] = db.execute("SELECT state, reason FROM windows").fetchall()
    assert state == "failed"
    assert "554" in reason
    server.works()
    assert once().exit_code == 0
    assert recipients(server) == [ANNA, OPS]
    assert "554 5.0.0 not today" in told(received(server)[1])


def test_a_wrong_plan_is_told_before_anything_is_done(
    plan: Callable[..., None], once: Callable[..., Result], server: MailServer
) -> None:
    plan(person("anna"), cron="0 6 31 2 *")
    wrong = once()
    assert wrong.exit_code == 2
    [sentence] = sentences(wrong)
    assert "schedule.yml" in sentence
    assert not server.steps
