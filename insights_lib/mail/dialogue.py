"""One SMTP dialogue: encrypted or not at all, and every wait and every reply has an end."""

import re
import smtplib
import socket
import ssl
import time
from select import select
from typing import Any

from insights_lib.errors import MailError
from insights_lib.parameters.recipients_yml import SmtpServer

_PIECE = 1 << 16  # bytes that are sent within one timeout
_MOST_LINES, _MOST_BYTES = 100, 1 << 14  # of a reply
_LONGEST_REASON = 200  # characters
# After so many seconds of silence a server may be waiting for TLS. Others are slow on purpose,
# but not on the port that is meant for TLS.
_SILENCE, _SILENCE_ON_465 = 5.0, 1.0

Reply = tuple[int, bytes]


class Dialogue(smtplib.SMTP):
    """A connection to a mail server, with a DATA of its own that stops before the final dot."""

    def __init__(self, server: SmtpServer, context: ssl.SSLContext, until: float) -> None:
        name = socket.gethostname()  # getfqdn, which smtplib would ask, may wait for a name server
        super().__init__(local_hostname=name if "." in name else "[127.0.0.1]")
        self.name = f"mail server {server.host}:{server.port}"
        self.until = until  # the moment at which all waits end, by time.monotonic
        self._server, self._context = server, context
        self._unread = b""

    def encrypt(self) -> None:
        """Encrypt what comes from here on; what was read ahead is dropped, as it was not."""
        self.sock = self._encrypted(self._socket())
        self._unread = b""

    def send(self, s: Any) -> None:
        """Send text or bytes, a piece at a time."""
        left = memoryview(s.encode("ascii") if isinstance(s, str) else s)
        while left:
            left = left[self._socket().send(left[:_PIECE]) :]

    def getreply(self) -> Reply:
        """Read a reply; smtplib's own would read lines for as long as they come."""
        lines: list[bytes] = []
        size = 0
        while len(lines) < _MOST_LINES and size < _MOST_BYTES:
            line = self._line()
            size += len(line)
            lines.append(line[4:].strip())
            if not line[:3].isdigit():
                return -1, b"\n".join(lines)
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)
        raise smtplib.SMTPServerDisconnected("the server's reply has no end")

    def data(self, msg: Any) -> Reply:
        """Say a message, but for its final dot; returns the answer to DATA."""
        reply = self.docmd("DATA")
        if reply[0] // 100 == 3:
            self.send(re.sub(rb"(?m)^\.", b"..", msg))
        return reply

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            if len(self._unread) > _MOST_BYTES:
                raise smtplib.SMTPServerDisconnected("a line of the server's reply has no end")
            received = self._socket().recv(_MOST_BYTES)
            if not received:
                raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _socket(self) -> socket.socket:
        """The socket, whose next wait ends in time."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        self.sock.settimeout(self._left())
        return self.sock

    def _left(self) -> float:
        """How many seconds the next step may take."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out: the time for this message is over")
        return min(self._server.timeout_seconds, left)

    def _get_socket(self, host: str, port: int, _timeout: object) -> socket.socket:
        """What `connect` talks to; `smtplib.SMTP_SSL` has its own in this place, too."""
        self.sock = plain = socket.create_connection((host, port), self._left())
        # Else the final dot would wait until the other side has confirmed what came before it.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._server.security == "tls":
            return self._encrypted(plain)
        if not select([plain], [], [], self._silence())[0] and self._speaks_tls():
            raise MailError(
                f"{self.name}: speaks TLS from the first byte, which `security: starttls` does "
                "not, so nothing was sent; set `security: tls`, as is usual on port 465."
            )
        return plain

    def _silence(self) -> float:
        seconds = _SILENCE_ON_465 if self._server.port == 465 else _SILENCE
        return min(seconds, self._left() / 2)

    def _speaks_tls(self) -> bool:
        """Whether the server answers to TLS, on a connection that is opened to find out."""
        address = (self._server.host, self._server.port)
        try:
            with socket.create_connection(address, self._silence()) as plain:
                self._context.wrap_socket(plain, server_hostname=address[0]).close()
        except OSError as error:
            return isinstance(error, ssl.SSLCertVerificationError)
        return True

    def _encrypted(self, plain: socket.socket) -> ssl.SSLSocket:
        try:
            return self._context.wrap_socket(plain, server_hostname=self._server.host)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise
        except ssl.SSLCertVerificationError as error:
            raise MailError(
                f"{self.name}: its certificate is not trusted ({error.verify_message}), so "
                "nothing was sent; see that host is the name in the certificate, or let ca_file "
                "name the authority that issued it."
            ) from error
        except ssl.SSLError as error:
            raise MailError(
                f"{self.name}: does not speak TLS here ({reason_of(error)}), so nothing was sent; "
                "`security: starttls` is usual on port 587, and `security: tls` on port 465."
            ) from error


def text_of(reply: Reply) -> str:
    """A reply in one line."""
    code, text = reply
    return _short(f"{code} {text.decode('ascii', 'replace')}")


def reason_of(error: OSError) -> str:
    """Why a connection was lost, in one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _short(f"not an answer of SMTP: {error.smtp_code} {error.smtp_error!r}")
    return _short(error.strerror or str(error))


def _short(text: str) -> str:
    """A text of a stranger as one short line without addresses."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 5 * _LONGEST_REASON])
    without = re.sub(r"[^\s<>]+@[^\s<>]+", "…", printable)
    return " ".join(without.split())[:_LONGEST_REASON]
