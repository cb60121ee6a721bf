"""`insights send`: real reports, by a real mail server, to each person once."""

import base64
import gzip
import hashlib
import json
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import seats_row, write_tsv
from mail_server import LOGIN, MailServer, mail_server
from mailing import (
    AS_OF,
    ELSEWHERE,
    PARTNER_NAME,
    RANGE,
    attached,
    content_of,
    copied,
    insights,
    parsed,
    person,
    received,
    rendered,
    seats,
    sentences,
    told,
    without_browser,
    write_parameters,
)
from typer.testing import Result

from insights_lib.mail.server import PASSWORD

OSLO = person("oslo", locations=["OSLO"], locale="sv")
REPORT = Path("outputs/1") / RANGE
PATH = os.environ["PATH"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ordinary report, and one of a single location in Swedish."""
    return rendered(tmp_path_factory.mktemp("made") / "here", [OSLO])


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as shown:
        yield shown


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_browser(monkeypatch)
    return copied(made, tmp_path / "here", monkeypatch)


@pytest.fixture
def people(here: Path, server: MailServer) -> Callable[..., None]:
    """A function that writes who gets what."""
    return lambda *given, **others: write_parameters(list(given), server.port, **others)


def send(*options: str) -> Result:
    result = insights("send", "--as-of", AS_OF, *options)
    sentences(result)
    return result


def states(*options: str) -> dict[str, str]:
    """The state of each delivery, as `status --mail` tells it."""
    result = insights("status", "--mail", "--as-of", AS_OF, "--json", *options)
    assert result.exit_code == 0, result.output
    return {row["recipient"].split("@")[0]: row["state"] for row in json.loads(result.stdout)}


def reason(of: str) -> str:
    result = insights("history", "--json")
    [row] = [row for row in json.loads(result.stdout) if row["recipient"].startswith(f"{of}@")]
    return str(row["reason"])


def change_manifest(folder: Path, **values: Any) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**manifest, **values}), encoding="utf-8")


# Who gets what


def test_each_gets_the_report_that_was_made_for_them(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna", name="Åsa Ek"), OSLO, person("bo", message="copy"))
    assert send().exit_code == 0
    anna, oslo = received(server)
    assert [set(one.recipients) for one in server.received] == [
        {"anna@example.com", "bo@example.com"},
        {"oslo@example.com"},
    ]
    assert (str(anna["To"]), str(anna["Cc"])) == ("Åsa Ek <anna@example.com>", "bo@example.com")
    assert (str(oslo["To"]), oslo["Cc"]) == ("oslo@example.com", None)
    [(name, page)] = attached(anna)
    assert (name, page) == (f"customers-1-{RANGE}.html", (REPORT / "report.html").read_bytes())
    [(_, limited)] = attached(oslo)
    assert not [word for word in ELSEWHERE if word in oslo.as_string() + limited.decode()]
    assert content_of(limited.decode())["rows"]["values"]["partner_location"] == ["Oslo"]
    assert "Nuvarande kunder" in told(oslo)
    assert "43" not in told(oslo)
    assert "43" in told(anna)


def test_the_same_command_again_sends_nothing(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), OSLO)
    assert send().exit_code == 0
    again = send()
    assert (again.exit_code, len(server.received)) == (0, 2)
    assert again.stdout.count(" sent ") == 2
    assert states() == {"anna": "sent", "oslo": "sent"}


def test_a_copy_of_a_message_that_nobody_gets_is_refused(
    people: Callable[..., None], server: MailServer
) -> None:
    for other in (OSLO, person("anna", how="link")):
        people(other, person("bo", message="copy"), base_url="https://reports.example.com")
        refused = send()
        assert refused.exit_code == 2
        [sentence] = sentences(refused)
        assert "partner 1: bo@example.com is to get a copy, but nobody" in sentence
    assert not server.steps


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


def test_a_partner_who_is_not_asked_for_gets_nothing(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    refused = send("--partner", "2")
    assert refused.exit_code == 2
    assert "nobody in recipients.yml gets a report of partner 2" in refused.stderr
    assert not server.received


def test_an_address_in_two_spellings_is_one_person(people: Callable[..., None]) -> None:
    people(person("anna"), person("Anna"))
    refused = send("--dry-run")
    assert refused.exit_code == 2
    assert "anna@example.com and Anna@example.com would get the same report" in refused.stderr
    people(person("anna"), {**OSLO, "address": "Anna@example.com"})
    assert send("--dry-run").exit_code == 0


# What is not sent


def broken_page(folder: Path) -> None:
    page = folder / "report.html"
    data = bytearray(page.read_bytes())
    data[len(data) // 2] ^= 1
    page.write_bytes(bytes(data))


def notebooks_with(old: str, new: str) -> Callable[[Path], None]:
    """A manifest and a page that fit, beside notebooks that say something else."""

    def rewrite(folder: Path) -> None:
        for notebook in (folder / "notebooks").iterdir():
            text = notebook.read_text(encoding="utf-8")
            assert old in text
            notebook.write_text(text.replace(old, new), encoding="utf-8")

    return rewrite


def named(name: str) -> Callable[[Path], None]:
    return notebooks_with(PARTNER_NAME, json.dumps(name)[1:-1])


def failed_notebook(folder: Path) -> None:
    notebook = folder / "notebooks" / "01_summary.ipynb"
    content = json.loads(notebook.read_text(encoding="utf-8"))
    code = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    error = {"output_type": "error", "ename": "ValueError", "evalue": "x\ny", "traceback": ["tb"]}
    code["outputs"].append(error)
    notebook.write_text(json.dumps(content), encoding="utf-8")


WITHHELD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another partner": (lambda f: change_manifest(f, partner="2"), "the partner is 2, not 1"),
    "other months": (lambda f: change_manifest(f, first="2024-12"), "the months is 2024-12"),
    "other filters": (
        lambda f: change_manifest(f, parameters={"filters": ["product=x"], "locale": "en"}),
        "the filters is",
    ),
    "another partner's notebooks": (
        notebooks_with('"partner": "1"', '"partner": "2"'),
        "the partner of the notebooks is 2",
    ),
    "notebooks of other months": (
        notebooks_with('"last": "2025-06"', '"last": "2025-05"'),
        "the months of the notebooks is 2025-01_2025-05",
    ),
    "notebooks with other filters": (
        notebooks_with('"filters": {}', '"filters": {"product": ["x"]}'),
        "the filters of the notebooks is",
    ),
    "an error in a notebook": (failed_notebook, "failed with ValueError: x y"),
    "a name like an address": (named("pay@example.org"), "holds an '@'"),
    "a name with a header": (named("x\r\nBcc: y"), "holds the character '\\r'"),
    "a name that is encoded": (named("=?utf-8?q?=0d=0aBcc:_y?="), "holds '=?'"),
    "a name that turns": (named("\u202egro.elpmaxe"), "holds the character '\\u202e'"),
    "other numbers": (
        notebooks_with('"rows": [', '"rows": [[], '),
        "the tables of the notebooks is",
    ),
    "no notebook": (
        lambda f: (f / "notebooks/01_summary.ipynb").unlink(),
        "the tables of the notebooks is",
    ),
    "half a notebook": (lambda f: (f / "notebooks/01_summary.ipynb").write_text("{"), "no whole"),
    "another notebook": (lambda f: (f / "notebooks/01_summary.ipynb").write_text("[]"), "whole"),
}


@pytest.mark.parametrize("how", WITHHELD)
def test_a_report_that_is_not_what_it_should_be_is_withheld(
    how: str, people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), person("bo", message="copy"))
    spoil, expected = WITHHELD[how]
    spoil(REPORT)
    result = send()
    assert (result.exit_code, server.received) == (1, [])
    assert states() == {"anna": "withheld", "bo": "withheld"}
    for one in ("anna", "bo"):
        assert expected in reason(one)
        assert "\n" not in reason(one)
    dry = send("--dry-run")
    assert dry.exit_code == 1
    assert "would be withheld: anna@example.com" in dry.stderr


def failed(folder: Path) -> None:
    change_manifest(folder, status="failed", failures=[{"section": "01", "reason": "no data"}])


def other_data(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    change_manifest(folder, fingerprint={**manifest["fingerprint"], "data": "0"})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (failed, "the report: failed (01: no data)"),
        (other_data, "the report: stale (changed: data)"),
        (broken_page, "the report: stale (changed: report.html)"),
        (lambda f: (f / "report.html").unlink(), "the report: stale (changed: report.html, which"),
        (lambda f: (f / "manifest.json").unlink(), "the report: never run"),
    ],
)
def test_a_report_that_is_not_there_as_asked_for_is_not_sent(
    spoil: Callable[[Path], None], why: str, people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), OSLO)
    spoil(REPORT)
    result = send()
    assert result.exit_code == 1
    assert [one.recipients for one in server.received] == [("oslo@example.com",)]
    assert states() == {"anna": "not ready", "oslo": "sent"}
    assert why in " ".join(result.stdout.split())


def test_a_report_that_is_made_anew_meanwhile_is_not_sent(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insights_lib.mail import message  # noqa: PLC0415 - to put something in its place

    built = message.message_of

    def meanwhile(*given: Any) -> Any:
        change_manifest(REPORT, finished_at="2030-01-01T00:00:00+00:00")
        return built(*given)

    monkeypatch.setattr(message, "message_of", meanwhile)
    people(person("anna"))
    assert send().exit_code == 1
    assert server.received == []
    assert "was made anew" in reason("anna")


def test_withheld_mail_goes_when_its_report_is_right_again(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    page = (REPORT / "report.html").read_bytes()
    broken_page(REPORT)
    assert send().exit_code == 1
    (REPORT / "report.html").write_bytes(page)
    assert send().exit_code == 0
    assert len(server.received) == 1


def test_domains_are_checked_again_when_mail_is_sent(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insights_lib.commands import mail  # noqa: PLC0415 - to put something in its place

    read = mail.read_recipients
    stricter = {"allowed_domains": ("example.org",)}
    monkeypatch.setattr(
        mail, "read_recipients", lambda folder: read(folder).model_copy(update=stricter)
    )
    people(person("anna"))
    assert send().exit_code == 1
    assert not [step for step, _ in server.steps if step in {"RCPT", "DATA"}]
    assert reason("anna") == "mail to example.com is not allowed; see allowed_domains"


# Attached or linked


def test_a_link_names_the_place_of_the_very_report(
    people: Callable[..., None], server: MailServer
) -> None:
    base = "https://reports.example.com/all%20of%20it/"
    people(person("anna", how="link"), {**OSLO, "how": "link"}, base_url=base)
    assert send().exit_code == 0
    for message in received(server):
        assert attached(message) == []
        [link] = [line for line in told(message).splitlines() if line.startswith("https:")]
        assert f'href="{link}"' in told(message, "html")
        page = (Path("outputs/_linked") / link.removeprefix(base)).read_bytes()
        # Whoever sees the headers, as in a log of mails, cannot make up the address.
        told_by_headers = f"{str(message['Message-ID']).strip('<>')} page"
        assert hashlib.sha256(told_by_headers.encode()).hexdigest() not in link
        limited = "oslo@" in str(message["To"])
        [folder] = Path("outputs/1").glob(f"variants/*/{RANGE}" if limited else RANGE)
        assert (folder / "report.html").read_bytes() == page
        assert stat.S_IMODE((Path("outputs/_linked")).stat().st_mode) == 0o750


def test_what_would_be_too_large_carries_a_link(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), base_url="https://reports.example.com", largest_message_mb=0.5)
    assert send().exit_code == 0
    [message] = received(server)
    assert attached(message) == []
    assert re.search(r"https://reports\.example\.com/1-[0-9a-f]{64}\.html", told(message))
    assert len(server.received[0].content) < 500_000


def test_what_would_be_too_large_is_withheld_without_a_place_to_link_to(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), largest_message_mb=0.5)
    assert send().exit_code == 1
    assert server.received == []
    assert "more than 0.5 MB, and no base_url" in reason("anna")


# Ways to send nothing


def test_a_dry_run_writes_the_messages_and_sends_none(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD)
    people(person("anna"), person("bo", message="copy"), OSLO)
    for _ in range(2):
        result = send("--dry-run")
        assert result.exit_code == 0
        assert result.stdout.count(" due ") == 3
    files = sorted(Path("outputs/_dry-run").rglob("*.eml"))
    assert [str(f.absolute()) for f in files] == sorted(result.stdout.split()[-2:])
    anna, oslo = (parsed(file.read_bytes()) for file in files)
    assert (str(anna["To"]), str(anna["Cc"])) == ("anna@example.com", "bo@example.com")
    assert "oslo" in str(oslo["To"])
    assert not server.steps
    assert set(states().values()) == {"due"}
    assert not list(Path("outputs").glob("ledger*"))
    people(person("anna"))
    send("--dry-run")
    assert [f for f in files if f.exists()] == [files[0]], "a plan of before was left"


def test_a_dry_run_puts_no_page_where_pages_are_served(people: Callable[..., None]) -> None:
    base = "https://reports.example.com"
    people(person("anna", how="link"), OSLO, base_url=base, largest_message_mb=0.5)
    assert send("--dry-run").exit_code == 0
    for file in Path("outputs/_dry-run").rglob("*.eml"):
        assert f"{base}/1-" in told(parsed(file.read_bytes()))
    assert not Path("outputs/_linked").exists()


def test_every_message_of_a_dry_run_has_a_file_of_its_own(people: Callable[..., None]) -> None:
    people(person("a!b"), person("a#b"), person("a/b"), person("x" * 64))
    assert send("--dry-run").exit_code == 0
    files = list(Path("outputs/_dry-run").rglob("*.eml"))
    to = {str(parsed(file.read_bytes())["To"]) for file in files}
    assert to == {f"{name}@example.com" for name in ("a!b", "a#b", "a/b", "x" * 64)}
    assert {file.parent for file in files} == {Path("outputs/_dry-run/1") / RANGE}


def test_a_test_sends_everything_to_one_address_as_often_as_asked(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"), person("bo", message="copy"), OSLO)
    assert send("--test-to", "me@example.com").exit_code == 0
    assert send("--test-to", "me@example.com").exit_code == 0
    assert {one.recipients for one in server.received} == {("me@example.com",)}
    assert len({one.message_id for one in server.received}) == 4
    anna, oslo, *_ = received(server)
    assert str(anna["Subject"]).startswith("[Test for anna@example.com, bo@example.com] ")
    assert str(oslo["Subject"]).startswith("[Test for oslo@example.com] ")
    assert {str(m["To"]) for m in received(server)} == {"me@example.com"}
    assert {m["Cc"] for m in received(server)} == {None}
    assert set(states().values()) == {"due"}
    assert send().exit_code == 0
    assert len(server.received) == 6


@pytest.mark.parametrize(
    ("address", "status"), [("me@example.org", 2), ("me", 2), ("me@example.com\nRCPT TO:<x>", 2)]
)
def test_a_test_goes_to_addresses_that_mail_may_go_to(
    address: str, status: int, people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    assert send("--test-to", address).exit_code == status
    assert server.received == []


# New data


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


def as_if_of_other_data() -> None:
    """Change the ledger as if new data had come and been rendered since."""
    with closing(sqlite3.connect("outputs/ledger.sqlite")) as db, db:
        db.execute("UPDATE deliveries SET version = '0', key = key || '-'")


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
    from insights_lib.mail import sending  # noqa: PLC0415 - to do something before it

    people(person("anna"))
    deliver = sending.deliver_letters
    calls = []

    def after_another(*given: Any, **options: Any) -> Any:
        if not calls:
            calls.append(given)
            assert send().exit_code == 0
            as_if_of_other_data()
        return deliver(*given, **options)

    monkeypatch.setattr(sending, "deliver_letters", after_another)
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


def test_a_filter_that_nothing_matches_is_a_mistake_and_no_report_of_zeros(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("nowhere", locations=["Oslo-"]))
    assert insights("run", "--as-of", AS_OF, "--quiet").exit_code == 0
    assert send().exit_code == 1
    assert server.received == []
    assert states() == {"nowhere": "not ready"}
    planned = insights("status", "--mail", "--as-of", AS_OF).stdout
    assert "no subscription has the partner_location Oslo-" in " ".join(planned.split())


def test_what_becomes_of_each_message_is_told_with_its_reason(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    server.fails("RCPT", "550 5.1.1 nobody here")
    place = f"partner 1, {RANGE}, anna@example.com"
    assert f"{place}: failed: 550 5.1.1 nobody here" in send().stderr.splitlines()


def test_a_page_that_changes_right_before_it_is_sent_is_not_sent(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insights_lib.commands import mail  # noqa: PLC0415 - to do something before it

    found = mail.open_letters

    def spoiled(*given: Any) -> Any:
        letters = found(*given)
        if spoil:
            spoil.pop()(REPORT)
        return letters

    spoil = [broken_page]
    monkeypatch.setattr(mail, "open_letters", spoiled)
    people(person("anna"))
    result = send()
    assert (result.exit_code, server.received) == (1, [])
    assert "withheld: " in result.stderr
    assert "the page is" in result.stderr


# Without trouble for others


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


def test_a_wrong_file_sends_nothing(
    people: Callable[..., None], server: MailServer, here: Path
) -> None:
    people({"address": "a@example.org", "locations": "all"})
    wrong = send()
    assert wrong.exit_code == 2
    [sentence] = sentences(wrong)
    assert "recipients.yml" in sentence
    (here / "parameters" / "recipients.yml").unlink()
    assert send().exit_code == 2
    assert not server.steps


def test_a_dry_run_and_a_test_exclude_each_other(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    both = send("--dry-run", "--test-to", "me@example.com")
    assert (both.exit_code, server.steps) == (2, [])
    assert "--dry-run and --test-to exclude each other" in both.stderr


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
