"""A client that takes a kernel for ready as soon as it is.

Others look every tenth of a second whether there is something to connect to, and before they go on
they listen for a fifth of a second whether the kernel has more to say. Most cells take less.
"""

import time
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from traitlets import default

BETWEEN_CONNECTS = 5  # milliseconds


class KernelDied(RuntimeError):  # noqa: N818 - it tells what has happened
    """A kernel has ended before it was ready; it was killed, perhaps."""


class PromptClient(AsyncKernelClient):
    """To be named as the `client_factory` of a kernel manager."""

    @default("context")
    def _context_default(self) -> Any:
        context = super()._context_default()
        context.reconnect_ivl = BETWEEN_CONNECTS  # of all its sockets
        return context

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


def _tells_of_the_end(message: dict[str, Any], request: str) -> bool:
    """Whether a message says that the kernel is done with a request."""
    about, state = message["parent_header"].get("msg_id"), message["content"].get("execution_state")
    return (about, state) == (request, "idle")
