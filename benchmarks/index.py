"""How large the index of many partners is, how soon it is written, and how soon it can be read.

Manifests and tables of so many reports are written, and of them the index, which is opened in
Chromium from disk. Printed are its size, the seconds that it takes to write it, and the
milliseconds until it is ready; beside these, those that the page's thread worked.

    python benchmarks/index.py [--partners 1000] [--rounds 5]
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from shutil import which
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from playwright.sync_api import Browser, sync_playwright

from insights_lib.outputs import Manifest, Outputs
from insights_lib.parameters.spec import DateRange
from insights_lib.run.index import write_index

MONTHS = DateRange.parse("2025-01_2025-12")
SUMMARY = "metric,value,growth_pct,month,previous_value,change_pct"
METRICS = ("current_customers", "active_customers", "subscriptions")
FLOWS = ("customers_added", "customers_churned", "churn_rate_pct")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--partners", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = which("chromium") or which("google-chrome")
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        outputs = Outputs(Path(folder))
        for number in range(options.partners):
            write_report(outputs, str(1_000_000 + number), Random(number))
        started = perf_counter()
        write_index([], outputs, "en")
        seconds = perf_counter() - started
        size = outputs.index.stat().st_size
        print(f"{options.partners} partners: {size / 1e6:.2f} MB, written in {seconds:.1f} s")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        times = [opening(browser, outputs.index) for _ in range(options.rounds)]
        ready, worked = (median(values) for values in zip(*times, strict=True))
        print(f"ready after {ready:.0f} ms, of which its thread worked {worked:.0f} ms")
        browser.close()


def write_report(outputs: Outputs, partner: str, random: Random) -> None:
    """A report with all that the index reads of it."""
    folder = outputs.report_folder(partner, MONTHS)
    (folder / "data").mkdir(parents=True)
    (folder / "report.html").touch()
    now = datetime.now(UTC)
    Manifest(
        status="complete",
        partner=partner,
        partner_name=f"Partner {random.randrange(10**9)} AB",
        first=f"{MONTHS.first:%Y-%m}",
        last=f"{MONTHS.last:%Y-%m}",
        parameters={"role": "report_viewer", "filters": []},
        fingerprint={},
        started_at=now,
        finished_at=now,
    ).write(folder)
    value = f"{{}},{random.randrange(5000)},{random.uniform(-50, 50)},2025-12,,"
    lines = [SUMMARY, *(value.format(metric) for metric in (*METRICS, *FLOWS))]
    (folder / "data" / "summary.csv").write_text("\n".join(lines), "utf-8")
    lines = [f"month,{','.join(METRICS)}"]
    for month in MONTHS.months():
        lines.append(",".join([f"{month:%Y-%m}", *(str(random.randrange(5000)) for _ in METRICS)]))
    (folder / "data" / "summary_trend.csv").write_text("\n".join(lines), "utf-8")


def opening(browser: Browser, index: Path) -> tuple[float, float]:
    """Milliseconds until an index is ready, and those that its thread worked."""
    tab = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    tab.goto(index.as_uri())
    tab.wait_for_selector("[data-whole]")
    ready = tab.evaluate("performance.now()")
    metrics = session.send("Performance.getMetrics")["metrics"]
    worked = next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
    tab.context.close()
    return ready, 1000 * worked


if __name__ == "__main__":
    main()
