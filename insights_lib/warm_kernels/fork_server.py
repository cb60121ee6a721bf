"""A process from which others are forked: it imports what they need, once, and has no threads.

A fork of it shares nothing with the forks before it but imported modules.
"""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from socket import SHUT_RDWR, socket, socketpair
from threading import Lock
from typing import Any

from insights_lib.warm_kernels.linux import adopt_orphans, end_with_parent, name_process

# A library that starts threads as it is imported could hold a lock at the moment of a fork.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Imported by others for what no kernel here needs, and slow: a grammar of web addresses that takes
# jsonschema two seconds, and a debugger that nobody could attach to.
_UNWANTED = ("rfc3987_syntax", "debugpy")
_MAIN = (
    f"import sys; sys.path[:] = sys.argv[2].split({os.pathsep!r}); "
    f"from {__name__} import serve; serve(int(sys.argv[1]), *sys.argv[3:])"
)
_PATIENCE = 120  # seconds to wait for an answer of the parent, which may be importing for long

Clone = tuple[int, int]  # a handle of the socket of a fork server, and its process id


class ForkServerDied(RuntimeError):  # noqa: N818 - it tells what has happened
    """The process from which others are forked has ended; it was killed, perhaps."""


def can_fork() -> bool:
    """Whether processes with native libraries in them can be forked here; macOS advises not to."""
    return sys.platform == "linux"


class ForkServer:
    """The process from which others are forked; it ends when this one does.

    Args:
        *preload: Modules to import, or `module:function` to import and call as well. Nothing of
            this may start a thread.
        env: Its environment; None for that of this process.
        clone: One that is there already, as another process got it of `clone` and handed it on.
    """

    def __init__(
        self, *preload: str, env: Mapping[str, str] | None = None, clone: Clone | None = None
    ) -> None:
        self._preload, self._env = preload, env
        self._lock = Lock()
        self._over = False
        if clone:  # whose process is not this one's to wait for
            self._connect(*clone)
        else:
            self._start()

    def _start(self) -> None:
        ours, theirs = socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), os.pathsep.join(sys.path), *self._preload]
            process = subprocess.Popen(  # noqa: S603 - this very module, in this very Python
                [sys.executable, "-c", _MAIN, *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=self._env,
                start_new_session=True,
            )
        self._connect(ours.detach(), process.pid, process)

    def _connect(
        self, descriptor: int, pid: int, process: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self._connection, self._pid, self._process = Connection(descriptor), pid, process
        self._broken: str | None = None
        self._ready = False

    def ask(self, what: str, pid: int) -> Any:
        """Ask for the exit status of a fork: `poll`, None while it runs; `end`, end it first.

        A fork whose parent has died counts as killed; only clones live on.

        Raises:
            RuntimeError: The parent could not be warmed.
        """
        with self._lock:
            try:
                return self._ask((what, pid))
            except ForkServerDied:
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
            raise ForkServerDied("the fork server has died") from error

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
            ForkServerDied: It was told to end, or died twice.
            RuntimeError: The parent could not be warmed.
            OSError: There can be no more processes.
        """
        request = ("fork", function, arguments, len(handles))
        with self._lock:
            try:
                pid = self._ask(request, *handles)
            except ForkServerDied:
                if self._over:
                    raise
                self._end()
                self._start()
                pid = self._ask(request, *handles)
        if isinstance(pid, OSError):
            raise pid
        return int(pid)

    def clone(self) -> Clone:
        """Fork another parent, as warm as this one; it ends with whoever holds its socket.

        Returns:
            What `ForkServer` takes in the process that is to have it: a handle of its socket,
            which is the caller's to close or to hand on, and its process id.
        """
        ours, theirs = socketpair()
        with theirs, ours:
            pid = self.fork(f"{__name__}:serve", handles=(theirs.fileno(),))
            return ours.detach(), pid

    def kill(self) -> None:
        """Let the parent and all its forks end now, whatever another thread asks of it."""
        self._over = True
        if not self._ready:  # it has forked nothing yet, and may be importing for long
            self._kill()
            return
        with contextlib.suppress(OSError), socket(fileno=os.dup(self._connection.fileno())) as ours:
            ours.shutdown(SHUT_RDWR)

    def _kill(self) -> None:
        if self._process:
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End the parent and all its forks, and wait for that; a clone is not waited for."""
        self._over = True
        self._end()

    def _end(self) -> None:
        self._connection.close()
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
            self._process.kill()
            self._process.wait()


def serve(descriptor: int, *preload: str) -> None:
    """Be the parent: import, say so, and fork a process whenever asked, until nobody can ask.

    Args:
        descriptor: Of the socket over which forks are asked for.
        preload: As of `ForkServer`.
    """
    connection = Connection(descriptor)
    name_process("fork server")
    end_with_parent(False)  # a clone ends with the one who asks it, and tidies up then
    adopt_orphans()
    forks: dict[int, int | None] = {}
    try:
        connection.send(_warm(preload))
        while True:
            what, *details = connection.recv()
            _reap(forks)
            if what == "fork":
                connection.send(_fork(connection, forks, *details))
            else:
                connection.send(_status(forks, *details, end=what == "end"))
    except (EOFError, ConnectionError):
        pass  # whoever asked has ended
    except Exception:  # noqa: BLE001 - nobody else would tell of it
        traceback.print_exc()
    finally:
        _end_children(set())
        os._exit(0)  # there is nothing to tidy up, and libraries only complain


def _warm(preload: tuple[str, ...]) -> str | None:
    """Do what is to be preloaded; why nothing can be forked then, or None."""
    sys.modules |= dict.fromkeys(_UNWANTED)  # type: ignore[arg-type]  # None: there is none
    env = dict(os.environ)
    os.environ |= ONE_THREAD
    try:
        for name in preload:
            call(name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
        return f"the fork server could not load {name}: {type(error).__name__}: {error}"
    os.environ.clear()
    os.environ |= env
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


def _fork(
    connection: Connection,
    forks: dict[int, int | None],
    function: str,
    arguments: tuple[Any, ...],
    count: int,
) -> int | OSError:
    """Fork a process that calls a function with handles that come over the connection."""
    handles = [recv_handle(connection) for _ in range(count)]
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
    """Do in this fork what it is for; it does not return."""
    status = 1
    try:
        end_with_parent(True)
        if os.getppid() != parent:
            os._exit(status)  # the parent has died before that
        import_module("random").seed()  # two forks must not draw the same numbers
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        call(function, *arguments)
        status = 0
    except BaseException:  # noqa: BLE001 - nobody else would tell of it
        traceback.print_exc()
    finally:
        os._exit(status)


def _reap(forks: dict[int, int | None]) -> None:
    """Take note of how forks have ended."""
    with contextlib.suppress(ChildProcessError):  # there are none
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] in forks:
                forks[ended[0]] = os.waitstatus_to_exitcode(ended[1])


def _status(forks: dict[int, int | None], pid: int, *, end: bool) -> int | None:
    """The exit status of a fork; one that is to end is ended, and what it has left behind."""
    if end and forks.get(pid, 0) is None:
        os.kill(pid, signal.SIGKILL)
        forks[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
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
