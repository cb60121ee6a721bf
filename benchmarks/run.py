"""How many reports a minute `insights run` makes, beside three other ways to make them.

Demo partners of 400 customers are ingested into a temporary store. Compared are, each per report:

- the loop that one would write by hand: `papermill.execute_notebook` for each notebook, and
  nbconvert for its HTML; for a few partners only, as each takes it the better part of a minute;
- two such loops as processes side by side;
- the least that a report takes, in one warm process without any notebook: one slice, its tables,
  figures and page.

    python benchmarks/run.py [--partners 20] [--looped 2]
"""

import argparse
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import papermill
from nbconvert import HTMLExporter

from insights_lib import charts, metrics
from insights_lib.exports.demo import write_demo
from insights_lib.page.rows import compact_rows
from insights_lib.page.sections import read_report
from insights_lib.page.write import write_page
from insights_lib.parameters.spec import report_spec
from insights_lib.presentation.language import Language
from insights_lib.run.plan import notebooks
from insights_lib.run.warm_up import warm_up
from insights_lib.store.catalog import reading
from insights_lib.store.ingest import files_of, ingest_file
from insights_lib.store.slice import open_slice

# What each section shows: its tables, and the chart of each.
SECTIONS = (
    (("summary", None), ("summary_products", "product_bars"), ("summary_trend", None)),
    (("geographical_spread", "world_map"),),
    (("adds_and_churns", "adds_and_churns"),),
    (("distribution", "distribution"),),
    (("products", "products"),),
    (("distribution_trend", "distribution_trend"),),
    (("active_customers", "active_customers"),),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--partners", type=int, default=20)
    parser.add_argument("--looped", type=int, default=2, help="partners of the plain loop")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        # Some accounts of the demo are locations of others.
        write_demo(folder / "exports", 2 * options.partners, customers=400, months=25, seed=1)
        for export in files_of([folder / "exports"]):
            ingest_file(export, folder / "store")
        with reading(folder / "store") as catalog:
            rows = catalog.execute("SELECT DISTINCT account FROM parts WHERE NOT is_location")
            partners = [account for (account,) in rows][: options.partners]
        run = insights_run(folder, partners) / len(partners)
        print(f"insights run: {len(partners)} reports, {60 / run:.1f} a minute")
        nothing = insights_run(folder, partners)
        print(f"the same again, with nothing to do: {nothing:.2f} s")
        without = without_notebooks(folder, partners) / len(partners)
        print(f"without notebooks, one warm process: {run / without:.2f} of its time")
        looped = partners[: options.looped]
        beside = side_by_side(folder, looped) / len(looped)
        print(f"two plain loops side by side: {beside / run:.1f} times as long")
        loop = plain_loop(folder, looped) / len(looped)
        print(f"one plain loop: {loop / run:.1f} times as long")


def insights_run(folder: Path, partners: list[str]) -> float:
    program = [sys.executable, "-c", "from insights_lib.cli import app; app()", "run"]
    wanted = [word for partner in partners for word in ("--partner", partner)]
    paths = ["--store", str(folder / "store"), "--outputs", str(folder / "outputs")]
    given = ["--range", "last_12_months", "--parameters", str(folder)]
    started = time.perf_counter()
    subprocess.run([*program, *wanted, *paths, *given], check=True, capture_output=True)
    return time.perf_counter() - started


def plain_loop(folder: Path, partners: list[str]) -> float:
    started = time.perf_counter()
    for partner in partners:
        for source in notebooks():
            executed = folder / f"{partner}-{source.name}"
            parameters = {"partner": partner, "store": str(folder / "store")}
            papermill.execute_notebook(source, executed, parameters, progress_bar=False)
            page, _ = HTMLExporter().from_filename(str(executed))
            executed.with_suffix(".html").write_text(page, encoding="utf-8")
    return time.perf_counter() - started


def side_by_side(folder: Path, partners: list[str]) -> float:
    started = time.perf_counter()
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(partial(plain_loop, folder), [partners[0::2], partners[1::2]]))
    return time.perf_counter() - started


def without_notebooks(folder: Path, partners: list[str]) -> float:
    """The least that a report takes: one slice, whose tables build on each other, no notebook."""
    warm_up()
    reports = {p: next((folder / "outputs" / p).glob("*/notebooks")) for p in partners}
    one_report(folder, partners[0], reports[partners[0]])
    started = time.perf_counter()
    for partner in partners:
        one_report(folder, partner, reports[partner])
    return time.perf_counter() - started


def one_report(folder: Path, partner: str, executed: Path) -> None:
    data = open_slice(report_spec(partner=partner, store=folder / "store"))
    words = Language("en")
    for section in SECTIONS:
        for table_name, chart_name in section:
            table = getattr(metrics, table_name)(data)
            table.to_html()
            if table_name == "summary":
                charts.summary_cards(table, metrics.summary_trend(data), words).to_json()
            elif chart_name:
                getattr(charts, chart_name)(table, words).to_json()
    write_page(read_report(executed), compact_rows(data), folder / "page.html")


if __name__ == "__main__":
    main()
