"""Kills runs at named points, and proves that the same command then does the rest.

For each point of a run, each signal and each of its processes that can be there by then: three
reports are begun, what is to be killed is killed after a random delay from that point on, and the
same command is given again. In the end there must be the same tables and pages as of a run that
nobody disturbed, and no process, socket folder or half-made report left. What the killed run had
finished must not have been made again.

    python tests/faults.py [--rounds 1] [--seed 1]
"""

import argparse
import json
import os
import random
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
from insights_lib.store.catalog import reading
from insights_lib.store.ingest import files_of, ingest_file

PROGRAM = [sys.executable, "-c", "from insights_lib.cli import app; app()"]
LONGEST_DELAY = 0.4  # seconds

# Points of a run, by what can be seen of them from outside.
POINTS: dict[str, Callable[[Path], object]] = {
    "the process is there": lambda _: True,
    "the folder is claimed": lambda outputs: (outputs / ".lock").exists(),
    "the work folder is there": lambda outputs: any(outputs.glob(".run-*")),
    "a report is begun": lambda outputs: any(outputs.glob(".run-*/*/notebooks")),
    "the slice": lambda outputs: any(outputs.glob(".run-*/*/slice/*")),
    "sockets of a kernel": lambda _: any(Path(tempfile.gettempdir()).glob("kernels-*/*/*")),
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
        undisturbed = folder / "undisturbed"
        subprocess.run(command(folder, undisturbed), check=True, capture_output=True)
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


def command(folder: Path, outputs: Path) -> list[str]:
    with reading(folder / "store") as catalog:
        rows = catalog.execute("SELECT DISTINCT account FROM parts WHERE NOT is_location")
        wanted = [word for (account,) in rows for word in ("--partner", account)]
    paths = ["--store", str(folder / "store"), "--outputs", str(outputs)]
    return [*PROGRAM, "run", *wanted, *paths, "--parameters", str(folder)]


def disturb(
    command: list[str],
    outputs: Path,
    fault: tuple[str, signal.Signals, str],
    chance: random.Random,
) -> None:
    """Begin a run and kill one of its processes at a point, or a little later."""
    point, number, victim = fault
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not POINTS[point](outputs):
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
    before = {
        file: file.stat().st_ino
        for file in outputs.glob("[!.]*/*/manifest.json")
        if json.loads(file.read_text(encoding="utf-8"))["status"] == "complete"
    }
    rest = subprocess.run(command(folder, outputs), capture_output=True, text=True, check=False)
    assert rest.returncode == 0, f"{what}: {rest.stderr}"
    assert results(outputs) == wanted, f"{what}: other results"
    assert {file: file.stat().st_ino for file in before} == before, f"{what}: made again"
    assert not list(outputs.glob(".run-*")), f"{what}: a work folder is left"


def results(outputs: Path) -> dict[str, object]:
    """The tables of all reports, and what their manifests say, with the hashes of the pages."""
    found: dict[str, object] = {
        str(file.relative_to(outputs)): file.read_bytes() for file in outputs.glob("[!.]*/*/data/*")
    }
    for file in outputs.glob("[!.]*/*/manifest.json"):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        said = (manifest["status"], manifest["fingerprint"], manifest["report_sha256"])
        found[str(file.relative_to(outputs))] = said
        notebooks = file.parent.glob("notebooks/*")
        found[f"{file.parent.relative_to(outputs)}/notebooks"] = sorted(n.name for n in notebooks)
    return found


if __name__ == "__main__":
    main()
