"""How fast `insights ingest` is, and how much memory it takes, beside DuckDB alone.

Both get the same seats export, a TSV of 5 million rows (1.6 GB). DuckDB alone reads it as text
and writes all of it to Parquet, with default settings; `insights ingest` checks it and takes it
into a new store. Each is a whole process of its own, in turn, and the ratio of the rates is
formed round by round. Processor seconds of all cores are shown beside the seconds that passed:
on a machine that is busy with other work they vary less.

    python benchmarks/ingest.py [--rows 5000000] [--rounds 3] [--file seats.tsv]
                                [--before INSIGHTS]

With --file the export is kept, and used as it is if it is there; else it is temporary. With
--before, the program `insights` of another version is a third one in each round.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import astuple, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import duckdb

from insights_lib.exports.demo import write_demo

INSIGHTS = Path(sys.executable).with_name("insights")
ROWS_PER_CUSTOMER = 40  # of the demo's second partner, whose exports are TSV; roughly
ROWS_PER_COPY = 800_000  # of the demo that is drawn once and repeated under other ids
DUCKDB_ALONE = r"""
import duckdb, sys
file, parquet = sys.argv[1:]
with open(file, encoding="utf-8") as lines:
    columns = dict.fromkeys(next(lines).rstrip("\n").split("\t"), "VARCHAR")
duckdb.execute(
    f"COPY (FROM read_csv($file, columns = {columns}, auto_detect = false, header = true,"
    " delim = '\t', quote = '', escape = '')) TO $parquet (FORMAT parquet)",
    {"file": file, "parquet": parquet},
)
"""


@dataclass(frozen=True)
class Run:
    """What a process took."""

    seconds: float
    cpu: float
    peak_mb: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=5_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--file", type=Path, help="keep the export here")
    options.add_argument("--before", type=Path, help="insights of another version")
    asked = options.parse_args()
    with TemporaryDirectory(prefix="bench-ingest-") as folder:
        file = asked.file or Path(folder) / "seats.tsv"
        if not file.exists():
            # In a process of its own: Linux counts a child's memory from what its parent has.
            maker = get_context("spawn").Process(target=write_export, args=(file, asked.rows))
            maker.start()
            maker.join()
        rows = count_lines(file) - 1
        commands = {
            "DuckDB alone": [sys.executable, "-c", DUCKDB_ALONE, str(file)],
            "insights ingest": [str(INSIGHTS), "ingest", str(file), "--store"],
        }
        if asked.before:
            commands["before"] = [str(asked.before), "ingest", str(file), "--store"]
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(asked.rounds):
            for name, command in commands.items():
                with TemporaryDirectory(dir=folder) as out:
                    runs[name].append(measured([*command, str(Path(out) / "out")]))
        show(rows, file.stat().st_size / 1e6, runs)


def write_export(file: Path, rows: int) -> None:
    """Write a TSV of about so many rows: those of a demo partner, repeated under other ids."""
    copies = -(-rows // ROWS_PER_COPY)
    customers = max(1, rows // copies // ROWS_PER_CUSTOMER)
    with TemporaryDirectory(prefix="bench-demo-") as folder:
        exports = write_demo(Path(folder), partners=2, customers=customers)
        seats = next(f for f in exports if f.match("*_SeatsSubscriptionsAndRevenue.tsv"))
        part = file.with_name(f".{file.name}.part")
        duckdb.execute("SET enable_progress_bar = false")
        duckdb.execute(
            """COPY (
                SELECT * EXCLUDE (n) REPLACE (
                    md5(SubscriptionId || n)::UUID AS SubscriptionId,
                    md5(CustomerTenantId || n)::UUID AS CustomerTenantId,
                    (CustomerTpid::BIGINT + 10_000_000 * n)::VARCHAR AS CustomerTpid)
                FROM (SELECT *, unnest(range($copies)) AS n FROM read_csv($seats,
                    all_varchar = true, header = true, delim = '\t', quote = '', escape = ''))
            ) TO $part (FORMAT csv, HEADER, DELIMITER '\t', QUOTE '')""",
            {"copies": copies, "seats": str(seats), "part": str(part)},
        )
    part.rename(file)


def count_lines(file: Path) -> int:
    """Count, and so bring as much of the file into memory as the system will keep there."""
    with file.open("rb") as source:
        return sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 22), b""))


def measured(command: list[str]) -> Run:
    """Run a command to its end; the system tells the most memory it held."""
    started = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{command[0]} failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def show(rows: int, megabytes: float, runs: dict[str, list[Run]]) -> None:
    ours = runs["insights ingest"]
    print(f"seats TSV of {rows:,} rows, {megabytes:,.0f} MB; medians of {len(ours)} rounds\n")
    print(f"{'':17}{'seconds':>9}{'processor s':>13}{'rows/s':>11}{'MB/s':>7}{'peak MB':>9}")
    for name, own in runs.items():
        seconds, cpu, peak = (median(column) for column in zip(*map(astuple, own), strict=True))
        rates = f"{rows / seconds:11,.0f}{megabytes / seconds:7,.0f}"
        print(f"{name:17}{seconds:9.1f}{cpu:13.1f}{rates}{peak:9,.0f}")
    for name, target in (("DuckDB alone", 0.6), ("before", 0.75)):
        if name in runs:
            print(f"\nrate of ingest / rate of {name}, median (rounds), target {target} or more")
            show_ratios(list(zip(runs[name], ours, strict=True)))
    print(f"most memory of ingest: {max(r.peak_mb for r in ours):,.0f} MB, target below 1,000 MB")


def show_ratios(pairs: list[tuple[Run, Run]]) -> None:
    for name, ratios in (
        ("by the clock", [other.seconds / own.seconds for other, own in pairs]),
        ("by processor seconds", [other.cpu / own.cpu for other, own in pairs]),
    ):
        print(f"  {name:21}{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
