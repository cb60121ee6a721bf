"""How soon the live report of a partner is there in JupyterLab.

A demo partner of so many customers is ingested. In a real JupyterLab, in a Chromium on the same
machine, a notebook imports `explore` and then shows a report in two cells, one after the other;
each round has a new kernel. Printed are the milliseconds from the start of the cell until what is
in sight is ready, until the first chart is drawn, and until the whole report is shown.

    python benchmarks/explore.py [--customers 5000] [--rounds 3]
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parents[1]))

from insights_lib.exports.demo import write_demo
from insights_lib.store.ingest import files_of, ingest_file
from tests.support.browser import chromium
from tests.support.jupyterlab import Lab, jupyterlab

CELLS = (
    "from insights_lib import explore",
    "x = explore('1234567'); x",
    "y = explore('1234567'); y",
)
# What is looked for in the report of a cell.
STAGES = {
    "in sight": ".insights[data-ready]",
    "first chart": ".main-svg",
    "whole": ".insights[data-whole]",
}
# Runs a cell, and tells when each stage was reached.
RUN = """([cell, stages]) => new Promise((resolve) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const place = notebook.widgets[cell].outputArea.node;
    notebook.activeCellIndex = cell;
    const started = performance.now();
    const reached = {};
    const look = () => {
        const live = place.querySelector(".insights-live");
        const root = live?.shadowRoot ?? live;
        for (const [name, selector] of Object.entries(stages))
            if (root?.querySelector(selector)) reached[name] ??= performance.now() - started;
        if (reached.whole) resolve(reached);
        else setTimeout(look, 10);
    };
    jupyterapp.commands.execute("notebook:run-cell");
    look();
})"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--customers", type=int, default=5000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    with TemporaryDirectory(prefix="bench-explore-") as name:
        folder = Path(name)
        write_demo(folder / "exports", partners=1, customers=asked.customers)
        for file in files_of([folder / "exports"]):
            ingest_file(file, folder / "data" / "store")
        with jupyterlab(folder) as lab, chromium() as browser:
            rounds = [a_round(lab, browser) for _ in range(asked.rounds)]
    print(f"{asked.customers:,} customers; medians of {asked.rounds} rounds, and the slowest\n")
    for cell, what in enumerate(("the first in a kernel", "the second")):
        print(what)
        for stage in STAGES:
            taken = [reached[cell][stage] for reached in rounds]
            print(f"  {stage:12}{median(taken):7,.0f} ms, at most {max(taken):,.0f} ms")


def a_round(lab: Lab, browser: Browser) -> list[dict[str, float]]:
    lab.write("live.ipynb", *CELLS)
    notebook = lab.open(browser, "live.ipynb")
    notebook.run(0)
    reached: list[dict[str, float]] = [
        notebook.tab.evaluate(RUN, [cell, STAGES]) for cell in range(1, len(CELLS))
    ]
    notebook.shut_down()
    notebook.tab.context.close()
    return reached


if __name__ == "__main__":
    main()
