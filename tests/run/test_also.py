"""What is beside the page of a report: a PDF and a workbook, or a sentence that says why not."""

from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import ParameterError
from insights_lib.outputs import Outputs
from insights_lib.page.sections import Card, Report, Section
from insights_lib.parameters.requests import Overrides, requested_specs
from insights_lib.run.also import write_also
from insights_lib.run.plan import plan_reports
from tests.support.hostile import HOSTILE
from tests.support.notebooks import RANGE, Run, notebook, run, spec_of
from tests.support.pdf import pages_of
from tests.support.workbooks import Sheet

FACTS = {
    "partner": "1",
    "partner_name": HOSTILE[0],
    "first": "2025-01",
    "last": "2025-12",
    "locale": "sv",
    "filters": {"product": [HOSTILE[1]]},
}


@pytest.fixture
def made(own_notebooks: Path, replay: list[str], tmp_path: Path) -> Run:
    """A report of a whole report's cells, with both files asked for."""
    notebook(own_notebooks, "01_summary", *replay)
    return run(tmp_path / "outputs", asked(tmp_path))


def asked(folder: Path) -> Any:
    return spec_of(folder / "store", also=("pdf", "xlsx"))


@pytest.mark.kernels
@pytest.mark.browser
def test_a_report_has_a_pdf_and_a_workbook_and_stays_fresh_with_them(
    made: Run, tmp_path: Path
) -> None:
    folder, manifest = made.folder("1"), made.manifest("1")
    assert made.of("1").unmade == ()
    assert set(manifest.also) == {"report.pdf", "report.xlsx"}
    tables = {file.stem for file in (folder / "data").glob("*.csv")}
    assert set(Sheet(folder / "report.xlsx").names) == tables
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    pages = pages_of(folder / "report.pdf")
    about = 'A "B" {c} (1) · Feb 2025 – Apr 2025'
    for number, page in enumerate(pages, 1):
        assert page.endswith(f"{about} Page {number} of {len(pages)}")
    outputs = Outputs(made.outputs)
    assert plan_reports([asked(tmp_path)], outputs)[0].status == "fresh"
    assert plan_reports([spec_of(tmp_path / "store")], outputs)[0].status == "fresh"
    (folder / "report.pdf").unlink()
    [plan] = plan_reports([asked(tmp_path)], outputs)
    assert (plan.status, "report.pdf" in plan.reason) == ("stale", True)


@pytest.mark.kernels
def test_without_a_chromium_only_the_pdf_fails_and_says_so(
    own_notebooks: Path, replay: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook(own_notebooks, "01_summary", *replay)
    monkeypatch.setenv("PATH", "")
    made = run(tmp_path / "outputs", asked(tmp_path))
    assert made.of("1").complete
    [sentence] = made.of("1").failure_sentences()
    assert sentence.startswith(f"partner 1, {RANGE}, report.pdf: no Chromium is on the PATH (")
    assert sentence.endswith("; install one and run it again.")
    assert {file.name for file in made.folder("1").glob("report.*")} == {
        "report.html",
        "report.xlsx",
    }
    outputs = Outputs(made.outputs)
    assert plan_reports([asked(tmp_path)], outputs)[0].status == "fresh"
    monkeypatch.undo()
    monkeypatch.setattr("insights_lib.run.plan.chromium", lambda: "chromium")
    assert plan_reports([asked(tmp_path)], outputs)[0].status == "stale"


def test_a_workbook_says_whose_it_is_and_runs_nothing(tmp_path: Path) -> None:
    table = {"columns": ["metric", "value"], "rows": [["current_customers", 5], ["=1+1", None]]}
    card = Card("summary", "Summary", "", None, table)
    report = Report(FACTS, [Section("01_summary", "Summary", "", [card])])
    assert write_also(["xlsx"], report, tmp_path) == {}
    sheet = Sheet(tmp_path / "report.xlsx")
    assert sheet.names == ["summary"]
    about = f"{HOSTILE[0]} (1) · jan. 2025 – dec. 2025 · Produkt: {HOSTILE[1]} · "
    assert str(sheet.cells["A2"]).startswith(about)
    assert [sheet.cells[cell] for cell in ("A5", "B5", "A6")] == ["Nuvarande kunder", 5, "=1+1"]


def test_a_table_that_no_workbook_can_hold_costs_the_workbook_alone(tmp_path: Path) -> None:
    card = Card("a/b", "Odd", "", None, {"columns": ["x"], "rows": [[1]]})
    report = Report(FACTS, [Section("odd", "Odd", "", [card])])
    unmade = write_also(["xlsx"], report, tmp_path)
    assert list(unmade) == ["report.xlsx"]
    assert unmade["report.xlsx"].startswith("sheet 'a/b': Excel allows")
    assert list(tmp_path.iterdir()) == []


def parameters(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, "utf-8")
    return folder


PEOPLE = """\
sender: a@example.com
allowed_domains: [example.com]
smtp: {host: mail.example.com, port: 587, security: starttls}
partners:
  "1":
    - {address: b@example.com, locations: all, attach: [pdf]}
    - {address: c@example.com, locations: [Oslo], attach: [html, xlsx]}
"""


def test_a_report_is_made_once_with_all_that_files_command_and_people_want(tmp_path: Path) -> None:
    reports = "also: [xlsx]\npartners: [{id: '1'}, {id: '2'}]\n"
    parameters(tmp_path, reports=reports, recipients=PEOPLE)
    specs = requested_specs(tmp_path, Overrides())
    told = [(spec.partner, bool(spec.variant), spec.also) for spec in specs]
    assert told == [
        ("1", False, ("pdf", "xlsx")),
        ("2", False, ("xlsx",)),
        ("1", True, ("xlsx",)),
    ]
    [spec] = requested_specs(tmp_path, Overrides(("2",), also=("pdf",)))
    assert spec.also == ("pdf", "xlsx")


def test_what_is_no_such_file_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    parameters(tmp_path, reports="also: [docx]\npartners: [{id: '1'}]\n")
    with pytest.raises(ParameterError, match=r"also.*'docx' is none of: pdf, xlsx"):
        requested_specs(tmp_path, Overrides())
    parameters(tmp_path, reports="partners: [{id: '1'}]\n")
    with pytest.raises(ParameterError, match=r"also.*'docx' is none of: pdf, xlsx"):
        requested_specs(tmp_path, Overrides(also=("docx",)))
