"""`insights send`: what becomes of each message, with or without a Chromium, and what is told."""

import base64
import gzip
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from insights_lib.mail.login import PASSWORD
from tests.support.mailing import (
    AS_OF,
    OSLO,
    RANGE,
    insights,
    person,
    reason,
    received,
    send,
    states,
    told,
)
from tests.support.smtp_server import LOGIN, MailServer

PATH = os.environ["PATH"]


# Refused, put off, and told


def test_of_two_in_one_message_one_can_be_refused(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), person("bo", message="copy"))
    server.fails("RCPT", "550 5.1.1 unknown user", "anna@")
    assert send().exit_code == 1
    assert [one.recipients for one in server.received] == [("bo@example.com",)]
    assert states() == {"anna": "failed", "bo": "sent"}
    assert "550 5.1.1 unknown user" in reason("anna")
    server.works()
    assert send().exit_code == 1
    assert len(server.received) == 1
    assert send("--dry-run").stdout.count(".eml") == 0
    assert send("--dry-run", "--retry-failed").stdout.count(".eml") == 1
    assert send("--retry-failed", "--test-to", "me@example.com").exit_code == 2
    assert send("--retry-failed").exit_code == 0
    assert server.received[1].recipients == ("anna@example.com",)
    assert states() == {"anna": "sent", "bo": "sent"}


def test_a_copy_that_was_put_off_is_sent_alone_by_the_next_command(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), person("bo", message="copy"))
    server.fails("RCPT", "451 4.7.1 greylisted", "bo@")
    put_off = send()
    assert (put_off.exit_code, states()) == (1, {"anna": "sent", "bo": "deferred"})
    assert "next try from" in " ".join(put_off.stdout.split())
    server.works()
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db, db:
        db.execute("UPDATE deliveries SET next_try = changed_at WHERE state = 'deferred'")
    assert send().exit_code == 0
    first, second = server.received
    assert (first.recipients, second.recipients) == (("anna@example.com",), ("bo@example.com",))
    assert first.message_id == second.message_id


def test_what_becomes_of_each_message_is_told_with_its_reason(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    server.fails("RCPT", "550 5.1.1 nobody here")
    place = f"partner 1, {RANGE}, anna@example.com"
    assert f"{place}: failed: 550 5.1.1 nobody here" in send().stderr.splitlines()


def test_what_is_said_of_mail_can_be_read_by_people_and_programs(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna.with.a.long.name.so.that.it.needs.room"), OSLO)
    assert "nothing was mailed from here" in insights("history").stderr
    server.fails("RCPT", "550 5.7.1 no", "oslo@")
    assert send().exit_code == 1
    [first, second] = json.loads(insights("history", "--json").stdout)
    assert {first["state"], second["state"]} == {"sent", "failed"}
    assert set(first) >= {"partner", "months", "recipient", "changed_at", "reason", "message_id"}
    assert json.loads(insights("history", "--partner", "2", "--json").stdout) == []
    for command in (["history"], ["status", "--mail", "--as-of", AS_OF]):
        table = insights(*command, columns=60).stdout
        for text in ("anna.with.a.long.name.so.that.it.needs.room@example.com", "550 5.7.1 no"):
            assert text in table
    assert insights("status", "--mail", "--as-of", AS_OF, "--partner", "1").exit_code == 0


def test_no_password_is_left_anywhere(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(person("anna"), OSLO)
    said = [send("--dry-run"), send(), insights("history"), insights("status", "--mail")]
    monkeypatch.setenv(PASSWORD, "wrong-secret-7")
    people(person("cleo"))
    said += [send(), send("--test-to", "me@example.com")]
    assert [one.exit_code for one in said[-2:]] == [2, 2]
    for secret in (LOGIN.password, "wrong-secret-7"):
        for form in (secret, base64.b64encode(secret.encode()).decode(), repr(secret)):
            assert not [one for one in said if form in one.output]
            for file in Path().rglob("*"):
                if file.is_file():
                    data = file.read_bytes()
                    plain = gzip.decompress(data) if file.suffix == ".gz" else data
                    assert form.encode() not in plain, file


def test_files_of_reports_are_for_their_owner_and_group(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    send("--dry-run")
    send()
    entries = [*Path("outputs/1").rglob("*"), *Path("outputs/_dry-run").rglob("*")]
    assert len(entries) > 40
    entries += [Path("outputs") / name for name in ("1", "_dry-run", "run.log", "ledger.sqlite")]
    for entry in entries:
        assert stat.S_IMODE(entry.stat().st_mode) == (0o750 if entry.is_dir() else 0o640), entry


# With and without a Chromium


def test_without_a_chromium_tables_stand_for_charts_and_the_log_says_so(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    assert send().exit_code == 0
    [message] = received(server)
    assert [part for part in message.walk() if part.get_content_maintype() == "image"] == []
    html = told(message, "html")
    assert "cid:" not in html
    assert html.count("<thead>") == 4
    log = Path("outputs/mail.log").read_text(encoding="utf-8")
    assert "no Chromium is on the PATH" in log
    assert "tables for charts" in log


def test_with_a_chromium_every_message_has_pictures(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", PATH)
    people(person("anna"), OSLO)
    assert send().exit_code == 0
    for message in received(server):
        pngs = [part for part in message.walk() if part.get_content_type() == "image/png"]
        assert len(pngs) == 3
        assert told(message, "html").count("<thead>") == 1
    assert not Path("outputs/mail.log").exists()


def test_a_chromium_that_does_not_start_keeps_no_mail_back(
    people: Callable[..., None], server: MailServer, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = here / "bin" / "chromium"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    people(person("anna"), OSLO)
    assert send().exit_code == 0
    assert [told(message, "html").count("<thead>") for message in received(server)] == [4, 4]
    log = Path("outputs/mail.log").read_text(encoding="utf-8")
    assert log.count("no pictures, so its message has tables") == 2
