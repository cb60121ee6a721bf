"""A client that takes a kernel for ready as soon as it is, and listens to so much and no more.

Others look every tenth of a second whether there is something to connect to, and before they go on
they listen for a fifth of a second whether the kernel has more to say; most cells take less. And
they keep whatever they hear, until there is no memory left.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from queue import Empty
from typing import Any, ClassVar

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type, default

BETWEEN_CONNECTS = 5  # milliseconds


class KernelDied(RuntimeError):  # noqa: N818 - it tells what has happened
    """A kernel has ended before it was ready; it was killed, perhaps."""


class Quota:
    """How much a kernel may say.

    Attributes:
        left: The bytes that are left of it; fewer than none if it has said more.
    """

    def __init__(self, size: int) -> None:
        self.left = size


class _Counted(AsyncZMQSocketChannel):
    count: Callable[[int], Awaitable[None]]

    async def _recv(self, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        parts = await self.socket.recv_multipart(**kwargs)
        await self.count(sum(map(len, parts)))
        _, rest = self.session.feed_identities(parts)
        return self.session.deserialize(rest)


class PromptClient(AsyncKernelClient):
    """To be named as the `client_factory` of a kernel manager; see `client_within`."""

    quota: ClassVar[Quota]
    iopub_channel_class = Type(_Counted)

    @default("context")
    def _context_default(self) -> Any:
        context = super()._context_default()
        context.reconnect_ivl = BETWEEN_CONNECTS  # of all its sockets
        return context

    @property
    def iopub_channel(self) -> Any:
        """Where a kernel says to all what it does, prints and shows."""
        channel = super().iopub_channel
        channel.count = self._count
        return channel

    async def _count(self, size: int) -> None:
        self.quota.left -= size
        if self.quota.left < 0 and self.parent:
            await self.parent.provisioner.kill()
            await asyncio.Future()  # nothing is heard of it any more, until its end is noticed

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered and is idle.

        Args:
            timeout: Seconds; for ever if not given.

        Raises:
            KernelDied: The kernel has died.
            RuntimeError: It has not become ready in time.
        """
        end = time.monotonic() + (timeout or float("inf"))
        while not await self._is_ready():
            if not await self._async_is_alive():
                raise KernelDied("the kernel died before it was ready")
            if time.monotonic() > end:
                raise RuntimeError(f"the kernel was not ready within {timeout} seconds")

    async def _is_ready(self) -> bool:
        """Ask the kernel who it is; whether it has answered, and been heard to be idle then."""
        request = self.kernel_info()
        try:
            reply = await self._async_recv_reply(request, timeout=1)
            while not _tells_of_the_end(await self.iopub_channel.get_msg(timeout=0.2), request):
                pass
        except (Empty, TimeoutError):
            return False  # asked too early: what a kernel says before it is connected to is lost
        self._handle_kernel_info_reply(reply)
        return True


def client_within(quota: Quota) -> type[PromptClient]:
    """The client for one kernel; a kernel that says more than its quota is ended."""
    return type("ClientWithin", (PromptClient,), {"quota": quota})


def _tells_of_the_end(message: dict[str, Any], request: str) -> bool:
    """Whether a message says that the kernel is done with a request."""
    about, state = message["parent_header"].get("msg_id"), message["content"].get("execution_state")
    return (about, state) == (request, "idle")
