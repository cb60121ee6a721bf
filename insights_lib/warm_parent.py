"""A process from which others are forked: it imports what they need, once, and has no threads.

A fork of it shares nothing with the forks before it but imported modules.
"""

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from multiprocessing.connection import Connection, wait
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
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_PATIENCE = 120  # seconds to wait for an answer of the parent, which may be importing for long

Twin = tuple[int, int]  # a handle of the socket of a warm parent, and its process id


class ParentDied(RuntimeError):  # noqa: N818 - it tells what has happened
    """The process from which others are forked has ended; it was killed, perhaps."""


def can_fork() -> bool:
    """Whether processes with native libraries in them can be forked here; macOS advises not to."""
    return sys.platform == "linux"


class WarmParent:
    """The process from which others are forked; it ends when this one does.

    Args:
        *preload: Modules to import, or `module:function` to import and call as well. Nothing of
            this may start a thread.
        env: Its environment; None for that of this process.
        twin: One that is there already, as another process got it of `twin` and handed it on.
    """

    def __init__(
        self, *preload: str, env: Mapping[str, str] | None = None, twin: Twin | None = None
    ) -> None:
        self._preload, self._env = preload, env
        self._lock = Lock()
        self._over = False
        if twin:
            self._connect(twin, lambda: None)  # it is not this process that reaps it
        else:
            self._start()

    def _start(self) -> None:
        ours, theirs = socketpair()
        with theirs:
            process = self._new(theirs.fileno())
        self._connect((ours.detach(), process.pid), process.wait)

    def _connect(self, twin: Twin, reap: Callable[[], object]) -> None:
        descriptor, self._pid = twin
        self._connection, self._reap = Connection(descriptor), reap
        self._broken: str | None = None
        self._ready = False

    def _new(self, descriptor: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - this very module, in this very Python
            [sys.executable, "-c", _MAIN, str(descriptor), *self._preload],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            env={**(os.environ if self._env is None else self._env), **ONE_THREAD},
            start_new_session=True,
        )

    def ask(self, what: str, pid: int) -> Any:
        """Ask for the exit status of a fork: `poll`, None while it runs; `end`, end it first.

        One whose parent has died has died with it.

        Raises:
            RuntimeError: The parent could not be warmed.
        """
        with self._lock:
            try:
                return self._ask((what, pid))
            except ParentDied:
                return -signal.SIGKILL

    def _ask(self, request: tuple[Any, ...], *handles: int) -> Any:
        try:
            if not self._ready:
                self._broken = self._receive()
                self._ready = True
            if self._broken:
                raise RuntimeError(self._broken)
            self._connection.send(request)
            for handle in handles:
                send_handle(self._connection, handle, self._pid)
            return self._receive()
        except (EOFError, OSError) as error:
            raise ParentDied("the warm parent has died") from error

    def _receive(self) -> Any:
        if not self._connection.poll(_PATIENCE):  # it was stopped, perhaps
            self._kill()
        return self._connection.recv()

    def fork(self, function: str, *arguments: Any, handles: tuple[int, ...]) -> int:
        """Fork a process that calls a function; a parent that has died is replaced.

        Args:
            function: `module:function`.
            *arguments: Of the function, after the handles.
            handles: Of files and sockets that the process is given.

        Returns:
            Its process id.

        Raises:
            ParentDied: It was told to end, or died twice.
            RuntimeError: The parent could not be warmed.
        """
        request = ("fork", function, arguments, len(handles))
        with self._lock:
            try:
                return self._ask(request, *handles)  # type: ignore[no-any-return]
            except ParentDied:
                if self._over:
                    raise
                self._end()
                self._start()
                return self._ask(request, *handles)  # type: ignore[no-any-return]

    def twin(self) -> Twin:
        """Fork another parent, as warm as this one; it ends with whoever holds its socket.

        Returns:
            What `WarmParent` takes in the process that is to have it: a handle of its socket,
            which is the caller's to close or to hand on, and its process id.
        """
        ours, theirs = socketpair()
        with theirs, ours:
            pid = self.fork(f"{__name__}:serve", handles=(theirs.fileno(),))
            return ours.detach(), pid

    def kill(self) -> None:
        """End the parent at once, and with it its forks, but for its twins; it forks no more."""
        self._over = True
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End the parent and every process that it forked."""
        self._over = True
        self._end()

    def _end(self) -> None:
        self._connection.close()
        ended = os.pidfd_open(self._pid)
        wait([ended], _PATIENCE)
        os.close(ended)
        self._kill()
        self._reap()


def serve(descriptor: int, *preload: str) -> None:
    """Be the parent: import, say so, and fork a process whenever asked, until nobody can ask.

    Args:
        descriptor: Of the socket over which forks are asked for.
        preload: As of `WarmParent`.
    """
    connection = Connection(descriptor)
    name_process("warm parent")
    _prctl(_PR_SET_PDEATHSIG, 0)  # a twin ends with the one who asks it, and tidies up then
    adopt_orphans()
    forks: dict[int, int | None] = {}
    try:
        connection.send(_warm(preload))
        while True:
            what, *details = connection.recv()
            if what == "fork":
                pid = _forked(connection, *details)
                forks[pid] = None
                connection.send(pid)
            else:
                connection.send(_status(forks, *details, end=what == "end"))
    except (EOFError, BrokenPipeError):
        pass  # whoever asked has ended
    finally:
        _end_children(set())
        os._exit(0)  # there is nothing to tidy up, and libraries only complain


def _warm(preload: tuple[str, ...]) -> str | None:
    """Do what is to be preloaded; why nothing can be forked then, or None."""
    sys.modules |= dict.fromkeys(_UNWANTED)  # type: ignore[arg-type]  # None: there is none
    try:
        for name in preload:
            call(name)
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


def call(name: str, *arguments: Any) -> None:
    """Import a module, and call its function if the name tells one: `module:function`."""
    module, _, function = name.partition(":")
    imported = import_module(module)
    if function:
        getattr(imported, function)(*arguments)


def _forked(connection: Connection, function: str, arguments: tuple[Any, ...], count: int) -> int:
    """Fork a process that calls a function with handles that come over the connection."""
    handles = [recv_handle(connection) for _ in range(count)]
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(function, *handles, *arguments)
    for handle in handles:
        os.close(handle)
    return pid


def _become(function: str, *arguments: Any) -> None:
    """Do in this fork what it is for; it does not return."""
    status = 1
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        import_module("random").seed()  # two forks must not draw the same numbers
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        call(function, *arguments)
        status = 0
    except BaseException:  # noqa: BLE001 - nobody else would tell of it
        traceback.print_exc()
    finally:
        os._exit(status)


def _status(forks: dict[int, int | None], pid: int, *, end: bool) -> int | None:
    """The exit status of a fork; one that is to end is ended, and what it has left behind."""
    with contextlib.suppress(ChildProcessError):  # there are none
        if end and forks.get(pid, 0) is None:
            os.kill(pid, signal.SIGKILL)
            forks[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] in forks:
                forks[ended[0]] = os.waitstatus_to_exitcode(ended[1])
    # Those of a parent that died before have died with it.
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


def name_process(name: str) -> None:
    """How `ps` and `top` call this process; at most 15 characters."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))


def adopt_orphans() -> None:
    """Be the parent of what a child leaves behind when it ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: Any) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
