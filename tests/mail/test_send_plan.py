"""`insights send`: who gets which report, attached or by a link, and ways to only try it."""

import hashlib
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from insights_lib.mail.login import PASSWORD
from tests.support.mailing import (
    ELSEWHERE,
    OSLO,
    RANGE,
    REPORT,
    attached,
    content_of,
    parsed,
    person,
    reason,
    received,
    send,
    sentences,
    states,
    told,
)
from tests.support.smtp_server import MailServer

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
    told_files = [word for word in result.stdout.split() if word.endswith(".eml")]
    assert [str(f.absolute()) for f in files] == sorted(told_files)
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
    refused = send("--test-to", address)
    assert refused.exit_code == status
    [sentence] = sentences(refused)
    assert ascii(address)[1:-1] in sentence
    assert server.steps == []


def test_a_dry_run_and_a_test_exclude_each_other(
    people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    both = send("--dry-run", "--test-to", "me@example.com")
    assert (both.exit_code, server.steps) == (2, [])
    assert "--test-to sends everything, to one address; give it alone" in both.stderr
