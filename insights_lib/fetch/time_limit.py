"""TLS connections whose reads end by a moment, also if the server sends a byte now and then."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import httpx

from insights_lib.timing import Clock

_LEAST = 1.0  # seconds that a read may wait at least

_limit: ContextVar[tuple[Clock, datetime] | None] = ContextVar("limit", default=None)


@contextmanager
def ends_by(clock: Clock, end: datetime) -> Iterator[None]:
    """Let every read within end by a moment: those of connections with `new_tls_context`.

    A time limit of a library is for one read, and starts again with every byte.
    """
    token = _limit.set((clock, end))
    try:
        yield
    finally:
        _limit.reset(token)


def new_tls_context() -> ssl.SSLContext:
    """What to make connections with that `ends_by` concerns."""
    context = httpx.create_ssl_context()
    context.sslsocket_class = _Socket
    return context


class _Socket(ssl.SSLSocket):
    def read(self, *given: Any) -> Any:
        """Read as any socket does, within the limit.

        Raises:
            TimeoutError: Time is up.
        """
        if not (limit := _limit.get()):
            return super().read(*given)
        clock, end = limit
        left = (end - clock.now()).total_seconds()
        if left <= 0:
            raise TimeoutError("time is up")
        waits, least = self.gettimeout(), max(left, _LEAST)
        self.settimeout(least if waits is None else min(least, waits))
        try:
            return super().read(*given)
        finally:
            self.settimeout(waits)
