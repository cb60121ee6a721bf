"""PlannedMail deliveries become letters: who shares one, what it is called, and where it links to."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import MailError
from insights_lib.mail import message as message_module
from insights_lib.mail.delivery import OutgoingMessage
from insights_lib.mail.pictures import Picture, Pictures
from insights_lib.mail.plan import PlannedMail
from insights_lib.mail.writer import Writer, checked_report
from insights_lib.parameters.recipients_yml import Person, RecipientsFile
from insights_lib.parameters.spec import ReportSpec
from insights_lib.parameters.validation import validated
from insights_lib.timing import Clock

MONTHS = "2025-01_2025-06"
CLOCK = Clock(lambda: datetime(2025, 8, 1, tzinfo=UTC))


def planned(name: str, version: str = "v1", variant: str = "", **of_person: Any) -> PlannedMail:
    values = {"address": f"{name}@example.com", "locations": "all", **of_person}
    spec = ReportSpec(partner="1", date_range=MONTHS, variant=variant)
    person = validated(Person, values, "person")
    return PlannedMail(person, spec, MONTHS, Path("/out put/1") / variant / MONTHS, version)


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
    return Writer(recipients, Path("/out put"), NoPictures(), CLOCK, **others)


def groups(letters: Sequence[OutgoingMessage]) -> list[list[str]]:
    return [[d.recipient.split("@")[0] for d in letter.deliveries] for letter in letters]


def test_copies_stand_on_the_first_message_with_the_same_report() -> None:
    people = [
        planned("copy", message="copy"),
        planned("first"),
        planned("second"),
        planned("limited", variant="ab"),
        planned("link", how="link"),
        planned("limited-copy", variant="ab", message="copy"),
    ]
    assert groups(writer().letters(people)) == [
        ["first", "copy"],
        ["second"],
        ["limited", "limited-copy"],
        ["link"],
    ]


def test_what_is_hindered_is_in_no_letter() -> None:
    assert writer().letters([replace(planned("a"), blocked_by="there is no report")]) == []


def test_a_copy_whose_message_is_not_sent_becomes_one_of_its_own() -> None:
    alone = [planned("a", message="copy"), planned("b", message="copy")]
    assert groups(writer().letters(alone)) == [["a", "b"]]


def test_message_ids_stay_and_tell_apart_people_versions_and_variants() -> None:
    different = [
        planned("a"),
        planned("b"),
        planned("a", version="v2"),
        planned("a", variant="ab"),
    ]
    ids = [[one.message_id for one in writer().letters(different)] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(different)
    assert all(one.endswith("@mail.example.com") and len(one) < 76 for one in ids[0])


def test_letters_of_a_test_are_new_each_time_and_go_to_one_address() -> None:
    test = writer(test_to="me@example.com")
    letters = [*test.letters([planned("a"), planned("b")]), *test.letters([planned("a")])]
    assert groups(letters) == [["me"]] * 3
    assert len({letter.message_id for letter in letters}) == 3
    assert len({letter.deliveries[0].key for letter in letters}) == 3


@pytest.mark.parametrize(
    "error", [OSError("x"), KeyError("x"), TypeError("x\ny"), RuntimeError("x"), IndexError("x")]
)
def test_whatever_is_wrong_with_a_report_withholds_its_letter_alone(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr("insights_lib.mail.plan.checked_report", failing)
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    [letter] = writer().letters([replace(planned("a"), folder=tmp_path)])
    with pytest.raises(MailError, match=r"is no whole report .* again\.$"):
        letter.build()


@pytest.mark.parametrize("manifest", ["", "[]", "{}", "null", '{"status": "complete"}'])
def test_a_manifest_that_says_nothing_withholds_its_letter(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    (tmp_path / "report.html").write_text("page", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    one = replace(planned("a"), folder=tmp_path)
    with pytest.raises(MailError):
        writer().letters([one])[0].build()
    with pytest.raises((MailError, ValueError, KeyError, TypeError)):
        checked_report(one)


def test_a_link_cannot_be_guessed_and_its_page_is_the_one_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by somebody who has the link to another report of the same partner and months."""
    seen: list[str] = []

    def noted(_: object, enclosed: message_module.Enclosed) -> Any:
        seen.append(enclosed.link or "")
        return message_from_bytes(b"Subject: x\n\nx")

    for folder in ("all", "few"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "manifest.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(
        "insights_lib.mail.plan.checked_report", lambda one: (None, one.folder.name.encode())
    )
    monkeypatch.setattr(message_module, "message_of", noted)
    everything = replace(planned("a", how="link"), folder=tmp_path / "all")
    part = replace(planned("b", "v2", variant="ab", how="link"), folder=tmp_path / "few")
    for letter in replace(writer(), outputs=tmp_path).letters([everything, part]):
        letter.build()
    names = [link.removeprefix("https://example.com/reports/") for link in seen]
    assert all(re.fullmatch(r"1-[0-9a-f]{64}\.html", name) for name in names)
    assert len({name[:20] for name in names}) == 2
    pages = [(tmp_path / "_linked" / name).read_bytes() for name in names]
    assert pages == [b"all", b"few"]
    assert len(list((tmp_path / "_linked").iterdir())) == 2
