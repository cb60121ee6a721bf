"""Jupyter kernels that start in a moment: forked from a process that has imported everything.

A small notebook spends most of its time on starting its kernel and importing libraries. Here the
fork server does that once, and every kernel is a fork of it.

    from insights_lib.warm_kernels.engine import warm_kernels

    with warm_kernels("pandas", "plotly.graph_objects"):
        papermill.execute_notebook("in.ipynb", "out.ipynb")

Within the block `WarmEngine` takes the place of papermill's own engine, for notebooks that ask for
the kernel of this Python. For all others, nbclient and JupyterLab nothing changes. A warm kernel
talks to its engine over a pair of sockets that nobody else can reach; all else is ipykernel's and
nbclient's own code. Where processes cannot be forked safely, as on Windows and macOS, kernels start
as they always do. `README.md` beside this file tells how it works and what may differ.

This package imports nothing of the rest of the library: it could be one of its own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socketpair
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.kernelspec import NATIVE_KERNEL_NAME
from nbclient.util import run_sync
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from traitlets.config import Config

from insights_lib.warm_kernels.client import (
    IMPATIENCE,
    PATIENCE,
    SaidTooMuch,
    WarmClient,
    WarmManager,
)
from insights_lib.warm_kernels.fork_server import Clone, ForkServer, can_fork

MOST = 50_000_000  # characters that a notebook may print and show; they are kept in it
_PREPARE, _EXECUTE = f"{__package__}.kernel:prepare", f"{__package__}.kernel:execute"


@contextmanager
def warm_kernels(*preload: str, clone: Clone | None = None) -> Iterator[ForkServer | None]:
    """Let notebooks that papermill executes in this process have warm kernels.

    Yields the fork server, None where there can be none; see there for `preload` and `clone`. A
    clone has to have preloaded `kernel:prepare` of this package.
    """
    before = papermill_engines.get_engine(), WarmEngine.fork_server
    # plotly and others import nbformat to show something; a kernel would take seconds for that.
    needed = dict.fromkeys((*preload, "nbformat", _PREPARE))
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

    Besides what papermill gives every engine, it takes `setup`, plain Python to run before the
    notebook that does not show in it; and `most`, how many characters a warm kernel may print and
    show. The seconds for a cell are `execution_timeout`, `timeout`, or what `timeout_func` returns.
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
        """Execute a notebook; what it shows is added to it as it comes.

        Raises:
            DeadKernelError: The kernel has died.
            CellTimeoutError: A cell took too long.
            SaidTooMuch: The notebook printed and showed more than it may.
        """
        if kernel_name != NATIVE_KERNEL_NAME:
            super().execute_managed_notebook(nb_man, kernel_name, **options)
        elif cls.fork_server is None:
            with TemporaryDirectory() as folder:
                started = _ordinary(setup, folder)
                super().execute_managed_notebook(nb_man, kernel_name, **started | options)
        else:
            with _forked(cls.fork_server, setup, most) as kernel:
                super().execute_managed_notebook(nb_man, kernel_name, km=kernel, **options)


def _ordinary(setup: str, folder: str) -> dict[str, Any]:
    """How an ordinary kernel is started, if possible with files to talk over instead of ports."""
    arguments = ["--HistoryManager.enabled=False", f"--IPKernelApp.exec_lines={setup}"]
    files = {"transport": "ipc", "ip": f"{folder}/kernel"} if os.name == "posix" else {}
    connection = {"connection_file": f"{folder}/connection.json", **files}
    return {"extra_arguments": arguments, "config": Config({"KernelManager": connection})}


@contextmanager
def _forked(server: ForkServer, setup: str, most: int) -> Iterator[WarmManager]:
    """Have a kernel for one notebook; it ends with the block, and all that it started."""
    ours, theirs = socketpair()
    with ours:
        with theirs:
            # What jupyter_client and ipykernel's debugger give to an ordinary kernel.
            env = {**os.environ, "JPY_PARENT_PID": str(os.getpid()), "PYDEVD_USE_FRAME_EVAL": "NO"}
            work = theirs.fileno()
            pid = server.fork(_EXECUTE, str(Path.cwd()), env, setup, handles=(work,))
        client = WarmClient(ours, most)
        close = run_sync(client.close)
        try:
            yield WarmManager(server, pid, client)
            close(PATIENCE)
        except BaseException as error:
            # What the cell shows of being interrupted is shown, as with an ordinary kernel.
            server.ask("interrupt", pid)
            close(0 if client.said_too_much else IMPATIENCE)
            if client.said_too_much and not isinstance(error, SaidTooMuch):
                raise SaidTooMuch("the notebook printed and showed too much") from error
            raise
        finally:
            server.ask("end", pid)
