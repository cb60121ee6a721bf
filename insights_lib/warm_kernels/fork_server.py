"""A process from which others are forked: it imports what they need, once, and has no threads.

This is the side of those who ask it; see `forking` for what it does.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from socket import SHUT_RDWR, SO_SNDTIMEO, SOL_SOCKET, socket, socketpair
from struct import pack
from threading import Lock
from typing import Any

_MODULE = f"{__package__}.forking"
_MAIN = (
    f"import sys; sys.path[:] = sys.argv[2].split({os.pathsep!r}); "
    f"from {_MODULE} import serve; serve(int(sys.argv[1]), *sys.argv[3:])"
)
_PATIENCE = 120  # seconds to wait for an answer: it may be importing for long

Clone = tuple[int, int]  # a handle of the socket of a fork server, and its process id


class ForkServerDied(RuntimeError):  # noqa: N818 - it tells what has happened
    """The fork server has ended; it was killed, perhaps."""


def can_fork() -> bool:
    """Whether processes with native libraries in them can be forked here; macOS advises not to."""
    return sys.platform == "linux"


class ForkServer:
    """The process from which others are forked; it ends when this one does.

    Args:
        *preload: Modules to import, or `module:function` to call as well; none may start a thread.
        env: Its environment; None for that of this process.
        clone: One that is there already: what `ForkServer.clone` returned in another process.
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
        self._owner = os.getpid()
        with socket(fileno=os.dup(descriptor)) as ours:
            ours.setsockopt(SOL_SOCKET, SO_SNDTIMEO, pack("ll", _PATIENCE, 0))
        self._broken: str | None = None
        self._ready = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._pid

    def ask(self, what: str, pid: int) -> Any:
        """Ask for the exit status of a fork, None while it runs.

        With `poll`, only that; with `end` and `interrupt`, end or interrupt it first.

        A fork whose fork server has died counts as killed; only clones live on.

        Raises:
            RuntimeError: The fork server could not preload.
        """
        self._own()
        with self._lock, contextlib.suppress(ForkServerDied):
            return self._ask((what, pid))
        return -signal.SIGKILL

    def _own(self) -> None:
        """Start another process if this one is a fork of that which has started it."""
        if self._owner != os.getpid():
            self._lock = Lock()
            self._connection.close()
            self._start()

    def _ask(self, request: tuple[Any, ...], *handles: int) -> Any:
        try:
            if not self._ready:
                self._broken = self._receive()
                self._ready = True
            if not self._broken:
                self._connection.send(request)
                for handle in handles:
                    send_handle(self._connection, handle, self._pid)
                return self._receive()
        except BaseException as error:
            self._hang_up()  # a late answer would be taken for that to the next request
            if isinstance(error, EOFError | OSError):
                raise ForkServerDied("the fork server has died") from error
            raise
        raise RuntimeError(self._broken)

    def _receive(self) -> Any:
        if not self._connection.poll(_PATIENCE):  # it was stopped, perhaps
            self._kill()
        return self._connection.recv()

    def fork(self, function: str, *arguments: Any, handles: tuple[int, ...]) -> int:
        """Fork a process that calls a `module:function` with handles and arguments; return its id.

        The handles are of files and sockets. A fork server that has died is replaced.

        Raises:
            ForkServerDied: It is to end, or died twice.
            RuntimeError: The fork server could not preload.
            OSError: There can be no more processes.
        """
        request = ("fork", function, arguments, len(handles))
        self._own()
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
        """Fork another fork server, as warm as this one; it ends with whoever holds its socket.

        A handle of its socket is the caller's to close or to hand on to another process.
        """
        ours, theirs = socketpair()
        with theirs, ours:
            pid = self.fork(f"{_MODULE}:serve", handles=(theirs.fileno(),))
            return ours.detach(), pid

    def kill(self) -> None:
        """End the fork server and all its forks now, whatever another thread asks of it."""
        self._over = True
        if not self._ready:  # it has forked nothing yet, and may be importing for long
            self._kill()
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the connection for all who have inherited it, too; then the fork server ends."""
        with contextlib.suppress(OSError), socket(fileno=os.dup(self._connection.fileno())) as ours:
            ours.shutdown(SHUT_RDWR)

    def _kill(self) -> None:
        if self._process:
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End the fork server and its forks, and wait for that; a clone is not waited for."""
        self._over = True
        self._end()

    def _end(self) -> None:
        if self._owner != os.getpid():
            return
        self._hang_up()
        self._connection.close()
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
            self._process.kill()
            self._process.wait()
