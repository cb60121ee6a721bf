"""`insights preview`: one notebook as a section, or the sentence that says which cell failed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from insights_lib.run import plan
from tests.project.test_guide import code_of
from tests.support.browser import card
from tests.support.notebooks import notebook, run, spec_of
from tests.support.processes import completed
from tests.support.rows import fill_store, seats_row
from tests.support.sweeps import sweep

pytestmark = [pytest.mark.kernels, pytest.mark.slow]

OPEN = """\
from insights_lib.notebook import open_report
report = open_report(partner, date_range, filters, locale, role, options)"""
MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04")
REPORTS = """
ranges: [2025-02_2025-04]
partners:
  - id: "9"
  - {id: "2", locale: sv}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as a clone is, with partners 1 and 2 in its store; 9, which is listed, is not."""
    for name in ("data", "parameters", "outputs", "workbench", "notebooks"):
        (tmp_path / name).mkdir()
    rows = [seats_row(month, f"c{id_}", PGAMpnId=id_) for month in MONTHS for id_ in "12"]
    fill_store(tmp_path / "data", {"SeatsSubscriptionsAndRevenue": rows})
    (tmp_path / "parameters" / "reports.yml").write_text(REPORTS, encoding="utf-8")
    return tmp_path


def preview(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What the command says in a folder."""
    program = str(Path(sys.executable).with_name("insights"))
    command = [program, "preview", *arguments]
    return completed(command, expected=None, cwd=folder)


def previews(project: Path) -> list[str]:
    return sorted(file.name for file in (project / "outputs" / "preview").iterdir())


@pytest.mark.browser
def test_the_three_steps_of_the_guide_are_true(
    project: Path, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, cell = code_of("A section of your own")
    notebook(project / "workbench", "11_channels", opening, cell)
    shown = preview(project, "workbench/11_channels.ipynb", "--partner", "1")
    page = project / "outputs" / "preview" / "11_channels.html"
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, f"{page}\n", "")
    # The reader opens reports.
    page.with_name("report.html").write_bytes(page.read_bytes())
    tab = reader.open(page.parent)
    assert tab.locator("[data-card]").count() == 1
    assert card(tab, "channels").locator(".main-svg").count()

    moved = project / "notebooks" / "11_channels.ipynb"
    (project / "workbench" / moved.name).rename(moved)
    monkeypatch.setattr(plan, "NOTEBOOKS", moved.parent)
    done = run(project / "outputs", spec_of(project / "data" / "store"))
    assert done.of("1").complete
    assert (done.folder("1") / "data" / "channels.csv").exists()


def test_it_is_of_the_first_partner_that_is_listed_and_held_and_found_from_the_workbench(
    project: Path,
) -> None:
    notebook(project / "workbench", "own", OPEN, "report.show('summary_products')")
    page = project / "outputs" / "preview" / "own.html"
    for folder in (project, project / "workbench"):
        shown = preview(folder, "own.ipynb")
        assert (shown.returncode, shown.stdout, shown.stderr) == (0, f"{page}\n", "")
        assert '<html lang="sv"' in page.read_text(encoding="utf-8"), "as reports.yml has it for 2"
        page.unlink()
    made = {file.name for file in project.iterdir()}
    assert made == {"data", "notebooks", "outputs", "parameters", "workbench"}
    assert [file.name for file in (project / "workbench").iterdir()] == ["own.ipynb"]


FAILING = {
    "a library's error": (
        ["x = 1\nreport.show('summry')"],
        "cell 4, line 2, `report.show('summry')`: ParameterError: table 'summry'",
    ),
    "any error": (
        ["pass", "def f():\n    return 1 / 0", "y = 1\n\nf()"],
        "cell 6, line 3, `f()`: ZeroDivisionError: division by zero",
    ),
    "a mistake in the code": (["x = 1\nx = = 2"], "cell 4, line 2, `x = = 2`: SyntaxError"),
    "another partner": (["open_report('1', options=options)"], "it saw other data"),
}


@pytest.mark.parametrize(("cells", "told"), sweep(FAILING.values(), 2), ids=FAILING)
def test_a_cell_that_fails_is_named_in_one_sentence_and_the_last_preview_stays(
    cells: list[str], told: str, project: Path
) -> None:
    notebook(project / "workbench", "own", OPEN, *cells)
    last = project / "outputs" / "preview" / "own.html"
    last.parent.mkdir()
    last.write_text("the last one", encoding="utf-8")
    shown = preview(project, "workbench/own.ipynb")
    assert (shown.returncode, shown.stdout) == (1, "")
    [sentence] = shown.stderr.splitlines()
    assert sentence.startswith("workbench/own.ipynb: ")
    assert told in sentence
    assert (previews(project), last.read_text(encoding="utf-8")) == (["own.html"], "the last one")


def test_the_traceback_is_shown_if_it_is_asked_for(project: Path) -> None:
    notebook(project / "workbench", "own", OPEN, "report.show('summry')")
    shown = preview(project, "workbench/own.ipynb", "--debug")
    assert "Traceback (most recent call last)" in shown.stderr
    assert "in Report.show" in shown.stderr
    assert "\x1b" not in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["workbench/none.ipynb"], "workbench/none.ipynb: no notebook is here"),
        (["parameters/reports.yml"], "parameters/reports.yml: no notebook is here"),
        (["workbench/own.ipynb", "--partner", "7"], "partner 7"),
    ],
)
def test_a_call_that_is_wrong_makes_nothing(arguments: list[str], told: str, project: Path) -> None:
    notebook(project / "workbench", "own", OPEN)
    shown = preview(project, *arguments)
    assert shown.returncode == 2
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not list((project / "outputs").rglob("*.html"))
