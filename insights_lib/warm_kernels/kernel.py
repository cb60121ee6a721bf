"""What a fork does to be a kernel: ipykernel's own application, with one socket in place of ports.

The application and its shell are made before the fork, which takes most of the time. The fork gives
it what has to be its own: streams, event loop, environment and the socket. Whatever the kernel does
with a request is ipykernel's code.
"""

import asyncio
import atexit
import os
import sys
import typing
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import main_thread
from typing import Any

from ipykernel import kernelapp
from ipykernel.displayhook import ZMQDisplayHook
from ipykernel.kernelbase import Kernel
from ipykernel.utils import _async_in_context

from insights_lib.warm_kernels.linux import ADOPT_ORPHANS, NAME, prctl
from insights_lib.warm_kernels.streams import Publisher, Stream, watch
from insights_lib.warm_kernels.wire import BLOCK, IOPUB, SHELL, Unpacker, packed

# As nbclient starts a kernel: without a file there is no thread that writes to it.
_ARGUMENTS = ["-f", os.devnull, "--HistoryManager.hist_file=:memory:"]
_BUSY = b'{"execution_state": "busy"}'


@dataclass(frozen=True)
class _Frame:
    """A part of a message as ipykernel takes it."""

    bytes: bytes

    @property
    def buffer(self) -> memoryview:
        return memoryview(self.bytes)


class _Outgoing:
    """Sends messages over a socket; what the next one follows at once goes together with it.

    Else the client would wake up for each.
    """

    def __init__(self, connection: socket) -> None:
        self._connection, self._held = connection, b""

    def publish(self, frames: Sequence[bytes]) -> None:
        """Send a message to all who listen; that the kernel is busy is followed by the code."""
        self._held += packed(IOPUB, frames)
        if frames[-1] != _BUSY:
            held, self._held = self._held, b""
            self._connection.sendall(held)

    def reply(self, frames: Sequence[bytes]) -> None:
        """Send a reply, which is followed by the news that the kernel is idle."""
        self._held += packed(SHELL, frames)


class _ShellChannel:
    """Stands for ipykernel's thread that takes requests and hands them to the main one.

    ipykernel asks it for the `manager` of its subshells, of which there is only the main one.
    """

    def __init__(self, publisher: Publisher) -> None:
        self.parent_thread = main_thread()
        self.manager = self
        self._publisher, self._outgoing = publisher, _Outgoing(socket())

    def serve(self, kernel: Any, connection: socket, outgoing: _Outgoing) -> None:
        """Take requests from a socket while the loop runs, and answer over it."""
        self.io_loop = kernel.io_loop
        self._connection, self._unpacker, self._outgoing = connection, Unpacker(), outgoing
        self._handle = _async_in_context(partial(kernel.shell_main, None))
        self._tasks: set[asyncio.Task[None]] = set()
        self.io_loop.asyncio_loop.add_reader(connection, self._read)

    def _read(self) -> None:
        block = self._connection.recv(BLOCK)
        if not block:  # the client has all that it wanted
            self.io_loop.asyncio_loop.remove_reader(self._connection)
            self.io_loop.stop()
        for _, frames in self._unpacker.feed(block):
            self._dispatch(frames)

    def _dispatch(self, frames: list[bytes]) -> None:
        loop = self.io_loop.asyncio_loop
        task = loop.create_task(self._handle([_Frame(frame) for frame in frames]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def get_subshell_to_shell_channel_socket(self, _: None) -> "_ShellChannel":
        """Where ipykernel sends replies."""
        return self

    def get_shell_channel_to_subshell_socket(self, _: None) -> "_ShellChannel":
        """Where ipykernel sends itself the message to abort no more requests."""
        return self

    def send(self, message: bytes, **_: Any) -> None:
        """Send a message of one frame to the kernel itself."""
        self._dispatch([message])

    def send_multipart(self, frames: list[bytes], **_: Any) -> None:
        """Send a reply."""
        with self._publisher.lock:
            self._outgoing.reply(frames)


class IPKernelApp(kernelapp.IPKernelApp):
    """ipykernel's application, in the part before the fork and the part after it.

    It has the name by which configuration files and arguments speak of it.
    """

    shell: Any
    outstream_class = f"{Stream.__module__}.{Stream.__name__}"

    def prepare(self) -> None:
        """Make the kernel and its shell; starts no thread."""
        super(kernelapp.IPKernelApp, self).initialize(_ARGUMENTS)
        self.init_pdb()
        self.session.key = b""  # nobody else can reach the socket
        self.iopub_thread = self.iopub_socket = Publisher()
        self.shell_channel_thread = _ShellChannel(self.iopub_thread)
        self.displayhook = ZMQDisplayHook(self.session, self.iopub_socket)
        self.init_kernel()
        self.init_path()
        self.init_shell()
        self.init_extensions()
        self.init_code()
        launcher = find_spec("ipykernel_launcher")
        self.arguments = [str(launcher and launcher.origin), *_ARGUMENTS]
        asyncio.run(self._try())
        # nanobind clears these caches at the end, which would copy what kernels share until then.
        getattr(typing, "_cleanups", []).clear()

    async def _try(self) -> None:
        """Do once what takes longer for the first time."""
        content = {"code": "pass", "silent": True}
        frames = self.session.serialize(self.session.msg("execute_request", content))
        await self.kernel.shell_main(None, [_Frame(frame) for frame in frames])
        self.shell.display_formatter.format("")

    def init_kernel(self) -> None:
        """Make the kernel, with no sockets of ZeroMQ."""
        kernel_class: Any = self.kernel_class
        self.kernel = kernel_class.instance(
            parent=self,
            session=self.session,
            shell_channel_thread=self.shell_channel_thread,
            iopub_thread=self.iopub_thread,
            iopub_socket=self.iopub_socket,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        self.kernel._execute_sleep = 0  # noqa: SLF001 - all messages take one way, so none overtakes another
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count

    def serve(self, connection: socket, setup: str) -> None:
        """Be a kernel until the client has all that it wanted."""
        asyncio.set_event_loop(asyncio.new_event_loop())
        self.session.pid = os.getpid()
        outgoing = _Outgoing(connection)
        self.iopub_thread.send = outgoing.publish
        self.init_io()
        watch(*(stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, Stream)))
        self.init_signal()
        self.init_gui_pylab()
        if setup:
            exec(setup, self.shell.user_ns)  # noqa: S102 - our own
        sys.stdout.flush()
        sys.stderr.flush()
        Kernel.start(self.kernel)  # ipykernel's own would miss its debugger
        self.io_loop = self.kernel.io_loop
        self.shell_channel_thread.serve(self.kernel, connection, outgoing)
        with suppress(KeyboardInterrupt):
            self.io_loop.start()


def prepare() -> None:
    """Make the kernel of all forks to come; starts no thread."""
    IPKernelApp.instance().prepare()


def execute(work: int, cwd: str, env: dict[str, str], setup: str) -> None:
    """Be the kernel of one notebook, in a group of processes of its own.

    Args:
        work: Handle of the socket to the client.
        cwd: Its folder.
        env: Its environment.
        setup: Code to run before the notebook.
    """
    application = IPKernelApp.instance()
    _settle(cwd, env)
    sys.argv = application.arguments
    application.shell.init_environment()
    with socket(fileno=work) as connection:
        application.serve(connection, setup)
        _tidy_up(application)
        connection.shutdown(SHUT_RDWR)  # for all who have inherited it


def _settle(cwd: str, env: dict[str, str]) -> None:
    """Have a group, a folder and an environment of its own."""
    prctl(NAME, b"kernel")
    os.setsid()
    prctl(ADOPT_ORPHANS, 1)  # what its children leave is the kernel's, to its end
    # If memory runs out, it is the notebook that has to go.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.environ.clear()
    os.environ |= env
    os.chdir(cwd)
    sys.breakpointhook = _no_debugger


def _no_debugger(*_: Any, **__: Any) -> None:
    """Do what the debugger of an ordinary kernel does where nobody has attached to it."""


def _tidy_up(application: IPKernelApp) -> None:
    """Do what Python does at its end and a notebook may rely on: close files, call functions."""
    # IPython would make anew what is cleared below, and end a history that is in memory only.
    application.shell._atexit_once_called = True  # noqa: SLF001
    with suppress(Exception):
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way but to end
    application.shell.user_ns.clear()
    sys.stdout.flush()
    sys.stderr.flush()
