"""`insights login` and `insights fetch`, as they are typed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from insights_lib.cli import app
from tests.support.entra import USER
from tests.support.fetching import Office, office


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with office(tmp_path, monkeypatch, signed_in=False) as one:
        monkeypatch.chdir(tmp_path)
        one.center.looks = 0
        one.center.now = lambda: datetime.now(UTC)  # as the command sees it
        yield one


def insights(at: Office, *arguments: str) -> Result:
    Path("parameters").mkdir(exist_ok=True)
    Path("parameters/fetch.yml").write_text(yaml.safe_dump(at.settings))
    return CliRunner().invoke(app, [*arguments])


def test_a_login_then_a_check_then_a_fetch(at: Office) -> None:
    signed = insights(at, "login", "--tenant", "contoso")
    assert signed.exit_code == 0, signed.stderr
    assert "enter the code ABCD-1234" in signed.stderr
    assert signed.stdout.startswith(f"contoso: signed in as {USER}, with MFA, until")
    checked = insights(at, "login", "--check")
    assert (checked.exit_code, checked.stdout.count("\n")) == (0, 1)
    assert "3 of the 8 datasets" in checked.stdout
    fetched = insights(at, "fetch", "--dataset", "OfficeUsage", "--months", "3", "--to", "new")
    assert fetched.exit_code == 0, fetched.stderr
    assert fetched.stdout.startswith("contoso OfficeUsage: 2024-01 to 2025-12, 26 rows, ")
    assert [f.suffix for f in Path("new").iterdir()] == [".csv"]


def test_what_fails_is_said_and_is_the_status(at: Office) -> None:
    for command in (["login", "--check"], ["fetch"]):
        failed = insights(at, *command)
        assert failed.exit_code == 1
        assert failed.stdout == ""
        assert failed.stderr == (
            "contoso: nobody is signed in; run insights login --tenant contoso.\n"
        )


def test_a_wrong_call_is_told_with_what_is_right(at: Office) -> None:
    wrong = insights(at, "login", "--tenant", "contosa")
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "tenant: 'contosa' is none of: contoso; did you mean 'contoso'.\n",
    )
    wrong = insights(at, "fetch", "--dataset", "Azure")
    assert wrong.exit_code == 2
    assert "AzureUsage" in wrong.stderr
    at.tenants = {}
    for command, kind in (("login", "tenant"), ("fetch", "tenant or database")):
        nobody = insights(at, command)
        assert nobody.exit_code == 2
        missing = f"fetch.yml: no {kind} is named; docs/operators.md tells how to set one up."
        assert missing in nobody.stderr


def test_without_a_terminal_waiting_is_a_line_for_each_change(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    insights(at, "login")
    at.center.looks = 2
    monkeypatch.setattr("insights_lib.fetch.fetch._SHORTEST", 0.01)
    fetched = insights(at, "fetch", "--dataset", "Profile")
    assert fetched.exit_code == 0, fetched.stderr
    assert fetched.stderr == "contoso: Profile Pending\n"
