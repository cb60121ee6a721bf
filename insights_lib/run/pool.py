"""Processes that work on one thing at a time, so that the death of one fails that thing alone."""

import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any

from insights_lib.warm_kernels.fork_server import Clone, ForkServer
from insights_lib.warm_kernels.forking import call
from insights_lib.warm_kernels.linux import name_process


class WorkerDied(Exception):  # noqa: N818 - it tells what has happened
    """The process that worked on this has ended without an answer; it was killed, perhaps."""


class Workers(Executor):
    """A pool of processes, started as work comes and replaced when they die.

    Args:
        count: How many.
        begin: `module:function` that each of them calls before it has any work, with the clone that
            it has for itself, or None.
        fork_servers: Where processes can be forked: the server that forks them, and the one that
            is cloned for each of them. Both end with the pool.
    """

    def __init__(
        self, count: int, begin: str, fork_servers: tuple[ForkServer, ForkServer] | None = None
    ) -> None:
        self._begin, self._fork_servers = begin, fork_servers
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._processes: dict[Thread, Any] = {}
        self._stopped = False
        self._threads = [Thread(target=self._follow, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Have a process call a function; what it takes and returns is pickled."""
        future: Future[Any] = Future()
        self._queue.put((future, (fn, args, kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: when all is done, or at once with `cancel_futures`."""
        if cancel_futures:
            self._stopped = True
            for server in self._fork_servers or ():
                server.kill()
            for process in list(self._processes.values()):
                process.kill()
        for _ in self._threads:
            self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
            for server in self._fork_servers or ():
                server.close()
            self._fork_servers = None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the processes: at once after an error, else when all is done."""
        self.shutdown(cancel_futures=kind is not None)

    def _follow(self, process: Any = None, pipe: Connection | None = None) -> None:
        """Hand work to one process and its answers back, until there is no more."""
        while item := self._queue.get():
            future, work = item
            if self._stopped or not future.set_running_or_notify_cancel():
                continue
            try:
                if pipe is None:
                    process, pipe = self._start()
                    self._processes[current_thread()] = process
                    if self._stopped:  # while it was started
                        process.kill()
                future.set_result(_answer(process, pipe, work))
            except WorkerDied as error:
                pipe = None
                future.set_exception(error)
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)
        if pipe is not None:
            pipe.close()
            process.join()

    def _start(self) -> tuple[Any, Connection]:
        ours, theirs = Pipe()
        with theirs:
            if self._fork_servers:
                return _fork(*self._fork_servers, theirs, self._begin), ours
            # A fork of a process with threads may hold their locks.
            process = get_context("spawn").Process(target=_serve, args=(theirs, self._begin))
            process.start()
        return process, ours


class _Fork:
    """A process of a fork server, with what is needed here of a process of `multiprocessing`."""

    exitcode = -signal.SIGKILL

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server, self._pid = server, pid

    def kill(self) -> None:
        self._server.kill()  # none of them is killed but with all others

    def join(self) -> None:
        with suppress(RuntimeError):  # one that has replaced its own process and cannot be warmed
            self.exitcode = self._server.ask("end", self._pid)


def _fork(server: ForkServer, own: ForkServer, pipe: Connection, begin: str) -> _Fork:
    descriptor, clone = own.clone()
    try:
        handles = pipe.fileno(), descriptor
        return _Fork(server, server.fork(f"{__name__}:work", clone, begin, handles=handles))
    finally:
        os.close(descriptor)


def _answer(process: Any, pipe: Connection, work: Any) -> Any:
    """What a process makes of its work.

    Raises:
        WorkerDied: It has ended without an answer.
        Exception: Whatever the work has raised.
    """
    try:
        pipe.send(work)
        answer = pipe.recv_bytes()
    except (EOFError, OSError):
        process.join()
        raise WorkerDied(f"exit status {process.exitcode}") from None
    done, result = pickle.loads(answer)  # noqa: S301 - our own
    if not done:
        raise result
    return result


def work(pipe: int, descriptor: int, clone: int, begin: str) -> None:
    """Be a process of the pool, as a fork.

    Args:
        pipe: Handle of the socket over which work comes.
        descriptor: Handle of the socket of the fork server that this process has for itself.
        clone: Its process id.
        begin: See `Workers`.
    """
    name_process("worker")
    _serve(Connection(pipe), begin, (descriptor, clone))


def _serve(pipe: Connection, begin: str, clone: Clone | None = None) -> None:
    """Be a process of the pool: do what comes, and end with the one that sends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us
    call(begin, clone)
    while True:
        try:
            function, args, kwargs = pipe.recv()
        except EOFError:
            return
        try:
            answer = (True, function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            answer = (False, error)
        pipe.send_bytes(_pickled(answer))


def _pickled(answer: tuple[bool, Any]) -> bytes:
    """An answer that can be unpickled, or else an error that says what it was."""
    try:
        content = pickle.dumps(answer)
        pickle.loads(content)  # noqa: S301 - some exceptions cannot be made again
    except Exception:  # noqa: BLE001 - whatever it is
        content = pickle.dumps((False, RuntimeError(f"{type(answer[1]).__name__}: {answer[1]}")))
    return content
