"""Signing in to Partner Center: once by a person, with MFA; from then on by what that gave."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msal
from msal.oauth2cli.authcode import AuthCodeReceiver

from insights_lib.errors import InsightsError, SignInError
from insights_lib.fetch.refusals import sign_in_refused
from insights_lib.fetch.secrets import client_credential, log_nothing, on_one_line
from insights_lib.fetch.token_file import TokenFile
from insights_lib.parameters.fetch_yml import FetchPlan, Tenant
from insights_lib.parameters.secret_variables import secrets_hidden

SCOPES = ["https://api.partnercenter.microsoft.com/user_impersonation"]
_PATIENCE = 15 * 60  # seconds that a person has for the browser; a device code has as long
_LONGEST_NAME = 113  # characters of a user principal name
_TOKEN = re.compile("[!-~]+")  # what a header can have
_DONE = "You are signed in. You can close this window."
_FAILED = "The sign-in failed: $error. Close this window, and see the terminal."

Show = Callable[[str], None]


@dataclass(frozen=True)
class Identity:
    """Who is signed in, as the access token says; None where it does not say.

    Attributes:
        user: The user principal name.
        until: When the access token ends; it is renewed by itself.
        mfa: Whether the sign-in was with more than a password.
    """

    user: str | None
    until: datetime | None
    mfa: bool | None

    def __str__(self) -> str:
        """The same as a sentence without its end."""
        until = f", until {self.until:%Y-%m-%d %H:%M} UTC and then renewed" if self.until else ""
        mfa = {True: "with MFA", False: "without MFA", None: "MFA unknown"}[self.mfa]
        return f"signed in as {self.user or 'somebody whom the token does not name'}, {mfa}{until}"


class SignIn:
    """The sign-in of one tenant.

    Args:
        name: What fetch.yml calls the tenant.
        plan: All of fetch.yml.
        client: Asks the sign-in service.
    """

    def __init__(self, name: str, plan: FetchPlan, client: httpx.Client) -> None:
        self.name = name
        self._tenant: Tenant = plan.tenants[name]
        self._authority = f"{plan.authority}/{self._tenant.tenant_id}"
        self._client = client
        self._cache = TokenFile(_token_file(plan.folder, name))
        self._made: Any = None
        log_nothing()

    def token(self, renew: bool = False) -> str:
        """An access token; a new one if the last one ends within minutes, or is not taken.

        Raises:
            SignInError: Nobody is signed in any more; the message says what to do.
        """
        with self._cache.used():
            app = self._app()
            accounts = self._asked(app.get_accounts)
            if not accounts:
                raise SignInError(
                    f"{self.name}: nobody is signed in; run insights login --tenant {self.name}."
                )
            result = self._asked(
                lambda: app.acquire_token_silent_with_error(
                    SCOPES, accounts[0], force_refresh=renew
                )
            )
        return self._checked(result)

    def log_in(self, show: Show) -> Identity:
        """Have a person sign in; `show` tells them what to do.

        Raises:
            SignInError: They did not, or it is not enough.
        """
        with self._cache.used():
            app = self._app()
            way = self._by_device if self._tenant.sign_in == "device_code" else self._by_browser
            with secrets_hidden():  # from the browser
                result = self._asked(lambda: way(app, show))
            token = self._checked(result)
            self._asked(lambda: _forget_others(app, result))
        return identity(token)

    def _by_device(self, app: Any, show: Show) -> Any:
        flow = app.initiate_device_flow(SCOPES)
        if "user_code" not in flow:
            return flow
        uri, code = (on_one_line(flow[name]) for name in ("verification_uri", "user_code"))
        show(f"{self.name}: open {uri} and enter the code {code}")
        return app.acquire_token_by_device_flow(flow)

    def _by_browser(self, app: Any, show: Show) -> Any:
        with AuthCodeReceiver(port=0) as receiver:
            flow = app.initiate_auth_code_flow(
                SCOPES,
                redirect_uri=f"http://localhost:{receiver.get_port()}",
                response_mode="form_post",
                prompt="select_account",
            )
            answer = receiver.get_auth_response(
                auth_uri=flow["auth_uri"],
                state=flow["state"],
                timeout=_PATIENCE,
                success_template=_DONE,
                error_template=_FAILED,
                auth_uri_callback=lambda uri: show(f"{self.name}: open {uri}"),
            )
            if answer is None:
                raise SignInError(f"{self.name}: nobody signed in within 15 minutes; try again.")
            return app.acquire_token_by_auth_code_flow(flow, answer)

    def _app(self) -> Any:
        """The MSAL application; it asks where the addresses of the tenant are, so once."""
        if self._made is None:
            self._made = self._new_app()
        return self._made

    def _new_app(self) -> Any:
        credential = client_credential(self._tenant)
        kind = msal.ConfidentialClientApplication if credential else msal.PublicClientApplication
        given = {"client_credential": credential} if credential else {}
        return self._asked(
            lambda: kind(
                self._tenant.client_id,
                authority=self._authority,
                token_cache=self._cache,
                http_client=self._client,
                instance_discovery=False,  # the authority is the one that fetch.yml names
                **given,
            )
        )

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """What the sign-in service answers; its errors as sentences, without their details."""
        try:
            return ask()
        except (InsightsError, OSError):
            raise
        except httpx.HTTPError as error:
            raise SignInError(
                f"{self.name}: the sign-in service cannot be reached ({type(error).__name__}); "
                "see the network and the proxy."
            ) from error
        except Exception as error:  # MSAL trusts the form of each answer
            # Its own sentence may quote what the service said.
            raise SignInError(
                f"{self.name}: {self._authority} does not answer as a sign-in service does; see "
                "tenant_id and authority in fetch.yml."
            ) from error

    def _checked(self, result: Any) -> str:
        answer = result if isinstance(result, dict) else {}
        token = answer.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise sign_in_refused(self.name, answer)
        return token


def _forget_others(app: Any, result: Any) -> None:
    """Forget who was signed in before: of several the wrong one might be asked for."""
    user = result.get("id_token_claims", {}).get("preferred_username")
    for account in app.get_accounts():
        if account["username"] != user:
            app.remove_account(account)


def identity(token: str) -> Identity:
    """Who an access token is for. The token is only read: Partner Center checks it."""
    claims: Any = {}
    with suppress(ValueError, IndexError, RecursionError):
        part = token.split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        claims = read if isinstance(read, dict) else {}
    user, until, amr = [claims.get(name) for name in ("upn", "exp", "amr")]
    user = user or claims.get("unique_name") or claims.get("preferred_username")
    ends = None
    with suppress(TypeError, ValueError, OverflowError, OSError):  # no moment of any calendar
        ends = datetime.fromtimestamp(until, UTC)
    return Identity(
        user=on_one_line(user)[:_LONGEST_NAME] if isinstance(user, str) else None,
        until=ends,
        mfa="mfa" in amr if isinstance(amr, list) else None,
    )


def _token_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.tokens.json"
