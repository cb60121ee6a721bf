"""Running other processes, waiting for what they do and finding them: nothing takes for ever."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def running(command: Sequence[str | Path], **options: Any) -> "Iterator[subprocess.Popen[str]]":
    """Run a command beside a test. When the block ends, so does all that is left of its group.

    `subprocess.Popen` itself would wait for it, for ever if a test fails before it ends it.
    """
    with subprocess.Popen(command, start_new_session=True, text=True, **options) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def completed(
    command: Sequence[str | Path], seconds: float = 300, expected: int | None = 0, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, and hold that it has the expected exit status; None for any.

    It fails after some seconds, also if something that the command has left keeps its output open.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(command, **pipes | options) as process:
        out, errors = process.communicate(timeout=seconds)
    assert expected in (None, process.returncode), errors
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def wait_for(
    seen: Callable[[], object],
    process: "subprocess.Popen[Any] | None" = None,
    seconds: float = 120,
) -> None:
    """Wait until something can be seen; fail if that takes too long, or its process has ended."""
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until, "it did not come in time"
        assert process is None or process.poll() is None, "its process has ended"


def has_text(file: Path) -> bool:
    """Whether a file is there, and something is written in it."""
    return file.exists() and bool(file.read_bytes())


def gone(pid: int, seconds: float = 5) -> bool:
    """Whether a process ends within some seconds; one that nobody has waited for has ended too."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state[0] == "Z":
            return True
    return False


def parent_of(pid: int) -> int:
    """The process that another one is a child of."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rsplit(")", 1)[1].split()[1])


def descendants(pid: int) -> list[int]:
    """All processes below one, by what /proc tells of their parents."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                parents[int(entry.name)] = parent_of(int(entry.name))
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def free_port() -> int:
    """A port of the loopback that nobody listens at, just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    """Whether anybody listens at a port of the loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
