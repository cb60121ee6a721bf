"""One very large partner: its slice and tables, its report, and the page of that.

A demo partner with 25 months is ingested into a store. Printed are, of the last 24 months and for
report viewers: the seconds that a slice takes and all tables of it, in a process of its own, and
how much memory that had at most; the seconds of a whole report; the size of its page, and what
page.py prints of it.

    python benchmarks/large.py [--customers 1000000] [--rounds 3] [--store FOLDER]

With --store the store is kept, and used as it is if it is there. A million customers need 45 GB of
disk for their exports, and some 20 minutes until they are ingested.
"""

import argparse
from datetime import date
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from page import measure
from partners import measured
from playwright.sync_api import sync_playwright
from tables import PARTNER, RANGES, fill

from insights_lib import metrics
from insights_lib.outputs import Outputs
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import plan_reports
from insights_lib.run.reports import Settings, run_reports
from insights_lib.store.slice import open_slice
from insights_lib.tables import TABLES


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--customers", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--store", type=Path, help="keep the store here")
    asked = options.parse_args()
    with TemporaryDirectory(prefix="bench-large-") as folder:
        store = asked.store or Path(folder) / "store"
        if not (store / "catalog.sqlite").exists():
            fill(store, asked.customers)
        print(f"slice and tables: {measured(tables, store)}")
        print(f"report: {measured(report, store, Path(folder)).seconds:.0f} s")
        (file,) = Path(folder).rglob("report.html")
        print(f"page: {file.stat().st_size / 1e6:.1f} MB")
        with sync_playwright() as playwright:
            program = which("chromium") or which("google-chrome")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            measure(browser, file, asked.rounds)
            browser.close()


def spec_of(store: Path) -> ReportSpec:
    given = {"partner": PARTNER, "date_range": RANGES[24], "as_of": date(2026, 1, 15)}
    return ReportSpec(**given, store=store, role="report_viewer")


def tables(store: Path) -> None:
    data = open_slice(spec_of(store))
    for name, table in TABLES.items():
        if not table.personal:
            getattr(metrics, name)(data)


def report(store: Path, folder: Path) -> None:
    settings = Settings(Outputs(folder / "outputs"), jobs=1)
    (result,) = run_reports(plan_reports([spec_of(store)], settings.outputs), settings, print)
    assert result.complete, result.failures


if __name__ == "__main__":
    main()
