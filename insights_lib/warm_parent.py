"""The process from which kernels are forked: it imports what they need, once, and has no threads.

A kernel is a fork of it: a fresh process in a group of its own, with a fresh namespace, which
shares nothing with the kernels before it but imported modules.
"""

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from socket import socketpair
from threading import Lock
from typing import Any

# A library that starts threads as it is imported could hold a lock at the moment of a fork.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Imported by others for what no kernel here needs, and slow: a grammar of web addresses that takes
# jsonschema two seconds, and a debugger that nobody could attach to.
_UNWANTED = ("rfc3987_syntax", "debugpy")
_MAIN = f"import sys; from {__name__} import serve; serve(int(sys.argv[1]), *sys.argv[2:])"
_KERNEL = "insights_lib.forked_kernel"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PATIENCE = 120  # seconds to wait for an answer of the parent, which may be importing for long


class ParentDied(RuntimeError):  # noqa: N818 - it tells what has happened
    """The process from which kernels are forked has ended; it was killed, perhaps."""


class WarmParent:
    """The process from which kernels are forked; it ends when this one does.

    Args:
        preload: Modules to import, or `module:function` to import and call as well. Nothing of
            this may start a thread.
    """

    def __init__(self, *preload: str) -> None:
        self._preload = preload
        self._lock = Lock()
        self._start()

    def _start(self) -> None:
        ours, theirs = socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very module, in this very Python
                [sys.executable, "-c", _MAIN, str(theirs.fileno()), *self._preload],
                pass_fds=[theirs.fileno()],
                env=os.environ | ONE_THREAD,
                start_new_session=True,
            )
        self._connection = Connection(ours.detach())
        self._broken: str | None = None
        self._ready = False

    def ask(self, what: str, pid: int) -> Any:
        """Ask for the exit status of a kernel: `poll`, None while it runs; `end`, end it first.

        Raises:
            ParentDied: The parent has died, and all its kernels with it.
            RuntimeError: The parent could not be warmed.
        """
        with self._lock:
            return self._ask((what, pid))

    def _ask(self, request: tuple[Any, ...], *handles: int) -> Any:
        try:
            if not self._ready:
                self._broken = self._receive()
                self._ready = True
            if self._broken:
                raise RuntimeError(self._broken)
            self._connection.send(request)
            for handle in handles:
                send_handle(self._connection, handle, self._process.pid)
            return self._receive()
        except (EOFError, OSError) as error:
            raise ParentDied("the warm parent of the kernels has died") from error

    def _receive(self) -> Any:
        if not self._connection.poll(_PATIENCE):  # it was stopped, perhaps
            self._process.kill()
        return self._connection.recv()

    def fork(self, cwd: str, env: dict[str, str], *handles: int) -> int:
        """Fork a kernel; a parent that has died is replaced.

        Args:
            cwd: Its folder.
            env: Its environment.
            *handles: Of the socket for its work, and for its standard output and error.

        Returns:
            Its process id.
        """
        request = ("fork", cwd, env)
        with self._lock:
            try:
                return self._ask(request, *handles)  # type: ignore[no-any-return]
            except ParentDied:
                self.close()
                self._start()
                return self._ask(request, *handles)  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the parent and every kernel that it forked."""
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._process.kill()
        self._process.wait()


def serve(descriptor: int, *preload: str) -> None:
    """Be the parent: import, say so, and fork a kernel whenever asked, until nobody can ask.

    Args:
        descriptor: Of the socket over which kernels are asked for.
        preload: As of `WarmParent`.
    """
    connection = Connection(descriptor)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    kernels: dict[int, int | None] = {}
    try:
        connection.send(_warm(preload))
        while True:
            what, *details = connection.recv()
            if what == "fork":
                work, output = recv_handle(connection), recv_handle(connection)
                pid = os.fork()
                if pid == 0:
                    connection.close()
                    _become_kernel(work, output, *details)
                os.close(work)
                os.close(output)
                kernels[pid] = None
                connection.send(pid)
            else:
                connection.send(_status(kernels, *details, end=what == "end"))
    except (EOFError, BrokenPipeError):
        pass  # whoever asked has ended
    finally:
        _end_children(set())
        os._exit(0)  # there is nothing to tidy up, and libraries only complain


def _warm(preload: Iterable[str]) -> str | None:
    """Import and call what is to be preloaded; why no kernel can be forked then, or None."""
    sys.modules |= dict.fromkeys(_UNWANTED)  # type: ignore[arg-type]  # None: there is none
    try:
        for name in (*preload, f"{_KERNEL}:prepare"):
            module, _, function = name.partition(":")
            imported = import_module(module)
            if function:
                getattr(imported, function)()
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
        return f"the warm parent could not load {name}: {type(error).__name__}: {error}"
    for name in _UNWANTED:
        del sys.modules[name]
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"loading {', '.join(preload)} has started {threads - 1} threads; forks need none"
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page it looks at
    return None


def _become_kernel(work: int, output: int, cwd: str, env: dict[str, str]) -> None:
    """Turn this fork into a kernel; it does not return."""
    status = 1
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what its children leave is the kernel's, to its end
        # If memory runs out, it is the notebook that has to go.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.close(output)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        import_module("random").seed()  # two forks must not draw the same numbers
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        import_module(_KERNEL).execute(Connection(work))
        status = 0
    finally:
        os._exit(status)


def _status(kernels: dict[int, int | None], pid: int, *, end: bool) -> int | None:
    """The exit status of a kernel; one that is to end is ended, and what it has left behind."""
    with contextlib.suppress(ChildProcessError):  # there are none
        if end and kernels.get(pid, 0) is None:
            os.kill(pid, signal.SIGKILL)
            kernels[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] in kernels:
                kernels[ended[0]] = os.waitstatus_to_exitcode(ended[1])
    # Those of a parent that died before have died with it.
    status = kernels.get(pid, -signal.SIGKILL)
    if end:
        kernels.pop(pid, None)
        _end_children({pid for pid, status in kernels.items() if status is None})
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


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
