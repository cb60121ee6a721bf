"""How large a report is, how soon it is there, and how fast it follows its filters.

A demo partner of so many customers is ingested, its report for the last 12 months is rendered and
opened in Chromium from disk. Printed are the size of the file, the milliseconds until something is
visible and until all of it is ready, and for each of several selections the milliseconds that it
takes until every number, table and chart shows it, of which counting the rows is a part.

    python benchmarks/page.py [--customers 5000 50000] [--rounds 5]
"""

import argparse
from datetime import date
from pathlib import Path
from shutil import which
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from playwright.sync_api import Browser, Page, sync_playwright

from insights_lib.exports.demo import write_demo
from insights_lib.outputs import Outputs
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import plan_reports
from insights_lib.run.reports import Settings, run_reports
from insights_lib.store.ingest import files_of, ingest_file

SELECTIONS = (
    "product=Azure",
    "customer_market=Germany&customer_market=France",
    "from=2025-04&to=2025-09",
    "product=Office+365&sales_channel=CSP",
    "",
)
# From the change of the address until the page says that it shows what is selected.
FOLLOW = """(selection) => new Promise((resolve) => {
    const started = performance.now();
    addEventListener("hashchange", () => resolve(performance.now() - started), { once: true });
    location.hash = selection;
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, nargs="+", default=[5000, 50_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = which("chromium") or which("google-chrome")
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for customers in options.customers:
            file = report_of(customers, Path(folder) / str(customers))
            print(f"{customers} customers: {file.stat().st_size / 1e6:.2f} MB")
            measure(browser, file, options.rounds)
        browser.close()


def report_of(customers: int, folder: Path) -> Path:
    write_demo(folder / "exports", partners=1, customers=customers, months=14, seed=1)
    for export in files_of([folder / "exports"]):
        ingest_file(export, folder / "store")
    spec = ReportSpec(partner="1234567", as_of=date(2026, 1, 15), store=folder / "store")
    settings = Settings(Outputs(folder / "outputs"), jobs=2)
    planned = plan_reports([spec], settings.outputs)
    (result,) = run_reports(planned, settings, lambda _: None)
    assert result.folder
    assert result.complete
    return result.folder / "report.html"


def measure(browser: Browser, file: Path, rounds: int) -> None:
    ready, visible = [], []
    for _ in range(rounds):
        tab = browser.new_context(offline=True).new_page()
        started = perf_counter()
        tab.goto(file.as_uri())
        tab.locator("[data-ready]").wait_for(state="attached")
        ready.append(1000 * (perf_counter() - started))
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        visible.append(tab.evaluate(paint))
        follow(tab, 1)
        tab.context.close()
    print(f"  visible after {median(visible):.0f} ms, ready after {median(ready):.0f} ms")
    tab = browser.new_context(offline=True).new_page()
    tab.goto(file.as_uri())
    tab.locator("[data-ready]").wait_for(state="attached")
    for selection, times in follow(tab, rounds).items():
        print(f"  {selection or 'everything'}: {median(times):.0f} ms, at most {max(times):.0f} ms")


def follow(tab: Page, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {selection: [] for selection in SELECTIONS}
    for _ in range(rounds):
        for selection, times in found.items():
            times.append(tab.evaluate(FOLLOW, selection))
    return found


if __name__ == "__main__":
    main()
