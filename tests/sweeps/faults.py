"""Kills runs at named points, and proves that the same command then does the rest.

For each point of a run, each signal and each of its processes that can be there by then: three
reports are begun, what is to be killed is killed after a random delay from that point on, and the
same command is given again. In the end there must be the same tables and pages as from a run that
nobody disturbed, and no process, temporary file or half-made report left. What the killed run had
finished must not have been made again.

Then the same with a section that fails: the last good reports must stay byte for byte, and be
replaced as soon as the section is mended. And exports that come in are taken by processes that are
killed: none may be lost, or be empty.

    python -m tests.sweeps.faults [--rounds 1] [--seed 1]
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from insights_lib.exports.demo import write_demo
from insights_lib.outputs import Manifest, Outputs
from insights_lib.run.plan import NOTEBOOKS
from insights_lib.store.catalog import reading
from insights_lib.store.ingest import files_of, ingest_file
from tests.support.processes import completed, running

# The program, with the notebooks of a folder.
PROGRAM = [
    *(sys.executable, "-c"),
    """import sys
from pathlib import Path
from insights_lib.run import plan
plan.NOTEBOOKS = Path(sys.argv.pop(1))
from insights_lib.cli import app
from tests.support.processes import completed, running
app()""",
]
# Takes what has come into a folder, which was written long ago.
TAKE = """import sys
from pathlib import Path
from insights_lib.schedule.inbox import Folders, take_incoming
here = Path(sys.argv[1])
folders = Folders(*(here / name for name in ("incoming", "store", "exports", "refused")))
assert not [one for one in take_incoming(folders, lambda _: None) if one.refusal]
"""
LONGEST_DELAY = 0.4  # seconds

# Points of a run, by what can be seen of them from outside.
POINTS: dict[str, Callable[[Path], object]] = {
    "the process is there": lambda _: True,
    "the folder is locked": lambda outputs: (outputs / ".lock").exists(),
    "the work folder is there": lambda outputs: any(outputs.glob(".run-*")),
    "a report is begun": lambda outputs: any(outputs.glob(".run-*/*/notebooks")),
    "the slice": lambda outputs: any(outputs.glob(".run-*/*/slice/*")),
    "the first notebook": lambda outputs: any(outputs.glob(".run-*/*/notebooks/*")),
    "the fourth notebook": lambda outputs: len(list(outputs.glob(".run-*/*/notebooks/*"))) > 3,
    "the last notebook": lambda outputs: any(outputs.glob(".run-*/*/notebooks/07*")),
    "the tables": lambda outputs: any(outputs.glob(".run-*/*/data/*")),
    "the page": lambda outputs: any(outputs.glob(".run-*/*/report.html")),
    "the manifest": lambda outputs: any(outputs.glob(".run-*/*/manifest.json")),
    "the first report in place": lambda outputs: any(outputs.glob("[!.]*/*/manifest.json")),
    "the first line of the log": lambda outputs: (outputs / "run.log").exists(),
    "the second report in place": lambda outputs: (
        len(list(outputs.glob("[!.]*/*/report.html"))) > 1
    ),
}

# The same of runs that fail.
FAILED_POINTS: dict[str, Callable[[Path], object]] = {
    "the first failure in place": lambda outputs: any(outputs.glob("*/failed/*/manifest.json")),
    "the second failure in place": lambda outputs: (
        len(list(outputs.glob("*/failed/*/manifest.json"))) > 1
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    done = 0
    with TemporaryDirectory() as name:
        # What is left there would be seen, and nobody else's is.
        os.environ["TMPDIR"] = tempfile.tempdir = f"{name}/scratch"
        Path(tempfile.tempdir).mkdir()
        folder = Path(name)
        write_demo(folder / "exports", partners=3, customers=20, months=14, seed=1)
        for export in files_of([folder / "exports"]):
            ingest_file(export, folder / "store")
        shutil.copytree(NOTEBOOKS, folder / "notebooks")
        undisturbed = folder / "undisturbed"
        completed(command(folder, undisturbed), 600)
        wanted = results(undisturbed)
        for _ in range(options.rounds):
            for point in POINTS:
                for number in (signal.SIGKILL, signal.SIGTERM):
                    for victim in ("run", "worker", "fork server"):
                        outputs = folder / f"outputs-{done}"
                        disturb(command(folder, outputs), outputs, (point, number, victim), chance)
                        check(folder, outputs, wanted, f"{number.name} to {victim} at {point}")
                        done += 1
                print(f"{done} runs killed and finished, the last at: {point}", flush=True)
            for number in (signal.SIGKILL, signal.SIGTERM):
                for point in ("a report is begun", "the manifest", *FAILED_POINTS):
                    fail_and_mend(folder, undisturbed, (point, number, "run"), chance)
            print("failing runs killed, failed and mended", flush=True)
            take_in(folder, chance)
            print("exports taken by processes that were killed", flush=True)


def fail_and_mend(
    folder: Path, good: Path, fault: tuple[str, signal.Signals, str], chance: random.Random
) -> None:
    """Let a section fail where good reports are, killed once; then mend it."""
    outputs, section = folder / "failing", folder / "notebooks" / "07_active_customers.ipynb"
    shutil.copytree(good, outputs)
    before, source = results(outputs), section.read_text(encoding="utf-8")
    section.write_text(source.replace('"report.show(', '"1 / 0, report.show('), encoding="utf-8")
    disturb(command(folder, outputs), outputs, fault, chance)
    failed = completed(command(folder, outputs), 600, expected=None)
    assert failed.returncode == 1, f"{fault}: {failed.stderr}"
    assert results(outputs) == before, f"{fault}: a good report has changed"
    assert len(Outputs(outputs).failed_folders()) == len(Outputs(outputs).report_folders())
    section.write_text(source, encoding="utf-8")
    completed(command(folder, outputs), 600)
    assert results(outputs) == before, f"{fault}: other results"
    assert not Outputs(outputs).failed_folders(), f"{fault}: a failure is left"
    shutil.rmtree(outputs)


def take_in(folder: Path, chance: random.Random) -> None:
    """Let exports be taken by processes that are killed after ever longer delays."""
    here = folder / "taking"
    shutil.copytree(folder / "exports", here / "incoming")
    contents = {file.read_bytes() for file in (here / "incoming").iterdir()}
    delay, ended = 0.0, -1
    while ended:
        with running([sys.executable, "-c", TAKE, str(here)]) as taking:
            with suppress(subprocess.TimeoutExpired):
                taking.wait(timeout=delay)
            taking.kill()
            ended = taking.wait(timeout=60)
        delay += chance.uniform(0, LONGEST_DELAY)
        there = [*(here / "incoming").iterdir(), *(here / "exports").glob("[!.]*")]
        assert {file.read_bytes() for file in there} == contents, "an export is lost or cut"
    for export in files_of([here / "exports"]):
        ingest_file(export, here / "store")
    shutil.rmtree(here)


def command(folder: Path, outputs: Path) -> list[str]:
    with reading(folder / "store") as catalog:
        rows = catalog.execute("SELECT DISTINCT account FROM parts WHERE NOT is_location")
        wanted = [word for (account,) in rows for word in ("--partner", account)]
    paths = ["--store", str(folder / "store"), "--outputs", str(outputs)]
    return [
        *PROGRAM,
        str(folder / "notebooks"),
        "run",
        *wanted,
        *paths,
        "--parameters",
        str(folder),
    ]


def disturb(
    command: list[str],
    outputs: Path,
    fault: tuple[str, signal.Signals, str],
    chance: random.Random,
) -> None:
    """Begin a run and kill one of its processes at a point, or a little later."""
    point, number, victim = fault
    with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (POINTS | FAILED_POINTS)[point](outputs):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, LONGEST_DELAY))
        found = below(run.pid)
        of_kind = [run.pid] if victim == "run" else [p for p in found if is_a(victim, p)]
        for pid in chance.sample(of_kind, min(1, len(of_kind))):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        run.wait(timeout=300)
    until = time.monotonic() + 10
    # A process that was just being started when its owner was killed goes by itself, too.
    while left := [*remaining(found), *Path(tempfile.gettempdir()).iterdir()]:
        assert time.monotonic() < until, f"{victim} at {point}: left are {left}"
        time.sleep(0.01)


def remaining(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def is_a(victim: str, pid: int) -> bool:
    """Whether a process is what is to be killed, by the name it has given itself."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == victim
    except (FileNotFoundError, ProcessLookupError):
        return False


def below(pid: int) -> list[int]:
    """A process and all below it, parents first."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found = [pid]
    for parent in found:
        found += sorted(child for child, of in parents.items() if of == parent)
    return found


def check(folder: Path, outputs: Path, wanted: dict[str, object], what: str) -> None:
    """Give the same command again, and compare."""
    before = {file: file.stat().st_ino for file in outputs.glob("[!.]*/*/manifest.json")}
    rest = completed(command(folder, outputs), 600, expected=None)
    assert rest.returncode == 0, f"{what}: {rest.stderr}"
    assert results(outputs) == wanted, f"{what}: other results"
    assert {file: file.stat().st_ino for file in before} == before, f"{what}: made again"
    assert not list(outputs.glob(".run-*")), f"{what}: a work folder is left"


def results(outputs: Path) -> dict[str, object]:
    """The tables of all reports, and what their manifests say, with the hashes of the pages."""
    found: dict[str, object] = {
        str(file.relative_to(outputs)): file.read_bytes() for file in outputs.glob("[!.]*/*/data/*")
    }
    for folder in Outputs(outputs).report_folders():
        manifest = Manifest.read(folder)
        assert manifest
        name = str(folder.relative_to(outputs))
        found[name] = (manifest.status, manifest.fingerprint, manifest.report_sha256)
        found[f"{name}/notebooks"] = sorted(file.name for file in folder.glob("notebooks/*"))
    return found


if __name__ == "__main__":
    main()
