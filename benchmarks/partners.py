"""What thousands of reports cost when there is nothing to do, and after a run that was killed.

A store of so many partners with three customers each is ingested: the exports of one partner of the
demo, again and again under other ids. The report of the first is rendered. Those of the others are
left as a run would have left them, with manifests of their own, but with links to the files of the
first. Then `insights run`, `insights status`, `partners()` and the index are measured, each in a
process of its own. At last some reports are taken away, a run is killed when half of them are made,
and the next one makes the others.

    python benchmarks/partners.py [--partners 5000] [--left 20] [--folder FOLDER]

With --folder the store is kept, and used as it is if it is there; else it is temporary.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb

from insights_lib.analysis.partners import partners
from insights_lib.cli import app
from insights_lib.exports.demo import write_demo
from insights_lib.outputs import Manifest, Outputs, seen
from insights_lib.parameters.requests import Overrides, requested_specs
from insights_lib.run.index import write_index
from insights_lib.run.plan import PlannedReport, plan_reports
from insights_lib.store.ingest import files_of, ingest_file
from insights_lib.store.partners import partner_ids

_LONGEST = 600  # seconds that a run may take to make the reports after which it is killed
# What each copy of the demo's partner has of its own, by column.
_OWN = {
    "PGAMpnId": "(1000000 + n)::VARCHAR",
    "PGA_MPNId": "(1000000 + n)::VARCHAR",
    "MPNId": "CASE MPNId WHEN '1234567' THEN (1000000 + n)::VARCHAR ELSE MPNId || '-' || n END",
    "PartnerName": "PartnerName || ' ' || n",
    "PGA_PartnerName": "PGA_PartnerName || ' ' || n",
    "CustomerTpid": "(CustomerTpid::BIGINT + 10 * n)::VARCHAR",
}


class Spent(NamedTuple):
    """What something took: seconds by the clock and of all cores, and at most so many MB."""

    seconds: float
    worked: float
    memory: float

    def __str__(self) -> str:
        """It in a few words."""
        return f"{self.worked:.1f} processor s ({self.seconds:.1f} s), {self.memory:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--partners", type=int, default=5000)
    parser.add_argument("--left", type=int, default=20, help="reports to be made at last")
    parser.add_argument("--folder", type=Path, help="keep the store here")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        if not (folder / "store" / "catalog.sqlite").exists():
            write_exports(folder / "exports", options.partners)
            print(f"ingest of {options.partners} partners: {measured(ingest, folder)}")
        measured(leave_reports, folder)
        print("run with nothing to do:", measured(command, folder, "run"))
        print("status:", measured(command, folder, "status"))
        print("partners():", measured(partners, folder / "store"))
        print("plan and index:", measured(index, folder))
        kill_and_run_again(folder, options.left)


def write_exports(to: Path, count: int) -> None:
    """Write exports of so many partners, each dataset as one file."""
    to.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as demo, duckdb.connect() as engine:
        for file in write_demo(Path(demo), partners=1, customers=3):
            rows = engine.read_csv(str(file), all_varchar=True)
            own = ", ".join(f"{_OWN[name]} AS {name}" for name in rows.columns if name in _OWN)
            target = to / file.name.removeprefix("1234567_")
            engine.execute(
                f"""COPY (SELECT rows.* REPLACE ({own}) FROM rows, range({count}) copies(n))
                    TO '{target}' (FORMAT csv, HEADER)"""
            )


def ingest(folder: Path) -> None:
    for file in files_of([folder / "exports"]):
        ingest_file(file, folder / "store")


def measured(function: Callable[..., Any], *given: Any) -> Spent:
    """What a process spends in which nothing but a function is called, its start included.

    What it prints goes nowhere.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, function, *given).result()


def _measured(function: Callable[..., Any], *given: Any) -> Spent:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    started = time.perf_counter()
    function(*given)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    worked = sum(os.times()[:4])  # also of its children
    return Spent(time.perf_counter() - started, worked, int(peak.split()[1]) / 1024)


def command(folder: Path, *words: str) -> None:
    """Give a command, which has to succeed."""
    assert app([*words, *folders(folder)], standalone_mode=False) in {None, 0}


def folders(folder: Path) -> list[str]:
    names = ("store", "outputs", "parameters")
    return [word for name in names for word in (f"--{name}", str(folder / name))]


def leave_reports(folder: Path) -> None:
    """Leave a finished report of each partner of the store."""
    ids = partner_ids(folder / "store")
    (folder / "parameters").mkdir(exist_ok=True)
    lines = ["partners:", *(f'  - id: "{partner}"' for partner in ids)]
    (folder / "parameters" / "reports.yml").write_text("\n".join(lines), encoding="utf-8")
    command(folder, "run", "--partner", ids[0])
    first, *others = planned(folder)
    assert first.folder
    manifest = Manifest.read(first.folder)
    assert manifest
    for one in others:
        leave_report(one, first.folder, manifest)


def planned(folder: Path) -> list[PlannedReport]:
    specs = requested_specs(folder / "parameters", Overrides(store=folder / "store"))
    return plan_reports(specs, Outputs(folder / "outputs"))


def leave_report(one: PlannedReport, like: Path, manifest: Manifest) -> None:
    """Leave a report like another, of which it has all but the manifest."""
    assert one.folder
    if one.folder.exists():
        shutil.rmtree(one.folder)
    shutil.copytree(like, one.folder, copy_function=os.link)
    (one.folder / "manifest.json").unlink()
    changes = {
        "partner": one.spec.partner,
        "partner_name": one.name,
        "parameters": {**manifest.parameters, "partner": one.spec.partner},
        "fingerprint": one.fingerprint,
        "report_seen": seen(one.folder / "report.html"),
    }
    manifest.model_copy(update=changes).write(one.folder)


def index(folder: Path) -> None:
    """Plan the reports, and write the index of them."""
    write_index(planned(folder), Outputs(folder / "outputs"), "en")


def kill_and_run_again(folder: Path, count: int) -> None:
    """Take reports away, kill a run when half of them are made, and see what the next one does."""
    taken = [one.folder for one in planned(folder)[-count:] if one.folder]
    for report in taken:
        shutil.rmtree(report)
    log, end = folder / "outputs" / "run.log", time.monotonic() + _LONGEST
    program = [sys.executable, "-c", "from insights_lib.cli import app; app()", "run"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*program, *folders(folder)], **quiet) as run:
        while sum(report.exists() for report in taken) < count / 2 and time.monotonic() < end:
            time.sleep(0.1)
        run.kill()
    made, before = sum(report.exists() for report in taken), len(lines_of(log))
    again = measured(command, folder, "run")
    rendered = lines_of(log)[before:]
    assert len(rendered) == count - made, "a run made again what was there"
    print(f"a run killed after {made} of {count} reports; the next makes {len(rendered)}: {again}")


def lines_of(log: Path) -> list[Any]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
