"""The processes of a run: in which order they work, what they know, and who dies."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from insights_lib.outputs import Outputs
from insights_lib.run import report as render
from insights_lib.run import reports
from insights_lib.run.plan import plan_reports
from insights_lib.run.pool import WorkerDied
from insights_lib.run.request import RenderResult
from tests.support.notebooks import (
    NOTEBOOKS,
    RANGE,
    notebook,
    run,
    spec_of,
)
from tests.support.processes import completed, descendants, gone, has_text, running, wait_for
from tests.support.sweeps import sweep

pytestmark = [pytest.mark.kernels, pytest.mark.slow]

# Makes a report with kernels that are not forked, and tells how many of them were started.
ORDINARY = f"""
import json, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from insights_lib.outputs import Outputs
from insights_lib.parameters import ReportSpec
from insights_lib.run import plan, reports
from insights_lib.warm_kernels import engine

plan.NOTEBOOKS, folder = map(Path, sys.argv[1:])
reports._workers = lambda settings, most: ThreadPoolExecutor(1)
engine.can_fork = lambda: False
launch, started = LocalProvisioner.launch_kernel, []

async def note(self, cmd, **kwargs):
    started.append(cmd)
    return await launch(self, cmd, **kwargs)

LocalProvisioner.launch_kernel = note
spec = ReportSpec(
    partner="1", date_range="{RANGE}", as_of=date(2030, 1, 1), store=folder / "store"
)
settings = reports.Settings(Outputs(folder / "ordinary"), jobs=1)
planned = plan.plan_reports([spec], settings.outputs)
(result,) = reports.run_reports(planned, settings, lambda _: None)
print(json.dumps({{"failures": result.failures, "ordinary kernels": len(started)}}))
"""


def test_the_largest_report_is_made_first_and_the_same_months_only_once(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Partner 1 has more rows than partner 2; a preset and its months are one folder."""
    notebook(own_notebooks, "01_fine", *replay)
    store = tmp_path / "store"
    named = {"date_range": "last_3_months", "as_of": date(2025, 5, 1)}
    result = run(
        tmp_path / "outputs", spec_of(store, "2"), spec_of(store), spec_of(store, **named), jobs=1
    )
    assert [result.spec.partner for result in result.results] == ["1", "2"]
    assert [result.failures for result in result.results] == [(), ()]


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
def test_a_worker_has_no_more_files_open_after_many_reports(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    count = """\
worker = int(open(f"/proc/{os.getppid()}/stat").read().rsplit(")", 1)[1].split()[1])
with open(store + ".files", "a") as files:
    print(len(os.listdir(f"/proc/{worker}/fd")), file=files)
"""
    notebook(own_notebooks, "01_fine", replay[0], count, *replay[1:])
    months = [f"2025-0{first}_2025-04" for first in (1, 2, 3, 4)]
    months += ["2025-02_2025-03", "2025-03_2025-03", "2025-02_2025-02"]
    specs = [spec_of(tmp_path / "store", date_range=text) for text in months]
    run(tmp_path / "outputs", *specs, jobs=1)
    counts = [int(line) for line in (tmp_path / "store.files").read_text().split()]
    assert len(counts) == len(months)
    assert max(counts) <= counts[0] + 3  # the event loop of one report


def test_without_forks_ordinary_kernels_make_the_same_report(
    own_notebooks: Path, tmp_path: Path
) -> None:
    """In a process of its own, which makes the report itself."""
    for name in ("01_summary", "06_distribution_trend"):
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", own_notebooks)
    warm = run(tmp_path / "warm", spec_of(tmp_path / "store")).of("1").folder
    program = [sys.executable, "-c", ORDINARY, str(own_notebooks), str(tmp_path)]
    assert json.loads(completed(program).stdout) == {"failures": [], "ordinary kernels": 2}
    assert warm
    for name in ("report.html", "data/summary.csv", "data/distribution_trend.csv"):
        assert (tmp_path / "ordinary/1" / RANGE / name).read_bytes() == (warm / name).read_bytes()


FIND = f"""\
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.support.processes import descendants, parent_of

def named(name, pid):
    return open(f"/proc/{{pid}}/comm").read().strip() == name

clone = os.getppid()
parent = parent_of(clone)
(worker,) = [pid for pid in descendants(parent_of(parent)) if named("worker", pid)]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
@pytest.mark.parametrize(
    "victim", sweep(["worker", "os.getpid()", "clone", "parent", "parent_of(worker)"], 2)
)
def test_what_was_killed_once_is_tried_again(
    victim: str, own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """The kernel, its fork server and that one's own, or the process above them and its parent."""
    kill = f"""\
if not os.path.exists(store + ".killed"):
    open(store + ".killed", "w").close()
    {FIND.replace(chr(10), f"{chr(10)}    ")}
    os.kill({victim}, 9)
"""
    notebook(own_notebooks, "01_fine", replay[0], kill, *replay[1:])
    result = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1)
    assert result.of("1").failures == ()
    assert (tmp_path / "store.killed").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
def test_a_report_whose_process_is_killed_twice_has_failed_and_the_others_have_not(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    kill = (
        f"if partner == '1':\n    {FIND.replace(chr(10), f'{chr(10)}    ')}\n    os.kill(worker, 9)"
    )
    notebook(own_notebooks, "01_fine", replay[0], kill, *replay[1:])
    store = tmp_path / "store"
    result = run(tmp_path / "outputs", spec_of(store, "1"), spec_of(store, "2"), jobs=1)
    assert result.of("2").failures == ()
    [(section, reason)] = result.of("1").failures
    assert section == ""
    assert "the process that rendered it died twice" in reason
    [failure] = result.manifest("1", failed=True).failures
    assert failure.reason == reason
    [planned] = plan_reports([spec_of(store, "1")], Outputs(tmp_path / "outputs"))
    assert (planned.status, planned.reason) == ("failed", reason)


# Makes a report with the notebooks of a folder.
MAKE = f"""
import sys
from datetime import date
from pathlib import Path
from insights_lib.outputs import Outputs
from insights_lib.parameters import ReportSpec
from insights_lib.run import plan, reports

plan.NOTEBOOKS, folder = map(Path, sys.argv[1:])
spec = ReportSpec(partner="1", date_range="{RANGE}", as_of=date(2030, 1, 1), store=folder / "store")
settings = reports.Settings(Outputs(folder / "outputs"), jobs=1)
reports.run_reports(plan.plan_reports([spec], settings.outputs), settings, lambda _: None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_notebooks_have_started_ends_with_a_run_that_is_stopped(
    number: signal.Signals, own_notebooks: Path, tmp_path: Path
) -> None:
    start = (
        "import subprocess, sys, signal\n"
        "wait = [sys.executable, '-c', 'import signal; signal.pause()']\n"
        "pid = subprocess.Popen(wait, start_new_session=True).pid\n"
        "open(options['store'] + '.started', 'w').write(f'{pid} ')\n"
        "signal.pause()"
    )
    notebook(own_notebooks, "01_starts", start)
    program = [sys.executable, "-c", MAKE, str(own_notebooks), str(tmp_path)]
    told = tmp_path / "store.started"
    with running(program, stderr=subprocess.DEVNULL) as making:
        wait_for(lambda: has_text(told) and told.read_bytes().endswith(b" "), making)
        below = descendants(making.pid)
        assert int(told.read_text(encoding="ascii")) in below
        making.send_signal(number)
        making.wait(60)
    assert [pid for pid in below if not gone(pid)] == []


def test_a_second_try_keeps_no_other_report_from_being_told(
    own_notebooks: Path, replay: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told(Future[RenderResult]):
        def result(self, timeout: float | None = None) -> RenderResult:
            assert self.done(), "it was waited for"
            return super().result(timeout)

    told: list[RenderResult] = []
    tries: list[tuple[Told, RenderResult]] = []

    class Pool(Executor):
        """Of which the first try dies, and the third takes until a report has been told."""

        def submit(self, _fn: Any, /, *requests: Any, **_: Any) -> Any:
            tries.append((Told(), RenderResult(requests[0].spec, requests[0].planned.folder)))
            future, result = tries[-1]
            if len(tries) == 1:
                future.set_exception(WorkerDied("killed"))
            elif len(tries) == 2 or told:
                future.set_result(result)
            return future

    def then(result: RenderResult) -> None:
        told.append(result)
        if len(tries) == 3 and not tries[2][0].done():
            tries[2][0].set_result(tries[2][1])

    notebook(own_notebooks, "01_fine", *replay)
    monkeypatch.setattr(reports, "_workers", lambda *_: Pool())
    specs = [spec_of(tmp_path / "store", partner) for partner in ("1", "2")]
    settings = reports.Settings(Outputs(tmp_path / "outputs"), jobs=1)
    reports.run_reports(plan_reports(specs, settings.outputs), settings, then)
    assert [result.spec.partner for result in told] == ["2", "1"]
    assert len(tries) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="environments are looked up in /proc")
def test_no_notebook_knows_the_secrets_of_mail_and_fetch(
    own_notebooks: Path, replay: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSIGHTS_SMTP_PASSWORD", "passw0rd-12c4")
    monkeypatch.setenv("INSIGHTS_SECRET_CONTOSO", "s3cret-98d1")
    monkeypatch.setenv("FOR_NOTEBOOKS", "a setting of theirs")
    tell = """\
import os
print(sorted(os.environ.items()))
for pid in ("self", os.getppid()):
    print(open(f"/proc/{pid}/environ").read())
"""
    notebook(own_notebooks, "01_fine", tell, *replay)
    assert not run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1).of("1").failures
    executed = (tmp_path / "outputs/1" / RANGE / "notebooks/01_fine.ipynb").read_text()
    assert "a setting of theirs" in executed
    assert "INSIGHTS_SMTP" not in executed
    assert "passw0rd-12c4" not in executed
    assert "INSIGHTS_SECRET" not in executed
    assert "s3cret-98d1" not in executed


def test_a_process_that_could_not_have_warm_kernels_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[object] = []

    @contextmanager
    def failing_once(*_: object, clone: object) -> Iterator[None]:
        tried.append(clone)
        if len(tried) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        yield

    monkeypatch.setattr(render, "_warm", False)
    monkeypatch.setattr(render, "warm_kernels", failing_once)
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        render.use_warm_kernels()
    for _ in range(2):
        render.use_warm_kernels()
    assert len(tried) == 2
