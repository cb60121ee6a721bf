"""Warm kernels: as fresh as ordinary ones, sooner there, and gone when they should be."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from traitlets import TraitError

from insights_lib.warm_kernels import engine as module
from insights_lib.warm_kernels import fork_server
from insights_lib.warm_kernels.client import SaidTooMuch
from insights_lib.warm_kernels.engine import WarmEngine, warm_kernels
from insights_lib.warm_kernels.fork_server import ForkServer
from tests.support.processes import gone, has_text, running, wait_for

pytestmark = [
    pytest.mark.kernels,
    pytest.mark.skipif(not module.can_fork(), reason="processes cannot be forked here"),
]


def notebook(file: Path, *sources: str) -> str:
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), file)
    return str(file)


def executed(folder: Path, *sources: str, **options: Any) -> Any:
    """A notebook of these cells as it is afterwards."""
    file = notebook(folder / "in.ipynb", *sources)
    limited = {"execution_timeout": 120, **options}
    return papermill.execute_notebook(file, None, progress_bar=False, **limited)


def printed(folder: Path, *sources: str, **options: Any) -> list[str]:
    """What a notebook of these cells prints, line by line."""
    done = executed(folder, *sources, **options)
    texts = [out.text for cell in done.cells for out in cell.outputs if "text" in out]
    return "".join(texts).splitlines()


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[ForkServer]:
    with warm_kernels("colorsys", "json") as started:
        assert started
        yield started


def test_what_is_preloaded_is_there_already(tmp_path: Path) -> None:
    assert printed(tmp_path, "import sys; print('colorsys' in sys.modules)") == ["True"]


def test_no_kernel_makes_the_grammar_of_web_addresses_to_show_a_chart(tmp_path: Path) -> None:
    """It takes seconds; plotly imports nbformat, which imports jsonschema, which imports it."""
    tell = "import nbformat, sys; print('rfc3987_syntax' in sys.modules)"
    assert printed(tmp_path, tell) == ["False"]


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


def test_processes_tell_by_their_names_what_they_are(tmp_path: Path) -> None:
    tell = "import os\nfor pid in ('self', os.getppid()): print(open(f'/proc/{pid}/comm').read())"
    assert [name for name in printed(tmp_path, tell) if name] == ["kernel", "fork server"]


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


def test_a_fork_server_that_is_killed_takes_its_kernels_with_it_and_is_replaced(
    tmp_path: Path,
) -> None:
    with pytest.raises(DeadKernelError):
        printed(
            tmp_path, "import os, threading; os.kill(os.getppid(), 9); threading.Event().wait()"
        )
    assert printed(tmp_path, "import sys; print('colorsys' in sys.modules)") == ["True"]


def test_a_kernel_is_the_first_to_go_when_memory_runs_out(tmp_path: Path) -> None:
    assert printed(tmp_path, "print(open('/proc/self/oom_score_adj').read())")[0] == "1000"


@pytest.mark.parametrize(
    ("setup", "error", "told"),
    [
        ("import signal; signal.pause()", RuntimeError, "did not start within 1 seconds"),
        ("import os; os.system('echo 1'); os.kill(os.getpid(), 9)", DeadKernelError, "Kernel died"),
        ("print('1', flush=True); import os; os.kill(os.getpid(), 9)", DeadKernelError, "Kernel"),
    ],
)
def test_a_kernel_that_does_not_start_is_not_waited_for(
    setup: str, error: type[Exception], told: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=told):
        executed(tmp_path, "print('never')", setup=setup, start_timeout=1)
    assert printed(tmp_path, "print('the next one works')") == ["the next one works"]


def test_an_option_that_is_refused_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(TraitError, match="interrupt_on_timeout"):
        executed(tmp_path, "pass", interrupt_on_timeout="perhaps")


def test_what_a_notebook_starts_inherits_nothing_of_its_kernel(tmp_path: Path) -> None:
    """Such as the socket, whose other end would not notice that the kernel has ended."""
    look = "import os; print([f for f in range(3, 99) if os.path.exists(f'/proc/self/fd/{f}')"
    assert printed(tmp_path, f"{look} and os.get_inheritable(f)])") == ["[]"]


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
        "import papermill\nfrom insights_lib.warm_kernels.engine import warm_kernels\n"
        f"with warm_kernels(): papermill.execute_notebook({file!r}, None, progress_bar=False)"
    )
    with running([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as owner:
        wait_for(lambda: has_text(tmp_path / "pids"), owner)
        owner.send_signal(signal.SIGKILL)
    for pid in (tmp_path / "pids").read_text().split():
        assert gone(int(pid))


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
    told, go = tmp_path / "told", tmp_path / "go"
    os.mkfifo(go)
    far = FAR_OFF.format(wait=WAIT, then="pass").rsplit("print(", 1)[0]
    far += "pid = far.stdout.readline().strip()"
    wait = f"open({str(told)!r}, 'w').write(pid + ' '); open({str(go)!r}).readline()"
    with ThreadPoolExecutor(1) as beside:
        (tmp_path / "other").mkdir()
        other = beside.submit(printed, tmp_path / "other", far, wait)
        wait_for(lambda: (has_text(told) and told.read_bytes().endswith(b" ")) or other.done())
        pid = int(told.read_text(encoding="ascii"))
        printed(tmp_path, "pass")
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
        with go.open("r+b", buffering=0) as gate:  # as a writer alone it would wait for a reader
            gate.write(b"go\n")
            other.result(timeout=60)
    assert state in "RS"
    assert gone(pid)


def test_a_fork_server_that_was_stopped_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ForkServer._start

    def patient(server: ForkServer) -> None:
        monkeypatch.setattr(fork_server, "_PATIENCE", 120)  # the new one has to import
        start(server)

    monkeypatch.setattr(fork_server, "_PATIENCE", 1)
    monkeypatch.setattr(ForkServer, "_start", patient)
    with pytest.raises(DeadKernelError):
        printed(
            tmp_path,
            "import os, signal, threading; os.kill(os.getppid(), signal.SIGSTOP)\n"
            "threading.Event().wait()",
        )
    assert printed(tmp_path, "print('the next one works')") == ["the next one works"]


def test_where_nothing_can_be_forked_kernels_are_ordinary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "can_fork", lambda: False)
    monkeypatch.setattr(WarmEngine, "fork_server", None)
    with warm_kernels() as nobody:
        assert nobody is None
        tell = "import os, sys; print(os.getppid(), 'colorsys' in sys.modules)"
        assert printed(tmp_path, tell) == [f"{os.getpid()} False"]


LIKE_OTHERS = [
    "print('a'); print('b', end=''); 'result'",
    "import os, sys; print('one', flush=True); print('two', file=sys.stderr, flush=True)",
    "import pandas as pd; frame = pd.DataFrame({'a': [1, None]}); frame",
    "display(frame, {'x': 'é\\ud83d\\ude00'}); frame;",
    "import plotly.graph_objects as go; go.Figure(go.Bar(y=[1, 2]))",
    "from IPython.display import HTML, Image; HTML('<b>&</b>')",
    "Image(b'\\x89PNG\\r\\n\\x1a\\n', format='png')",
    "shown = display('first', display_id='one'); shown.update('second'); print('after')",
    "from IPython.display import clear_output; print('gone'); clear_output(); print('left')",
    "print('gone'); clear_output(wait=True); print('left')",
    "import datetime; data = {'n': 1.5, 't': (1, 2), 'day': datetime.date(2026, 1, 2)}",
    "display({'application/json': data}, raw=True)",
    "await __import__('asyncio').sleep(0); 'awaited'",
    "_, Out[1], In[1], __name__, get_ipython().kernel.implementation",
    "'' in sys.path, os.environ.get('OMP_NUM_THREADS')",
    "import logging; logging.warning('logged')",
    "import warnings; warnings.warn('warned')",
    "%env NOT_THERE=1",
    "!echo from a shell",
    "%%capture caught\nprint('kept')",
    "caught.stdout, sys.stdout.isatty(), sys.stdout.encoding",
    "def broken(): raise ValueError('a\\nb')\nbroken()",
]


def joined(cell: NotebookNode) -> list[NotebookNode]:
    """A cell's outputs; an ordinary kernel that has to wait parts what is printed in one go."""
    outputs: list[NotebookNode] = []
    for output in cell.get("outputs", ()):
        if outputs and output.get("name", outputs) == outputs[-1].get("name"):
            outputs[-1].text += output.text
        else:
            outputs.append(output)
    return outputs


def seen(folder: Path, sources: list[str], **options: Any) -> list[Any]:
    """Cells as they are afterwards, but for what is never twice the same."""
    folder.mkdir()
    output = folder / "out.ipynb"
    file = notebook(folder / "in.ipynb", *sources)
    with pytest.raises(papermill.PapermillExecutionError, match="ValueError"):
        papermill.execute_notebook(file, str(output), progress_bar=False, **options)
    done = nbformat.read(output, as_version=4)
    cells = [[c.cell_type, c.get("execution_count"), joined(c)] for c in done.cells]
    assert done.metadata.language_info.name == "python"
    return [re.sub(r"ipykernel_\d+/\d+|CPU times.*", "", str(cell)) for cell in cells]


def test_a_notebook_shows_what_it_shows_with_an_ordinary_kernel(tmp_path: Path) -> None:
    warm = seen(tmp_path / "warm", LIKE_OTHERS)
    ordinary = seen(tmp_path / "ordinary", LIKE_OTHERS, engine_name="nbclient")
    assert len(warm) == len(LIKE_OTHERS) + 2  # papermill tells of the error in two more
    for source, ours, theirs in zip(["", *LIKE_OTHERS, ""], warm, ordinary, strict=True):
        assert ours == theirs, source


def test_a_cell_that_should_fail_does_not_end_the_notebook(tmp_path: Path) -> None:
    file = notebook(tmp_path / "in.ipynb", "1 / 0", "print('on')")
    source = nbformat.read(file, as_version=4)
    source.cells[0].metadata["tags"] = ["raises-exception"]
    nbformat.write(source, file)
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        papermill.execute_notebook(file, str(tmp_path / "out.ipynb"), progress_bar=False)
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert done.cells[-1].outputs[0].text == "on\n"


def test_what_is_printed_past_python_is_there_too(tmp_path: Path) -> None:
    outside = "import os, subprocess, sys; os.system('echo one'); os.write(2, b'two\\n')"
    inside = "subprocess.run(['echo', 'three'], stdout=sys.stdout, check=True)"
    fork = "pid = os.fork()\nif not pid:\n    print('four'); os._exit(0)\nos.waitpid(pid, 0)"
    lines = printed(tmp_path, outside, inside + "; None", fork + "; None")
    assert lines == ["one", "two", "three", "four"]


def test_what_children_and_threads_print_stands_in_the_cell_that_caused_it(tmp_path: Path) -> None:
    child = "import os, subprocess; print('a'); os.system('echo b'); print('c'); "
    child += "subprocess.run('ls /x', shell=True)"
    thread = (
        "from threading import Thread; t = Thread(target=print, args=('d',)); t.start(); t.join()"
    )
    fork = "if not (pid := os.fork()):\n    print('e'); os._exit(0)\nos.waitpid(pid, 0); None"
    cells = executed(tmp_path, child + "; None", thread, fork, "print('f')").cells
    texts = [[(out.name, out.text) for out in cell.outputs] for cell in cells]
    assert texts[0][0] == ("stdout", "a\nb\nc\n")
    assert texts[0][1][0] == "stderr"
    assert texts[1:] == [[("stdout", f"{each}\n")] for each in "def"]


@pytest.mark.parametrize("wait", [0, 0.5])
def test_what_was_printed_before_a_kernel_was_ended_is_there(wait: float, tmp_path: Path) -> None:
    output = tmp_path / "out.ipynb"
    file = notebook(
        tmp_path / "in.ipynb",
        f"import os, time; print('before', flush={not wait}); time.sleep({wait})\n"
        "os.kill(os.getpid(), 9)",
    )
    with pytest.raises(DeadKernelError):
        papermill.execute_notebook(file, str(output), progress_bar=False)
    [cell] = nbformat.read(output, as_version=4).cells
    assert [out.text for out in cell.outputs] == ["before\n"]
    assert cell.execution_count == 1


def test_half_of_a_pair_of_surrogates_is_printed_as_a_mark(tmp_path: Path) -> None:
    assert printed(tmp_path, "print('a\\ud800b')", "print('c')") == ["a\ufffdb", "c"]


def test_a_notebook_that_ends_closes_its_files_and_calls_its_functions(tmp_path: Path) -> None:
    left = tmp_path / "left"
    executed(
        tmp_path,
        f"file = open({str(left)!r}, 'w'); file.write('written'); None",
        f"import atexit, pathlib; atexit.register(pathlib.Path({str(left) + '2'!r}).touch); None",
    )
    assert left.read_text() == "written"
    assert left.with_name("left2").exists()


@pytest.mark.parametrize(
    "source",
    [
        "print('x' * 2000)",
        "while True: print('x')",
        "display({'text/html': 'x' * 2000}, raw=True)",
        "import os; os.write(1, b'x' * 2001); import signal; signal.pause()",
        "import os; os.system('yes')",
        "raise ValueError('x' * 2000)",
    ],
)
def test_a_notebook_that_says_too_much_is_ended(source: str, tmp_path: Path) -> None:
    with pytest.raises(SaidTooMuch):
        executed(tmp_path, "print('x' * 500)", source, most=2000)
    assert printed(tmp_path, "print('x' * 1999)", most=2000) == ["x" * 1999]


def test_code_to_run_before_is_not_in_the_notebook(tmp_path: Path) -> None:
    for options in ({}, {"kernel_name": "python3"}):
        done = executed(tmp_path, "print(told)", setup="told = 'before'", **options)
        assert done.cells[0].outputs[0].text == "before\n"
        assert done.cells[0].execution_count == 1
        assert len(done.cells) == 1


def test_a_notebook_that_exits_has_a_dead_kernel(tmp_path: Path) -> None:
    with pytest.raises(DeadKernelError):
        executed(tmp_path, "exit()", "import time; time.sleep(1)", "print('never')")


def test_a_kernel_has_two_threads_and_no_more_open_than_it_needs(tmp_path: Path) -> None:
    tell = "import os; print(len(os.listdir('/proc/self/task')))"
    look = "print(sum('[' in os.readlink(f'/proc/self/fd/{f}') for f in range(3, 99)\n"
    look += "  if os.path.islink(f'/proc/self/fd/{f}')))"
    threads, opened = printed(tmp_path, tell, look)
    # One socket, two pipes to print to, an event loop: its poll, and a pair of sockets to wake it.
    assert (threads, int(opened)) == ("2", 6)


def test_a_kernel_is_gone_when_its_notebook_is_done(tmp_path: Path) -> None:
    (pid,) = printed(tmp_path, "import os; print(os.getpid())")
    assert not Path(f"/proc/{pid}").exists()


def test_a_notebook_of_another_kernel_gets_that(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No such kernel named another"):
        executed(tmp_path, "pass", kernel_name="another")
    tell = "import os, sys; print(os.getppid(), 'colorsys' in sys.modules)"
    assert printed(tmp_path, tell, engine_name="nbclient") == [f"{os.getpid()} False"]


def test_after_the_block_papermill_has_its_own_engine_again() -> None:
    engines = papermill.engines.papermill_engines
    before = engines.get_engine(), WarmEngine.fork_server
    with warm_kernels() as server:
        assert (engines.get_engine(), WarmEngine.fork_server) == (WarmEngine, server)
    assert (engines.get_engine(), WarmEngine.fork_server) == before
