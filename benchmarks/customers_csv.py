"""How long a table of many customers takes from the notebook to `data/customers.csv`.

The customers of a demo partner are repeated until there are 100,000 rows. Printed are the seconds,
and the processor seconds, that publishing them takes in the notebook, writing and reading the
notebook's JSON, and writing the CSV file. Medians.

    python benchmarks/customers_csv.py [--rows 100000] [--rounds 3]
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pandas as pd
from tables import AS_OF, PARTNER, RANGES, Spent, clocks, fill, since

from insights_lib import metrics
from insights_lib.notebook import as_published
from insights_lib.page.sections import Card, Report, Section, write_tables
from insights_lib.parameters.spec import ReportSpec
from insights_lib.store.slice import open_slice


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    taken: defaultdict[str, list[Spent]] = defaultdict(list)
    with TemporaryDirectory(prefix="bench-csv-") as folder:
        table = customers(Path(folder) / "store", asked.rows)
        for _ in range(asked.rounds):
            one_round(table, Path(folder) / "data", taken)
    print(f"customers.csv of {len(table):,} rows; target: below 2 s to write it\n")
    for name, spent in taken.items():
        seconds, processor = (median(column) for column in zip(*spent, strict=True))
        print(f"{name:12}{seconds:6.2f} s, {processor:.2f} processor s")


def customers(store: Path, rows: int) -> pd.DataFrame:
    fill(store, 1000)
    data = open_slice(ReportSpec(partner=PARTNER, date_range=RANGES[24], as_of=AS_OF, store=store))
    table = metrics.customers(data)
    return pd.concat([table] * (rows // len(table) + 1), ignore_index=True).head(rows)


def one_round(table: pd.DataFrame, folder: Path, taken: dict[str, list[Spent]]) -> None:
    started = clocks()
    published = as_published(table)
    taken["publish"].append(since(started))
    started = clocks()
    read = json.loads(json.dumps(published))
    taken["as JSON"].append(since(started))
    card = Card("customers", "", "", table=read)
    started = clocks()
    write_tables(Report({}, [Section("customers", "", "", [card])]), folder)
    taken["write CSV"].append(since(started))


if __name__ == "__main__":
    main()
