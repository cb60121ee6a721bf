"""The sections and the tour in a real JupyterLab, in both of its themes."""

import base64
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator

from insights_lib.exports.demo import write_demo
from insights_lib.run.plan import NOTEBOOKS
from insights_lib.store.ingest import files_of, ingest_file
from tests.support.browser import SCREENSHOTS
from tests.support.jupyterlab import Lab, OpenNotebook, jupyterlab
from tests.support.processes import completed, has_text, running, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.kernels, pytest.mark.slow]

ROOT = NOTEBOOKS.parent
READABLE = 4.5  # the contrast that WCAG 2.2 asks of texts
# The contrast of the lightest and the darkest pixel of a picture.
CONTRAST = """async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const lights = [];
    for (let i = 0; i < data.length; i += 4) {
        const [r, g, b] = [0, 1, 2].map((j) => linear(data[i + j] / 255));
        lights.push(0.2126 * r + 0.7152 * g + 0.0722 * b);
    }
    return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab in a folder laid out as the repository, with two partners in its store."""
    folder = tmp_path_factory.mktemp("project")
    write_demo(folder / "exports", partners=2, customers=60, months=14)
    for file in files_of([folder / "exports"]):
        ingest_file(file, folder / "data" / "store")
    shutil.copytree(NOTEBOOKS, folder / "notebooks")
    (folder / "workbench").mkdir()
    with jupyterlab(folder) as running:
        yield running


def contrast(notebook: OpenNotebook, text: Locator) -> float:
    """Of a text and what is behind it, as they are on the screen."""
    text.scroll_into_view_if_needed()
    png = base64.b64encode(text.screenshot(animations="disabled")).decode()
    found: float = notebook.tab.evaluate(CONTRAST, png)
    return found


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize(
    ("name", "shown_in"),
    [
        ("03_adds_and_churns", 4),
        ("05_customers_by_products", 4),
        ("06_distribution_trend", 4),
        ("09_cohorts", 6),
    ],
)
def test_charts_and_tables_can_be_read_in_both_themes(
    name: str, shown_in: int, theme: str, lab: Lab, browser: Any
) -> None:
    notebook = lab.open(browser, f"notebooks/{name}.ipynb")
    notebook.tab.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', { theme }).then(() => null)",
        theme,
    )
    notebook.tab.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
    notebook.run_all()
    shown = notebook.output(shown_in)
    labels = shown.locator(".main-svg text:visible")
    labels.first.wait_for()
    for label in (labels.first, labels.nth(labels.count() // 2), shown.locator("td").first):
        assert contrast(notebook, label) >= READABLE
    shown.scroll_into_view_if_needed()
    SCREENSHOTS.mkdir(exist_ok=True)
    kind = theme.rsplit(maxsplit=1)[-1].lower()
    notebook.tab.screenshot(path=SCREENSHOTS / f"jupyterlab-{name}-{kind}.png")
    notebook.tab.context.close()
    assert lab.wrong == []


def test_the_legend_of_the_trend_is_not_under_its_tabs(lab: Lab, browser: Any) -> None:
    notebook = lab.open(browser, "notebooks/06_distribution_trend.ipynb", width=1000)
    notebook.run_all()
    shown = notebook.output(4)
    tabs, legend = shown.locator(".updatemenu-container"), shown.locator(".legend")
    legend.wait_for()
    above, below = tabs.bounding_box(), legend.bounding_box()
    assert above
    assert below
    assert above["y"] + above["height"] < below["y"]
    notebook.tab.context.close()


def test_make_lab_opens_the_tour_at_the_root_of_the_project(tmp_path: Path) -> None:
    options = "--no-browser --allow-root --ip=127.0.0.1 --port=0"
    asked = ["make", "--no-print-directory", "--dry-run", "lab", f"LAB={options}"]
    making, opening = completed(asked, cwd=ROOT).stdout.splitlines()[-2:]
    assert making == "mkdir -p workbench"
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    with (
        (tmp_path / "log.txt").open("wb") as log,
        running(shlex.split(opening), cwd=ROOT, env=environment, stdout=log, stderr=log) as server,
    ):
        wait_for(lambda: any(map(has_text, tmp_path.glob("*-file-to-run-*.html"))), server)
        [page] = tmp_path.glob("*-file-to-run-*.html")
        assert "/lab/tree/notebooks/explore.ipynb?" in page.read_text(encoding="utf-8")
        server.terminate()
        server.wait(30)
