"""How long a slice and all nine tables of a large partner take, beside plain pandas.

One partner with 100,000 customers and 25 months of demo exports is ingested into a temporary
store. Then, in turn, each in a process of its own: the library opens the slice of 24 months (and
the month before) and computes all tables; pandas gets the same rows and computes the same numbers.

    python benchmarks/tables.py [--customers 100000] [--rounds 3] [--store FOLDER]

With --store the store is kept, and used as it is if it is there.
"""

import argparse
import time
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb
from plain_pandas import Frames
from plain_pandas import tables as pandas_tables

from insights_lib import metrics
from insights_lib.demo import write_demo
from insights_lib.ingest import ingest_file
from insights_lib.parameters import ReportSpec
from insights_lib.slices import open_slice
from insights_lib.store import holdings

PARTNER = "1234567"
RANGE = ("2024-01", "2025-12")
TABLES = (
    *(metrics.summary, metrics.summary_trend, metrics.summary_products),
    *(metrics.geographical_spread, metrics.adds_and_churns, metrics.distribution),
    *(metrics.products, metrics.distribution_trend, metrics.active_customers),
)


def make_store(store: Path, customers: int) -> None:
    with TemporaryDirectory(dir=store.parent) as folder:
        for file in write_demo(Path(folder), partners=1, customers=customers):
            ingest_file(file, store)
            file.unlink()


def by_library(store: Path) -> tuple[float, dict[str, int]]:
    started = time.perf_counter()
    spec = ReportSpec(
        partner=PARTNER, date_range="_".join(RANGE), as_of=date(2026, 1, 15), store=store
    )
    data = open_slice(spec)
    tables = {table.__name__: table(data) for table in TABLES}
    seconds = time.perf_counter() - started
    total = tables["adds_and_churns"].query("product == 'All'")
    return seconds, {
        "current": int(tables["active_customers"]["current_customers"].sum()),
        "active": int(tables["active_customers"]["active_customers"].sum()),
        "added": int(total["added"].sum()),
        "churned": int(total["churned"].sum()),
        "products": int(tables["summary_products"]["customers"].sum()),
        "skus": int(tables["products"].query("sku != ''")["customers"].sum()),
        "new": int(tables["geographical_spread"]["new_customers"].sum()),
        "trend": int(tables["distribution_trend"]["customers"].sum()),
    }


def by_pandas(store: Path) -> tuple[float, dict[str, int]]:
    held = holdings(store, PARTNER)
    started = time.perf_counter()
    seats, usage = (
        duckdb.sql(
            f"SELECT * FROM read_parquet({sorted({str(part.file) for part in parts})},"
            " union_by_name = true)"
        ).df()
        for parts in (held.subscriptions(), held.usage())
    )
    frames = Frames(seats, usage, f"{RANGE[0]}-01", f"{RANGE[1]}-01")
    tables = pandas_tables(frames)
    seconds = time.perf_counter() - started
    inside = frames.months
    return seconds, {
        "current": int(tables["levels"].reindex(inside).sum()),
        "active": int(tables["active"].reindex(inside).sum()),
        "added": sum(added for _, added, _ in tables["flows"]),
        "churned": sum(churned for _, _, churned in tables["flows"]),
        "products": int(tables["products"].sum()),
        "skus": int(tables["skus"].sum()),
        "new": int(tables["spread"][2].sum()),
        "trend": sum(
            int(counts[counts.index.get_level_values("month").isin(inside)].sum())
            for counts in tables["trend"].values()
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "store"
        if not (store / "catalog.sqlite").exists():
            make_store(store, options.customers)
        ours, theirs = [], []
        for _ in range(options.rounds):
            with get_context("spawn").Pool(1) as process:
                library = process.apply(by_library, [store])
            with get_context("spawn").Pool(1) as process:
                pandas = process.apply(by_pandas, [store])
            assert library[1] == pandas[1], (library[1], pandas[1])
            ours.append(library[0])
            theirs.append(pandas[0])
            print(f"library {ours[-1]:6.2f} s   pandas {theirs[-1]:6.2f} s")
    ratio = median(theirs[i] / ours[i] for i in range(len(ours)))
    print(f"median  {median(ours):6.2f} s          {median(theirs):6.2f} s   pandas / library {ratio:.1f}")


if __name__ == "__main__":
    main()
