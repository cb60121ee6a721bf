"""A real mail server on loopback, with TLS and login, that can be made to fail at every step."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from insights_lib.mail.login import Login
from insights_lib.parameters.recipients_yml import SmtpServer

HOST = "127.0.0.1"
LOGIN = Login("reports", "pass word-9!")
# What a step does in place of its ordinary answer, beside answering with another line.
DROP, HANG, DRIP = "drop", "hang", "drip"
FLOOD, ENDLESS = "flood", "endless"  # lines, or one line, as fast as it is taken
SLOW = "slow"  # the ordinary greeting, after a while
TAKE_AND_DROP = "take and drop"  # at the final dot: the message is received, nobody is told
# What is said again and again, and how many seconds pass in between.
WITHOUT_END = {
    DRIP: (b"250-and more\r\n", 0.02),
    FLOOD: (b"220-and more\r\n" * 100, 0),
    ENDLESS: (b"2" * 1400, 0),
}
STEPS = ("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "body", "dot")
Fault = Callable[[str, str], str]


@cache
def authority(name: str = "") -> trustme.CA:
    """A certificate authority; another name is another authority."""
    return trustme.CA(organization_name=name)


def ca_file(folder: Path, ca: trustme.CA | None = None) -> Path:
    """The certificate of an authority as a file."""
    file = folder / "ca.pem"
    (ca or authority()).cert_pem.write_to_path(file)
    return file


@dataclass(frozen=True)
class Received:
    """A message that the server has taken."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class MailServer:
    """What tests see of the server.

    Attributes:
        fault: Called with each step of a dialogue and its argument (for `dot`, the Message-ID);
            what it returns is done in place of the ordinary answer, if it is not empty.
        received: The messages taken, in order.
        steps: The steps of all dialogues with their arguments.
    """

    fault: Fault

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.steps: list[tuple[str, str]] = []
        self.port = 0
        self.works()

    def fails(self, at: str, verdict: str, on: str = "") -> None:
        """Let a step fail from now on: whenever it comes, or with a text in its argument."""
        self.fault = lambda step, argument: verdict if step == at and on in argument else ""

    def works(self) -> None:
        """Let nothing fail from now on."""
        self.fault = lambda _step, _argument: ""

    def count(self, step: str) -> int:
        return [name for name, _ in self.steps].count(step)

    def verdict(self, step: str, argument: str) -> str:
        self.steps.append((step, argument))
        return self.fault(step, argument)


class _Dialogue(SMTP):
    """One connection; asks at each step whether and how to fail."""

    def __init__(self, mail_server: MailServer, **options: Any) -> None:
        self._mail_server = mail_server
        self._greeted = False
        super().__init__(_Taken(mail_server), **options)

    async def _ordinary(self, step: str, argument: str | None) -> bool:
        verdict = self._mail_server.verdict(step, argument or "")
        if verdict == SLOW:
            await asyncio.sleep(0.7)
            return True
        if verdict:
            await _act(self, verdict)
        return not verdict

    async def push(self, status: Any) -> None:
        if not self._greeted:
            self._greeted = True
            if not await self._ordinary("greeting", ""):
                return
        await super().push(status)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802 - so aiosmtpd finds it
        if await self._ordinary("RSET", arg):
            await super().smtp_RSET(arg)

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        if await self._ordinary("EHLO", hostname):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        if await self._ordinary("STARTTLS", arg):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        if await self._ordinary("AUTH", arg):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if await self._ordinary("MAIL", arg):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if await self._ordinary("RCPT", arg):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if not await self._ordinary("DATA", arg):
            return
        if verdict := self._mail_server.verdict("body", ""):
            await super().push("354 go on")
            await self._reader.readuntil(b"\r\n")
            await _act(self, verdict)
            return
        await super().smtp_DATA(arg)


async def _act(dialogue: _Dialogue, verdict: str) -> None:
    if verdict == HANG:
        await asyncio.Event().wait()
    writer = dialogue._writer
    assert writer is not None
    while verdict in WITHOUT_END and not writer.is_closing():
        content, wait = WITHOUT_END[verdict]
        writer.write(content)
        await writer.drain()
        await asyncio.sleep(wait)
    if verdict in WITHOUT_END:
        return
    if verdict in {DROP, TAKE_AND_DROP}:
        assert dialogue.transport is not None
        dialogue.transport.abort()
        await asyncio.Event().wait()  # until it is noticed
    await SMTP.push(dialogue, verdict)


class _Taken:
    """Takes what comes whole."""

    def __init__(self, mail_server: MailServer) -> None:
        self._mail_server = mail_server

    async def handle_DATA(self, dialogue: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message_id = message_from_bytes(envelope.content)["Message-ID"]
        verdict = self._mail_server.verdict("dot", message_id)
        if verdict in {"", TAKE_AND_DROP} or verdict.startswith("2"):
            self._mail_server.received.append(
                Received(message_id, envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content)
            )
        if verdict in {DROP, TAKE_AND_DROP, HANG, *WITHOUT_END}:
            await _act(dialogue, verdict)
        return verdict or "250 2.0.0 taken"


def _logged_in(_server: Any, _session: Any, _envelope: Any, _kind: str, given: Any) -> AuthResult:
    right = (given.login, given.password) == (LOGIN.user.encode(), LOGIN.password.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(
    security: str = "starttls", certificate: trustme.LeafCert | None = None, **options: Any
) -> Iterator[MailServer]:
    """A server on a free port; with security `none` it offers no STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (certificate or authority().issue_cert(HOST)).configure_cert(context)
    shown = MailServer()
    dialogues: list[_Dialogue] = []

    class Started(Controller):
        def factory(self) -> SMTP:
            dialogues.append(_Dialogue(shown, loop=self.loop, **self.SMTP_kwargs))
            return dialogues[-1]

    if security == "starttls":
        options["tls_context"] = context
    controller = Started(
        None,
        hostname=HOST,
        port=0,
        ssl_context=context if security == "tls" else None,
        auth_require_tls=security != "tls",  # aiosmtpd knows of STARTTLS only
        authenticator=_logged_in,
        **options,
    )
    controller.loop.set_exception_handler(lambda _loop, _context: None)  # connections are cut here
    # In place of a first connection, by which it would see whether it has started.
    controller._trigger_server = controller._factory_invoked.set  # type: ignore[method-assign]
    controller.smtpd = controller.factory()
    controller.start()
    assert isinstance(controller.server, asyncio.Server)
    shown.port = controller.server.sockets[0].getsockname()[1]
    try:
        yield shown
    finally:
        asyncio.run_coroutine_threadsafe(_end(dialogues), controller.loop).result(timeout=10)
        controller.stop()


async def _end(dialogues: list[_Dialogue]) -> None:
    for dialogue in dialogues:
        for transport in (dialogue.transport, dialogue._original_transport):
            if isinstance(transport, asyncio.Transport):
                # Python 3.11.2 raises it for an encrypted connection that has ended.
                with suppress(AttributeError):
                    transport.abort()
    pending = asyncio.all_tasks() - {asyncio.current_task()}
    if pending:
        await asyncio.wait(pending, timeout=5)


def settings(shown: MailServer, ca: Path, security: str = "starttls", **others: Any) -> SmtpServer:
    """How to reach a server, trusting an authority."""
    values = {"timeout_seconds": 5.0, "messages_per_minute": 60_000, **others}
    return SmtpServer(host=HOST, port=shown.port, security=security, ca_file=ca, **values)
