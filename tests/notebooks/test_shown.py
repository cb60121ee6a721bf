"""What a report shows where nothing draws charts: in scripts, and in the notebooks of a run."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from insights_lib.tables import FIGURE, TABLE
from tests.support.notebooks import Run
from tests.support.processes import completed
from tests.support.rows import fill_store, seats_row

SCRIPT = """
from insights_lib.notebook import open_report

report = open_report("1", "2025-01_2025-02"{options})
report.show("summary_products")
report.show("geographical_spread")
"""


def run_script(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code]
    return completed(command, expected=None, cwd=folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a project, with one customer."""
    data = tmp_path_factory.mktemp("project") / "data"
    data.mkdir()
    rows = [seats_row(month, "a", Product="Azure") for month in ("2025-01", "2025-02")]
    return fill_store(data, {"SeatsSubscriptionsAndRevenue": rows})


def test_a_script_prints_tables_as_text_and_no_charts(store: Path) -> None:
    folder = store.parents[1] / "scripts"
    folder.mkdir()
    done = run_script(SCRIPT.format(options=""), folder)  # the store is in a folder above
    assert done.stderr == ""
    opened, *lines = done.stdout.splitlines()
    assert opened.endswith("(1), Jan 2025 – Feb 2025")
    products = lines.index("Table summary_products, 1 rows")
    assert lines[products + 1].split() == ["product", "customers", "share_pct", "growth_pct"]
    assert lines[products + 2].split() == ["Azure", "1", "100.00", "0.00"]
    assert "Table geographical_spread, 1 rows" in lines
    assert "{" not in done.stdout
    assert "Chart" not in done.stdout


def test_from_another_folder_the_error_tells_how_to_name_the_store(
    store: Path, tmp_path: Path
) -> None:
    lost = run_script(SCRIPT.format(options=""), tmp_path)
    assert lost.returncode == 1
    told = lost.stderr.splitlines()[-1]
    assert "no store is here, nor in a folder above" in told
    assert 'options={"store": "…"} in a notebook' in told
    named = f", options={{'store': {str(store)!r}}}"
    assert run_script(SCRIPT.format(options=named), tmp_path).returncode == 0


@pytest.mark.kernels
def test_the_notebooks_of_a_run_hold_no_plotly_and_each_figure_once(complete: Run) -> None:
    files = sorted((complete.folder("1") / "notebooks").glob("*.ipynb"))
    assert files
    for file in files:
        cells = nbformat.read(file, as_version=4).cells
        for output in (output for cell in cells for output in cell.get("outputs", [])):
            html = output.get("data", {}).get("text/html", "")
            assert "<script" not in html, file.name
            if FIGURE in output.get("data", {}):
                assert set(output.data) == {FIGURE, "text/plain"}
            if TABLE in output.get("data", {}):
                assert "\n" not in output.data["text/plain"]
