"""The dialogue with a mail server: encrypted or not at all, and exact about what is known.

A message is offered up to its final dot. Before the dot, a lost connection means that nothing
was sent; between the dot and its answer nobody can know. That is why commands are given here
one by one, where `smtplib.SMTP.sendmail` would hide which of the two it was.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Timer
from types import TracebackType
from typing import Literal, Self

from insights_lib.errors import MailError
from insights_lib.mail.login import FILE, PASSWORD, USER, Login
from insights_lib.parameters.addresses import check_address
from insights_lib.parameters.recipients_yml import SmtpServer

_PIECE = 1 << 16  # bytes that are sent within one timeout
_LONGEST = 10  # timeouts that a message may take in all
_LONGEST_REASON = 200  # characters
_NO_LOGIN = {530, 534, 535, 538}  # by RFC 4954; other refusals are of this message alone

RenderResult = Literal["sent", "later", "refused", "uncertain"]


@dataclass(frozen=True)
class Answer:
    """What became of a message for one recipient, and the server's words in one line."""

    outcome: RenderResult
    reason: str


class _Settled(Exception):  # noqa: N818 - no error: the answer for all who have none yet
    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class Connection:
    """A connection for many messages; opened when the first comes, and anew after it was lost.

    Attributes:
        failures: For how many messages in a row it was lost, or could not be opened.
    """

    def __init__(self, server: SmtpServer, login: Login | None) -> None:
        self.failures = 0
        self._server = server
        self._login = login
        self._name = f"mail server {server.host}:{server.port}"
        self._smtp: smtplib.SMTP | None = None
        try:
            self._context = ssl.create_default_context(cafile=server.ca_file)
        except OSError as error:
            raise MailError(
                f"{server.ca_file}: holds no certificates that can be read ({_reason(error)}); "
                "ca_file must name a PEM file."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._smtp is not None:
            with suppress(OSError), self._time_limit():
                self._smtp.docmd("QUIT")
            self._hang_up()

    def deliver(
        self,
        sender: str,
        recipients: tuple[str, ...],
        data: bytes,
        before_final_dot: Callable[[tuple[str, ...]], None],
    ) -> dict[str, Answer]:
        """Offer one message to the server.

        Args:
            sender: Address for the envelope.
            recipients: Addresses for the envelope.
            data: The message; its line ends become CRLF.
            before_final_dot: Called with the recipients whom the server has accepted, right
                before it may take the message. If it raises, nobody gets the message.

        Returns:
            The answer for each recipient.

        Raises:
            MailError: The server cannot be used as it is, or an address is none; nothing was sent.
        """
        for address in (sender, *recipients):
            check_address(address)
        lines = re.sub(rb"\r\n|\r|\n", b"\r\n", data).removesuffix(b"\r\n") + b"\r\n"
        answers: dict[str, Answer] = {}
        try:
            with self._time_limit():
                with self._loss_means("later"):
                    smtp = self._ready()
                    accepted = self._offer(smtp, (sender, *recipients), lines, answers)
                if accepted:
                    before_final_dot(accepted)
                    with self._loss_means("uncertain"):
                        smtp.send(b".\r\n")
                        answer = Answer("sent", self._expect(2, smtp.getreply()))
                        answers |= dict.fromkeys(accepted, answer)
        except _Settled as settled:
            answers = dict.fromkeys(recipients, settled.answer) | answers
        except BaseException:
            self._hang_up()  # without a dot the server forgets what it was offered
            raise
        self.failures = 0 if self._smtp is not None else self.failures + 1
        return answers

    def _offer(
        self,
        smtp: smtplib.SMTP,
        addresses: tuple[str, ...],
        lines: bytes,
        answers: dict[str, Answer],
    ) -> tuple[str, ...]:
        """Say all but the final dot, and note who is not accepted; returns who is."""
        sender, *recipients = addresses
        reply = smtp.docmd("MAIL", f"FROM:<{sender}>{self._size(smtp, len(lines))}")
        if reply[0] in _NO_LOGIN:
            raise MailError(
                f"{self._name}: takes no mail from this sender ({_answered(reply)}), so nothing "
                "was sent; see that sender and login are right."
            )
        self._expect(2, reply)
        for recipient in recipients:
            try:
                self._expect(2, smtp.docmd("RCPT", f"TO:<{recipient}>"))
            except _Settled as settled:
                if self._smtp is None:
                    raise
                answers[recipient] = settled.answer
        accepted = tuple(recipient for recipient in recipients if recipient not in answers)
        if accepted:
            self._expect(3, smtp.docmd("DATA"))
            stuffed = re.sub(rb"(?m)^\.", b"..", lines)
            for start in range(0, len(stuffed), _PIECE):
                smtp.send(stuffed[start : start + _PIECE])
        return accepted

    def _size(self, smtp: smtplib.SMTP, size: int) -> str:
        """How to tell the size of a message to a server that asks for it; see RFC 1870."""
        if not smtp.has_extn("size"):
            return ""
        most = smtp.esmtp_features["size"]
        if most.isdecimal() and 0 < int(most) < size:
            reason = f"the message has {size:,} bytes, and the server takes {int(most):,} at most"
            raise _Settled(Answer("refused", reason))
        return f" SIZE={size}"

    def _ready(self) -> smtplib.SMTP:
        """A connection where a message can begin: the one at hand if it still answers."""
        if self._smtp is not None:
            with suppress(OSError):  # the server may not have waited for this message
                if self._smtp.rset()[0] == 250:
                    return self._smtp
            self._hang_up()
        try:
            return self._open()
        except BaseException:
            self._hang_up()
            raise

    def _open(self) -> smtplib.SMTP:
        server = self._server
        name = socket.gethostname()  # getfqdn, which smtplib would ask, may wait for a name server
        self._smtp = smtp = smtplib.SMTP(
            local_hostname=name if "." in name else "[127.0.0.1]", timeout=server.timeout_seconds
        )
        plain = socket.create_connection((server.host, server.port), server.timeout_seconds)
        # Else the final dot would wait until the other side has confirmed what came before it.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        smtp.sock = self._encrypted(plain) if server.security == "tls" else plain
        self._expect_welcome(smtp.getreply())
        self._expect_welcome(smtp.ehlo())
        if server.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise MailError(
                    f"{self._name}: offers no STARTTLS, and nothing is sent unencrypted; set "
                    "`security: tls` if the port is meant for that, or ask whoever runs the server."
                )
            self._expect_welcome(smtp.docmd("STARTTLS"))
            smtp.sock = self._encrypted(plain)
            smtp.file = None  # what was read ahead was not encrypted
            self._expect_welcome(smtp.ehlo())
        if self._login is not None:
            self._log_in(smtp, self._login)
        return smtp

    def _encrypted(self, plain: socket.socket) -> ssl.SSLSocket:
        try:
            return self._context.wrap_socket(plain, server_hostname=self._server.host)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise
        except ssl.SSLCertVerificationError as error:
            raise MailError(
                f"{self._name}: its certificate is not trusted ({error.verify_message}), so "
                "nothing was sent; see that host is the name in the certificate, or let ca_file "
                "name the authority that has issued it."
            ) from error
        except ssl.SSLError as error:
            raise MailError(
                f"{self._name}: no encrypted connection comes about ({_reason(error)}), so "
                "nothing was sent; see that security and port fit together."
            ) from error

    def _log_in(self, smtp: smtplib.SMTP, login: Login) -> None:
        try:
            smtp.login(login.user, login.password)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPResponseException as error:
            # The server's words stay out of this: they may repeat what it was told.
            answer = f"answers {error.smtp_code} to the login"
            if error.smtp_code // 100 != 5:
                raise _Settled(Answer("later", f"the server {answer}")) from None
            raise MailError(
                f"{self._name}: {answer}, so nothing was sent; see that {USER} and {PASSWORD}, "
                f"or the file {FILE}, are right."
            ) from None
        except (smtplib.SMTPException, ValueError):  # of a challenge that is no base64
            raise MailError(
                f"{self._name}: offers no login with a password; set `login: false` if it wants "
                "none, or ask whoever runs it."
            ) from None

    def _expect_welcome(self, reply: tuple[int, bytes]) -> None:
        if reply[0] // 100 == 5:
            raise MailError(
                f"{self._name}: refuses the connection ({_answered(reply)}), so nothing was sent; "
                "ask whoever runs it."
            )
        self._expect(2, reply)

    def _expect(self, digit: int, reply: tuple[int, bytes]) -> str:
        """The reply in one line, if its code begins with a digit; else it settles the message."""
        code, text = reply[0], _answered(reply)
        if code // 100 == digit:
            return text
        if code == 421:
            self._hang_up()
        if code // 100 not in {4, 5}:
            raise smtplib.SMTPResponseException(*reply)
        raise _Settled(Answer("later" if code // 100 == 4 else "refused", text))

    @contextmanager
    def _loss_means(self, outcome: RenderResult) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # which those of smtplib are, too
            self._hang_up()
            raise _Settled(Answer(outcome, _reason(error))) from error

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        """Cut the connection if it takes too long: each byte that drips in restarts a timeout."""
        timer = Timer(_LONGEST * self._server.timeout_seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        if self._smtp is not None and self._smtp.sock is not None:
            with suppress(OSError):
                # SSLSocket's own would drop the encryption first, and something may be being sent.
                socket.socket.shutdown(self._smtp.sock, socket.SHUT_RDWR)

    def _hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def _answered(reply: tuple[int, bytes]) -> str:
    code, text = reply
    return _line(f"{code} {text.decode('ascii', 'replace')}")


def _reason(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _line(f"no answer of SMTP: {error.smtp_code} {error.smtp_error!r}")
    return _line(error.strerror or str(error))


def _line(text: str) -> str:
    """A text of a stranger as one short line without addresses."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    without = re.sub(r"[^\s<>]+@[^\s<>]+", "…", printable)
    return " ".join(without.split())[:_LONGEST_REASON]
