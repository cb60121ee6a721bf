"""Signing in: by device code, in a browser, with a secret or certificate; and staying so."""

import json
import logging
import os
import re
import stat
from html import unescape
from itertools import count
from pathlib import Path
from threading import Thread
from typing import ClassVar

import httpx
import pytest
import trustme
from msal.oauth2cli import authcode, oauth2
from msal_extensions.persistence import PersistenceNotFound

from insights_lib.errors import ParameterError, SignInError
from insights_lib.fetch import token_file
from insights_lib.fetch.logins import check_logins, log_in
from insights_lib.fetch.sign_in import identity
from tests.support.entra import USER
from tests.support.fetching import GUID, Office, office

APP_KEY = "s3cret-of-the-app"
TOKENS = "fetch/contoso.tokens.json"


def test_a_device_code_is_shown_and_waited_for(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = count()
    monkeypatch.setattr(oauth2.time, "sleep", lambda _: None)
    monkeypatch.setattr(oauth2.time, "time", lambda: next(moments) * 10)
    shown: list[str] = []
    at.center.entra.pending = ["authorization_pending", "slow_down"]
    who = at.log_in(show=shown.append)
    assert shown == ["contoso: open https://microsoft.com/devicelogin and enter the code ABCD-1234"]
    assert (who.user, who.mfa) == (USER, True)
    assert re.fullmatch(
        rf"signed in as {USER}, with MFA, until [\d-]+ [\d:]+ UTC and then renewed", str(who)
    )


def visit(address: str) -> None:
    """Do what a person and a browser do: sign in, and let the page post its form."""
    page = httpx.get(address).text
    fields = {name: re.search(f'name="{name}" value="(.*?)"', page) for name in ("code", "state")}
    [target] = re.findall('action="(.*?)"', page)
    answer = httpx.post(unescape(target), data={k: v[1] for k, v in fields.items() if v})
    assert "You are signed in" in answer.text


def in_browser(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authcode, "_browse", lambda *_, **__: False)
    visits: list[Thread] = []

    def show(text: str) -> None:
        visits.append(Thread(target=visit, args=[text.removeprefix("contoso: open ")]))
        visits[0].start()

    assert at.log_in(show=show).user == USER
    visits[0].join(60)


def test_a_public_client_signs_in_in_a_browser(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    at.tenants["contoso"] = {"sign_in": "browser"}
    in_browser(at, monkeypatch)
    assert "client_secret" not in at.center.entra.asked[-1]
    assert at.token() in at.center.entra.valid


def test_a_secret_from_the_environment_is_taken_out_of_it(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.center.entra.secret = APP_KEY
    at.tenants["contoso"] = {"sign_in": "browser", "secret_variable": "INSIGHTS_SECRET_CONTOSO"}
    monkeypatch.setenv("INSIGHTS_SECRET_CONTOSO", APP_KEY)
    in_browser(at, monkeypatch)
    assert "INSIGHTS_SECRET_CONTOSO" not in os.environ
    assert at.token(renew=True) in at.center.entra.valid
    assert at.center.entra.asked[-1]["client_secret"] == APP_KEY


def test_a_secret_comes_from_a_file(
    at: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at.center.entra.secret = APP_KEY
    (tmp_path / "secret").write_text(f"{APP_KEY}\n")
    at.tenants["contoso"] = {"sign_in": "browser", "secret_file": str(tmp_path / "secret")}
    in_browser(at, monkeypatch)
    (tmp_path / "secret").write_text("another")
    with pytest.raises(SignInError, match=r"client secret is wrong.*AADSTS7000215"):
        at.token(renew=True)
    (tmp_path / "secret").unlink()
    with pytest.raises(ParameterError, match="secret: cannot be read"):
        at.token()


def test_a_certificate_signs_the_assertion(
    at: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at.center.entra.secret = APP_KEY  # nobody has it
    at.tenants["contoso"] = {"sign_in": "browser", "certificate_file": str(tmp_path / "app.pem")}
    for kind in (trustme.KeyType.ECDSA, trustme.KeyType.RSA):
        made = trustme.CA(key_type=kind).issue_cert("app.example", key_type=kind)
        made.private_key_and_cert_chain_pem.write_to_path(tmp_path / "app.pem")
        if kind == trustme.KeyType.ECDSA:  # Entra takes RSA alone
            with pytest.raises(ParameterError, match="an RSA key without a password"):
                at.log_in()
    in_browser(at, monkeypatch)
    asked = at.center.entra.asked[-1]
    assert asked["client_assertion_type"].endswith("jwt-bearer")
    assert asked["client_assertion"].count(".") == 2


def test_tokens_are_for_their_owner_alone(at: Office, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / TOKENS).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "fetch").stat().st_mode) & 0o007 == 0
    at.token(renew=True)
    assert stat.S_IMODE((tmp_path / TOKENS).stat().st_mode) == 0o600


def test_a_rotated_refresh_token_is_stored_before_the_access_token_is_used(
    at: Office, tmp_path: Path
) -> None:
    for _ in range(3):  # each is taken once only
        before = at.center.entra.refresh
        token = at.token(renew=True)
        stored = (tmp_path / TOKENS).read_text()
        assert at.center.entra.refresh in stored
        assert before not in stored
        assert token in at.center.entra.valid


def test_a_token_that_lasts_is_asked_for_once(at: Office) -> None:
    assert at.token() == at.token()
    assert len(at.center.entra.asked) == 1


def test_a_token_about_to_end_is_renewed(at: Office) -> None:
    at.center.entra.lifetime = 200
    first = at.log_in() and at.token()
    assert at.token() != first


@pytest.mark.parametrize(
    ("code", "word", "what"),
    [
        (700082, "invalid_grant", "not used for long; run insights login --tenant contoso again"),
        (50076, "interaction_required", "wants a sign-in with MFA"),
        (50173, "invalid_grant", "was revoked"),
        (53003, "access_denied", "Conditional Access forbids"),
        (65001, "invalid_grant", "admin consent"),
        (7000222, "invalid_client", "client secret has expired"),
        (7000218, "invalid_client", "allow public client flows"),
        (99, "invalid_grant", "not taken any more"),
        (99, "strange", "refuses: AADSTS99: It went wrong"),
    ],
)
def test_a_refusal_says_what_to_do(at: Office, code: int, word: str, what: str) -> None:
    at.center.entra.refusals = [(code, word)]
    with pytest.raises(SignInError) as refused:
        at.token(renew=True)
    assert what in str(refused.value)
    assert str(refused.value).endswith(f"(AADSTS{code}).")


def test_a_sign_in_that_fails_leaves_the_one_before(at: Office) -> None:
    at.center.entra.refusals = [(50076, "access_denied")]
    with pytest.raises(SignInError, match="wants a sign-in with MFA"):
        at.log_in()
    assert at.token(renew=True) in at.center.entra.valid


def test_where_the_tenant_is_asked_is_found_out_once(at: Office) -> None:
    at.center.looks = 5
    at.center.entra.metadata_asked = 0
    at.fetch("Profile")
    assert at.center.entra.metadata_asked == 1


def test_without_a_sign_in_one_is_asked_for(at: Office, tmp_path: Path) -> None:
    (tmp_path / TOKENS).unlink()
    with pytest.raises(SignInError, match="run insights login --tenant contoso"):
        at.token()
    assert "run insights login" in at.retell()


def test_damaged_tokens_are_told(at: Office, tmp_path: Path) -> None:
    (tmp_path / TOKENS).write_text("{")
    with pytest.raises(SignInError, match="delete it and run insights login"):
        at.token()


def test_a_service_that_is_not_there_is_told(at: Office) -> None:
    at.center.entra.url = ""
    at.center.url = "https://localhost:1"
    with pytest.raises(SignInError, match=r"cannot be reached \(ConnectError\)"):
        at.token()


def test_a_token_that_cannot_be_read_tells_nothing() -> None:
    for token in ("opaque", "a.b.c", "a.W10.c"):
        assert identity(token).user is None
        assert "MFA unknown" in str(identity(token))


def check(at: Office, *tenants: str) -> tuple[str, bool]:
    [status] = check_logins(at.plan, [*tenants], at.watch.clock)
    return str(status), status.well


def test_a_check_tells_who_until_when_and_what_is_offered(at: Office) -> None:
    text, well = check(at, "contoso")
    assert well
    assert text.startswith(f"contoso: signed in as {USER}, with MFA, until")
    assert text.endswith("3 of the 8 datasets that reports can use are offered.")


def test_a_check_tells_that_mfa_is_missing(at: Office) -> None:
    at.center.entra.amr = ["pwd"]
    at.center.mfa_header = "false"
    at.log_in()
    text, well = check(at)
    assert "without MFA" in text
    assert "not find the sign-in MFA-compliant" in text
    assert not well
    at.center.lacks_mfa = True
    text, well = check(at)
    assert "wants a sign-in with MFA; run insights login --tenant contoso again" in text
    assert not well


def test_a_check_without_the_header_is_no_warning(at: Office) -> None:
    at.center.mfa_header = None
    assert check(at)[1]


def test_a_check_tells_that_the_role_is_missing(at: Office) -> None:
    at.center.entra.valid.clear()
    at.center.entra.refusals = []
    at.center.entra.valid = type("Nobody", (set,), {"__contains__": lambda *_: False})()
    text, well = check(at)
    assert "Executive report viewer" in text
    assert not well


def test_one_login_that_fails_does_not_stop_the_others(at: Office) -> None:
    at.tenants = {"contoso": {}, "fabrikam": {}}
    at.center.entra.refusals = [(65001, "invalid_grant")]
    first, second = log_in(at.plan, [], str)
    assert (first.well, second.well) == (False, True)
    with pytest.raises(ParameterError, match="did you mean 'contoso'"):
        next(log_in(at.plan, ["contosa"], str))


def test_no_secret_is_in_any_message_or_log(
    at: Office, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    at.center.lacks_mfa = True
    told = at.retell() + check(at)[0]
    at.center.lacks_mfa = False
    told += at.retell("Profile")
    notes = (tmp_path / "fetch/contoso.json").read_text()
    tokens = json.loads((tmp_path / TOKENS).read_text())
    secrets = [
        entry["secret"]
        for kind in ("AccessToken", "RefreshToken")
        for entry in tokens[kind].values()
    ]
    assert len(secrets) == 2
    for text in (told, notes, caplog.text, *map(str, at.followed)):
        assert not [secret for secret in (*secrets, "sig=", "Bearer") if secret in text]
    assert GUID in (tmp_path / TOKENS).read_text()


# A keyring


class Keyring:
    """A keyring in memory; `build_encrypted_persistence` opens it."""

    kept: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self) -> str:
        if self.name not in self.kept:
            raise PersistenceNotFound
        return self.kept[self.name]

    def save(self, content: str) -> None:
        self.kept[self.name] = content


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(Keyring, "kept", {})
    monkeypatch.setattr(token_file, "build_encrypted_persistence", Keyring)
    return Keyring.kept


def test_a_keyring_at_hand_has_the_tokens_and_no_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyring: dict[str, str]
) -> None:
    with office(tmp_path, monkeypatch) as at:
        [kept] = keyring.values()
        assert at.center.entra.refresh in kept
        assert not (tmp_path / TOKENS).exists()
        at.token(renew=True)
        [renewed] = keyring.values()
        assert renewed != kept
        assert at.center.entra.refresh in renewed
        files = [f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()]
        assert not any(at.center.entra.refresh.encode() in content for content in files)


def test_tokens_of_a_file_move_into_a_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as at:
        assert (tmp_path / TOKENS).exists()
        monkeypatch.setattr(Keyring, "kept", {})
        monkeypatch.setattr(token_file, "build_encrypted_persistence", Keyring)
        at.token(renew=True)
        assert not (tmp_path / TOKENS).exists()
        assert at.center.entra.refresh in "".join(Keyring.kept.values())


def test_without_a_keyring_a_file_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("no session bus")

    monkeypatch.setattr(token_file, "build_encrypted_persistence", broken)
    with office(tmp_path, monkeypatch) as at:
        assert at.center.entra.refresh in (tmp_path / TOKENS).read_text()
