"""How large a report is, how soon it is there, and how fast it follows its filters.

A demo partner of so many customers is ingested, its report for the last 12 months is rendered and
opened in Chromium from disk, once for each role. Printed are the size of the file, the milliseconds
until something is visible, until all that is in sight is ready and until the whole report is, and
for each of several selections the milliseconds until what is in sight shows it, and until the whole
report does. For executive report viewers, also how soon the list of customers is drawn that is
opened behind a number, searched, sorted and scrolled. Beside each are the milliseconds that the
page's thread worked: on a machine that is busy with other work they vary less. Of selections there
is the longest time, too, for which the page could not answer its reader; 0 is less than 50 ms.

    python benchmarks/page.py [--customers 5000 50000] [--rounds 5]
"""

import argparse
from collections import defaultdict
from datetime import date
from pathlib import Path
from shutil import which
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from insights_lib.exports.demo import write_demo
from insights_lib.outputs import Outputs
from insights_lib.parameters.spec import ROLES, ReportSpec
from insights_lib.run.plan import plan_reports
from insights_lib.run.reports import Settings, run_reports
from insights_lib.store.ingest import files_of, ingest_file

# The longest task of the page's thread since the last time this was asked.
WATCH = """
    let longest = 0;
    const note = (list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
    };
    const observer = new PerformanceObserver(note);
    observer.observe({ entryTypes: ["longtask"] });
    window.takeLongest = () => {
        note({ getEntries: () => observer.takeRecords() });
        const found = longest;
        longest = 0;
        return found;
    };
"""
SELECTIONS = (
    "product=Azure",
    "customer_market=Germany&customer_market=France",
    "from=2025-04&to=2025-09",
    "product=Office+365&sales_channel=CSP",
    "",
)
# From the change of the address until the page says that what is in sight shows what is selected,
# and until it says so of all of it.
FOLLOW = """(selection) => new Promise((resolve) => {
    const started = performance.now();
    let ready = null;
    const observer = new MutationObserver((changes) => {
        ready ??= performance.now() - started;
        if (changes.every(({ attributeName }) => attributeName !== "data-whole")) return;
        observer.disconnect();
        resolve([ready, performance.now() - started]);
    });
    const attributeFilter = ["data-ready", "data-whole"];
    observer.observe(document.querySelector("[data-whole]"), { attributeFilter });
    location.hash = selection;
})"""
# From a deed of the reader until the browser has drawn what follows from it.
DRAWN = """() => new Promise((resolve) => {
    const list = document.querySelector("dialog.drawer");
    const started = performance.now();
    DEED;
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - started)));
})"""
OPEN = 'document.querySelector("[data-metric=current_customers] .big button").click()'
SEARCH = """const search = list.querySelector("input[type=search]");
    search.value = "TEXT";
    search.dispatchEvent(new Event("input", { bubbles: true }))"""
DEEDS = {
    "opening all current customers": OPEN,
    "closing them": 'list.querySelector(".back").click()',
    "opening them again": OPEN,
    "searching": SEARCH.replace("TEXT", "an"),
    "searching for nothing": SEARCH.replace("TEXT", ""),
    "sorting by name": 'list.querySelectorAll("th button")[0].click()',
    "sorting by seats": 'list.querySelectorAll("th button")[4].click()',
    "sorting the other way": 'list.querySelectorAll("th button")[4].click()',
    "scrolling": 'list.querySelector(".scroll").scrollTop += 90_000',
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, nargs="+", default=[5000, 50_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = which("chromium") or which("google-chrome")
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for customers in options.customers:
            own = Path(folder) / str(customers)
            fill(own, customers)
            for role in ROLES:
                file = report_of(own, role)
                print(f"{customers} customers, {role}: {file.stat().st_size / 1e6:.2f} MB")
                measure(browser, file, options.rounds)
        browser.close()


def fill(folder: Path, customers: int) -> None:
    write_demo(folder / "exports", partners=1, customers=customers, months=14, seed=1)
    for export in files_of([folder / "exports"]):
        ingest_file(export, folder / "store")


def report_of(folder: Path, role: str) -> Path:
    spec = ReportSpec(partner="1234567", as_of=date(2026, 1, 15), store=folder / "store", role=role)
    settings = Settings(Outputs(folder / role), jobs=2)
    planned = plan_reports([spec], settings.outputs)
    (result,) = run_reports(planned, settings, lambda _: None)
    assert result.folder
    assert result.complete
    return result.folder / "report.html"


def measure(browser: Browser, file: Path, rounds: int) -> None:
    """Open a page as often as there are rounds, and use it."""
    taken: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(rounds):
        tab = browser.new_context(offline=True).new_page()
        tab.add_init_script(WATCH)
        metrics = tab.context.new_cdp_session(tab)
        metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
        started = perf_counter()
        tab.goto(file.as_uri())
        for what in ("ready", "whole"):
            tab.locator(f"[data-{what}]").wait_for(state="attached", timeout=300_000)
            taken[what].append((1000 * (perf_counter() - started), worked(metrics)))
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        taken["visible"].append((tab.evaluate(paint), 0))
        use(tab, metrics, taken)
        tab.context.close()
    for name, times in taken.items():
        clock, processor = (median(column) for column in zip(*times, strict=True))
        work = f"; worked {processor:.0f} ms" if processor else ""
        print(f"  {name}: {clock:.0f} ms, at most {max(times)[0]:.0f} ms{work}")


def use(tab: Page, metrics: CDPSession, taken: dict[str, list[tuple[float, float]]]) -> None:
    """Select, and list customers if the page has any; the first of all warms up."""
    tab.evaluate(FOLLOW, SELECTIONS[-2])
    tab.evaluate("takeLongest()")
    for selection in SELECTIONS:
        before = worked(metrics)
        ready, whole = tab.evaluate(FOLLOW, selection)
        name = selection or "everything"
        taken[f"{name}, in sight"].append((ready, 0))
        taken[f"{name}, whole"].append((whole, worked(metrics) - before))
        taken[f"{name}, longest task"].append((tab.evaluate("takeLongest()"), 0))
    for name, deed in DEEDS.items() if tab.locator("dialog.drawer").count() else ():
        before = worked(metrics)
        clock = tab.evaluate(DRAWN.replace("DEED", deed))
        taken[name].append((clock, worked(metrics) - before))


def worked(metrics: CDPSession) -> float:
    """The milliseconds that the page's thread has worked so far."""
    found = metrics.send("Performance.getMetrics")["metrics"]
    return 1000 * next(one["value"] for one in found if one["name"] == "TaskDuration")


if __name__ == "__main__":
    main()
