"""Jupyter kernels that start in a moment: forked from a process that has imported everything.

A small notebook spends most of its time on starting its kernel and importing libraries. Here a
process does that once, the fork server, and every kernel is a fork of it.

    from insights_lib.warm_kernels import warm_kernels

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
from multiprocessing.connection import Connection, wait
from pathlib import Path
from socket import socketpair
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
from insights_lib.warm_kernels.kernel import SAID_TOO_MUCH

MOST = 50_000_000  # characters that a notebook may print and show; they are kept in it
_PREPARE, _EXECUTE = f"{__package__}.kernel:prepare", f"{__package__}.kernel:execute"
_LOOK = 1  # seconds between looks whether a silent kernel is still there


class SaidTooMuch(RuntimeError):  # noqa: N818 - it says what has happened
    """A notebook printed and showed more than it may."""


@contextmanager
def warm_kernels(*preload: str, clone: Clone | None = None) -> Iterator[ForkServer | None]:
    """Let notebooks that papermill executes in this process have warm kernels.

    Args:
        *preload: See `ForkServer`.
        clone: See `ForkServer`; a clone of one that has preloaded `kernel:prepare` of this package.

    Yields:
        The fork server, None where there can be none.
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
            with _ordinary(setup) as started:
                super().execute_managed_notebook(nb_man, kernel_name, **{**started, **options})
            return
        with _Kernel(cls.fork_server, most) as kernel:
            kernel.send({"notebook": nb_man.nb, "setup": setup, "most": most})
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                failed = _is_code(cell) and _take_result(kernel, cell, _end(cell, options))
                if failed:
                    nb_man.cell_exception(cell, cell_index=index)
                nb_man.cell_complete(cell, cell_index=index)
                if failed:
                    break
            result, _ = kernel.receive(float("inf"))
            nb_man.nb.metadata.update(from_dict(result["metadata"]))  # type: ignore[no-untyped-call]


@contextmanager
def _ordinary(setup: str) -> Iterator[dict[str, Any]]:
    """How an ordinary kernel is started, if possible with files to talk over instead of ports."""
    arguments = ["--HistoryManager.enabled=False", f"--IPKernelApp.exec_lines={setup}"]
    with TemporaryDirectory() as folder:
        files = {"transport": "ipc", "ip": f"{folder}/kernel"} if os.name == "posix" else {}
        connection = {"connection_file": f"{folder}/connection.json", **files}
        yield {"extra_arguments": arguments, "config": Config({"KernelManager": connection})}


def _is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _end(cell: NotebookNode, options: dict[str, Any]) -> float:
    """When the time of a cell is over, by the monotonic clock."""
    limit = options.get("timeout_func") or (lambda _: options.get("timeout"))
    seconds = options.get("execution_timeout") or limit(cell)
    return time.monotonic() + (seconds or float("inf"))


def _take_result(kernel: "_Kernel", cell: NotebookNode, end: float) -> bool:
    """Wait for what came of a cell; whether it has failed."""
    seconds = end - time.monotonic()
    try:
        result, printed = kernel.receive(end)
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


class _Kernel:
    """A kernel at work for one notebook; it ends with the block, and all that it started.

    Args:
        server: Forks it.
        most: How many bytes may be printed past Python.
    """

    def __init__(self, server: ForkServer, most: int) -> None:
        self._server, self._left = server, most
        ours, theirs = socketpair()
        self._output, output = os.pipe()
        self._work = Connection(ours.detach())
        self._sources: list[Any] = [self._work, self._output]
        try:
            with theirs:
                where = str(Path.cwd()), dict(os.environ)
                self._pid = server.fork(_EXECUTE, *where, handles=(theirs.fileno(), output))
        except BaseException:
            self._close()
            raise
        finally:
            os.close(output)

    def __enter__(self) -> "_Kernel":
        return self

    def __exit__(self, *_: object) -> None:
        self._status("end")
        self._close()

    def _close(self) -> None:
        self._work.close()
        os.close(self._output)

    def _status(self, what: str) -> int | None:
        return self._server.ask(what, self._pid)  # type: ignore[no-any-return]

    def send(self, work: dict[str, Any]) -> None:
        """Give it its work."""
        try:
            self._work.send_bytes(json_packer(work))
        except OSError:
            raise self._died() from None

    def receive(self, end: float) -> tuple[dict[str, Any], str]:
        """Its next result, and what was printed past Python until then.

        Raises:
            TimeoutError: It has sent nothing by the end.
            DeadKernelError: It has died.
            SaidTooMuch: That is more than it may say.
        """
        printed = bytearray()
        while True:
            ready = wait(self._sources, max(0.0, min(_LOOK, end - time.monotonic())))
            if self._output in ready:
                printed += self._printed()
            elif self._work in ready:
                try:
                    result = json_unpacker(self._work.recv_bytes())
                except (EOFError, OSError):
                    raise self._died() from None
                return result, printed.decode("utf-8", "replace")
            elif self._status("poll") is not None:
                raise self._died()
            if time.monotonic() > end:
                raise TimeoutError

    def _printed(self) -> bytes:
        block = os.read(self._output, 1_000_000)
        if not block:  # nobody is left who could print
            self._sources.remove(self._output)
        self._left -= len(block)
        if self._left < 0:
            raise _said_too_much()
        return block

    def _died(self) -> Exception:
        if self._status("end") == SAID_TOO_MUCH:
            return _said_too_much()
        return DeadKernelError("Kernel died")


def _said_too_much() -> SaidTooMuch:
    return SaidTooMuch("the notebook printed and showed too much")
