"""The sign-in service of the fake Partner Center: what MSAL asks of Microsoft Entra, and traps."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from html import escape
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, Any]]
USER = "svc-insights@contoso.example"


@dataclass
class Entra:
    """The sign-in service and its switches.

    Attributes:
        amr: How the user has proved who they are, as the next sign-in says.
        refusals: Answers to the next calls of the token address: code of Entra, OAuth's word.
        pending: Answers before a device code is entered: authorization_pending, slow_down.
        secret: Of a confidential client; None for a public one.
        lifetime: Seconds of an access token.
        asked: The forms that came to the token address.
        bodies: Answers in place of others, by the end of the address.
    """

    url: str = ""
    amr: list[str] = field(default_factory=lambda: ["pwd", "mfa"])
    refusals: list[tuple[int, str]] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    secret: str | None = None
    lifetime: int = 3599
    asked: list[dict[str, str]] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)  # that access tokens have besides
    metadata_asked: int = 0
    valid: set[str] = field(default_factory=set)  # access tokens
    refresh: str = ""  # the one that is taken: each renewal gives another
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))

    def metadata(self, tenant: str) -> dict[str, str]:
        self.metadata_asked += 1
        base = f"{self.url}/{tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }

    def authorize(self, query: str) -> str:
        """The page after the password and the second factor: it posts a code to the program."""
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert "offline_access" in asked["scope"]
        assert asked["redirect_uri"].startswith("http://localhost:")
        code = f"code-{next(self._numbers)}"
        self._codes[code] = asked
        return (
            f'<form method="post" action="{escape(asked["redirect_uri"])}">'
            f'<input name="code" value="{code}"><input name="state" value="{asked["state"]}">'
        )

    def device_code(self) -> Reply:
        return 200, {
            "user_code": "ABCD-1234",
            "device_code": "device-secret",
            "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": 900,
            "interval": 0,
            "message": "To sign in, use a web browser …",
        }

    def token(self, form: str) -> Reply:
        asked = {key: values[0] for key, values in parse_qs(form).items()}
        self.asked.append(asked)
        if self.refusals:
            code, word = self.refusals.pop(0)
            return self._refusal(code, word)
        proven = asked.get("client_secret") == self.secret or "client_assertion" in asked
        if self.secret and not proven:
            return self._refusal(7000215, "invalid_client")
        grant = asked["grant_type"].rpartition(":")[2]
        if grant == "device_code" and self.pending:
            return self._refusal(70016, self.pending.pop(0))
        nonce = ""
        if grant == "authorization_code":
            began = self._codes.pop(asked["code"])
            proof = hashlib.sha256(asked["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(proof).rstrip(b"=").decode() != began["code_challenge"]:
                return self._refusal(501481, "invalid_grant")
            nonce = began["nonce"]
        elif grant == "refresh_token" and asked["refresh_token"] != self.refresh:
            return self._refusal(700082, "invalid_grant")
        return 200, self._tokens(asked["client_id"], nonce)

    def _tokens(self, client: str, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        claims = {"aud": client, "iss": f"{self.url}/t/v2.0", "sub": "s", "iat": now, "tid": "t"}
        claims |= {"exp": now + 3599, "nonce": nonce, "preferred_username": USER, "oid": "o"}
        access = {
            "upn": USER,
            "amr": self.amr,
            "exp": now + self.lifetime,
            "n": next(self._numbers),
        } | self.claims
        token = _jwt(access)
        self.valid.add(token)
        self.refresh = f"0.Refresh-{next(self._numbers)}-secret"
        return {
            "token_type": "Bearer",
            "scope": "https://api.partnercenter.microsoft.com/user_impersonation",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": token,
            "refresh_token": self.refresh,
            "id_token": _jwt(claims),
            "client_info": _base64({"uid": "o", "utid": "t"}),
        }

    @staticmethod
    def _refusal(code: int, word: str) -> Reply:
        return 400, {
            "error": word,
            "error_description": f"AADSTS{code}: It went wrong. Trace ID: 1 Correlation ID: 2",
            "error_codes": [code],
            "correlation_id": "2",
        }

    def reply(self, method: str, target: str, body: str) -> tuple[int, dict[str, Any] | str] | None:
        """The answer to a request, if it is one for the sign-in service."""
        parts = urlsplit(target)
        if (odd := self.bodies.get(parts.path.rpartition("/")[2])) is not None:
            return 200, odd
        if parts.path.endswith("/v2.0/.well-known/openid-configuration"):
            return 200, self.metadata(parts.path.split("/")[1])
        if parts.path.endswith("/oauth2/v2.0/authorize"):
            return 200, self.authorize(parts.query)
        if method == "POST" and parts.path.endswith("/oauth2/v2.0/devicecode"):
            return self.device_code()
        if method == "POST" and parts.path.endswith("/oauth2/v2.0/token"):
            return self.token(body)
        return None


def _base64(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _jwt(claims: dict[str, Any]) -> str:
    return f"{_base64({'alg': 'none', 'typ': 'JWT'})}.{_base64(claims)}.signature"
