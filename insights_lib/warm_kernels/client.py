"""The side of nbclient: a client and a manager for a kernel that is a fork, over one socket.

nbclient does with the messages what it always does. The two are only what it asks for them.
"""

import asyncio
from contextlib import suppress
from datetime import datetime
from queue import Empty
from socket import SHUT_WR, socket
from typing import Any

from jupyter_client.client import KernelClient
from jupyter_client.session import Session, json_unpacker
from nbclient.exceptions import DeadKernelError

from insights_lib.warm_kernels.fork_server import ForkServer
from insights_lib.warm_kernels.wire import BLOCK, SHELL, Unpacker, packed

Message = dict[str, Any]
# Seconds for a kernel to tidy up, as an ordinary one has; and for one that was interrupted.
PATIENCE, IMPATIENCE = 5, 1
_BYTES = 4  # at most, for a character


class SaidTooMuch(RuntimeError):  # noqa: N818 - it says what has happened
    """A notebook printed and showed more than it may."""


def _session() -> Session:
    session = Session()
    session.key = b""  # nobody else can reach the socket; given at once, it would be warned of
    return session


def _message_of(frames: list[bytes]) -> Message:
    """What `Session.deserialize` makes of them, which takes longer to look for more dates."""
    _, *parts = frames[:5]
    header, parent, metadata, content = map(json_unpacker, parts)
    header["date"] = datetime.fromisoformat(header["date"])
    return {
        "header": header,
        "msg_id": header["msg_id"],
        "msg_type": header["msg_type"],
        "parent_header": parent,
        "metadata": metadata,
        "content": content,
        "buffers": [memoryview(frame) for frame in frames[5:]],
    }


class _Channel:
    """The messages that wait on a channel."""

    def __init__(self, client: "WarmClient") -> None:
        self._client = client
        self.waiting: asyncio.Queue[Message | None] = asyncio.Queue()

    def send(self, message: Message) -> None:
        """Send a request."""
        self._client.session.send(self._client, message)

    async def get_msg(self, timeout: float | None = None) -> Message:
        """The next message.

        Raises:
            Empty: There was none in time.
            DeadKernelError: The kernel has ended.
            SaidTooMuch: It printed and showed more than it may.
        """
        try:
            async with asyncio.timeout(timeout):
                message = await self.waiting.get()
        except TimeoutError:
            raise Empty from None
        if message is None:
            raise await self._client.reason()
        return message


class WarmClient(KernelClient):
    """A client of a kernel over a socket.

    Args:
        connection: The socket.
        most: How many characters the kernel may print and show.
    """

    manager: "WarmManager"

    def __init__(self, connection: socket, most: int) -> None:
        super().__init__(session=_session())
        self._shell_channel, self._iopub_channel = _Channel(self), _Channel(self)
        connection.setblocking(False)
        self._connection, self._unpacker, self._unsent = connection, Unpacker(), bytearray()
        self._left, self._limit = most, _BYTES * most + BLOCK
        self._started, self._ended = asyncio.Event(), asyncio.Event()

    @property
    def said_too_much(self) -> bool:
        """Whether the kernel printed and showed more than it may."""
        return self._left < 0

    def start_channels(self, *_: bool, **__: bool) -> None:
        """Take messages while the event loop of this thread runs."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection, self._read)

    def is_alive(self) -> bool:
        """Whether the kernel is there."""
        return self.manager.is_alive()

    def stop_channels(self) -> None:
        """Do nothing: who has made this closes it."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel takes requests, or has ended.

        Raises:
            RuntimeError: It did not in time.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._started.wait()
        except TimeoutError:
            raise RuntimeError(f"the kernel did not start within {timeout} seconds") from None

    async def reason(self) -> Exception:
        """Why no more messages come, when whoever listens has dealt with those that came."""
        until = self._loop.time() + IMPATIENCE
        while self._iopub_channel.waiting.qsize() and self._loop.time() < until:
            await asyncio.sleep(0)
        if self.said_too_much:
            return SaidTooMuch("the notebook printed and showed too much")
        return DeadKernelError("Kernel died")

    def send_multipart(self, frames: list[bytes], **_: Any) -> None:
        """Send a request, in the background if the kernel is too busy to take it."""
        self._unsent += packed(SHELL, frames)
        self._write()

    def _write(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            while self._unsent:
                del self._unsent[: self._connection.send(self._unsent)]
        if self._unsent:
            self._loop.add_writer(self._connection, self._write)
        else:
            self._loop.remove_writer(self._connection)

    def _read(self) -> None:
        try:
            block = self._connection.recv(BLOCK)
        except BlockingIOError:
            return
        except ConnectionError:
            block = b""
        for channel, frames in self._unpacker.feed(block):
            self._take(channel, frames)
        if len(self._unpacker) > self._limit:
            self._left = -1
        if self.said_too_much or not block:
            self._stop()
            self._shell_channel.waiting.put_nowait(None)

    def _take(self, channel: int, frames: list[bytes]) -> None:
        message = _message_of(self.session.feed_identities(frames)[1])
        if channel == SHELL:
            self._shell_channel.waiting.put_nowait(message)
            return
        if message["msg_type"] == "stream":
            self._left -= len(message["content"]["text"])
        elif message["msg_type"] == "status":
            self._started.set()
        elif message["msg_type"] != "execute_input":
            self._left -= sum(map(len, frames[-1 - len(message["buffers"]) :]))
        if not self.said_too_much:
            self._iopub_channel.waiting.put_nowait(message)

    def _stop(self) -> None:
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._started.set()
        self._ended.set()

    async def close(self, patience: float) -> None:
        """Let the kernel tidy up, for so many seconds; take no more messages after that."""
        if not self._ended.is_set():
            self.start_channels()  # if nobody has done so, as where an option was refused
            self._connection.shutdown(SHUT_WR)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), patience)
        self._stop()


class WarmManager:
    """What nbclient asks of the manager of a kernel that runs already."""

    has_kernel = True

    def __init__(self, server: ForkServer, pid: int, client: WarmClient) -> None:
        self._server, self._pid, self._client = server, pid, client
        client.manager = self

    def client(self) -> WarmClient:
        """The only client."""
        return self._client

    def is_alive(self) -> bool:
        """Whether the kernel is there."""
        return self._server.ask("poll", self._pid) is None

    def interrupt_kernel(self) -> None:
        """Interrupt what it does."""
        self._server.ask("interrupt", self._pid)

    def shutdown_kernel(self, **_: bool) -> None:
        """End it."""
        self._server.ask("end", self._pid)

    def cleanup_resources(self) -> None:
        """Do nothing: nothing is left."""
