"""Whether a long run stays as it begins: memory, open files, rate.

One `insights run` renders hundreds of reports, of demo partners of 20 customers and of many ranges.
Meanwhile the program watches the memory and the open files of its process, and the open files of
the worker that has most. Then it gives the same command again, with nothing to do.

    python benchmarks/many.py [--reports 500]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from insights_lib.exports.demo import write_demo
from insights_lib.parameters.spec import DateRange, month_after
from insights_lib.store.catalog import reading
from insights_lib.store.ingest import files_of, ingest_file

PROGRAM = [sys.executable, "-c", "from insights_lib.cli import app; app()"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=500)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        # A folder for its temporary files alone, so that any that are left are its own.
        os.environ["TMPDIR"] = tempfile.tempdir = f"{name}/scratch"
        Path(tempfile.tempdir).mkdir()
        write_demo(folder / "exports", partners=20, customers=20, months=60, seed=1)
        for export in files_of([folder / "exports"]):
            ingest_file(export, folder / "store")
        write_parameters(folder, options.reports)
        seen, seconds = run(folder)
        print(f"{options.reports} reports in {seconds:.0f} s")
        for share in (0.1, 0.5, 0.95):
            memory, files, of_worker = seen[int(share * len(seen))]
            print(f"after {share:.0%} of the time: {memory:.0f} MB, {files} open files,", end=" ")
            print(f"{of_worker} of a worker")
        first, last = rates(folder / "outputs" / "run.log")
        print(f"rate of the last fifth: {last / first:.2f} of the first fifth's")
        print(f"temporary files left: {len(list(Path(tempfile.tempdir).iterdir()))}")
        _, seconds = run(folder)
        print(f"the same again, with nothing to do: {seconds:.2f} s")


def write_parameters(folder: Path, reports: int) -> None:
    """List partners, each with as many ranges as it takes, of two to four months."""
    with reading(folder / "store") as catalog:
        rows = catalog.execute(
            "SELECT account, max(month) FROM parts WHERE NOT is_location GROUP BY account"
        ).fetchall()
    each, more = divmod(reports, len(rows))
    lines = ["partners:"]
    for number, (account, month) in enumerate(rows):
        last = datetime.fromisoformat(month).date()
        ranges = [
            str(DateRange.ending(month_after(last, -back), 2 + back % 3))
            for back in range(each + (number < more))
        ]
        lines.append(f'  - {{id: "{account}", ranges: [{", ".join(ranges)}]}}')
    (folder / "reports.yml").write_text("\n".join(lines), encoding="utf-8")


def run(folder: Path) -> tuple[list[tuple[float, int, int]], float]:
    """Run the program.

    Returns:
        Over time its memory in MB, its open files, and those of a worker; and its seconds.
    """
    paths = ["--store", str(folder / "store"), "--outputs", str(folder / "outputs")]
    seen: list[tuple[float, int, int]] = []
    started = time.perf_counter()
    command = [*PROGRAM, "run", "--parameters", str(folder), *paths]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        process = Path(f"/proc/{program.pid}")
        while program.poll() is None:
            time.sleep(0.2)
            try:
                status = (process / "status").read_text(encoding="ascii")
                children = " ".join(f.read_text() for f in process.glob("task/*/children")).split()
                of_workers = [open_files(Path(f"/proc/{pid}")) for pid in children]
                memory = next((x for x in status.splitlines() if x.startswith("VmRSS")), ": 0")
                most = max(of_workers, default=0)
                seen.append((int(memory.split()[1]) / 1024, open_files(process), most))
            except (FileNotFoundError, ProcessLookupError):
                continue
    assert program.returncode == 0
    return seen, time.perf_counter() - started


def open_files(process: Path) -> int:
    return len(list((process / "fd").iterdir()))


def rates(log: Path) -> tuple[float, float]:
    """Reports a second in the first and in the last fifth of a run."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    times = [datetime.fromisoformat(line["time"]).timestamp() for line in lines]
    fifth = len(times) // 5
    return fifth / (times[fifth] - times[0]), fifth / (times[-1] - times[-1 - fifth])


if __name__ == "__main__":
    main()
