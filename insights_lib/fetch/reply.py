"""An answer of the API as a whole: unpacked, and no larger than an answer can be."""

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

LARGEST = 8 << 20  # bytes, unpacked
_OF_TRANSFER = {"content-encoding", "content-length", "transfer-encoding"}
_TOO_LARGE = f"answers with more than {LARGEST >> 20} MB"
_GZIP = 31  # what zlib calls it


class UnreadableReplyError(Exception):
    """An answer cannot be read, also if it is asked for again; the text says what answers do."""


def whole_reply(response: httpx.Response) -> httpx.Response:
    """Read an answer to its end.

    Raises:
        UnreadableReplyError: It is too large, or packed in another way than by gzip.
        httpx.HTTPError: It does not come as a whole.
    """
    body = bytearray()
    for block in response.iter_raw():
        body += block
        if len(body) > LARGEST:
            raise UnreadableReplyError(_TOO_LARGE)
    content = _unpacked(bytes(body), response.headers.get("Content-Encoding", ""))
    headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in _OF_TRANSFER]
    return httpx.Response(response.status_code, headers=headers, content=content)


def status_of(reply: httpx.Response) -> int:
    """The status of an answer: a refusal can have 200, and the true status in its envelope."""
    inner = str((envelope_of(reply) or {}).get("statuscode")).strip()
    status = int(inner) if inner.isdecimal() and len(inner) == 3 else 0
    if reply.is_success and status >= httpx.codes.BAD_REQUEST:
        return status
    return reply.status_code


def envelope_of(reply: httpx.Response) -> dict[str, Any] | None:
    """The object that an answer holds, keys in lower case; None if it holds none."""
    with suppress(ValueError, RecursionError):
        content = json.loads(reply.content.decode("utf-8-sig"))
        if isinstance(content, dict):
            return in_lower_case(content)
    return None


def in_lower_case(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same record, its keys in lower case and without blanks around them."""
    return {key.strip().lower(): value for key, value in record.items()}


def message_of(reply: httpx.Response) -> str:
    """What a refusal says, wherever the service or a gateway before it has put that."""
    envelope = envelope_of(reply) or {}
    code = envelope.get("code")
    for name in ("message", "description", "error", "code"):
        if text := envelope.get(name):
            return f"{text} ({code})" if code and name != "code" else str(text)
    return reply.text


def _unpacked(body: bytes, coding: str) -> bytes:
    match coding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            unpacking = zlib.decompressobj(_GZIP)
            with suppress(zlib.error):
                content = unpacking.decompress(body, LARGEST + 1)
                if len(content) > LARGEST:
                    raise UnreadableReplyError(_TOO_LARGE)
                if unpacking.eof:
                    return content
            raise UnreadableReplyError("answers with damaged gzip")
    raise UnreadableReplyError(f"answers in a coding that was not asked for: {coding[:40]!r}")
