"""Mail of really rendered reports: a store, the parameter files, and the program."""

import base64
import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from insights_lib import cli
from insights_lib.mail.login import PASSWORD, USER
from tests.support.rows import fill_store, seats_row, usage_row
from tests.support.smtp_server import HOST, LOGIN, MailServer, ca_file, mail_server

AS_OF = "2025-08-01"
RANGE = "2025-01_2025-06"
MONTHS = [f"2025-{month:02d}" for month in range(1, 7)]
ELSEWHERE = ("Bergen", "Fjord Suite")  # what only the rows of the other location say
PARTNER_NAME = "Söner & <b>Co</b>"
REPORT = Path("outputs/1") / RANGE


def seats() -> list[dict[str, str]]:
    """Of partner 1, three customers in Oslo and 40 in Bergen, who buy other products."""
    oslo = [seats_row(month, customer) for month in MONTHS for customer in "abc"]
    there = {"PartnerLocation": ELSEWHERE[0], "Product": ELSEWHERE[1], "CustomerMarket": "Norway"}
    return oslo + [
        seats_row(month, f"there-{n}", **there)
        for number, month in enumerate(MONTHS)
        for n in range(35 + number)
    ]


def datasets() -> dict[str, list[dict[str, str]]]:
    named = {"MPNId": "11", "PGA_MPNId": "1", "PGA_PartnerName": PARTNER_NAME, "Country": "Sweden"}
    usage = [usage_row(month, customer) for month in MONTHS[1:] for customer in ("a", "there-1")]
    return {"SeatsSubscriptionsAndRevenue": seats(), "OfficeUsage": usage, "Profile": [named]}


def insights(*arguments: str, columns: int = 200) -> Result:
    about = {"COLUMNS": str(columns), "NO_COLOR": "1"}
    return CliRunner().invoke(cli.app, list(arguments), env=about)


def sentences(result: Result) -> list[str]:
    """What stands on stderr, which is no traceback."""
    assert "Traceback" not in result.output
    assert "unexpected" not in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.stderr.splitlines()


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


def person(address: str, **others: Any) -> dict[str, Any]:
    return {"address": f"{address}@example.com", "locations": "all", **others}


OSLO = person("oslo", locations=["OSLO"], locale="sv")


def write_parameters(people: Any, port: int = 1, **others: Any) -> None:
    """Write reports.yml, and recipients.yml with the people of partner 1."""
    folder = Path("parameters")
    folder.mkdir(exist_ok=True)
    reports = {"ranges": [RANGE], "partners": [{"id": "1"}]}
    (folder / "reports.yml").write_text(yaml.safe_dump(reports), encoding="utf-8")
    server = {"host": HOST, "port": port, "security": "starttls", "ca_file": str(ca_file(folder))}
    recipients = {
        "sender": "reports@example.com",
        "allowed_domains": ["example.com"],
        "smtp": {**server, "messages_per_minute": 60_000},
        "partners": {"1": people},
        **others,
    }
    (folder / "recipients.yml").write_text(yaml.safe_dump(recipients), encoding="utf-8")


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def rendered(folder: Path, people: Any) -> Path:
    """A folder with a store and what `insights run` makes of it for some people."""
    with working_in(folder):
        Path("data").mkdir()
        fill_store(Path("data"), datasets())
        write_parameters(people)
        done = insights("run", "--as-of", AS_OF, "--quiet")
        assert done.exit_code == 0, done.output
    return folder


def copied(made: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was rendered, as the working folder, with a login in the environment."""
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv(USER, LOGIN.user)
    monkeypatch.setenv(PASSWORD, LOGIN.password)
    return folder


def without_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no program be found: messages have tables, and take no time."""
    monkeypatch.setenv("PATH", "")


def parsed(data: bytes) -> EmailMessage:
    """A message as a mail program reads it, which finds nothing wrong with it."""
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
        assert [v.defects for _, v in part.items() if v.defects] == []
    return message


def received(server: MailServer) -> list[EmailMessage]:
    return [parsed(one.content) for one in server.received]


def told(message: EmailMessage, kind: str = "plain") -> str:
    """The text of a message, plain or HTML."""
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def attached(message: EmailMessage) -> list[tuple[str, bytes]]:
    return [
        (str(part.get_filename()), bytes(part.get_payload(decode=True)))
        for part in message.iter_attachments()
    ]


def content_of(page: str) -> Any:
    """What a report's page was made of: its facts, tables and rows."""
    (packed,) = re.findall(r'id="content">([^<]*)<', page)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ordinary report, and one of a single location in Swedish."""
    return rendered(tmp_path_factory.mktemp("made") / "here", [OSLO])


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server() as shown:
        yield shown


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, a copy of what was made; no browser draws pictures."""
    without_browser(monkeypatch)
    return copied(made, tmp_path / "here", monkeypatch)


@pytest.fixture
def people(here: Path, server: MailServer) -> Callable[..., None]:
    """A function that writes who gets what."""
    return lambda *given, **others: write_parameters(list(given), server.port, **others)
