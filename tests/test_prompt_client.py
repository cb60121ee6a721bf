"""The client that goes on as soon as a kernel is ready, and not before."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

from insights_lib.execution import _connection, reason_of
from insights_lib.prompt_client import KernelDied, PromptClient, Quota

KERNEL = "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"


@asynccontextmanager
async def kernel(folder: Path, program: str) -> AsyncIterator[PromptClient]:
    """A client of a kernel that is just being started."""
    argv = [sys.executable, "-c", program, "-f", "{connection_file}"]
    spec = {"argv": argv, "language": "python", "display_name": "own"}
    (folder / "own").mkdir()
    (folder / "own" / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    specs = KernelSpecManager(kernel_dirs=[str(folder)])
    config = Config({"KernelManager": _connection(str(folder / "s"), Quota(10_000_000))})
    (folder / "s").mkdir()
    manager = AsyncKernelManager(kernel_name="own", kernel_spec_manager=specs, config=config)
    await manager.start_kernel()
    client = manager.client()
    assert isinstance(client, PromptClient)
    client.start_channels()
    try:
        yield client
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


def test_when_a_kernel_is_ready_it_has_nothing_more_to_say(tmp_path: Path) -> None:
    async def first_heard() -> tuple[str, dict[str, Any]]:
        async with kernel(tmp_path, KERNEL) as client:
            await client.wait_for_ready(60)
            request = client.execute("pass")
            return request, await client.get_iopub_msg(timeout=60)

    request, message = asyncio.run(first_heard())
    assert message["content"] == {"execution_state": "busy"}
    assert message["parent_header"]["msg_id"] == request


def test_a_kernel_that_was_not_heard_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says before it is connected to is lost."""
    lost = []

    async def sum_of_a_kernel() -> str:
        async with kernel(tmp_path, KERNEL) as client:
            hear = client.iopub_channel.get_msg

            async def lose(**options: Any) -> dict[str, Any]:
                message: dict[str, Any] = await hear(**options)
                if not lost and message["content"].get("execution_state") == "idle":
                    lost.append(message)
                    raise Empty
                return message

            monkeypatch.setattr(client.iopub_channel, "get_msg", lose)
            await client.wait_for_ready(60)
            shown = []
            await client.execute_interactive("print(1 + 1)", output_hook=shown.append, timeout=60)
            return "".join(message["content"].get("text", "") for message in shown)

    assert asyncio.run(sum_of_a_kernel()) == "2\n"
    assert len(lost) == 1


@pytest.mark.parametrize(
    ("program", "kind", "told"),
    [
        ("pass", KernelDied, "the kernel died before it was ready"),
        ("import signal; signal.pause()", RuntimeError, "was not ready within 1 seconds"),
    ],
)
def test_a_kernel_that_does_not_become_ready_is_told_of(
    program: str, kind: type[Exception], told: str, tmp_path: Path
) -> None:
    async def wait() -> None:
        async with kernel(tmp_path, program) as client:
            await client.wait_for_ready(1)

    with pytest.raises(kind, match=told):
        asyncio.run(wait())


def test_a_kernel_that_died_at_its_start_is_told_of_like_one_that_died_later() -> None:
    """By this it is known that another try may help."""
    assert reason_of(KernelDied("x")) == reason_of(DeadKernelError("x"))
