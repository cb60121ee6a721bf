"""Planned mails become messages: who shares one, what it is called, and where it links to."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from insights_lib.errors import MailError
from insights_lib.mail import message as message_module
from insights_lib.mail.delivery import OutgoingMessage
from insights_lib.mail.pictures import Picture, Pictures
from insights_lib.mail.plan import PlannedMail
from insights_lib.mail.writer import Writer, checked_report
from insights_lib.outputs import Manifest, Outputs
from insights_lib.parameters.recipients_yml import Person, RecipientsFile
from insights_lib.parameters.spec import DateRange, ReportSpec
from insights_lib.parameters.validation import validated
from insights_lib.run.plan import PlannedReport
from insights_lib.timing import Clock

MONTHS = "2025-01_2025-06"
CLOCK = Clock(lambda: datetime(2025, 8, 1, tzinfo=UTC))


def planned(name: str, version: str = "v1", variant: str = "", **of_person: Any) -> PlannedMail:
    values = {"address": f"{name}@example.com", "locations": "all", **of_person}
    spec = ReportSpec(partner="1", date_range=MONTHS, variant=variant)
    months, folder = DateRange.parse(MONTHS), Path("/out put/1") / variant / MONTHS
    report = PlannedReport(spec, "fresh", months=months, folder=folder)
    return PlannedMail(validated(Person, values, "person"), report, version)


def in_folder(one: PlannedMail, folder: Path) -> PlannedMail:
    return replace(one, report=replace(one.report, folder=folder))


def manifest_of(one: PlannedMail, page: bytes, **others: Any) -> Manifest:
    """What a run writes beside a page that is as planned."""
    spec = one.spec
    values: dict[str, Any] = {
        "status": "complete",
        "partner": spec.partner,
        "first": MONTHS[:7],
        "last": MONTHS[-7:],
        "parameters": {
            "filters": spec.filters.texts(),
            "locale": spec.locale,
            "role": spec.role,
        },
        "fingerprint": {},
        "tables_sha256": one.version,
        "report_sha256": hashlib.sha256(page).hexdigest(),
        "started_at": datetime(2025, 7, 1, tzinfo=UTC),
        "finished_at": datetime(2025, 7, 1, tzinfo=UTC),
        **others,
    }
    return Manifest(**values)


def write_report(one: PlannedMail, folder: Path, page: bytes = b"page") -> PlannedMail:
    """A folder with a manifest and a page, and the mail that is planned of it."""
    folder.mkdir()
    (folder / "report.html").write_bytes(page)
    manifest_of(one, page).write(folder)
    return in_folder(one, folder)


class NoPictures(Pictures):
    """As where there is no browser."""

    def of(self, *_: object) -> dict[str, Picture]:
        return {}


def writer(**others: Any) -> Writer:
    values = {
        "sender": "reports@mail.example.com",
        "allowed_domains": ["example.com"],
        "smtp": {"host": "mail.example.com", "port": 587, "security": "starttls"},
        "base_url": "https://example.com/reports/",
    }
    recipients = validated(RecipientsFile, values, "recipients.yml")
    return Writer(recipients, Outputs(Path("/out put")), NoPictures(), CLOCK, **others)


def groups(messages: Sequence[OutgoingMessage]) -> list[list[str]]:
    return [[d.recipient.split("@")[0] for d in message.deliveries] for message in messages]


def test_copies_stand_on_the_first_message_with_the_same_report() -> None:
    people = [
        planned("copy", message="copy"),
        planned("first"),
        planned("second"),
        planned("limited", variant="ab"),
        planned("link", how="link"),
        planned("limited-copy", variant="ab", message="copy"),
    ]
    assert groups(writer().messages(people)) == [
        ["first", "copy"],
        ["second"],
        ["limited", "limited-copy"],
        ["link"],
    ]


def test_what_is_blocked_is_in_no_message() -> None:
    assert writer().messages([replace(planned("a"), blocked_by="there is no report")]) == []


def test_a_copy_whose_message_is_not_sent_becomes_one_of_its_own() -> None:
    alone = [planned("a", message="copy"), planned("b", message="copy")]
    assert groups(writer().messages(alone)) == [["a", "b"]]


def test_message_ids_stay_and_tell_apart_people_versions_and_variants() -> None:
    different = [
        planned("a"),
        planned("b"),
        planned("a", version="v2"),
        planned("a", variant="ab"),
    ]
    ids = [[one.message_id for one in writer().messages(different)] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(different)
    assert all(one.endswith("@mail.example.com") and len(one) < 76 for one in ids[0])


def test_messages_of_a_test_are_new_each_time_and_go_to_one_address() -> None:
    test = writer(test_to="me@example.com")
    messages = [*test.messages([planned("a"), planned("b")]), *test.messages([planned("a")])]
    assert groups(messages) == [["me"]] * 3
    assert len({message.message_id for message in messages}) == 3
    assert len({message.deliveries[0].key for message in messages}) == 3


@pytest.mark.parametrize(
    "error", [OSError("x"), KeyError("x"), TypeError("x\ny"), RuntimeError("x"), IndexError("x")]
)
def test_whatever_is_wrong_with_a_report_withholds_its_message_alone(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr("insights_lib.mail.writer.checked_report", failing)
    [message] = writer().messages([write_report(planned("a"), tmp_path / "1")])
    with pytest.raises(MailError, match=r"is not a whole report .* again\.$"):
        message.build()


@pytest.mark.parametrize("manifest", ["", "[]", "{}", "null", '{"status": "complete"}'])
def test_a_manifest_that_says_nothing_withholds_its_message(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    (tmp_path / "report.html").write_text("page", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    one = in_folder(planned("a"), tmp_path)
    [message] = writer().messages([one])
    for step in (message.build, message.check, partial(checked_report, one)):
        with pytest.raises(MailError, match="has no manifest"):
            step()


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"status": "failed"}, "the status is failed, not complete"),
        ({"partner": "2"}, "the partner is 2, not 1"),
        ({"first": "2024-12"}, "the months is 2024-12_2025-06"),
        ({"tables_sha256": "v2"}, "the tables is v2, not v1"),
        ({"parameters": {"filters": ["product=x"], "locale": "en"}}, r"filters is \['product=x'\]"),
        ({"parameters": {"filters": [], "locale": "sv"}}, "the locale is sv, not en"),
        ({"parameters": {}}, "the filters is None"),
        (
            {"parameters": {"filters": [], "locale": "en", "role": "report_viewer"}},
            "the role is report_viewer, not executive_report_viewer",
        ),
        ({"report_sha256": "0"}, "the page is"),
    ],
)
def test_a_report_that_changes_after_its_message_was_built_is_seen_when_it_is_checked(
    others: dict[str, Any], told: str, tmp_path: Path
) -> None:
    one = write_report(planned("a"), tmp_path / "1")
    [message] = writer().messages([one])
    message.check()
    manifest_of(one, b"page", **others).write(one.folder)
    with pytest.raises(MailError, match=told):
        message.check()


def test_a_page_that_is_gone_after_its_message_was_built_is_seen_when_it_is_checked(
    tmp_path: Path,
) -> None:
    one = write_report(planned("a"), tmp_path / "1")
    [message] = writer().messages([one])
    (one.folder / "report.html").unlink()
    with pytest.raises(MailError, match="the page is"):
        message.check()


def test_a_message_is_alone_with_the_reports_of_its_folder(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "outputs")
    [message] = replace(writer(), outputs=outputs).messages([planned("a")])
    forgotten = Event()

    def forget() -> None:
        with outputs.forgetting():
            forgotten.set()

    thread = Thread(target=forget, daemon=True)
    with message.alone():
        thread.start()
        assert not forgotten.wait(0.3)
    assert forgotten.wait(10)
    thread.join(10)


def test_a_link_cannot_be_guessed_and_its_page_is_the_one_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by somebody who has the link to another report of the same partner and months."""
    seen: list[str] = []

    def noted(_: object, enclosed: message_module.Enclosed) -> Any:
        seen.append(enclosed.link or "")
        return message_from_bytes(b"Subject: x\n\nx")

    monkeypatch.setattr(
        "insights_lib.mail.writer.checked_report", lambda one: (None, one.folder.name.encode())
    )
    monkeypatch.setattr(message_module, "message_of", noted)
    everything = write_report(planned("a", how="link"), tmp_path / "all")
    part = write_report(planned("b", "v2", variant="ab", how="link"), tmp_path / "few")
    for message in replace(writer(), outputs=Outputs(tmp_path)).messages([everything, part]):
        message.build()
    names = [link.removeprefix("https://example.com/reports/") for link in seen]
    assert all(re.fullmatch(r"1-[0-9a-f]{64}\.html", name) for name in names)
    assert len({name[:20] for name in names}) == 2
    pages = [(tmp_path / "_linked" / name).read_bytes() for name in names]
    assert pages == [b"all", b"few"]
    assert len(list((tmp_path / "_linked").iterdir())) == 2
