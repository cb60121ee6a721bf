"""How processor time and memory grow with customers and with partners.

Each size has a store of its own, and each measurement a process of its own: the ingest of one
partner with so many customers and 13 months, and of that its slice, all tables and the rows of the
page; the ingest of so many partners with three customers, and of these `insights run` with nothing
to do and `partners()` (see partners.py).

The exponent tells how steep a line is between its two largest sizes: 1 is in proportion, 0 is all
the same. The program ends with status 1 if one is 1.15 or more. A little above 1 can be right: to
sort ten times as much takes 12.5 times as long, which is 1.1, and processor time varies on a busy
machine.

    python benchmarks/growth.py [--customers 100000] [--partners 1000] [--chart FILE]

The sizes are powers of ten, from 1,000 customers and 1 partner to those given. The chart is an SVG.
"""

import argparse
import sys
from collections.abc import Callable
from math import log
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from growth_chart import Line, Panel, svg
from partners import Spent, command, ingest, leave_reports, measured, write_exports

from insights_lib import metrics
from insights_lib.analysis.partners import partners
from insights_lib.exports.demo import write_demo
from insights_lib.page.rows import compact_rows
from insights_lib.parameters.spec import report_spec
from insights_lib.store.slice import open_slice
from insights_lib.tables import TABLES

STEEPEST = 1.15
Grown = dict[str, dict[int, Spent]]  # by what was done, and size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=100_000, help="at most, 10000 or more")
    parser.add_argument("--partners", type=int, default=1_000, help="at most, 10 or more")
    parser.add_argument("--chart", type=Path, help="draw it into this file")
    options = parser.parse_args()
    grown = {
        "customers": grow(powers(1_000, options.customers), of_customers),
        "partners": grow(powers(1, options.partners), of_partners),
    }
    if options.chart:
        panels = [panel for unit, of_unit in grown.items() for panel in panels_of(unit, of_unit)]
        options.chart.write_text(svg(panels), encoding="utf-8")
    steep = []
    for unit, of_unit in grown.items():
        steep += too_steep(unit, of_unit)
    sys.exit(f"grows faster: {'; '.join(steep)}" if steep else 0)


def powers(first: int, last: int) -> list[int]:
    """The powers of ten from the first to the last."""
    return [10**power for power in range(13) if first <= 10**power <= last]


def grow(sizes: list[int], of_size: Callable[[Path, int], dict[str, Spent]]) -> Grown:
    """What is spent, by what was done and size."""
    grown: Grown = {}
    for size in sizes:
        with TemporaryDirectory() as folder:
            for name, spent in of_size(Path(folder), size).items():
                print(f"{size:>9,} {name}: {spent}", flush=True)
                grown.setdefault(name, {})[size] = spent
    return grown


def of_customers(folder: Path, size: int) -> dict[str, Spent]:
    measured(write_demo, folder / "exports", 1, size, 13)
    ingested = measured(ingest, folder)
    rmtree(folder / "exports")
    return {"ingest": ingested, "slice, tables, rows": measured(tables_and_rows, folder / "store")}


def tables_and_rows(store: Path) -> None:
    spec = report_spec(partner="1234567", date_range="2025-01_2025-12", store=store)
    data = open_slice(spec)
    for name in TABLES:
        getattr(metrics, name)(data)
    compact_rows(data)


def of_partners(folder: Path, size: int) -> dict[str, Spent]:
    write_exports(folder / "exports", size)
    spent = {"ingest": measured(ingest, folder)}
    measured(leave_reports, folder)
    spent["run, nothing to do"] = measured(command, folder, "run")
    spent["partners()"] = measured(partners, folder / "store")
    return spent


def too_steep(unit: str, grown: Grown) -> list[str]:
    """Print the exponent of each line; return those that are steeper than they may be."""
    found = []
    for name, by_size in grown.items():
        for what in ("worked", "memory"):
            steep = exponent(line_of(by_size, what))
            print(f"{unit}, {name}, {what}: exponent {steep:.2f}")
            if steep >= STEEPEST:
                found.append(f"{what} of {name} with {unit}, exponent {steep:.2f}")
    return found


def line_of(by_size: dict[int, Spent], what: str) -> Line:
    return [(size, getattr(spent, what)) for size, spent in by_size.items()]


def exponent(line: Line) -> float:
    """The power of the size with which a value grows between the two largest sizes."""
    (size, value), (larger, more) = line[-2:]
    return log(more / value) / log(larger / size)


def panels_of(unit: str, grown: Grown) -> list[Panel]:
    titles = {"worked": "Processor seconds", "memory": "Most memory, MB"}
    return [
        Panel(f"{title}, by {unit}", {name: line_of(each, what) for name, each in grown.items()})
        for what, title in titles.items()
    ]


if __name__ == "__main__":
    main()
