"""Processes that work on one thing at a time, so that the death of one fails that thing alone."""

import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from threading import get_ident
from typing import Any

from insights_lib.warm_kernels.fork_server import Clone, ForkServer
from insights_lib.warm_kernels.forking import call
from insights_lib.warm_kernels.linux import NAME, prctl

_PATIENCE = 60  # seconds for a process to end that has nothing more to do


class WorkerDied(Exception):  # noqa: N818 - it tells what has happened
    """The process that worked on this has ended without an answer; it was killed, perhaps."""


class Workers(ThreadPoolExecutor):
    """A pool of processes, started as work comes and replaced when they die.

    Each has a thread here that hands it work.

    Args:
        count: How many.
        begin: `module:function` that each calls first, with the clone that it has, or None.
        fork_servers: Where processes can be forked: the server that forks them, and the one that
            is cloned for each of them. Both end with the pool.
    """

    def __init__(
        self, count: int, begin: str, fork_servers: tuple[ForkServer, ForkServer] | None = None
    ) -> None:
        super().__init__(count)
        self._begin, self._fork_servers = begin, fork_servers
        self._processes: dict[int, tuple[Any, Connection]] = {}  # by their threads
        self._stopped = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Have a process call a function; what it takes and returns is pickled."""
        return super().submit(self._answer, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: when all is done, or at once with `cancel_futures`."""
        if cancel_futures:
            self._stopped = True
            # First, or a thread whose process is killed takes what waits.
            super().shutdown(wait=False, cancel_futures=True)
            for server in self._fork_servers or ():
                server.kill()
            for process, _ in list(self._processes.values()):
                process.kill()
        super().shutdown(wait)
        if wait:
            for thread in list(self._processes):
                self._end(thread)
            for server in self._fork_servers or ():
                server.close()
            self._fork_servers = None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the processes: at once after an error, else when all is done."""
        self.shutdown(cancel_futures=kind is not None)

    def _answer(self, *work: Any) -> Any:
        """What this thread's process makes of its work; raises what the work has raised."""
        thread = get_ident()
        if thread not in self._processes:
            self._processes[thread] = self._start()
        process, pipe = self._processes[thread]
        if self._stopped:  # while it was started
            process.kill()
        try:
            pipe.send(work)
            answer = pipe.recv_bytes()
        except (EOFError, OSError):
            self._end(thread)
            raise WorkerDied(f"exit status {process.exitcode}") from None
        done, result = pickle.loads(answer)  # noqa: S301 - our own
        if not done:
            raise result
        return result

    def _end(self, thread: int) -> None:
        process, pipe = self._processes.pop(thread)
        pipe.close()
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join(_PATIENCE)

    def _start(self) -> tuple[Any, Connection]:
        ours, theirs = Pipe()
        with theirs:
            if self._fork_servers:
                return _Fork(*self._fork_servers, theirs, self._begin), ours
            # A fork of a process with threads may hold their locks.
            process = get_context("spawn").Process(target=_serve, args=(theirs, self._begin))
            process.start()
        return process, ours


class _Fork:
    """A process of a fork server, with what is needed here of a process of `multiprocessing`."""

    exitcode = -signal.SIGKILL

    def __init__(self, server: ForkServer, own: ForkServer, pipe: Connection, begin: str) -> None:
        self._server = server
        descriptor, clone = own.clone()
        try:
            handles = pipe.fileno(), descriptor
            self._pid = server.fork(f"{__name__}:work", clone, begin, handles=handles)
        finally:
            os.close(descriptor)

    def kill(self) -> None:
        self._server.kill()  # none of them is killed but with all others

    def join(self, _: float) -> None:
        with suppress(RuntimeError):  # one that has replaced its own process and cannot be warmed
            self.exitcode = self._server.ask("end", self._pid)


def work(pipe: int, descriptor: int, clone: int, begin: str) -> None:
    """Be a process of the pool, as a fork with handles of its pipe and of its own fork server."""
    prctl(NAME, b"worker")
    _serve(Connection(pipe), begin, (descriptor, clone))


def _serve(pipe: Connection, begin: str, clone: Clone | None = None) -> None:
    """Be a process of the pool: do what comes, and end with the one that sends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us
    call(begin, clone)
    with suppress(EOFError):
        while True:
            function, args, kwargs = pipe.recv()
            pipe.send_bytes(_answer_to(function, args, kwargs))


def _answer_to(function: Callable[..., Any], args: Any, kwargs: Any) -> bytes:
    """What a call returns or raises; an error in its place if that cannot be unpickled."""
    answer: tuple[bool, Any]
    try:
        answer = True, function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - it is the caller's
        answer = False, error
    try:
        content = pickle.dumps(answer)
        pickle.loads(content)  # noqa: S301 - some exceptions cannot be made again
    except Exception:  # noqa: BLE001 - whatever it is
        content = pickle.dumps((False, RuntimeError(f"{type(answer[1]).__name__}: {answer[1]}")))
    return content
