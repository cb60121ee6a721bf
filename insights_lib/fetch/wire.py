"""Calls of the API: one at a time, tried again within limits, and their answers unwrapped."""

import email.utils
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from insights_lib.errors import FetchError
from insights_lib.fetch.refusals import api_refused
from insights_lib.fetch.reply import (
    LARGEST,
    UnreadableReplyError,
    envelope_of,
    in_lower_case,
    message_of,
    status_of,
    whole_reply,
)
from insights_lib.fetch.secrets import without_secrets
from insights_lib.fetch.time_limit import ends_by
from insights_lib.timing import Clock

TRIES = 4
MOST_PAGES = 100
_TOO_MANY = 429
_WAIT = 30.0  # seconds, where the answer does not say how long
_LONGEST_WAIT = 15 * 60.0
# For a call with its tries and pages. Then it is the turn of the other tenants.
_LONGEST_CALL = timedelta(minutes=2)
_UNREADABLE = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)


Record = dict[str, Any]


class UnsureError(FetchError):
    """Nobody knows whether Partner Center did it. Look before you ask for it again."""


class LaterError(FetchError):
    """Partner Center is not to be asked before a moment.

    Attributes:
        until: When it may be asked again.
    """

    def __init__(self, sentence: str, until: datetime) -> None:
        super().__init__(sentence)
        self.until = until


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
        self._later = datetime.min.replace(tzinfo=UTC)  # not to be asked before

    def get(self, path: str, **parameters: str) -> Answer:
        """All records of a list, from however many pages.

        Raises:
            LaterError: Partner Center is not to be asked now.
            FetchError: It cannot be had; the message says why.
        """
        url = self._base.join(path).copy_merge_params(parameters)
        end = self._clock.end_of(_LONGEST_CALL)
        seen: set[httpx.URL] = set()
        records: list[Record] = []
        redacted, mfa, size = False, None, 0
        while url not in seen:  # a link that leads back has nothing new
            seen.add(url)
            reply = self._sent("GET", url, end)
            size += len(reply.content)
            if len(seen) > MOST_PAGES or size > LARGEST:
                most = f"{MOST_PAGES} pages or {LARGEST >> 20} MB"
                raise FetchError(f"{self.name}: {path} has more than {most}.")
            envelope = self._envelope(reply, path)
            if not _are_records(envelope.get("value")):
                raise self._without_records(reply, path)
            records += _records(envelope)
            redacted = redacted or envelope.get("dataredacted") is True
            compliant = reply.headers.get("isMfaCompliant")
            mfa = compliant.lower() == "true" if compliant else mfa
            if not (following := envelope.get("nextlink")):
                break
            url = self._next_page(str(following))
        return Answer(records, redacted, mfa)

    def post(self, path: str, body: Record) -> Record:
        """The record that was made. It is sent once: only a look tells whether to send it again.

        Raises:
            LaterError: Partner Center is not to be asked now.
            UnsureError: It may have been made.
            FetchError: It was refused.
        """
        end = self._clock.end_of(_LONGEST_CALL)
        envelope = self._envelope(self._sent("POST", self._base.join(path), end, body), path)
        records = _records(envelope)
        if not records:
            raise UnsureError(f"{self.name}: {path} does not say what was made.")
        return records[0]

    def delete(self, path: str) -> None:
        """Delete a record; one that is not there is no error.

        Raises:
            LaterError: Partner Center is not to be asked now.
            FetchError: It was refused.
        """
        reply = self._sent("DELETE", self._base.join(path), self._clock.end_of(_LONGEST_CALL))
        missing = status_of(reply) == httpx.codes.NOT_FOUND
        if not missing and reply.status_code != httpx.codes.NO_CONTENT:
            envelope = self._envelope(reply, path)
            if "value" not in envelope:
                raise self._without_records(reply, path)

    def _sent(
        self, method: str, url: httpx.URL, end: datetime, body: Record | None = None
    ) -> httpx.Response:
        """The answer to a call; one that may be over soon is tried again, within limits."""
        self._refuse_early()
        for attempt in range(1, TRIES + 1):
            with ends_by(self._clock, end):
                reply, trouble = self._tried(method, url, body)
            if reply and not trouble:
                return reply
            wait, asked = self._pause(reply, attempt)
            until = self._clock.now() + timedelta(seconds=wait)
            if until >= end or attempt == TRIES:
                if until >= end or asked:
                    self._later = until
                if asked:
                    self._refuse_early()
                break
            self._clock.sleep(wait)
            if method == "POST":
                break
        times = "once" if attempt == 1 else f"{attempt} times"
        raise (UnsureError if method == "POST" else FetchError)(
            f"{self.name}: Partner Center {trouble}, {times}; try again later, and if it "
            "stays so, ask its support."
        )

    def _refuse_early(self) -> None:
        """Refuse a call that comes too early, or too late: others have their turn meanwhile."""
        now = self._clock.now()
        if now >= self._clock.end:
            raise LaterError(f"{self.name}: the time for this fetch is up; fetch again.", now)
        if now < self._later:
            raise LaterError(
                f"{self.name}: Partner Center is busy; it may be asked again at "
                f"{self._later:%H:%M} UTC. Fetch again then.",
                self._later,
            )

    def _tried(
        self, method: str, url: httpx.URL, body: Record | None
    ) -> tuple[httpx.Response | None, str]:
        """One try: the answer, and what is wrong with it that may be over soon."""
        try:
            reply = self._called(method, url, body)
            if status_of(reply) == httpx.codes.UNAUTHORIZED and not _lacks_mfa(reply):
                self._token(True)
                reply = self._called(method, url, body)
        except httpx.TimeoutException:
            return None, "does not answer in time"
        except httpx.TransportError as error:
            return None, f"cannot be reached ({type(error).__name__})"
        except (*_UNREADABLE, UnreadableReplyError) as error:
            own = isinstance(error, UnreadableReplyError)
            what = str(error) if own else f"answers what cannot be read ({type(error).__name__})"
            raise (UnsureError if method == "POST" else FetchError)(
                f"{self.name}: Partner Center {what}; see the network, and api in fetch.yml."
            ) from error
        status = status_of(reply)
        well = status != _TOO_MANY and status < httpx.codes.INTERNAL_SERVER_ERROR
        return reply, "" if well else f"answers {status}"

    def _called(self, method: str, url: httpx.URL, body: Record | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token(False)}", "ValidateMfa": "true"}
        headers["Accept-Encoding"] = "gzip"
        with self._client.stream(method, url, headers=headers, json=body) as response:
            return whole_reply(response)

    def _pause(self, reply: httpx.Response | None, attempt: int) -> tuple[float, bool]:
        """How many seconds to wait before the next try, and whether the answer asks to wait.

        It does so in seconds, until a date, or does not say for how long.
        """
        busy = reply is not None and status_of(reply) == _TOO_MANY
        asked = "" if reply is None else reply.headers.get("Retry-After", "").strip()
        seconds = _WAIT if busy else 2.0**attempt
        with suppress(ValueError, OverflowError):
            if asked.isdecimal():
                seconds = float(asked)
            elif asked:
                moment = email.utils.parsedate_to_datetime(asked)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                seconds = (moment - self._clock.now()).total_seconds()
        return min(max(seconds, 0.0), _LONGEST_WAIT), busy or bool(asked)

    def _envelope(self, reply: httpx.Response, path: str) -> Record:
        """The envelope of an answer, if it is not the refusal that it can hold besides 200."""
        envelope, status = envelope_of(reply), status_of(reply)
        if status >= httpx.codes.BAD_REQUEST:
            said = f"{message_of(reply)} {reply.headers.get('WWW-Authenticate', '')}"
            raise api_refused(self.name, status, said, path)
        if reply.is_redirect or envelope is None:
            raise FetchError(
                f"{self.name}: {path}: what answers is not Partner Center, perhaps a proxy or a "
                "sign-in page; see the network, and api in fetch.yml."
            )
        return envelope

    def _without_records(self, reply: httpx.Response, path: str) -> FetchError:
        said = without_secrets(message_of(reply)).rstrip(".")
        return FetchError(
            f"{self.name}: {path}: Partner Center answers without what was asked for: {said}; "
            "try again later, and if it stays so, ask its support."
        )

    def _next_page(self, link: str) -> httpx.URL:
        try:
            url = self._base.join(link)
        except (httpx.InvalidURL, ValueError) as error:
            raise FetchError(
                f"{self.name}: Partner Center's link to the next page is not an address; try again "
                "later, and if it stays so, ask its support."
            ) from error
        if (url.scheme, url.netloc) != (self._base.scheme, self._base.netloc):
            raise FetchError(f"{self.name}: the next page is on another server; it gets no token.")
        return url


def _lacks_mfa(reply: httpx.Response) -> bool:
    said = reply.text + reply.headers.get("WWW-Authenticate", "")
    return "900421" in said


def _are_records(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(record, dict) for record in value)


def _records(envelope: Record) -> list[Record]:
    value = envelope.get("value")
    listed = value if isinstance(value, list) else []
    return [in_lower_case(record) for record in listed if isinstance(record, dict)]
