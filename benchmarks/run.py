"""How many reports a minute `insights run` makes, beside three other ways to make them.

The program ingests demo partners of 400 customers into a temporary store. It compares, for each
report:

- the loop that one would write by hand: `papermill.execute_notebook` for each notebook, and
  nbconvert for its HTML. It takes a few partners only, because each takes most of a minute;
- two such loops side by side, each in a process;
- the least that a report needs, in one warm process without any notebook: one slice, its tables,
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
from insights_lib.outputs import Outputs
from insights_lib.page.rows import compact_rows
from insights_lib.page.sections import read_report
from insights_lib.page.write import write_page
from insights_lib.parameters.spec import report_spec
from insights_lib.presentation.language import Language
from insights_lib.run.plan import notebooks, plan_reports
from insights_lib.run.request import RenderRequest
from insights_lib.run.warm_up import warm_up
from insights_lib.store.catalog import reading
from insights_lib.store.ingest import files_of, ingest_file
from insights_lib.store.slice import Slice, open_slice
from insights_lib.tables import TABLES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--partners", type=int, default=20)
    parser.add_argument("--looped", type=int, default=2, help="partners of the plain loop")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        partners = fill(folder, options.partners)
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


def fill(folder: Path, partners: int) -> list[str]:
    """Ingest so many partners of the demo into the store of a folder; return their ids."""
    # Some accounts of the demo are locations of others.
    write_demo(folder / "exports", 2 * partners, customers=400, months=25, seed=1)
    for export in files_of([folder / "exports"]):
        ingest_file(export, folder / "store")
    with reading(folder / "store") as catalog:
        rows = catalog.execute("SELECT DISTINCT account FROM parts WHERE NOT is_location")
        return [account for (account,) in rows][:partners]


def insights_run(folder: Path, partners: list[str], *options: str, store: str = "") -> float:
    program = [sys.executable, "-c", "from insights_lib.cli import app; app()", "run"]
    wanted = [word for partner in partners for word in ("--partner", partner)]
    paths = ["--store", store or str(folder / "store"), "--outputs", str(folder / "outputs")]
    given = ["--range", "last_12_months", "--parameters", str(folder), *options]
    started = time.perf_counter()
    subprocess.run([*program, *wanted, *paths, *given], check=True, capture_output=True)
    return time.perf_counter() - started


def plain_loop(folder: Path, partners: list[str]) -> float:
    started = time.perf_counter()
    for partner in partners:
        parameters = notebook_parameters(folder, partner)
        for source in notebooks():
            executed = folder / f"{partner}-{source.name}"
            papermill.execute_notebook(source, executed, parameters, progress_bar=False)
            page, _ = HTMLExporter().from_filename(str(executed))
            executed.with_suffix(".html").write_text(page, encoding="utf-8")
    return time.perf_counter() - started


def notebook_parameters(folder: Path, partner: str) -> dict[str, object]:
    """What `insights run` gives the notebooks of the same report."""
    spec = report_spec(partner=partner, store=folder / "store")
    [planned] = plan_reports([spec], Outputs(folder / "outputs"))
    return RenderRequest(planned, folder, 600, 1800).notebook_parameters


def side_by_side(folder: Path, partners: list[str]) -> float:
    started = time.perf_counter()
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(partial(plain_loop, folder), [partners[0::2], partners[1::2]]))
    return time.perf_counter() - started


def without_notebooks(folder: Path, partners: list[str]) -> float:
    """The least that a report needs: one slice, its tables, figures and page, no notebook."""
    warm_up()
    reports = {p: next((folder / "outputs" / p).glob("*/notebooks")) for p in partners}
    one_report(folder, partners[0], reports[partners[0]])
    started = time.perf_counter()
    for partner in partners:
        one_report(folder, partner, reports[partner])
    return time.perf_counter() - started


def one_report(folder: Path, partner: str, executed: Path) -> None:
    data = open_slice(report_spec(partner=partner, store=folder / "store"))
    for name in TABLES:
        one_table(name, data)
    write_page(read_report(executed), compact_rows(data), folder / "page.html")


def one_table(name: str, data: Slice) -> None:
    declared = TABLES[name]
    table, *others = (getattr(metrics, each)(data) for each in (name, *declared.drawn_with))
    table.to_html()
    if declared.chart:
        getattr(charts, declared.chart)(table, *others, Language("en")).to_json()


if __name__ == "__main__":
    main()
