"""Jupyter kernels that start in a moment: forked from a process that has imported everything.

Most of the time of a small notebook goes into starting its kernel and importing libraries. Here a
parent process does that once; every kernel is then a fork of it: a fresh process in a group of its
own, with a fresh namespace, which shares nothing with the kernels before it but imported modules.

    from insights_lib.warm_kernels import warm_kernels

    with warm_kernels("pandas", "plotly.graph_objects"):
        papermill.execute_notebook("in.ipynb", "out.ipynb")

Within the block every notebook of this process that asks for an ipykernel gets a warm one, through
jupyter_client's kernel provisioners; papermill, nbclient and the notebooks stay as they are. Where
processes cannot be forked safely, as on Windows and macOS, kernels start as they always do.

This module knows nothing of the rest of the package.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import partialmethod
from importlib import import_module
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair
from tempfile import mkdtemp
from threading import Lock
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME = "warm-provisioner"
LAUNCHER = ["-m", "ipykernel_launcher"]
_OF_EVERY_KERNEL = (
    *("faulthandler", "tornado.platform.asyncio", "ipykernel.kernelapp", "ipykernel.debugger"),
    *(f"IPython.core.{name}" for name in ("completerlib", "debugger", "logger", "oinspect")),
    "IPython.extensions.storemagic",
)
# A library that starts threads as it is imported could hold a lock at the moment of a fork.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_MAIN = f"import sys; from {__name__} import serve; serve(int(sys.argv[1]), *sys.argv[2:])"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PATIENCE = 120  # seconds to wait for an answer of the parent, which may be importing for long


class ParentDied(RuntimeError):  # noqa: N818 - it tells what has happened
    """The process from which kernels are forked has ended; it was killed, perhaps."""


class ForkedKernel:
    """A kernel as the provisioner wants it: like a `subprocess.Popen`, of the parent's child."""

    stdin = stdout = stderr = None

    def __init__(self, parent: "WarmParent", pid: int) -> None:
        self.pid = pid
        self._parent = parent

    def poll(self) -> int | None:
        """The exit status, None while it runs, negative for a signal."""
        try:
            return self._parent.ask("poll", self.pid)  # type: ignore[no-any-return]
        except ParentDied:
            return -signal.SIGKILL  # it goes with its parent

    wait = poll  # the provisioner calls it when the kernel has ended

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel alone."""
        os.kill(self.pid, number)

    kill = partialmethod(send_signal, signal.SIGKILL)
    terminate = partialmethod(send_signal, signal.SIGTERM)


class WarmParent:
    """The process from which kernels are forked; it ends when this one does.

    Args:
        preload: Modules to import, or `module:function` to import and call as well. Nothing of
            this may start a thread.

    Attributes:
        folder: For what is of use as long as there are kernels, such as their sockets. It goes
            with the parent, and so also when this process is killed.
    """

    def __init__(self, *preload: str) -> None:
        self.folder = mkdtemp(prefix="kernels-")
        self._preload = preload
        self._lock = Lock()
        self._start()

    def _start(self) -> None:
        Path(self.folder).mkdir(mode=0o700, exist_ok=True)
        ours, theirs = socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very module, in this very Python
                [sys.executable, "-c", _MAIN, str(theirs.fileno()), self.folder, *self._preload],
                pass_fds=[theirs.fileno()],
                env=os.environ | ONE_THREAD | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
                start_new_session=True,
            )
        self._connection = Connection(ours.detach())
        self._broken: str | None = None
        self._ready = False

    def ask(self, *request: Any) -> Any:
        """Have the parent do something, and wait for its answer.

        Raises:
            ParentDied: The parent has died, and all its kernels with it.
            RuntimeError: The parent could not be warmed.
        """
        with self._lock:
            return self._ask(request)

    def _ask(self, request: tuple[Any, ...]) -> Any:
        try:
            if not self._ready:
                self._broken = self._receive()
                self._ready = True
            if self._broken:
                raise RuntimeError(self._broken)
            self._connection.send(request)
            return self._receive()
        except (EOFError, OSError) as error:
            raise ParentDied("the warm parent of the kernels has died") from error

    def _receive(self) -> Any:
        if not self._connection.poll(_PATIENCE):  # it was stopped, perhaps
            self._process.kill()
        return self._connection.recv()

    def fork(self, arguments: list[str], cwd: str, env: dict[str, str]) -> ForkedKernel:
        """Start a kernel with these arguments of ipykernel; a parent that has died is replaced."""
        request = ("fork", arguments, cwd, env)
        with self._lock:
            try:
                pid = self._ask(request)
            except ParentDied:
                self._end()
                self._start()
                pid = self._ask(request)
        return ForkedKernel(self, pid)

    def _end(self) -> None:
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the parent and every kernel that it forked."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)  # if the parent was killed


class WarmProvisioner(LocalProvisioner):
    """Starts a kernel as a fork of the warm parent; without one, as the local provisioner does."""

    parent_process: WarmParent | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel with the command of its kernel spec."""
        parent = type(self).parent_process
        if parent is None or cmd[1:3] != LAUNCHER:
            return await super().launch_kernel(cmd, **kwargs)
        cwd = str(kwargs.get("cwd") or Path.cwd())
        forked = parent.fork(cmd[3:], cwd, dict(kwargs.get("env") or os.environ))
        self.process = forked  # type: ignore[assignment]  # it does what a Popen does
        self.pid, self.pgid, self.cwd = forked.pid, forked.pid, cwd
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """End the kernel, and see to it that it has; the manager looks every tenth of a second."""
        await super().kill(restart)
        for _ in range(500):
            if await self.poll() is not None:
                break
            await asyncio.sleep(0.002)


def can_fork() -> bool:
    """Whether processes with native libraries in them can be forked here; macOS advises not to."""
    return sys.platform == "linux"


@contextlib.contextmanager
def warm_kernels(*preload: str) -> Iterator[WarmParent | None]:
    """Let notebooks that this process executes have warm kernels.

    Args:
        *preload: As of `WarmParent`.

    Yields:
        The parent, None where there can be none.
    """
    if not can_fork():
        yield None
        return
    factory = KernelProvisionerFactory.instance()
    value, group = f"{__name__}:{WarmProvisioner.__name__}", factory.GROUP_NAME
    factory.provisioners[NAME] = EntryPoint(NAME, value, group)
    before = factory.default_provisioner_name, WarmProvisioner.parent_process
    parent = WarmParent(*preload)
    factory.default_provisioner_name, WarmProvisioner.parent_process = NAME, parent
    try:
        yield parent
    finally:
        factory.default_provisioner_name, WarmProvisioner.parent_process = before
        parent.close()


def serve(descriptor: int, folder: str, *preload: str) -> None:
    """Be the parent: import, say so, and fork a kernel whenever asked, until nobody can ask.

    Args:
        descriptor: Of the socket over which kernels are asked for.
        folder: To be deleted in the end.
        preload: As of `WarmParent`.
    """
    connection = Connection(descriptor)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    kernels: dict[int, int | None] = {}
    try:
        connection.send(_warm([*_OF_EVERY_KERNEL, *preload]))
        while True:
            what, *details = connection.recv()
            if what == "fork":
                pid = os.fork()
                if pid == 0:
                    connection.close()
                    _become_kernel(*details)
                kernels[pid] = None
                connection.send(pid)
            else:
                _reap(kernels)
                # Those of a parent that died before have died with it.
                connection.send(kernels.get(details[0], -signal.SIGKILL))
    except (EOFError, BrokenPipeError):
        pass  # whoever asked has ended
    finally:
        _end_children(set())
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)  # there is nothing to tidy up, and libraries only complain


def _warm(preload: Iterable[str]) -> str | None:
    """Import and call what is to be preloaded; why no kernel can be forked then, or None."""
    try:
        for name in preload:
            module, _, function = name.partition(":")
            imported = import_module(module)
            if function:
                getattr(imported, function)()
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
        return f"the warm parent could not load {name}: {type(error).__name__}: {error}"
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"loading {', '.join(preload)} has started {threads - 1} threads; forks need none"
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page it looks at
    return None


def _become_kernel(arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    """Turn this fork into a kernel; it does not return."""
    status = 1
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what its children leave is the kernel's, to its end
        # If memory runs out, it is the notebook that has to go.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        import_module("random").seed()  # two forks must not draw the same numbers
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        kernelapp = import_module("ipykernel.kernelapp")
        kernelapp.IPKernelApp.launch_instance(argv=arguments)
        status = 0
    finally:
        os._exit(status)


def _reap(kernels: dict[int, int | None]) -> None:
    """Note which kernels have ended, and end what they have left behind."""
    with contextlib.suppress(ChildProcessError):  # there are none
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid in kernels:
                kernels[pid] = os.waitstatus_to_exitcode(status)
                _end_children({pid for pid, status in kernels.items() if status is None})


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
