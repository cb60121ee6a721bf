"""A connection for many messages, exact about what is known of each recipient.

Before the final dot of a message, a lost connection means that nothing was sent. Between the dot
and its answer nobody can know. `smtplib.SMTP.sendmail` would hide which of the two it was.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from insights_lib.errors import MailError
from insights_lib.mail.dialogue import Dialogue, Reply, reason_of, text_of
from insights_lib.mail.login import FILE, PASSWORD, USER, Login
from insights_lib.parameters.addresses import check_address
from insights_lib.parameters.recipients_yml import SmtpServer

_LONGEST = 10  # timeouts that a message may take in all
_LOGIN_WANTED = {530, 534, 535, 538}  # see RFC 4954
_TOO_LARGE = re.compile(r"552|55\d 5\.(3\.4|2\.3)\b")
# How Postfix, Exim, Exchange and others refuse a sender, a login or a network. They often say so
# when they are told the recipients, who are not the reason.
_NOT_OURS = re.compile(
    r"relay(ing)? (is |access )?(denied|disallowed|prohibited|not (permitted|allowed))"
    r"|unable to relay|authentication (is )?(required|needed)|not authenticated"
    r"|^5.*(sender address rejected|not owned by|client host rejected|as this sender"
    r"|sender verify failed|send ?as ?denied)",
    re.IGNORECASE,
)

Outcome = Literal["sent", "later", "refused", "not ours", "uncertain"]


@dataclass(frozen=True)
class Answer:
    """What became of a message for one recipient, and the server's words in one line.

    `not ours` is a refusal of our sender, login or network, and says nothing of the recipient.
    """

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Offer:
    """One message for the server; its line ends become CRLF.

    `before_data` is called right before DATA, and `before_dot` right before the server may take
    the message, with those whom it has accepted. If one of them raises, nobody gets the message.
    """

    sender: str
    recipients: tuple[str, ...]
    message: bytes
    before_data: Callable[[], object] = lambda: None
    before_dot: Callable[[tuple[str, ...]], None] = lambda _accepted: None


class _Settled(Exception):  # noqa: N818 - not an error: the answer for all who have none yet
    def __init__(self, outcome: Outcome, reason: str) -> None:
        self.answer = Answer(outcome, reason)


class Connection(AbstractContextManager["Connection"]):
    """A connection for many messages; opened when the first comes, and again after it was lost."""

    def __init__(self, server: SmtpServer, login: Login | None) -> None:
        self.failures = 0  # messages in a row for which it was lost, or could not be opened
        self._server, self._login = server, login
        self._name = f"mail server {server.host}:{server.port}"
        self._smtp: Dialogue | None = None
        try:
            self._context = ssl.create_default_context(cafile=server.ca_file)
        except OSError as error:
            raise MailError(
                f"{server.ca_file}: holds no certificates that can be read ({reason_of(error)}); "
                "ca_file must name a PEM file."
            ) from error
        # Some systems set a lower minimum than Python does.
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None:
            self._smtp.until = time.monotonic() + self._server.timeout_seconds
            with suppress(OSError):
                self._smtp.docmd("QUIT")
            self._hang_up()

    def deliver(self, offer: Offer) -> dict[str, Answer]:
        """Offer one message to the server; returns the answer for each recipient.

        Raises:
            MailError: The server cannot be used as it is; nothing was sent.
            ParameterError: An address is not one; nothing was sent.
        """
        for address in (offer.sender, *offer.recipients):
            check_address(address)
        until = time.monotonic() + _LONGEST * self._server.timeout_seconds
        was_open = self._smtp is not None
        try:
            answers, dotted = self._deliver(offer, until)
            if was_open and self._smtp is None and not dotted:
                # Servers end connections after some time, or a number of messages.
                answers, _ = self._deliver(offer, until)
        except BaseException:
            self._hang_up()  # without a dot the server forgets what it was offered
            raise
        self.failures = 0 if self._smtp is not None else self.failures + 1
        return answers

    def _deliver(self, offer: Offer, until: float) -> tuple[dict[str, Answer], bool]:
        """The answers, and whether the final dot may have been said."""
        lines = re.sub(rb"\r\n|\r|\n", b"\r\n", offer.message).removesuffix(b"\r\n") + b"\r\n"
        answers: dict[str, Answer] = {}
        dotted = False
        try:
            with self._loss_means("later"):
                smtp = self._ready(until)
                self._address(smtp, offer, len(lines), answers)
            accepted = tuple(one for one in offer.recipients if one not in answers)
            if accepted:
                offer.before_data()
                with self._loss_means("later"):
                    self._expect(3, smtp.data(lines))
                offer.before_dot(accepted)
                dotted = True
                with self._loss_means("uncertain"):
                    answer = Answer("sent", self._expect(2, smtp.docmd(".")))
                answers |= dict.fromkeys(accepted, answer)
        except _Settled as settled:
            answers = dict.fromkeys(offer.recipients, settled.answer) | answers
        return answers, dotted

    def _address(self, smtp: Dialogue, offer: Offer, size: int, answers: dict[str, Answer]) -> None:
        """Say sender and recipients, and note who is not accepted."""
        told = self._size(smtp, size)
        # If it refuses, then us: it knows nothing but the sender yet.
        self._expect(2, smtp.docmd("MAIL", f"FROM:<{offer.sender}>{told}"), refused="not ours")
        for recipient in offer.recipients:
            try:
                self._expect(2, smtp.docmd("RCPT", f"TO:<{recipient}>"))
            except _Settled as settled:
                if self._smtp is None:
                    raise
                answers[recipient] = settled.answer

    def _size(self, smtp: Dialogue, size: int) -> str:
        """How to tell the size of a message to a server that asks for it; see RFC 1870."""
        if not smtp.has_extn("size"):
            return ""
        most = smtp.esmtp_features["size"]
        if most.isdecimal() and 0 < int(most) < size:
            reason = f"the message has {size:,} bytes, and the server takes {int(most):,} at most"
            raise _Settled("refused", reason)
        return f" SIZE={size}"

    def _ready(self, until: float) -> Dialogue:
        """A dialogue where a message can begin: the one at hand if it still answers."""
        if self._smtp is not None:
            self._smtp.until = until
            with suppress(OSError):  # the server may not have waited for this message
                if self._smtp.rset()[0] == 250:
                    return self._smtp
            self._hang_up()
        self._smtp = Dialogue(self._server, self._context, until)
        try:
            self._begin(self._smtp)
        except BaseException:
            self._hang_up()
            raise
        return self._smtp

    def _begin(self, smtp: Dialogue) -> None:
        self._expect_welcome(smtp.connect(self._server.host, self._server.port))
        self._expect_welcome(smtp.ehlo())
        if self._server.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise MailError(
                    f"{self._name}: offers no STARTTLS, and nothing is sent unencrypted; set "
                    "`security: tls` if the port is meant for that, or ask whoever runs the server."
                )
            self._expect_welcome(smtp.docmd("STARTTLS"))
            smtp.encrypt()
            self._expect_welcome(smtp.ehlo())
        if self._login is not None:
            self._log_in(smtp, self._login)

    def _log_in(self, smtp: Dialogue, login: Login) -> None:
        try:
            smtp.login(login.user, login.password)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPResponseException as error:
            # The server's words stay out of this: they may repeat what it was told.
            answer = f"answers {error.smtp_code} to the login"
            if error.smtp_code // 100 != 5:
                raise _Settled("later", f"the server {answer}") from None
            raise MailError(
                f"{self._name}: {answer}, so nothing was sent; see that {USER} and {PASSWORD}, "
                f"or the file {FILE}, are right."
            ) from None
        except (smtplib.SMTPException, ValueError):  # of a challenge that is not base64
            raise MailError(
                f"{self._name}: offers no login with a password; set `login: false` if it wants "
                "none, or ask whoever runs it."
            ) from None

    def _expect_welcome(self, reply: Reply) -> None:
        if reply[0] // 100 == 5:
            raise MailError(
                f"{self._name}: refuses the connection ({text_of(reply)}), so nothing was sent; "
                "ask whoever runs it."
            )
        self._expect(2, reply)

    def _expect(self, digit: int, reply: Reply, refused: Outcome = "refused") -> str:
        """The reply in one line, if its code begins with a digit; else it settles the message."""
        code, text = reply[0], text_of(reply)
        if code // 100 == digit:
            return text
        if code in _LOGIN_WANTED:
            raise MailError(self.unwelcome(text))
        if code == 421:
            self._hang_up()
        if code // 100 not in {4, 5}:
            raise smtplib.SMTPResponseException(*reply)
        if _NOT_OURS.search(text):
            raise _Settled("not ours", text)
        if _TOO_LARGE.match(text):
            raise _Settled("refused", text)
        raise _Settled("later" if code // 100 == 4 else refused, text)

    def unwelcome(self, reason: str) -> str:
        """A sentence for a server that takes nothing from this sender."""
        return (
            f"{self._name}: takes no mail from this sender ({reason}), so nothing was sent; see "
            "that sender and login are right, and that `login` is not false if it wants one."
        )

    @contextmanager
    def _loss_means(self, outcome: Outcome) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # which those of smtplib are, too
            self._hang_up()
            raise _Settled(outcome, reason_of(error)) from error

    def _hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None
