"""How long a slice and all tables of a large partner take, beside plain pandas.

The first partner of the demo with 100,000 customers and 25 months is ingested into a store. Then,
in turn and each in a process of its own, the library opens a slice and computes all tables, and
pandas reads the same rows out of the same Parquet files and computes the same tables
(plain_pandas.py), for the last 12 months and for the last 24. First of all both must give the
same tables. The ratio is formed round by round, so that it holds on a busy machine too; beside the
seconds that passed are the processor seconds of all cores.

    python benchmarks/tables.py [--customers 100000] [--rounds 3] [--store FOLDER]

With --store the store is kept, and used as it is if it is there; else it is temporary.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import duckdb
import pandas as pd
import plain_pandas
from pandas.testing import assert_frame_equal

from insights_lib import metrics
from insights_lib.exports.datasets import USAGE_PRODUCTS
from insights_lib.exports.demo import write_demo
from insights_lib.parameters.spec import DateRange, ReportSpec
from insights_lib.store.ingest import ingest_file
from insights_lib.store.partners import partner_parts
from insights_lib.store.parts import Part
from insights_lib.store.slice import open_slice
from insights_lib.tables import TABLES

PARTNER = "1234567"
RANGES = {12: "2025-01_2025-12", 24: "2024-01_2025-12"}
AS_OF = date(2026, 1, 15)
Tables = dict[str, pd.DataFrame]
Spent = tuple[float, float]  # seconds by the clock, and of all cores


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--customers", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--store", type=Path, help="keep the store here")
    asked = options.parse_args()
    with TemporaryDirectory(prefix="bench-tables-") as folder:
        store = asked.store or Path(folder) / "store"
        if not (store / "catalog.sqlite").exists():
            fill(store, asked.customers)
        rows = sum(part.rows for part in partner_parts(store, PARTNER).subscriptions())
        print(f"{asked.customers:,} customers, {rows:,} subscription rows in 25 months;")
        print(f"seconds for a slice and all tables, medians of {asked.rounds} rounds\n")
        print("months                insights_lib  plain pandas  ratio (rounds)")
        for months, date_range in RANGES.items():
            ours, plain = [], []
            for number in range(asked.rounds):
                own, tables = apart(by_library, store, date_range)
                other, same_tables = apart(by_pandas, store, date_range)
                if number == 0:
                    same(tables, same_tables)
                ours.append(own)
                plain.append(other)
            for i, unit in enumerate(("by the clock", "processor s")):
                show(f"{months:6} {unit:13}", [o[i] for o in ours], [p[i] for p in plain])
        print("\ntarget: a ratio of 10 or more for 24 months")


def show(name: str, ours: list[float], plain: list[float]) -> None:
    ratios = [p / o for p, o in zip(plain, ours, strict=True)]
    print(
        f"{name}{median(ours):14.2f}{median(plain):14.2f}"
        f"{median(ratios):7.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    )


def fill(store: Path, customers: int) -> None:
    """Write the exports of a demo partner and ingest them, one file at a time."""
    with TemporaryDirectory(prefix="bench-demo-") as folder:
        for file in write_demo(Path(folder), partners=1, customers=customers):
            ingest_file(file, store)
            file.unlink()


def apart(
    compute: Callable[[Path, str], tuple[Spent, Tables]], store: Path, date_range: str
) -> tuple[Spent, Tables]:
    """Call a function in a new process, so that none profits from what came before it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(compute, store, date_range).result()


def clocks() -> Spent:
    return perf_counter(), process_time()


def since(started: Spent) -> Spent:
    return perf_counter() - started[0], process_time() - started[1]


def by_library(store: Path, date_range: str) -> tuple[Spent, Tables]:
    started = clocks()
    data = open_slice(ReportSpec(partner=PARTNER, date_range=date_range, as_of=AS_OF, store=store))
    tables = {name: getattr(metrics, name)(data) for name in TABLES}
    return since(started), tables


def by_pandas(store: Path, date_range: str) -> tuple[Spent, Tables]:
    started = clocks()
    parts, months = partner_parts(store, PARTNER), DateRange.parse(date_range)
    seats = read(parts.subscriptions(), months)
    datasets = groupby(parts.usage(), key=lambda part: part.dataset)
    usage = pd.concat(
        read(list(group), months).assign(product=USAGE_PRODUCTS[dataset])
        for dataset, group in datasets
    )
    tables = plain_pandas.tables(seats, usage.reset_index(drop=True), date_range, str(AS_OF))
    return since(started), tables


def read(parts: list[Part], months: DateRange) -> pd.DataFrame:
    """All rows up to the last month; as pandas.read_parquet, which needs pyarrow."""
    return duckdb.execute(
        "FROM read_parquet($files) WHERE month <= $last",
        {"files": sorted({str(part.file) for part in parts}), "last": months.last},
    ).df()


def same(ours: Tables, plain: Tables) -> None:
    """Stop unless both made the same tables, in whatever order and with whatever types."""
    assert ours.keys() == plain.keys()
    for name, table in ours.items():
        assert_frame_equal(
            comparable(table), comparable(plain[name][list(table)]), check_dtype=False, obj=name
        )


def comparable(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as floats, everything else as objects; sorted by the latter."""
    columns = {}
    for name, column in table.items():
        try:
            columns[name] = column.astype(float)
        except (TypeError, ValueError):
            columns[name] = column.astype(object)
    plain = pd.DataFrame(columns)
    return plain.sort_values(list(plain.select_dtypes(object)), ignore_index=True)


if __name__ == "__main__":
    main()
