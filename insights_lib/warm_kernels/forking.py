"""What a fork server does: it imports, and then forks a process whenever it is asked to.

A fork of it shares nothing with the forks before it but imported modules.
"""

import contextlib
import gc
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from insights_lib.warm_kernels.deferred import grammar_deferred
from insights_lib.warm_kernels.linux import ADOPT_ORPHANS, END_WITH_PARENT, NAME, prctl

# A library that starts threads as it is imported could hold a lock at the moment of a fork.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Imported by ipykernel, and slow: a debugger that nobody could attach to.
_UNWANTED = "debugpy"


def serve(descriptor: int, *preload: str) -> None:
    """Be a fork server for those who ask over a socket, until nobody is left who could."""
    connection = Connection(descriptor)
    prctl(NAME, b"fork server")
    prctl(END_WITH_PARENT, 0)  # a clone ends with the one who asks it, and tidies up then
    prctl(ADOPT_ORPHANS, 1)
    forks: dict[int, int | None] = {}
    try:
        connection.send(_warm(preload))
        while True:
            what, *details = connection.recv()
            _reap(forks)
            if what == "fork":
                connection.send(_fork(connection, forks, *details))
            else:
                if what == "interrupt":
                    _interrupt(forks, *details)
                connection.send(_status(forks, *details, end=what == "end"))
    except (EOFError, ConnectionError):
        pass  # whoever asked has ended
    except Exception:  # noqa: BLE001 - nobody else would tell of it
        traceback.print_exc()
    finally:
        _end_children(set())
        os._exit(0)  # there is nothing to tidy up, and libraries only complain


def _warm(preload: tuple[str, ...]) -> str | None:
    """Preload; return why nothing can be forked after that, or None."""
    sys.modules[_UNWANTED] = None  # type: ignore[assignment]  # it cannot be imported
    env = dict(os.environ)
    os.environ |= ONE_THREAD
    try:
        with grammar_deferred():
            for name in preload:
                call(name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
        return f"the fork server could not load {name}: {type(error).__name__}: {error}"
    os.environ.clear()
    os.environ |= env
    del sys.modules[_UNWANTED]
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"loading {', '.join(preload)} has started {threads - 1} threads; forks need none"
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page it looks at
    return None


def call(name: str, *arguments: Any) -> None:
    """Import a module, and call its function if the name tells one: `module:function`."""
    found = resolve_name(name)
    if ":" in name:
        found(*arguments)


def _fork(
    connection: Connection,
    forks: dict[int, int | None],
    function: str,
    arguments: tuple[Any, ...],
    count: int,
) -> int | OSError:
    """Fork a process that calls a function with handles that come over the connection."""
    handles = [recv_handle(connection) for _ in range(count)]
    for handle in handles:  # its other end would not notice that the fork has ended
        os.set_inheritable(handle, False)
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        return error
    else:
        if pid == 0:
            connection.close()
            _become(parent, function, *handles, *arguments)
        forks[pid] = None
        return pid
    finally:
        for handle in handles:
            os.close(handle)


def _become(parent: int, function: str, *arguments: Any) -> None:
    """Do in this fork what it is for, and end it."""
    status = 1
    try:
        prctl(END_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(status)  # the fork server had died before that
        if "numpy" in sys.modules:  # two forks must not draw the same numbers
            sys.modules["numpy"].random.seed()
        call(function, *arguments)
        status = 0
    except BaseException:  # noqa: BLE001 - nobody else would tell of it
        traceback.print_exc()
    finally:
        os._exit(status)


def _reap(forks: dict[int, int | None]) -> None:
    """Record how forks have ended."""
    with contextlib.suppress(ChildProcessError):  # there are none
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] in forks:
                forks[ended[0]] = os.waitstatus_to_exitcode(ended[1])


def _interrupt(forks: dict[int, int | None], pid: int) -> None:
    """Interrupt a fork that runs, and what it has started in its group."""
    if forks.get(pid, 0) is None:
        with contextlib.suppress(ProcessLookupError):  # it has no group yet
            os.killpg(pid, signal.SIGINT)


def _status(forks: dict[int, int | None], pid: int, *, end: bool) -> int | None:
    """The exit status of a fork; one that is to end is ended, and what it has left behind."""
    if end and forks.get(pid, 0) is None:
        os.kill(pid, signal.SIGKILL)
        forks[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # Those of a fork server that died have died with it.
    status = forks.get(pid, -signal.SIGKILL)
    if end:
        forks.pop(pid, None)
        _end_children({pid for pid, status in forks.items() if status is None})
    return status


def _end_children(but: set[int]) -> None:
    """End the children of this process, and theirs, which become its own then."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while pids := set(map(int, children.read_text(encoding="ascii").split())) - but:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
