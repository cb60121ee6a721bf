"""Answers that no documentation knows: one tenant tells of them, and the others go on."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from msal.oauth2cli import authcode
from typer.testing import CliRunner

from insights_lib.cli import app
from insights_lib.errors import SignInError
from insights_lib.fetch.dataset_fetch import DatasetFetch
from insights_lib.fetch.logins import check_logins, log_in
from insights_lib.fetch.refusals import sign_in_refused
from insights_lib.fetch.secrets import without_secrets
from insights_lib.fetch.sign_in import identity
from insights_lib.parameters.secret_variables import is_secret
from tests.support.entra import _jwt
from tests.support.fetching import Office
from tests.support.partner_center import Fault
from tests.support.processes import completed

HOSTILE = "Pending\x1b[2J\x1b]0;title\x07\nfabrikam: all is well\u202e"
TOKENS = "fetch/contoso.tokens.json"
NOT_SERVICE = "does not answer as a sign-in service does; see tenant_id and authority in fetch.yml."
# Runs a command in a process of its own, with all that it writes to standard error.
COMMAND = "import sys\nfrom insights_lib.cli import app\napp(sys.argv[1:])"


@pytest.fixture
def two(at: Office) -> Office:
    """Two tenants, of which the first is answered oddly."""
    at.tenants = {"contoso": {}, "fabrikam": {}}
    at.log_in("fabrikam")
    return at


def parameters(at: Office) -> str:
    folder = at.folder / "parameters"
    folder.mkdir(exist_ok=True)
    (folder / "fetch.yml").write_text(yaml.safe_dump(at.settings))
    return str(folder)


@pytest.mark.parametrize("body", ['{"value": 5}', '{"value": true}', "true", "[" * 200_000])
def test_an_odd_answer_stops_one_tenant_alone(two: Office, body: str) -> None:
    two.center.faults = [Fault("GET", "/ScheduledDataset", 200, body)]
    first, second = two.fetch("Profile")
    assert (first.tenant, first.failed) == ("contoso", True)
    assert str(first).startswith("contoso: ScheduledDataset: ")
    said = first.text.removeprefix("contoso: ScheduledDataset: ")
    assert said.startswith(
        "Partner Center answers without what was asked for"
        if "value" in body
        else "what answers is not"
    )
    assert (second.tenant, second.failed) == ("fabrikam", False)
    assert two.exports() == ["2026-01-15_Profile_fabrikam.csv"]
    two.center.faults = [Fault("GET", "/ScheduledDataset", 200, body)]
    stands = [*check_logins(two.plan, [], two.watch.clock)]
    assert [status.well for status in stands] == [False, True]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/ScheduledQueries", "/ScheduledReport", "/ScheduledReport/exec"])
def test_an_odd_answer_in_the_middle_is_told_or_looked_at_again(
    at: Office, method: str, path: str
) -> None:
    at.center.faults = [Fault(method, path, 200, '{"value": 5}', done=True)]
    [result] = at.fetch("Profile")
    assert ("answers without what was asked for" in result.text) == result.failed
    assert result.failed == (method == "GET")
    assert at.center.posts("/ScheduledReport") <= 1


@pytest.mark.parametrize("field", ["queryId", "reportId"])
@pytest.mark.parametrize("value", [None, 5.5, ["q"], {"a": 1}, "../x", "a\x1b", "a" * 999, "åäö"])
def test_an_id_that_is_none_is_told(at: Office, field: str, value: Any) -> None:
    path = "/ScheduledQueries" if field == "queryId" else "/ScheduledReport"
    at.center.faults = [Fault("POST", path, 200, json.dumps({"value": [{field: value}]}))]
    assert f"without a usable {field.lower()}" in at.retell("Profile")


def test_values_of_other_types_are_left_out(at: Office) -> None:
    at.center.datasets["Profile"]["minimumRecurrenceInterval"] = "x"
    at.center.datasets["OfficeUsage"]["selectableColumns"] = 5
    at.center.datasets["CustomersAndTenants"]["availableDateRanges"] = [1, {"name": 2}, None]
    results = {result.dataset: result for result in at.fetch()}
    assert not results["Profile"].failed
    assert "without any column" in results["OfficeUsage"].text


def test_what_nobody_foresaw_stops_one_dataset_and_shows_where_with_debug(
    two: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = DatasetFetch.visit

    def odd(self: DatasetFetch, scheduled: bool) -> Any:
        if self._place.tenant == "contoso":
            raise TypeError("unforeseen")
        return visit(self, scheduled)

    monkeypatch.setattr(DatasetFetch, "visit", odd)
    two.center.looks, two.center.now = 0, lambda: datetime.now(UTC)  # as the command sees it
    command = ["fetch", "--dataset", "Profile", "--parameters", parameters(two)]
    command += ["--to", str(two.folder / "exports")]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 1
    assert said.stderr == "contoso Profile: unexpected TypeError; with --debug you see where.\n"
    assert "fabrikam Profile: " in said.stdout
    debugged = CliRunner().invoke(app, [*command, "--debug"])
    assert "Traceback (most recent call last)" in debugged.stderr
    assert "TypeError: unforeseen" in debugged.stderr
    assert "fabrikam Profile: " in debugged.stdout
    assert "Traceback" not in CliRunner().invoke(app, command).stderr


# Signing in


@pytest.mark.parametrize("place", ["token", "devicecode", "openid-configuration"])
@pytest.mark.parametrize("body", ["[]", "null", '"x"', "5", "no JSON", "{}", "[" * 200_000])
def test_an_odd_answer_of_the_sign_in_service_is_one_sentence(
    two: Office, place: str, body: str
) -> None:
    two.center.entra.bodies = {place: body}
    told: list[str] = []
    for status in log_in(two.plan, [], str):
        assert not status.well
        told.append(str(status))
    assert [text.partition(":")[0] for text in told] == ["contoso", "fabrikam"]
    assert all(text.endswith(NOT_SERVICE) or "sign-in" in text for text in told)
    if place == "token":
        with pytest.raises(SignInError):
            two.token(renew=True)


@pytest.mark.parametrize("value", [5, None, ["a"], {}, "", "a\nb", "å"])
def test_a_token_that_is_none_is_not_taken(at: Office, value: Any) -> None:
    at.center.entra.bodies = {"token": json.dumps({"access_token": value, "expires_in": 9})}
    with pytest.raises(SignInError):
        at.log_in()


@pytest.mark.parametrize(
    "answer",
    [
        {"error_codes": 5, "error": "odd"},
        {"error_codes": [None, {}, "²", "9" * 999], "error": ["odd"]},
        {"error": "odd", "error_description": "app {0} at {foo} {name.__class__}"},
        {"error": "{name}"},
        {"error_description": {"a": "{0}"}},
    ],
)
def test_a_refusal_is_shown_as_it_is_and_never_a_pattern(at: Office, answer: Any) -> None:
    said = without_secrets(str(answer.get("error_description") or answer["error"]))
    at.center.entra.bodies = {"token": json.dumps(answer)}
    with pytest.raises(SignInError) as refused:
        at.token(renew=True)
    assert str(refused.value) == f"contoso: the sign-in service refuses: {said}."
    assert str(sign_in_refused("contoso", answer)) == str(refused.value)


def test_no_log_of_a_library_has_a_token(
    at: Office, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("msal", "msal.oauth2cli.oauth2", "msal_extensions", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)  # a program around this may have done so
    body = "<p>access_token: eyJsecret.access.token refresh_token: 0.Refresh-secret"
    at.center.entra.bodies = {"token": body}
    for sign in (at.log_in, lambda: at.token(renew=True)):
        with pytest.raises(SignInError, match=NOT_SERVICE):
            sign()
    written = capfd.readouterr()
    for text in (caplog.text, written.out, written.err):
        assert "secret" not in text
        assert "Traceback" not in text


def test_a_login_writes_one_sentence_and_no_token(at: Office) -> None:
    at.center.entra.bodies = {"token": "eyJsecret.access.token and 0.Refresh-secret"}
    command = [sys.executable, "-c", COMMAND, "login", "--parameters", parameters(at)]
    lines = completed(command, 120, expected=1).stderr.splitlines()
    assert len(lines) == 2
    assert "enter the code" in lines[0]
    assert lines[1].endswith(NOT_SERVICE)


@pytest.mark.parametrize(
    "kept", ["[]", "5", '{"AccessToken": []}', '{"Account": {"a": 1}}', "[" * 9**6]
)
def test_tokens_of_another_form_are_damaged_ones(at: Office, kept: str) -> None:
    (at.folder / TOKENS).write_text(kept)
    with pytest.raises(SignInError, match="cannot be read; delete it and run insights login"):
        at.token()


def test_a_token_that_cannot_be_kept_is_told(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("insights_lib.fetch.token_file.write_private", full)
    [status] = log_in(at.plan, [], str)
    assert "the sign-in cannot be kept (No space left on device)" in str(status)


@pytest.mark.parametrize("until", [10**30, -(10**30), "x", [], 1e400, None])
def test_a_token_that_ends_at_no_moment_tells_none(until: Any) -> None:
    assert identity(_jwt({"exp": until})).until is None


# What is shown


def is_plain(text: str) -> bool:
    return all(c.isprintable() for c in text.rstrip("\n"))


def test_a_state_cannot_move_the_cursor_or_forge_a_line(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = {"executionId": "e-1", "executionStatus": HOSTILE}
    at.center.faults = [
        Fault("GET", "/ScheduledReport/execution", 200, json.dumps({"value": [execution]}))
        for _ in range(9)
    ]
    at.deadline_minutes = 1
    told = at.retell("Profile")
    assert at.followed
    assert "all is well" in told
    assert all(map(is_plain, [told, *at.followed]))


def test_columns_of_a_download_cannot_either(at: Office) -> None:
    at.center.file = at.folder / "odd.csv"
    at.center.file.write_text('"a\x1b[2J","b\rfabrikam: all is well"\n1,2\n')
    told = at.retell("Profile")
    assert "what came is not the export" in told
    assert is_plain(told)


def test_a_sign_in_cannot_either(at: Office) -> None:
    shown: list[str] = []
    device = at.center.entra.device_code()[1]
    device |= {"verification_uri": f"https://x/{HOSTILE}", "user_code": HOSTILE}
    at.center.entra.bodies = {"devicecode": json.dumps(device)}
    at.center.entra.claims = {"upn": f"me@x{HOSTILE}"}
    [status] = log_in(at.plan, [], shown.append)
    at.log_in(show=shown.append)
    [checked] = check_logins(at.plan, [], at.watch.clock)
    assert "enter the code" in shown[0]
    assert "me@x" in str(status)
    assert all(map(is_plain, [*shown, str(status), str(checked)]))


@pytest.mark.parametrize(
    "text",
    ["refresh_token=hush", "client_secret=hush", '{"refresh_token" : "hush"}', '"password":"hush'],
)
def test_secrets_by_their_longer_names_are_left_out(text: str) -> None:
    assert "hush" not in without_secrets(f"see {text}")


# The browser


def test_the_browser_of_a_sign_in_has_no_secret(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "INSIGHTS_SECRET_CONTOSO": "one",
        "INSIGHTS_SECRET_FABRIKAM": "two",
        "INSIGHTS_SECRET_WAREHOUSE": "user:three",
        "INSIGHTS_SMTP_PASSWORD": "four",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    seen: list[dict[str, str]] = []

    def browse(*_: Any, **__: Any) -> bool:
        seen.append(dict(os.environ))
        return False

    class Receiver(authcode.AuthCodeReceiver):  # type: ignore[misc]
        def get_auth_response(self, **given: Any) -> dict[str, str]:
            authcode._browse(given["auth_uri"])
            return {"error": "access_denied", "state": given["state"]}

    monkeypatch.setattr(authcode, "_browse", browse)
    monkeypatch.setattr("insights_lib.fetch.sign_in.AuthCodeReceiver", Receiver)
    names = {"contoso": "INSIGHTS_SECRET_CONTOSO", "fabrikam": "INSIGHTS_SECRET_FABRIKAM"}
    at.tenants = {
        tenant: {"sign_in": "browser", "secret_variable": name} for tenant, name in names.items()
    }
    told = [str(status) for status in log_in(at.plan, [], str)]
    assert [("declined" in text) for text in told] == [True, True]
    assert [[*filter(is_secret, environment)] for environment in seen] == [[], []]
    assert "PATH" in seen[0]
    assert os.environ["INSIGHTS_SMTP_PASSWORD"]  # it is there for mail that follows
