"""Warm kernels beside ordinary ones: the same notebook through both engines, cell by cell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell

from insights_lib.warm_kernels.engine import warm_kernels
from insights_lib.warm_kernels.fork_server import can_fork
from tests.support.engines import notebook_of, ordinary_outcome, outcome
from tests.support.sweeps import sweep

pytestmark = [
    pytest.mark.kernels,
    pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here"),
]

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
TASK = """import asyncio
seen = []
async def tick():
    for number in range(3):
        await asyncio.sleep(0.02)
        seen.append(number)
task = asyncio.create_task(tick())"""
PICTURE = f"""import base64
class Picture:
    def _repr_png_(self): return base64.b64decode("{PIXEL}")
    _repr_jpeg_ = _repr_png_
Picture()"""
OUTPUT = """import ipywidgets
out = ipywidgets.Output()
with out:
    print("in the widget")
    display("shown")
out"""
RUN = """import asyncio
coroutine = asyncio.sleep(0)
try: asyncio.run(coroutine)
finally: coroutine.close()"""
THREAD = """from threading import Thread
thread = Thread(target=print, args=("from a thread",))
thread.start(); thread.join(); print("joined")"""
CLEAR = "from IPython.display import clear_output; print('gone'); clear_output({}); print('left')"


def tagged(source: str, tag: str = "raises-exception") -> Any:
    return new_code_cell(source, metadata={"tags": [tag]})


# Cells that can stand in any order; each name is one feature. What children print is not among
# them: where an ordinary kernel shows it is a matter of luck, see `test_engine`.
FEATURES: dict[str, list[Any]] = {
    "result": ["print('a'); print('b', end=''); 'result'"],
    "silent": ["quiet = 1;", "quiet;"],
    "both streams": ["import sys; print('one', file=sys.stderr); print('two')"],
    "skipped": [tagged("print('not run')", "skip-execution"), "'run'"],
    "text": [new_markdown_cell("# Text"), "  "],
    "picture": [PICTURE, "display(Picture())"],
    "task": [TASK, "await asyncio.sleep(0.3); seen", "await task"],
    "loop": ["import asyncio; asyncio.get_running_loop().is_running()"],
    "run": [tagged(RUN)],
    "update": ["shown = display(1, display_id='n')", "shown.update(2); print('on')"],
    "twice": ["_ = display(1, display_id='t'), display(2, display_id='t')"],
    "clear": [CLEAR.format("")],
    "clear later": [CLEAR.format("wait=True"), "print('left'); clear_output(wait=True)"],
    "widget": [OUTPUT, "with out:\n    print('more')", "out.clear_output()", "out.outputs"],
    "slider": ["import ipywidgets; ipywidgets.IntSlider(3)"],
    "error": [tagged("def broken(): raise ValueError('a\\nb')\nbroken()")],
    "syntax": [tagged("1 +")],
    "exit code": [tagged("import sys; sys.exit(3)")],
    "input": [tagged("input('name?')"), tagged("import getpass; getpass.getpass()")],
    "debugger": ["breakpoint()", tagged("import pdb; pdb.set_trace()")],
    "names": ["_, __name__, In[1], get_ipython().kernel.implementation"],
    "environment": ["import os; sorted(set(os.environ) - {'PYTEST_CURRENT_TEST'}), os.getcwd()"],
    "notebook": ["'IPKernelApp' in get_ipython().config"],
    "stdin": ["import sys; sys.stdin.read(), sys.stdout.isatty(), sys.stdout.encoding"],
    "magic": ["%env NOT_THERE=1", "%%capture caught\nprint('kept')", "caught.stdout", "%history"],
    "shell": ["!echo from a shell", "files = !echo one two\nfiles"],
    "log": ["import logging; logging.warning('logged')"],
    "warning": ["import warnings; warnings.warn('warned')"],
    "json": ["display({'application/json': {'n': 1.5, 't': (1, 2)}}, raw=True)"],
    "half": ["'\\ud800'", "print('a \\udc80 b')"],
    "frame": ["import pandas; pandas.DataFrame({'a': [1, None]})"],
    "thread": [THREAD],
    "parts": ["import time; print('one'); time.sleep(0.5); print('two')"],
    "payload": ["print?", "%page print"],
    "comm": ["from comm import create_comm; c = create_comm(target_name='x', data={'a': 1})"],
}
ENDS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "well": ([], {}),
    "fails": (["print('before'); 1 / 0", "print('never')"], {}),
    "exits": (["exit()"], {}),
    "quits in time": (["quit()", "print('still there')"], {}),
    "quits": (["exit()", "import time; time.sleep(1)", "print('never')"], {}),
    "ends": (["import os, time; print('before'); time.sleep(0.7); os._exit(3)", "1"], {}),
    "is killed": (
        ["import os, time; display('before'); time.sleep(0.1); os.kill(os.getpid(), 9)"],
        {},
    ),
    "takes too long": (
        ["print('before', flush=True); import time; time.sleep(60)"],
        {"execution_timeout": 2},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _warm() -> Iterator[None]:
    with warm_kernels():
        yield


def assert_same(folder: Path, *cells: Any, **options: Any) -> None:
    """Hold that both engines make the same of these cells."""
    ordinary = ordinary_outcome(notebook_of(*cells), folder / "ordinary", **options)
    warm = outcome(notebook_of(*cells), folder / "warm", None, **options)
    for ours, theirs in zip(warm, ordinary, strict=True):
        assert ours == theirs


def test_all_features_are_the_same_with_an_ordinary_kernel(tmp_path: Path) -> None:
    assert_same(tmp_path, *(cell for cells in FEATURES.values() for cell in cells))


@pytest.mark.parametrize("end", sweep(ENDS, 3))
def test_a_notebook_ends_as_with_an_ordinary_kernel(end: str, tmp_path: Path) -> None:
    cells, options = ENDS[end]
    assert_same(tmp_path, "print('first')", *cells, **options)


@pytest.mark.parametrize("seed", sweep(range(8)))
def test_random_notebooks_are_the_same_with_an_ordinary_kernel(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    notebooks = st.lists(st.sampled_from(sorted(FEATURES)), min_size=1, max_size=8)

    @seeded(seed)
    @settings(
        max_examples=2,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(names=notebooks, end=st.sampled_from(["well", "fails", "exits"]))
    def compare(names: list[str], end: str) -> None:
        cells = [cell for name in names for cell in FEATURES[name]]
        assert_same(tmp_path_factory.mktemp("random"), *cells, *ENDS[end][0])

    compare()


# Whether the number of a cell arrives before its kernel is gone is a race.
KILL_THEMSELVES = {"Autokill"}
NOTEBOOKS = sorted((Path(__file__).parent / "notebooks").rglob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebooks_of_papermill_and_nbclient_are_the_same(file: Path, tmp_path: Path) -> None:
    source = nbformat.read(file, as_version=4)
    options = {"kernel_name": "python3", "execution_timeout": 10}
    ordinary = outcome(source, tmp_path / "ordinary", "nbclient", **options)
    warm = outcome(source, tmp_path / "warm", None, **options)
    if file.stem in KILL_THEMSELVES:
        for cell in (*ordinary[:-2], *warm[:-2]):
            cell["execution_count"] = None
    assert warm == ordinary
