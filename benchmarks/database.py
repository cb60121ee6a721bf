"""How fast exports come from PostgreSQL into the store, beside the same rows as a TSV.

A PostgreSQL of its own has the rows of a seats export, with typed columns. `insights fetch` and
`insights ingest` take them into a new store; `insights ingest` alone does so with the TSV. Each is
a whole process of its own, in turn, and the ratio of the rates is formed round by round.

    python benchmarks/database.py [--rows 1000000] [--rounds 3]
"""

import argparse
import os
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.ingest import INSIGHTS, Run, count_lines, measured, write_export
from tests.support.postgres import PASSWORD, USER, Postgres, postgres

# Of the columns that are not texts.
TYPES = {
    "Month": "date",
    "SubscriptionStartDate": "date",
    "SubscriptionEndDate": "date",
    "IsDuplicateRowForPGA": "integer",
    "TotalSoldSeats": "integer",
    "BilledRevenueUSD": "numeric(14,2)",
    "AvailableSeatsEOP": "integer",
    "AvailableSeats": "integer",
}
PLAN = """
databases:
  lake:
    url: {url}
    login_variable: INSIGHTS_SECRET_LAKE
    datasets:
      SeatsSubscriptionsAndRevenue: {{table: seats}}
folder: {folder}/fetch
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    with TemporaryDirectory(prefix="bench-database-") as name, postgres() as server:
        folder, file = Path(name), Path(name) / "seats.tsv"
        # In a process of its own: Linux counts a child's memory from what its parent has.
        maker = get_context("spawn").Process(target=write_export, args=(file, asked.rows))
        maker.start()
        maker.join()
        rows = count_lines(file) - 1
        load(server, file)
        os.environ["INSIGHTS_SECRET_LAKE"] = f"{USER}:{PASSWORD}"
        (folder / "fetch.yml").write_text(PLAN.format(url=server.url, folder=folder))
        rounds = [a_round(folder, file) for _ in range(asked.rounds)]
    show(rows, rounds)


def load(server: Postgres, file: Path) -> None:
    """Fill the table `seats`, with values of types."""
    names = file.open(encoding="utf-8").readline().rstrip("\n").split("\t")
    texts = ", ".join(f'"{name}" text' for name in names)
    typed = ", ".join(
        f'nullif("{name}", \'\')::{TYPES.get(name, "text")} AS "{name}"' for name in names
    )
    with server.connect() as connection:
        connection.execute(f"CREATE UNLOGGED TABLE texts ({texts})")
        copy = "COPY texts FROM STDIN (FORMAT csv, HEADER, DELIMITER E'\\t', QUOTE E'\\x01')"
        with connection.cursor().copy(copy) as out, file.open("rb") as source:
            while block := source.read(1 << 20):
                out.write(block)
        connection.execute(f"CREATE UNLOGGED TABLE seats AS SELECT {typed} FROM texts")
        connection.execute("DROP TABLE texts")


def a_round(folder: Path, file: Path) -> dict[str, Run]:
    with TemporaryDirectory(dir=folder) as out:
        exports = f"{out}/exports"
        fetch = [str(INSIGHTS), "fetch", "--to", exports, "--parameters", str(folder)]
        fetched = measured(fetch)
        ingested = measured([str(INSIGHTS), "ingest", exports, "--store", f"{out}/store"])
        text = measured([str(INSIGHTS), "ingest", str(file), "--store", f"{out}/text"])
    both = replace(
        fetched,
        seconds=fetched.seconds + ingested.seconds,
        cpu=fetched.cpu + ingested.cpu,
        peak_mb=max(fetched.peak_mb, ingested.peak_mb),
    )
    return {"fetch": fetched, "ingest Parquet": ingested, "both": both, "ingest TSV": text}


def show(rows: int, rounds: list[dict[str, Run]]) -> None:
    print(f"{rows:,} seats rows; medians of {len(rounds)} rounds\n")
    print(f"{'':16}{'seconds':>9}{'processor s':>13}{'rows/s':>11}{'peak MB':>9}")
    for name in rounds[0]:
        runs = [one[name] for one in rounds]
        seconds = median(run.seconds for run in runs)
        cpu, peak = median(run.cpu for run in runs), max(run.peak_mb for run in runs)
        print(f"{name:16}{seconds:9.1f}{cpu:13.1f}{rows / seconds:11,.0f}{peak:9,.0f}")
    print("\nrate from PostgreSQL / rate of the TSV, median (rounds), target 0.5 or more")
    for what in ("seconds", "cpu"):
        ratios = [getattr(one["ingest TSV"], what) / getattr(one["both"], what) for one in rounds]
        print(f"  by {what:8}{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
