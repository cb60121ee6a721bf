"""What a fork does to be a kernel: it runs the cells of one notebook and tells what they show.

Kernel and shell are ipykernel's own, made before the fork. What they would send to those who listen
is collected instead, and nbclient makes outputs of it, as it does of the messages of any kernel. So
the outputs are the usual ones, but it takes no socket, no thread and no port.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from inspect import signature
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from IPython.core.shellapp import InteractiveShellApp
from jupyter_client.session import Session, json_packer, json_unpacker
from nbclient import NotebookClient
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_output
from traitlets.config import Config

from insights_lib.warm_kernels.linux import ADOPT_ORPHANS, NAME, prctl

SAID_TOO_MUCH = 86  # the exit status of a kernel that said more than it may
# Without a history there is no database of it, and no thread that writes to that.
_SETTINGS = Config({"HistoryManager": {"enabled": False}})
_SEND = signature(Session.send)

Message = dict[str, Any]


class _Collected(Session):
    """Hands messages to a function instead of sending them."""

    hand_on: Callable[[Message], object] = repr  # of no use before there is a notebook

    def send(self, *arguments: Any, **others: Any) -> Any:
        """Take what `Session.send` would send, a message or its type and content."""
        given = _SEND.bind(self, *arguments, **others).arguments
        message = given["msg_or_type"]
        if not isinstance(message, dict):
            message = self.msg(message, given.get("content"), metadata=given.get("metadata"))
        self.hand_on({**message, "buffers": given.get("buffers") or []})
        return message


class _Stream(io.TextIOBase):
    """Standard output or standard error of a notebook."""

    encoding = "UTF-8"

    def __init__(self, descriptor: int, hand_on: Callable[[str], None]) -> None:
        self._descriptor, self._hand_on, self._owner = descriptor, hand_on, os.getpid()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if os.getpid() == self._owner:
            self._hand_on(text)
        else:  # in a fork of the notebook's own, from which nothing can be handed on
            os.write(self._descriptor, text.encode("utf-8", "replace"))
        return len(text)


def is_code(cell: NotebookNode) -> bool:
    """Whether a cell has something to run."""
    return cell.cell_type == "code" and bool(cell.source.strip())


def prepare() -> None:
    """Make the kernel of all forks to come; starts no thread."""
    IPythonKernel.instance(session=_Collected(), iopub_socket=None, config=_SETTINGS)
    # So that modules in a notebook's folder can be imported.
    InteractiveShellApp().init_path()  # type: ignore[no-untyped-call]
    # What takes longer for the first time.
    _shell().run_cell("pass", silent=True)
    new_output("stream")  # type: ignore[no-untyped-call]


def execute(work: int, output: int, cwd: str, env: dict[str, str]) -> None:
    """Be the kernel of one notebook, in a group of processes of its own.

    Args:
        work: Handle of a socket. From it comes the request: the `notebook`, code to run before it
            (`setup`), and how many characters the notebook may print and show (`most`). To it goes
            the result of each code cell that was run, `outputs`, `execution_count` and `failed`;
            after the last one the notebook's new `metadata`.
        output: Handle of the pipe for standard output and error.
        cwd: Its folder.
        env: Its environment.
    """
    _settle(output, cwd, env)
    connection = Connection(work)
    request = json_unpacker(connection.recv_bytes())
    _shell().run_cell(request["setup"], silent=True)
    notebook = from_dict(request["notebook"])  # type: ignore[no-untyped-call]
    for result in _Execution(notebook, request["most"]).results():
        connection.send_bytes(json_packer(result))


def _settle(output: int, cwd: str, env: dict[str, str]) -> None:
    """Have a group, a folder, an environment and standard files of its own."""
    prctl(NAME, b"kernel")
    os.setsid()
    prctl(ADOPT_ORPHANS, 1)  # what its children leave is the kernel's, to its end
    # If memory runs out, it is the notebook that has to go.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    os.environ.clear()
    # Besides, what the application of an ordinary kernel sets.
    os.environ |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline", **env}
    os.chdir(cwd)


def _shell() -> Any:
    return IPythonKernel.instance().shell


class _Execution:
    """The cells of a notebook, run one after the other until one fails."""

    def __init__(self, notebook: NotebookNode, most: int) -> None:
        self._shell, self._session = _shell(), _shell().displayhook.session
        self._session.hand_on = self._take
        self._client, self._left = NotebookClient(notebook), most
        self._client.reset_execution_trackers()
        self._index, self._cell = 0, notebook
        self._printed: tuple[str, list[str]] = ("stdout", [])
        sys.stdout = _Stream(1, partial(self._print, "stdout"))
        sys.stderr = _Stream(2, partial(self._print, "stderr"))

    def results(self) -> Iterator[dict[str, Any]]:
        for index, cell in enumerate(self._client.nb.cells):
            if not is_code(cell):
                continue
            self._index, self._cell = index, cell
            cell.outputs, cell.execution_count = [], self._shell.execution_count
            self._client.clear_before_next_output = False
            done = self._shell.run_cell(cell.source, store_history=True)
            self._flush()
            failed = not done.success and "raises-exception" not in cell.metadata.get("tags", ())
            count = cell.execution_count
            yield {"outputs": cell.outputs, "execution_count": count, "failed": failed}
            if failed:
                break
            if self._shell.exit_now:
                os._exit(0)
        self._client.nb.metadata["language_info"] = IPythonKernel.language_info
        self._client.set_widgets_metadata()
        yield {"metadata": self._client.nb.metadata}

    def _print(self, name: str, text: str) -> None:
        self._count(len(text))
        if name != self._printed[0]:
            self._flush()
            self._printed = (name, [])
        self._printed[1].append(text)

    def _flush(self) -> None:
        name, texts = self._printed
        if texts:
            self._printed = (name, [])
            message = self._session.msg("stream", {"name": name, "text": "".join(texts)})
            self._client.process_message(message, self._cell, self._index)

    def _take(self, message: Message) -> None:
        self._flush()
        self._count(len(json_packer(message["content"])))
        self._client.process_message(message, self._cell, self._index)

    def _count(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            os._exit(SAID_TOO_MUCH)
