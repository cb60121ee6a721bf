"""The process from which others are forked: what it refuses, and how it and its forks end."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from insights_lib.warm_kernels import fork_server
from insights_lib.warm_kernels.fork_server import ForkServer, can_fork
from tests.support.processes import completed, gone

pytestmark = [
    pytest.mark.kernels,
    pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here"),
]


def test_a_module_that_starts_threads_is_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    (tmp_path / "threaded.py").write_text(source, encoding="utf-8")
    server = ForkServer("threaded")
    with pytest.raises(RuntimeError, match="has started 1 threads; forks need none"):
        server.ask("poll", 1)
    server.close()


def test_a_fork_server_that_was_stopped_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ForkServer()
    assert server.ask("poll", 1) == -signal.SIGKILL  # there is no such kernel
    monkeypatch.setattr(fork_server, "_PATIENCE", 1)
    os.kill(server._pid, signal.SIGSTOP)
    server.close()
    assert gone(server._pid)


def test_a_module_that_cannot_be_imported_is_named() -> None:
    server = ForkServer("no_such_module")
    with pytest.raises(RuntimeError, match="could not load no_such_module: ModuleNotFoundError"):
        server.ask("poll", 1)
    server.close()


SECOND_FORK_FAILS = """
import os
fork, tries = os.fork, []
def limited():
    tries.append(True)
    if len(tries) == 2:
        raise OSError(11, "Resource temporarily unavailable")
    return fork()
os.fork = limited
"""


def test_a_fork_that_fails_ends_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "limited.py").write_text(SECOND_FORK_FAILS, encoding="utf-8")
    with closing(ForkServer("limited")) as server:
        first = server.fork("signal:pause", handles=())
        with pytest.raises(OSError, match="Resource temporarily unavailable"):
            server.fork("signal:pause", handles=())
        assert server.ask("poll", first) is None
        assert server.ask("poll", server.fork("signal:pause", handles=())) is None


def test_a_request_that_was_interrupted_leaves_no_answer_to_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_: ForkServer) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    with closing(ForkServer()) as server:
        first = server.fork("signal:pause", handles=())
        monkeypatch.setattr(ForkServer, "_receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            server.ask("poll", first)
        assert server.ask("poll", first) == -signal.SIGKILL  # with its fork server
        assert gone(first)
        assert server.ask("poll", server.fork("signal:pause", handles=())) is None


IN_A_FORK = """
import os, signal
from insights_lib.warm_kernels.fork_server import ForkServer
server = ForkServer()
first = server.fork("signal:pause", handles=())
if not (child := os.fork()):
    assert server.ask("poll", first) == -signal.SIGKILL
    assert server.ask("poll", server.fork("signal:pause", handles=())) is None
    server.close()
    os._exit(0)
print(os.waitpid(child, 0)[1], server.ask("poll", first))
if not (child := os.fork()):
    signal.pause()
server.close()
os.kill(child, signal.SIGKILL)
"""


def test_a_fork_of_the_process_that_asks_has_a_fork_server_of_its_own() -> None:
    """And keeps that of its parent from nothing."""
    assert completed([sys.executable, "-c", IN_A_FORK], seconds=60).stdout == "0 None\n"


def test_a_fork_that_has_no_group_yet_can_be_interrupted() -> None:
    with closing(ForkServer()) as server:
        fork = server.fork("signal:pause", handles=())
        assert server.ask("interrupt", fork) is None
        assert server.ask("end", fork) == -signal.SIGKILL


def test_clones_that_have_ended_do_not_pile_up() -> None:
    with closing(ForkServer()) as server:
        socket, pid = server.clone()
        os.close(socket)
        assert gone(pid)
        server.ask("poll", 1)
        assert not Path(f"/proc/{pid}").exists()
