"""Warm kernels: as fresh as ordinary ones, sooner there, and gone when they should be."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from waiting import gone

from insights_lib import warm_kernels as module
from insights_lib.warm_kernels import WarmParent, WarmProvisioner, warm_kernels

pytestmark = pytest.mark.skipif(not module.can_fork(), reason="processes cannot be forked here")


def notebook(file: Path, *sources: str) -> str:
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), file)
    return str(file)


def printed(folder: Path, *sources: str, **options: Any) -> list[str]:
    """What a notebook of these cells prints, line by line."""
    file = notebook(folder / "in.ipynb", *sources)
    done = papermill.execute_notebook(
        file, None, progress_bar=False, shutdown_kernel="immediate", **options
    )
    texts = [out.text for cell in done.cells for out in cell.outputs if "text" in out]
    return "".join(texts).splitlines()


@pytest.fixture(scope="module", autouse=True)
def parent() -> Iterator[WarmParent]:
    with warm_kernels("colorsys", "json") as started:
        assert started
        yield started


def test_what_is_preloaded_is_there_already(tmp_path: Path) -> None:
    assert printed(tmp_path, "import sys; print('colorsys' in sys.modules)") == ["True"]


def test_every_notebook_has_a_process_a_group_and_a_namespace_of_its_own(tmp_path: Path) -> None:
    leave = "import os, json; secret = json.secret = 'of another partner'; os.environ['S'] = secret"
    tell = "print(os.getpid(), os.getpgid(0))"
    first = printed(tmp_path, leave, tell)
    look = "import os, json; print('secret' in dir(), hasattr(json, 'secret'), 'S' in os.environ)"
    second = printed(tmp_path, look, tell)
    assert second[0] == "False False False"
    pids = {first[0], second[1]}
    assert len(pids) == 2
    assert all(len(set(pid.split())) == 1 for pid in pids)
    assert str(os.getpgid(0)) not in {pid.split()[1] for pid in pids}


def test_two_forks_draw_different_random_numbers(tmp_path: Path) -> None:
    drawn = {printed(tmp_path, "import random; print(random.random())")[0] for _ in range(3)}
    assert len(drawn) == 3


def test_a_notebook_gets_its_folder_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOR_THE_NOTEBOOK", "yes")
    tell = "import os; print(os.getcwd()); print(os.environ['FOR_THE_NOTEBOOK'])"
    assert printed(tmp_path, tell, cwd=str(tmp_path)) == [str(tmp_path.resolve()), "yes"]


@pytest.mark.parametrize("session", [False, True])
def test_what_a_notebook_has_started_ends_with_it(session: bool, tmp_path: Path) -> None:
    start = (
        "import subprocess, sys\n"
        "sleeper = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'],"
        f" start_new_session={session})\nprint(sleeper.pid)"
    )
    (pid,) = printed(tmp_path, start)
    assert gone(int(pid))


def test_a_kernel_that_is_killed_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="Kernel died"):
        printed(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert printed(tmp_path, "print('the next one works')") == ["the next one works"]


def test_a_parent_that_is_killed_takes_its_kernels_with_it_and_is_replaced(
    tmp_path: Path,
) -> None:
    with pytest.raises(DeadKernelError):
        printed(
            tmp_path, "import os, threading; os.kill(os.getppid(), 9); threading.Event().wait()"
        )
    assert printed(tmp_path, "import sys; print('colorsys' in sys.modules)") == ["True"]


def test_a_kernel_is_the_first_to_go_when_memory_runs_out(tmp_path: Path) -> None:
    assert printed(tmp_path, "print(open('/proc/self/oom_score_adj').read())")[0] == "1000"


def test_a_cell_that_runs_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="timed out") as raised:
        printed(tmp_path, "import os; print(os.getpid())\nwhile True: pass", execution_timeout=2)
    assert type(raised.value).__name__ == "CellTimeoutError"


def test_all_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    file = notebook(
        tmp_path / "in.ipynb",
        f"import os; open({str(tmp_path / 'pids')!r}, 'w')"
        ".write(f'{os.getpid()} {os.getppid()}')",
        "import signal; signal.pause()",
    )
    program = (
        "import papermill\nfrom insights_lib.warm_kernels import warm_kernels\n"
        f"with warm_kernels(): papermill.execute_notebook({file!r}, None, progress_bar=False)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as owner:
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            assert owner.poll() is None
        owner.send_signal(signal.SIGKILL)
    for pid in (tmp_path / "pids").read_text().split():
        assert gone(int(pid))


def test_a_module_that_starts_threads_is_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    source = (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    (tmp_path / "threaded.py").write_text(source, encoding="utf-8")
    parent = WarmParent("threaded")
    with pytest.raises(RuntimeError, match="has started 1 threads; forks need none"):
        parent.ask("poll", 1)
    parent.close()


def test_a_kernel_that_was_killed_is_gone_and_with_the_parent_goes_its_folder() -> None:
    """Nobody else asks what became of it, so until it is looked at it would stay a zombie."""
    manager = KernelManager()
    with warm_kernels() as parent:
        assert parent
        manager.start_kernel()
        provisioner = manager.provisioner
        assert isinstance(provisioner, WarmProvisioner)
        (Path(parent.folder) / "socket").touch()
        asyncio.run(provisioner.kill())
        assert not Path(f"/proc/{provisioner.pid}").exists()
        manager.cleanup_resources()
    assert not Path(parent.folder).exists()


FAR_OFF = """import os, subprocess, sys
child = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {wait!r}], " \\
    "start_new_session=True); print(p.pid, flush=True); {then}"
far = subprocess.Popen(
    [sys.executable, "-c", child], stdout=subprocess.PIPE, text=True, start_new_session=True
)
print(far.stdout.readline().strip(), flush=True)
"""
WAIT = "import signal; signal.pause()"


@pytest.mark.parametrize("then", [WAIT, "pass"])
def test_what_the_processes_of_a_notebook_have_started_ends_with_it(
    then: str, tmp_path: Path
) -> None:
    """Be its own parent still there or not, and in sessions of their own."""
    (pid,) = printed(tmp_path, FAR_OFF.format(wait=WAIT, then=then))
    assert gone(int(pid))


def test_a_notebook_that_ends_ends_nothing_of_another_one(tmp_path: Path) -> None:
    manager, client = start_new_kernel()
    said: list[str] = []
    try:
        client.execute_interactive(
            FAR_OFF.format(wait=WAIT, then="pass"),
            output_hook=lambda message: said.append(message["content"].get("text", "")),
        )
        pid = int("".join(said))
        printed(tmp_path, "pass")
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
        assert state == "S"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert gone(pid)


def test_a_parent_that_was_stopped_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 1)
    with pytest.raises(DeadKernelError):
        printed(
            tmp_path,
            "import os, signal, threading; os.kill(os.getppid(), signal.SIGSTOP)\n"
            "threading.Event().wait()",
        )
    assert printed(tmp_path, "print('the next one works')") == ["the next one works"]


def test_a_parent_that_was_stopped_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 1)
    parent = WarmParent()
    assert parent.ask("poll", 1) == -signal.SIGKILL  # there is no such kernel
    os.kill(parent._process.pid, signal.SIGSTOP)
    parent.close()
    assert gone(parent._process.pid)
    assert not Path(parent.folder).exists()


def test_a_module_that_cannot_be_imported_is_named() -> None:
    parent = WarmParent("no_such_module")
    with pytest.raises(RuntimeError, match="could not load no_such_module: ModuleNotFoundError"):
        parent.ask("poll", 1)
    parent.close()


def test_where_nothing_can_be_forked_kernels_are_ordinary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "can_fork", lambda: False)
    monkeypatch.setattr(module.WarmProvisioner, "parent_process", None)
    with warm_kernels() as nobody:
        assert nobody is None
        tell = "import os, sys; print(os.getppid(), 'colorsys' in sys.modules)"
        assert printed(tmp_path, tell) == [f"{os.getpid()} False"]
