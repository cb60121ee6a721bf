"""A run that is stopped leaves no process and nothing half; the same command does the rest."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from insights_lib.outputs import Manifest, Outputs, seen
from tests.support.processes import completed, descendants, gone, running, wait_for
from tests.support.rows import fill_store, seats_row
from tests.support.sweeps import sweep

pytestmark = [pytest.mark.kernels, pytest.mark.slow]
PROGRAM = [sys.executable, "-c", "from insights_lib.cli import app; app()"]
MONTHS = [f"2025-{m:02d}" for m in range(1, 5)]
RANGE = "2025-02_2025-04"


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files; that of a test has too long a path for sockets."""
    with TemporaryDirectory() as name:
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    rows = [seats_row(month, "a", PGAMpnId=partner) for month in MONTHS for partner in "123"]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    wanted = [word for partner in "123" for word in ("--partner", partner)]
    months = ["--from", "2025-02", "--to", "2025-04", "--jobs", "1"]
    folders = ["--store", str(store), "--outputs", str(tmp_path / "outputs")]
    return [*PROGRAM, "run", *wanted, *months, *folders, "--parameters", str(tmp_path)]


def states(outputs: Path) -> dict[str, str]:
    manifests = map(Manifest.read, Outputs(outputs).report_folders())
    return {manifest.partner: manifest.status for manifest in manifests if manifest}


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", sweep([signal.SIGKILL, signal.SIGINT, signal.SIGTERM]))
def test_a_stopped_run_leaves_nothing_and_the_same_command_does_the_rest(
    number: signal.Signals, command: list[str], scratch: Path, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    with running(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        # The first report is there, and the second has begun.
        wait_for(lambda: states(outputs) and list(outputs.glob(".run-*/*/notebooks/*")), run)
        below = descendants(run.pid)
        assert len(below) >= 2
        run.send_signal(number)
        _, said = run.communicate(timeout=60)
    assert run.returncode == (-9 if number == signal.SIGKILL else 130)
    assert [pid for pid in below if not gone(pid)] == []
    assert list(scratch.iterdir()) == []
    finished = states(outputs)
    assert set(finished.values()) == {"complete"}
    assert len(finished) < 3
    if number != signal.SIGKILL:
        assert "the same command does the rest" in said
        assert list(outputs.glob(".run-*")) == []
    done = outputs / next(iter(finished)) / RANGE / "manifest.json"
    before = done.read_bytes()
    rest = completed(command)
    assert states(outputs) == dict.fromkeys("123", "complete")
    assert done.read_bytes() == before  # it was not rendered again
    made = Manifest.model_validate_json(before)
    assert made.report_seen == seen(done.with_name("report.html"))  # nor was its page read again
    assert list(outputs.glob(".run-*")) == []
    assert len(rest.stdout.splitlines()) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set as on Linux")
@pytest.mark.parametrize("most", sweep([200_000, 1_000], 0))
def test_without_room_to_write_the_old_report_stays(
    most: int, command: list[str], tmp_path: Path
) -> None:
    """Too little for the slice, for some of the notebooks, and for the page."""
    completed(command)
    folder = tmp_path / "outputs" / "1" / RANGE
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    run = completed(["prlimit", f"--fsize={most}", *command, "--force"], expected=1)
    assert len(re.findall("it could not be written .*File too large", run.stderr)) == 3
    assert "Traceback" not in run.stderr
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    assert list((tmp_path / "outputs").glob(".run-*")) == []


def test_a_second_run_at_the_same_time_says_so_and_writes_nothing(
    command: list[str], tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    with Outputs(outputs).locked():  # as a run has it for as long as it writes
        second = completed(command, expected=2)
        assert "another run is writing reports here" in second.stderr
        assert states(outputs) == {}
    completed(command)
    assert states(outputs) == dict.fromkeys("123", "complete")


def test_status_tells_what_a_run_would_do(command: list[str], tmp_path: Path) -> None:
    reports = "ranges: [2025-02_2025-04]\npartners: [{id: '1'}, {id: '2'}]\n"
    (tmp_path / "reports.yml").write_text(reports, encoding="utf-8")
    folders = command[command.index("--store") :]
    status = [*PROGRAM, "status", *folders]

    def told() -> list[tuple[str, str]]:
        found = completed([*status, "--json"])
        return [(one["partner"], one["state"]) for one in json.loads(found.stdout)]

    assert told() == [("1", "never run"), ("2", "never run")]
    one = [*PROGRAM, "run", "--partner", "1", *folders]
    completed(one)
    assert told() == [("1", "fresh"), ("2", "never run")]
    table = completed(status).stdout
    assert "never run" in table
    manifest = tmp_path / "outputs" / "1" / RANGE / "manifest.json"
    before = manifest.stat().st_ino
    (tmp_path / "outputs" / ".run-killed").mkdir()
    again = completed(one)
    assert not (tmp_path / "outputs" / ".run-killed").exists()
    assert again.stderr.startswith("1 fresh already; ")
    assert manifest.stat().st_ino == before
    completed([*one, "--force"])
    assert manifest.stat().st_ino != before
    lines = (tmp_path / "outputs" / "run.log").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["complete", "complete"]
    assert os.access(manifest, os.R_OK)
