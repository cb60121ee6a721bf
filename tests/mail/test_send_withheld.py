"""`insights send`: a report that is not what it should be is not sent, and why is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from insights_lib.outputs import Manifest
from tests.support.mailing import (
    AS_OF,
    OSLO,
    PARTNER_NAME,
    REPORT,
    insights,
    person,
    reason,
    received,
    send,
    states,
)
from tests.support.smtp_server import MailServer


def change_manifest(folder: Path, **values: Any) -> None:
    manifest = Manifest.read(folder)
    assert manifest
    Manifest.model_validate({**manifest.model_dump(), **values}).write(folder)


def broken_page(folder: Path) -> None:
    page = folder / "report.html"
    data = bytearray(page.read_bytes())
    data[len(data) // 2] ^= 1
    page.write_bytes(bytes(data))


def notebooks_with(old: str, new: str) -> Callable[[Path], None]:
    """A manifest and a page that fit, beside notebooks that say something else."""

    def rewrite(folder: Path) -> None:
        notebooks = [*(folder / "notebooks").iterdir()]
        texts = [notebook.read_text(encoding="utf-8") for notebook in notebooks]
        assert any(old in text for text in texts)
        for notebook, text in zip(notebooks, texts, strict=True):
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
    "other numbers": (
        notebooks_with('"rows": [[', '"rows": [[], ['),
        "the tables of the notebooks is",
    ),
    "no notebook": (
        lambda f: (f / "notebooks/01_summary.ipynb").unlink(),
        "the tables of the notebooks is",
    ),
    "half a notebook": (
        lambda f: (f / "notebooks/01_summary.ipynb").write_text("{"),
        "not a whole report",
    ),
    "another notebook": (
        lambda f: (f / "notebooks/01_summary.ipynb").write_text("[]"),
        "whole report",
    ),
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


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("pay@example.org", "pay@example.org"),
        ("Con\u200bto\u00adso", "Contoso"),
        ("x\r\nBcc: y@example.org", "x  Bcc: y@example.org"),
    ],
)
def test_no_name_of_a_partner_keeps_its_mail_back(
    name: str, shown: str, people: Callable[..., None], server: MailServer
) -> None:
    people(person("anna"))
    named(name)(REPORT)
    assert send().exit_code == 0
    [message] = received(server)
    assert str(message["Subject"]).startswith(f"{shown}: Customers")
    assert [one.recipients for one in server.received] == [("anna@example.com",)]


def failed(folder: Path) -> None:
    change_manifest(folder, status="failed", failures=[{"section": "01", "reason": "no data"}])


def other_data(folder: Path) -> None:
    manifest = Manifest.read(folder)
    assert manifest
    change_manifest(folder, fingerprint={**manifest.fingerprint, "data": "0"})


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


def test_a_report_that_is_rendered_again_meanwhile_is_not_sent(
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
    assert "was rendered again" in reason("anna")


def test_a_page_that_changes_right_before_it_is_sent_is_not_sent(
    people: Callable[..., None], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insights_lib.mail import send as sending  # noqa: PLC0415 - to do something before it

    found = sending.open_messages

    def spoiled(*given: Any) -> Any:
        messages = found(*given)
        if spoil:
            spoil.pop()(REPORT)
        return messages

    spoil = [broken_page]
    monkeypatch.setattr(sending, "open_messages", spoiled)
    people(person("anna"))
    result = send()
    assert (result.exit_code, server.received) == (1, [])
    assert "withheld: " in result.stderr
    assert "the page is" in result.stderr


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
    from insights_lib.mail import mailing  # noqa: PLC0415 - to put something in its place

    read = mailing.read_recipients
    stricter = {"allowed_domains": ("example.org",)}
    monkeypatch.setattr(
        mailing, "read_recipients", lambda folder: read(folder).model_copy(update=stricter)
    )
    people(person("anna"))
    assert send().exit_code == 1
    assert not [step for step, _ in server.steps if step in {"RCPT", "DATA"}]
    assert reason("anna") == "mail to example.com is not allowed; see allowed_domains"


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
