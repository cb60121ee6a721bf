"""Jupyter kernels that start in a moment: forked from a process that has imported everything.

A small notebook spends most of its time on starting its kernel and importing libraries. Here the
fork server does that once, and every kernel is a fork of it.

    from insights_lib.warm_kernels.engine import warm_kernels

    with warm_kernels("pandas", "plotly.graph_objects"):
        papermill.execute_notebook("in.ipynb", "out.ipynb")

Within the block `WarmEngine` takes the place of papermill's own engine, for notebooks that ask for
the kernel of this Python. For all others, nbclient and JupyterLab nothing changes. A warm kernel
talks to its engine over a pair of sockets that nobody else can reach. It reads no configuration of
IPython, keeps no history, and cannot ask for input. Where processes cannot be forked safely, as on
Windows and macOS, kernels start as they always do.

This package imports nothing of the rest of the library: it could be one of its own.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.kernelspec import NATIVE_KERNEL_NAME
from jupyter_client.session import json_packer, json_unpacker
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_output
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from traitlets.config import Config

from insights_lib.warm_kernels.fork_server import Clone, ForkServer, can_fork
from insights_lib.warm_kernels.kernel import SAID_TOO_MUCH, is_code

MOST = 50_000_000  # characters that a notebook may print and show; they are kept in it
_PREPARE, _EXECUTE = f"{__package__}.kernel:prepare", f"{__package__}.kernel:execute"
_TOO_MUCH = "the notebook printed and showed too much"
_LOOK = 1  # seconds between looks whether a silent kernel is still there


class SaidTooMuch(RuntimeError):  # noqa: N818 - it says what has happened
    """A notebook printed and showed more than it may."""


@contextmanager
def warm_kernels(*preload: str, clone: Clone | None = None) -> Iterator[ForkServer | None]:
    """Let notebooks that papermill executes in this process have warm kernels.

    Yields the fork server, None where there can be none; see there for `preload` and `clone`. A
    clone has to have preloaded `kernel:prepare` of this package.
    """
    before = papermill_engines.get_engine(), WarmEngine.fork_server
    needed = dict.fromkeys((*preload, _PREPARE))
    WarmEngine.fork_server = ForkServer(*needed, clone=clone) if can_fork() else None
    papermill_engines.register(None, WarmEngine)
    try:
        yield WarmEngine.fork_server
    finally:
        if WarmEngine.fork_server:
            WarmEngine.fork_server.close()
        engine, WarmEngine.fork_server = before
        papermill_engines.register(None, engine)


class WarmEngine(NBClientEngine):  # type: ignore[misc]  # papermill has no hints
    """An engine for papermill whose kernels are forks of the fork server, while there is one.

    Besides what papermill gives every engine, it takes `setup`, code to run before the notebook
    that does not show in it; and `most`, how many characters a warm kernel may print and show.
    The seconds for a cell are `execution_timeout`, `timeout`, or what `timeout_func` returns.
    """

    fork_server: ForkServer | None = None

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        setup: str = "",
        most: int = MOST,
        **options: Any,
    ) -> None:
        """Execute a notebook; what it shows is added to it cell by cell.

        Raises:
            DeadKernelError: The kernel has died.
            CellTimeoutError: A cell took too long.
            SaidTooMuch: The notebook printed and showed more than it may.
        """
        if kernel_name != NATIVE_KERNEL_NAME:
            super().execute_managed_notebook(nb_man, kernel_name, **options)
            return
        if cls.fork_server is None:
            with TemporaryDirectory() as folder:
                started = _ordinary(setup, folder)
                super().execute_managed_notebook(nb_man, kernel_name, **started | options)
            return
        with _forked(cls.fork_server, most) as kernel:
            kernel.send({"notebook": nb_man.nb, "setup": setup, "most": most})
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                failed = is_code(cell) and kernel.take_result(cell, options)
                if failed:
                    nb_man.cell_exception(cell, cell_index=index)
                nb_man.cell_complete(cell, cell_index=index)
                if failed:
                    break
            result, _ = kernel.receive(float("inf"))
            nb_man.nb.metadata.update(from_dict(result["metadata"]))  # type: ignore[no-untyped-call]


def _ordinary(setup: str, folder: str) -> dict[str, Any]:
    """How an ordinary kernel is started, if possible with files to talk over instead of ports."""
    arguments = ["--HistoryManager.enabled=False", f"--IPKernelApp.exec_lines={setup}"]
    files = {"transport": "ipc", "ip": f"{folder}/kernel"} if os.name == "posix" else {}
    connection = {"connection_file": f"{folder}/connection.json", **files}
    return {"extra_arguments": arguments, "config": Config({"KernelManager": connection})}


@contextmanager
def _forked(server: ForkServer, most: int) -> Iterator["_Kernel"]:
    """Have a kernel for one notebook; it ends with the block, and all that it started."""
    ours, theirs = Pipe()
    printed, output = Pipe(duplex=False)
    with ours, printed:
        with theirs, output:
            where = str(Path.cwd()), dict(os.environ)
            pid = server.fork(_EXECUTE, *where, handles=(theirs.fileno(), output.fileno()))
        try:
            yield _Kernel(server, pid, ours, printed, most)
        finally:
            server.ask("end", pid)


@dataclass
class _Kernel:
    """A kernel at work, and the fork server that it comes from."""

    server: ForkServer
    pid: int
    work: Connection  # and the results of it
    output: Connection | None  # printed past Python; None when nobody is left who could
    left: int  # bytes that may still be printed so

    def send(self, work: dict[str, Any]) -> None:
        """Give it its work."""
        try:
            self.work.send_bytes(json_packer(work))
        except OSError:
            raise self._died() from None

    def take_result(self, cell: NotebookNode, options: dict[str, Any]) -> bool:
        """Wait for what came of a cell; whether it has failed."""
        limit = options.get("timeout_func") or (lambda _: options.get("timeout"))
        seconds = options.get("execution_timeout") or limit(cell) or float("inf")
        try:
            result, printed = self.receive(time.monotonic() + seconds)
        except TimeoutError as error:
            raise CellTimeoutError.error_from_timeout_and_cell(
                "Cell execution timed out", round(seconds), cell
            ) from error
        cell.execution_count = result["execution_count"]
        cell.outputs = from_dict(result["outputs"])  # type: ignore[no-untyped-call]
        if printed:
            past_python = new_output("stream", name="stdout", text=printed)  # type: ignore[no-untyped-call]
            cell.outputs.append(past_python)
        return bool(result["failed"])

    def receive(self, end: float) -> tuple[dict[str, Any], str]:
        """Its next result, and what was printed past Python until then; no later than the end."""
        printed = bytearray()
        while True:
            sources = [source for source in (self.work, self.output) if source]
            ready = wait(sources, max(0.0, min(_LOOK, end - time.monotonic())))
            if self.output in ready:
                printed += self._printed(self.output)
            elif self.work in ready:
                try:
                    result = json_unpacker(self.work.recv_bytes())
                except (EOFError, OSError):
                    raise self._died() from None
                return result, printed.decode("utf-8", "replace")
            elif self.server.ask("poll", self.pid) is not None:
                raise self._died()
            if time.monotonic() > end:
                raise TimeoutError

    def _printed(self, output: Connection) -> bytes:
        block = os.read(output.fileno(), 1_000_000)
        if not block:
            self.output = None
        self.left -= len(block)
        if self.left < 0:
            raise SaidTooMuch(_TOO_MUCH)
        return block

    def _died(self) -> Exception:
        if self.server.ask("end", self.pid) == SAID_TOO_MUCH:
            return SaidTooMuch(_TOO_MUCH)
        return DeadKernelError("Kernel died")
