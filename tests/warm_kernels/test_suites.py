"""The test suites of papermill and nbclient, with ordinary kernels and with warm ones.

papermill brings its tests along when it is installed. Those that are left out reach no engine, or
start programs of their own. nbclient's are in its source only; a copy is in `notebooks/nbclient`.
"""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from insights_lib.warm_kernels.fork_server import can_fork
from tests.support import warm_suite
from tests.support.processes import completed

pytestmark = [
    pytest.mark.kernels,
    pytest.mark.slow,
    pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here"),
]
NBCLIENT = Path(__file__).parent / "notebooks" / "nbclient"
PAPERMILL = ("test_execute", "test_engines", "test_autosave", "test_clientwrap", "test_inspect")

# What fails with both, and why.
FAIL_HERE = {
    "TestBrokenNotebook2.test": "its notebook draws with matplotlib, which is not installed",
}
# nbclient's tests import two small libraries for one function each.
STAND_INS = {
    "xmltodict": (
        "from xml.etree.ElementTree import canonicalize\n"
        "def parse(text): return canonicalize(text, strip_text=True)\n"
    ),
    "testpath": (
        "import os\nfrom unittest.mock import patch\n"
        "def modified_env(changes): return patch.dict(os.environ, changes)\n"
    ),
}


def outcomes(folder: Path, *arguments: str, warm: bool) -> tuple[dict[str, str], int]:
    """What becomes of each test: passed, failure, error or skipped; how many kernels were warm."""
    folder.mkdir()
    shutil.copy(warm_suite.__file__, folder)
    for name, source in STAND_INS.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "no:cacheprovider"]
    command += ["--rootdir", str(folder), f"--junitxml={report}", "-W", "ignore"]
    command += ["-p", "warm_suite"] * warm + list(arguments)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    completed(command, seconds=540, expected=None, cwd=folder, env=environment)
    told, found = ET.parse(report), {}
    for test in told.iter("testcase"):
        name = f"{test.attrib['classname'].rpartition('.')[2]}.{test.attrib['name']}"
        kinds = [part.tag for part in test if part.tag in {"failure", "error", "skipped"}]
        found[name] = kinds[0] if kinds else "passed"
    return found, sum(int(each.attrib["value"]) for each in told.iter("property"))


def outcomes_at_leisure(folder: Path, *arguments: str, warm: bool) -> tuple[dict[str, str], int]:
    """The same; what fails is tried once more without the others, for some wait by the clock."""
    found, kernels = outcomes(folder, *arguments, warm=warm)
    wrong = {name for name, what in found.items() if what in {"failure", "error"}}
    failing = wrong - FAIL_HERE.keys()
    if failing:
        chosen = ("-k", " or ".join(name.rpartition(".")[2] for name in failing))
        again, _ = outcomes(
            folder.with_name(f"{folder.name}-again"), *arguments, *chosen, warm=warm
        )
        found.update(again)
    return found, kernels


def assert_same(folder: Path, *arguments: str) -> int:
    """Hold that all passes with both but what fails here; return how many kernels were warm."""
    with ThreadPoolExecutor() as pool:  # side by side, for they wait half of the time
        one = pool.submit(outcomes_at_leisure, folder / "ordinary", *arguments, warm=False)
        other = pool.submit(outcomes_at_leisure, folder / "warm", *arguments, warm=True)
        (ordinary, none), (warm, kernels) = one.result(), other.result()
    assert none == 0
    failing = {name for name, found in ordinary.items() if found != "passed"}
    assert failing == FAIL_HERE.keys() & ordinary.keys()
    assert warm == ordinary
    return kernels


def test_the_tests_of_papermill_are_the_same(tmp_path: Path) -> None:
    modules = [f"papermill.tests.{name}" for name in PAPERMILL]
    assert assert_same(tmp_path, "--pyargs", *modules) > 20


def test_the_tests_of_nbclient_are_the_same(tmp_path: Path) -> None:
    suite = tmp_path / "suite" / "tests"
    (suite / "files").mkdir(parents=True)
    (suite / "__init__.py").touch()
    for file in NBCLIENT.iterdir():
        shutil.copy(file, suite if file.suffix == ".py" else suite / "files")
    assert assert_same(tmp_path, str(suite / "test_client.py")) > 25
