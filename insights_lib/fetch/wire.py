"""Calls of the API: one at a time, tried again within limits, and their answers unwrapped."""

import email.utils
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import httpx

from insights_lib.errors import FetchError
from insights_lib.fetch.refusals import api_refused
from insights_lib.timing import Clock

TRIES = 4
MOST_PAGES = 100
_TOO_MANY = 429
_WAIT = 30.0  # seconds, where the answer does not say how long
_LONGEST_WAIT = 15 * 60.0

Record = dict[str, Any]


class UnsureError(FetchError):
    """Nobody knows whether Partner Center did it. Look before you ask for it again."""


@dataclass(frozen=True)
class Answer:
    """The records of an answer, keys in lower case, and what its envelope says.

    Attributes:
        records: Of all pages.
        redacted: Whether what the user may not see was left out.
        mfa: What the header isMfaCompliant says of the sign-in; None without it.
    """

    records: list[Record]
    redacted: bool = False
    mfa: bool | None = None


class Wire:
    """The API as one user of one tenant sees it.

    Args:
        name: The tenant, for messages.
        base: The address of the API.
        token: Gives an access token; a new one if it is called with True.
        client: Does the calls. It must not follow redirects: they would get the token.
        clock: Waits.
    """

    def __init__(
        self, name: str, base: str, token: Callable[[bool], str], client: httpx.Client, clock: Clock
    ) -> None:
        self.name = name
        self._base = httpx.URL(base.rstrip("/") + "/")
        self._token = token
        self._client = client
        self._clock = clock

    def get(self, path: str, **parameters: str) -> Answer:
        """All records of a list, from however many pages.

        Raises:
            FetchError: It cannot be had; the message says why.
        """
        url = self._base.join(path).copy_merge_params(parameters)
        seen: set[httpx.URL] = set()
        records: list[Record] = []
        redacted, mfa = False, None
        while url not in seen:  # a link that leads back has nothing new
            seen.add(url)
            if len(seen) > MOST_PAGES:
                raise FetchError(f"{self.name}: {path} has more than {MOST_PAGES} pages.")
            response = self._sent("GET", url)
            envelope = self._envelope(response, path)
            records += _records(envelope)
            redacted = redacted or envelope.get("dataredacted") is True
            compliant = response.headers.get("isMfaCompliant")
            mfa = compliant.lower() == "true" if compliant else mfa
            if not (following := envelope.get("nextlink")):
                break
            url = self._same_place(self._base.join(str(following)))
        return Answer(records, redacted, mfa)

    def post(self, path: str, body: Record) -> Record:
        """The record that was made. It is sent once: only a look tells whether to send it again.

        Raises:
            UnsureError: It may have been made.
            FetchError: It was refused.
        """
        envelope = self._envelope(self._sent("POST", self._base.join(path), body), path)
        records = _records(envelope)
        if not records:
            raise UnsureError(f"{self.name}: {path} does not say what was made.")
        return records[0]

    def delete(self, path: str) -> None:
        """Delete a record; one that is not there is no error.

        Raises:
            FetchError: It was refused.
        """
        self._envelope(self._sent("DELETE", self._base.join(path)), path, missing=True)

    def _sent(self, method: str, url: httpx.URL, body: Record | None = None) -> httpx.Response:
        """The answer to a call; one that may be over soon is tried again, within limits."""
        renewed, trouble = False, ""
        for attempt in range(TRIES):
            headers = {"Authorization": f"Bearer {self._token(False)}", "ValidateMfa": "true"}
            wait = 2.0 * 2**attempt
            try:
                response = self._client.request(method, url, headers=headers, json=body)
            except httpx.TransportError as error:
                trouble = f"cannot be reached ({type(error).__name__})"
            else:
                status = _status(response)
                if status == httpx.codes.UNAUTHORIZED and not renewed and not _lacks_mfa(response):
                    renewed = True
                    self._token(True)
                    continue
                if status != _TOO_MANY and status < httpx.codes.INTERNAL_SERVER_ERROR:
                    return response
                trouble = f"answers {status}"
                wait = self._asked_to_wait(response, _WAIT if status == _TOO_MANY else wait)
            if attempt + 1 < TRIES:
                self._clock.sleep(wait)
            if method == "POST":
                raise UnsureError(f"{self.name}: Partner Center {trouble}; try again later.")
        raise FetchError(
            f"{self.name}: Partner Center {trouble}, {TRIES} times; try again later, and if it "
            "stays so, ask its support."
        )

    def _asked_to_wait(self, response: httpx.Response, otherwise: float) -> float:
        """How long an answer asks to wait: in seconds, until a date, or it does not say."""
        asked, seconds = response.headers.get("Retry-After", ""), otherwise
        with suppress(ValueError):
            if asked.strip().isdigit():
                seconds = float(asked)
            elif asked:
                moment = email.utils.parsedate_to_datetime(asked)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                seconds = (moment - self._clock.now()).total_seconds()
        return min(max(seconds, 0.0), _LONGEST_WAIT)

    def _envelope(self, response: httpx.Response, path: str, missing: bool = False) -> Record:
        """The envelope of an answer, if it is not the refusal that it can hold besides 200."""
        envelope, status = _json(response), _status(response)
        if missing and status == httpx.codes.NOT_FOUND:
            return {}
        if status >= httpx.codes.BAD_REQUEST:
            said = f"{_message(response, envelope)} {response.headers.get('WWW-Authenticate', '')}"
            raise api_refused(self.name, status, said, path)
        if response.is_redirect or envelope is None:
            raise FetchError(
                f"{self.name}: {path}: what answers is not Partner Center, perhaps a proxy or a "
                "sign-in page; see the network, and api in fetch.yml."
            )
        return envelope

    def _same_place(self, url: httpx.URL) -> httpx.URL:
        if (url.scheme, url.netloc) != (self._base.scheme, self._base.netloc):
            raise FetchError(f"{self.name}: the next page is on another server; it gets no token.")
        return url


def _status(response: httpx.Response) -> int:
    """The status of an answer: a refusal can have 200, and the true status in its envelope."""
    inner = (_json(response) or {}).get("statuscode")
    if response.is_success and isinstance(inner, int) and inner >= httpx.codes.BAD_REQUEST:
        return inner
    return response.status_code


def _lacks_mfa(response: httpx.Response) -> bool:
    said = response.text + response.headers.get("WWW-Authenticate", "")
    return "900421" in said


def _json(response: httpx.Response) -> Record | None:
    """The object that an answer holds, keys in lower case; None if it holds none."""
    with suppress(ValueError):
        content = json.loads(response.content.decode("utf-8-sig"))
        if isinstance(content, dict):
            return _lower(content)
    return None


def _records(envelope: Record) -> list[Record]:
    value = envelope.get("value")
    return [_lower(record) for record in value or () if isinstance(record, dict)]


def _lower(record: Mapping[str, Any]) -> Record:
    return {key.strip().lower(): value for key, value in record.items()}


def _message(response: httpx.Response, envelope: Record | None) -> str:
    """What a refusal says, wherever the service or a gateway before it has put that."""
    for name in ("message", "description", "error", "code"):
        if text := (envelope or {}).get(name):
            code = (envelope or {}).get("code")
            return f"{text} ({code})" if code and name != "code" else str(text)
    return response.text
