"""Runs of reports by real kernels, and notebooks that replay a whole report in no time."""

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
import pytest

from insights_lib.notebook import inputs_of
from insights_lib.outputs import Manifest, Outputs, failed_folder
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run import plan
from insights_lib.run.plan import NOTEBOOKS, plan_reports
from insights_lib.run.reports import Settings, run_reports
from insights_lib.run.request import RenderResult
from insights_lib.tables import FACTS
from tests.support.rows import fill_store, seats_row, slice_of, usage_row

SECTIONS = [file.stem for file in plan.notebooks()]
MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04")
RANGE = "2025-02_2025-04"
# A folder's name that means something to format strings, globs, URIs, SQL and shells.
ODD = "a {b} {} {0} 'q' \"d\" [x] 100% #1é$HOME"
SECRETS = {"INSIGHTS_API_TOKEN": "t0ken-5f3a9c", "DB_PASSWORD": "passw0rd-77b1"}


@dataclass(frozen=True)
class Run:
    """What a run was asked for and what it left."""

    outputs: Path
    results: list[RenderResult]

    def of(self, partner: str) -> RenderResult:
        [result] = [result for result in self.results if result.spec.partner == partner]
        return result

    def folder(self, partner: str) -> Path:
        return self.outputs / partner / RANGE

    def failed(self, partner: str) -> Path:
        return failed_folder(self.folder(partner))

    def manifest(self, partner: str, failed: bool = False) -> Manifest:
        manifest = Manifest.read(self.failed(partner) if failed else self.folder(partner))
        assert manifest is not None
        return manifest


def files_in(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def spec_of(store: Path, partner: str = "1", **others: Any) -> ReportSpec:
    values = {"date_range": RANGE, "as_of": date(2030, 1, 1), **others}
    return ReportSpec(partner=partner, store=store, **values)


def run(outputs: Path, *specs: ReportSpec, jobs: int = 2, timeout: int = 120) -> Run:
    done: list[RenderResult] = []
    settings = Settings(Outputs(outputs), jobs, timeout)
    results = run_reports(plan_reports(specs, settings.outputs), settings, done.append)
    assert done == results
    return Run(outputs, results)


def notebook(folder: Path, name: str, *sources: str, parameters: str | None = None) -> None:
    """Write a notebook with a title, the parameters of the real ones, and code cells."""
    if parameters is None:
        parameters = nbformat.read(NOTEBOOKS / f"{SECTIONS[0]}.ipynb", 4).cells[1].source
    new = nbformat.v4
    cells = [
        new.new_markdown_cell(f"# {name}\n\nWhat is this?"),
        new.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(new.new_code_cell, sources),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    folder.mkdir(exist_ok=True)
    nbformat.write(new.new_notebook(cells=cells, metadata=metadata), folder / f"{name}.ipynb")


def odd_rows() -> list[dict[str, str]]:
    """Partner 1, with values that a spreadsheet would run, and partner 2, who is elsewhere."""
    rows = [seats_row(month, customer) for month in MONTHS[:3] for customer in "abc"]
    rows += [seats_row(MONTHS[3], "a", PartnerLocation="=1+1", SalesChannel="-2", SKU="+3")]
    rows += [seats_row(MONTHS[3], "a", PartnerAttributionType="@SUM(A1)", CustomerMarket="=x")]
    return rows + [seats_row(m, "z", PGAMpnId="2", PartnerLocation="Elsewhere") for m in MONTHS]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of all sections for partner 1, with secrets about, in folders with odd names."""
    odd = tmp_path_factory.mktemp("complete") / ODD
    odd.mkdir()
    usage = [usage_row(month, "a") for month in MONTHS[:3]]
    store = fill_store(odd, {"SeatsSubscriptionsAndRevenue": odd_rows(), "OfficeUsage": usage})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        return run(odd / "outputs", spec_of(store, partner_name='A "B" {c}'))


@pytest.fixture(scope="module")
def replay(complete: Run, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Cells that show again what those of a whole report showed, without a second of imports."""
    recorded = tmp_path_factory.mktemp("replay") / "shown.json"
    shown = []
    for file in sorted((complete.folder("1") / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(file, as_version=4).cells:
            outputs = [(o.data, o.metadata) for o in cell.get("outputs", [])]
            shown.append([bundle for bundle in outputs if bundle[1].get("insights")])
    shown = [outputs for outputs in shown if outputs]
    recorded.write_text(json.dumps(shown), encoding="utf-8")
    first = f"""\
import json, os, sys, threading
from IPython.display import display

store = options["store"]

def show(number):
    for data, metadata in json.load(open({str(recorded)!r}))[number]:
        own = dict(partner=partner, inputs=json.load(open(store + ".inputs")).get(partner))
        data.get({FACTS!r}, {{}}).update(own)
        display(data, metadata=metadata, raw=True)
"""
    return [first, *(f"show({number})" for number in range(len(shown)))]


def note_inputs(store: Path, *partners: str) -> None:
    """Write beside a store what replayed cells say that they read of it."""
    inputs = {p: inputs_of(slice_of(store, RANGE, partner=p)) for p in partners}
    store.with_suffix(".inputs").write_text(json.dumps(inputs), encoding="utf-8")


@pytest.fixture
def own_notebooks(complete: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the runner looks for notebooks, beside a copy of the odd store."""
    shutil.copytree(complete.outputs.parent / "store", tmp_path / "store")
    note_inputs(tmp_path / "store", "1", "2")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(plan, "NOTEBOOKS", tmp_path / "notebooks")
    return tmp_path / "notebooks"
