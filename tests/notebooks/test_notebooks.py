"""The notebooks are thin, clean and alike. Each runs alone, and a mistake gets one sentence."""

import ast
import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from playwright.sync_api import expect

from insights_lib.exports.demo import write_demo
from insights_lib.notebook import OPTIONS
from insights_lib.parameters.spec import ReportSpec
from insights_lib.presentation.chart import Place
from insights_lib.store.ingest import files_of, ingest_file
from insights_lib.tables import FACTS, FIGURE, TABLE, TABLES
from tests.support.sweeps import sweep

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# The sections with their titles: those of the dashboard in its order, then those beyond it.
SECTIONS = {
    "01_summary": "Summary",
    "02_geographical_spread": "Geographical spread",
    "03_adds_and_churns": "Customer adds and churns",
    "04_customer_distribution": "Customer distribution",
    "05_customers_by_products": "Customers by products",
    "06_distribution_trend": "Customer distribution trend",
    "07_active_customers": "Active customers",
    "08_customers": "Customers",
    "09_cohorts": "Cohorts",
    "10_renewals": "Renewals",
}
TOUR = "explore"
PARAMETERS = ["partner", "date_range", "filters", "locale", "role", "options"]
OPENING = """\
from insights_lib.notebook import open_report

report = open_report(partner, date_range, filters, locale, role, options)"""
CODE_LINES = 3
# Everything by which a notebook would begin to compute for itself.
LOGIC = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.For, ast.AsyncFor, ast.While, ast.comprehension),
    *(ast.If, ast.IfExp, ast.Try, ast.With, ast.Match),
)
SQL = re.compile(
    r"\b(select\b.+\bfrom|from\s+\w+\s+(where|join|group\s+by))\b", re.IGNORECASE | re.DOTALL
)
SQL_CALLS = {"query", "sql", "execute", "read_sql", "eval"}

each_notebook = pytest.mark.parametrize("name", SECTIONS)
with_the_tour = pytest.mark.parametrize("name", [*SECTIONS, TOUR])


def notebook(name: str) -> NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def code_of(name: str) -> list[str]:
    return [cell.source for cell in notebook(name).cells if cell.cell_type == "code"]


def tables_of(name: str) -> list[str]:
    """The tables that a section shows, each by a line of its own."""
    code = "\n".join(code_of(name))
    return re.findall(r'^report\.show\("(\w+)"\)$', code, re.MULTILINE)


def parameters_cells(name: str) -> list[NotebookNode]:
    cells = notebook(name).cells
    return [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]


def test_there_is_one_notebook_per_section_in_the_order_of_the_dashboard() -> None:
    assert sorted(file.stem for file in NOTEBOOKS.glob("*.ipynb")) == [*SECTIONS, TOUR]
    titles = [notebook(name).cells[0].source.splitlines()[0] for name in SECTIONS]
    assert titles == [f"# {title}" for title in SECTIONS.values()]


@each_notebook
def test_a_notebook_is_title_parameters_open_and_then_headings_with_what_they_announce(
    name: str,
) -> None:
    title, parameters, opening, *rest = notebook(name).cells
    assert title.cell_type == "markdown"
    assert title.source.rstrip().endswith("?"), "it begins with the question it answers"
    assert parameters_cells(name) == [parameters]
    assert (opening.cell_type, opening.source) == ("code", OPENING)
    kinds = [cell.cell_type for cell in rest]
    assert kinds == ["markdown", "code"] * (len(rest) // 2)
    assert all(re.match(r"## \w.*\n\n\S", c.source) for c in rest if c.cell_type == "markdown")


@each_notebook
def test_a_notebook_is_short_and_so_is_each_of_its_cells(name: str) -> None:
    assert 7 <= len(notebook(name).cells) <= 14
    _, *others = code_of(name)
    assert all(1 <= len(source.splitlines()) <= CODE_LINES for source in others)


@each_notebook
def test_a_notebook_calls_and_does_not_compute(name: str) -> None:
    """No function, class, loop, branch or SQL, and no import beyond the one that opens it."""
    for source in code_of(name):
        assert not SQL.search(source), source
        tree = ast.parse(source.removeprefix(OPENING))
        for node in ast.walk(tree):
            assert not isinstance(node, (*LOGIC, ast.Import, ast.ImportFrom)), source
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in SQL_CALLS, source
            assert not (isinstance(node, ast.Name) and node.id.startswith("__")), source


@each_notebook
def test_every_parameter_is_an_annotated_value_that_is_explained(name: str) -> None:
    [cell] = parameters_cells(name)
    for line, node in zip(cell.source.splitlines(), ast.parse(cell.source).body, strict=True):
        assert isinstance(node, ast.AnnAssign), line
        assert node.value is not None, line
        ast.literal_eval(node.value)
        assert re.search(r"  # \S", line), f"{line} has no comment"


@each_notebook
def test_the_help_of_a_parameter_can_be_read_by_papermill(name: str) -> None:
    """`papermill --help-notebook` takes a line apart at its signs of equality."""
    [cell] = parameters_cells(name)
    assert all(line.count("=") == 1 for line in cell.source.splitlines())


def test_the_parameters_are_the_same_in_every_notebook_and_all_that_a_report_knows() -> None:
    sources = {parameters_cells(name)[0].source for name in SECTIONS}
    assert len(sources) == 1
    lines = sources.pop().splitlines()
    targets = [n.target for n in ast.parse("\n".join(lines)).body if isinstance(n, ast.AnnAssign)]
    assert [ast.unparse(target) for target in targets] == PARAMETERS
    assert lines[-1].endswith(f"  # {', '.join(OPTIONS)}"), "the comment tells the options"
    of_the_whole = {"variant", "sections", "also"}  # what no single section needs to know
    assert {*PARAMETERS, *OPTIONS} - {"options"} == {*ReportSpec.model_fields} - of_the_whole


@with_the_tour
def test_a_notebook_is_committed_without_outputs_counts_or_traces_of_an_editor(name: str) -> None:
    raw = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert raw["metadata"] == {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        # Without these nbconvert writes a script as `.txt`.
        "language_info": {
            "name": "python",
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
            "codemirror_mode": {"name": "ipython", "version": 3},
        },
    }
    assert (raw["nbformat"], raw["nbformat_minor"]) == (4, 5)
    for cell in raw["cells"]:
        tags = {"tags": ["parameters"]} if "partner: str" in "".join(cell["source"]) else {}
        assert cell["metadata"] == tags
        assert "attachments" not in cell
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as the repository, with a small demo in its store."""
    folder = tmp_path_factory.mktemp("project")
    write_demo(folder / "exports", partners=1, customers=12, months=14)
    for file in files_of([folder / "exports"]):
        ingest_file(file, folder / "data" / "store")
    shutil.copytree(NOTEBOOKS, folder / "notebooks")
    return folder


def run_all(notebooks: list[NotebookNode], folder: Path, **options: Any) -> None:
    """Execute notebooks as JupyterLab does: in kernels that start in the notebooks' folder."""
    resources = {"metadata": {"path": str(folder / "notebooks")}}
    turns = asyncio.Semaphore(os.cpu_count() or 1)

    async def run(one: NotebookNode) -> None:
        async with turns:
            client = NotebookClient(one, resources=resources, timeout=120, **options)
            await client.async_execute()

    async def run_side_by_side() -> None:
        await asyncio.gather(*map(run, notebooks))

    asyncio.run(run_side_by_side())


@pytest.fixture(scope="session")
def executed(project: Path) -> dict[str, NotebookNode]:
    """Every notebook after “Run all” with the values it is committed with."""
    notebooks = {name: notebook(name) for name in SECTIONS}
    run_all(list(notebooks.values()), project, allow_errors=True)
    return notebooks


def outputs(executed: NotebookNode) -> list[NotebookNode]:
    return [output for cell in executed.cells for output in cell.get("outputs", [])]


@pytest.mark.kernels
@each_notebook
def test_a_notebook_runs_alone_with_its_defaults_on_the_demo(
    name: str, executed: dict[str, NotebookNode]
) -> None:
    """It needs no other notebook, finds the store from its own folder, and warns of nothing."""
    shown = outputs(executed[name])
    assert {output.output_type for output in shown} <= {"display_data", "execute_result"}
    [facts] = [output.data[FACTS] for output in shown if FACTS in output.get("data", {})]
    assert (facts["partner"], facts["locale"], facts["filters"]) == ("1234567", "en", {})
    assert (facts["first"], facts["last"]) == ("2025-01", "2025-12")


@pytest.mark.kernels
@each_notebook
def test_a_notebook_publishes_the_tables_of_its_section_with_their_charts(
    name: str, executed: dict[str, NotebookNode]
) -> None:
    tables, charts = [], []
    for output in outputs(executed[name]):
        published = output.metadata.get("insights", {}).get("name")
        if TABLE in output.data:
            tables.append(published)
            assert output.data[TABLE]["rows"], f"{published} is empty"
        if FIGURE in output.data:
            charts.append(published)
            assert output.data[FIGURE]["data"], f"the chart of {published} is empty"
    expected = tables_of(name)
    assert expected, "a section shows a table at least"
    assert sorted(tables) == sorted(expected)
    assert sorted(charts) == sorted(table for table in expected if TABLES[table].chart)


@pytest.mark.kernels
@each_notebook
def test_a_notebook_shows_its_tables_and_facts_in_jupyterlab_too(
    name: str, executed: dict[str, NotebookNode]
) -> None:
    for output in outputs(executed[name]):
        if {FACTS, TABLE, FIGURE} & set(output.data):
            assert output.data["text/plain"], "what JupyterLab cannot show it shows as text"
        if TABLE in output.data:
            assert output.data["text/html"].startswith("<table")
        if FACTS in output.data:
            assert "Jan 2025 – Dec 2025" in output.data["text/plain"]


# What a user may get wrong in the parameters cell, and words of the sentence that says so.
MISTAKES = {
    "locale = 'xx'": ["locale", "'xx'", "en, sv, de, fr"],
    "date_range = 'last_2_months'": ["'last_2_months'", "last_3_months", "2025-01_2025-12"],
    "date_range = '2025-12_2025-01'": ["'2025-12_2025-01'", "ends before it begins"],
    "date_range = '0001-01_0001-03'": ["'0001-01_0001-03'"],
    "options = {'as_of': '15 January'}": ["as_of", "'15 January'", "2026-01-15"],
    "options = {'as_of': '2020-01-01'}": ["1234567", "2020-01-01", "no month", "complete"],
    "options = {'as_off': '2026-01-15'}": ["options", "'as_off'", "did you mean 'as_of'?"],
    "options = 'as_of'": ["options", "'as_of'", "dictionary"],
    "filters = ['produkt=Azure']": ["'produkt'", "did you mean 'product'?"],
    "filters = ['Azure']": ["'Azure'", "facet=value"],
    "filters = 'product=Azure'": ["filters"],
    "filters = None": ["filters"],
    "partner = '999'": ["partner 999", "It holds: 1234567"],
    "partner = 99": ["partner", "99", "-r"],
    "partner = '../1234567'": ["'../1234567'", "allowed"],
    "options = {'active_states': []}": ["active_states"],
    "options = {'active_states': 'Active'}": ["active_states"],
    "options = {'store': 'nowhere/store'}": ["nowhere/store", "no store", "insights ingest"],
}


@pytest.fixture(scope="session")
def complaints(project: Path) -> dict[str, list[NotebookNode]]:
    """What the opening cell shows after each mistake, in one kernel."""
    trial = notebook("01_summary")
    title, parameters, opening = trial.cells[:3]
    trial.cells = [title]
    for mistake in MISTAKES:
        wrong = nbformat.v4.new_code_cell(f"{parameters.source}\n{mistake}")
        trial.cells += [wrong, nbformat.v4.new_code_cell(opening.source)]
    run_all([trial], project, allow_errors=True)
    return {mistake: trial.cells[2 + 2 * i].outputs for i, mistake in enumerate(MISTAKES)}


@pytest.mark.kernels
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_parameter_is_explained_in_one_sentence_without_a_traceback(
    mistake: str, complaints: dict[str, list[NotebookNode]]
) -> None:
    assert [output.output_type for output in complaints[mistake]] == ["error"]
    [error] = complaints[mistake]
    assert error.ename in {"ParameterError", "StoreError"}
    assert error.traceback == [f"{error.ename}: {error.evalue}"]
    assert "\n" not in error.evalue
    for words in MISTAKES[mistake]:
        assert words in error.evalue, error.evalue


@pytest.fixture(scope="session")
def of_one_partner(project: Path) -> NotebookNode:
    """A notebook of one's own with four charts."""
    own = nbformat.v4.new_notebook(metadata=notebook("01_summary").metadata)
    sources = [
        "from insights_lib import compare, open_partner",
        "p = open_partner('1234567')",
        "p.chart('adds_and_churns').update_layout(height=300)",
        "display(p.chart('geographical_spread'), p.chart('distribution'))",
        "compare(p, open_partner('1234567', months='last_3_months')).chart()",
    ]
    own.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    run_all([own], project)
    return own


# The last ones: while a browser is open, asyncio cannot run the notebooks of the tests above.
@pytest.mark.browser
@pytest.mark.kernels
@pytest.mark.usefixtures("executed")
def test_charts_of_an_open_partner_are_in_the_html_of_a_notebook(
    of_one_partner: NotebookNode, tmp_path: Path, browser: Any
) -> None:
    assert assert_drawn_offline(of_one_partner, tmp_path / "own.html", browser) == 4


@pytest.mark.browser
@pytest.mark.kernels
@pytest.mark.parametrize("name", sweep(SECTIONS, 3))
def test_a_saved_notebook_shows_its_charts_as_html_with_the_network_off(
    name: str, executed: dict[str, NotebookNode], tmp_path: Path, browser: Any
) -> None:
    assert_drawn_offline(executed[name], tmp_path / f"{name}.html", browser)


def assert_drawn_offline(made: NotebookNode, file: Path, browser: Any) -> int:
    """Hold that a notebook's HTML draws its charts by itself; return how many there are."""
    shown = outputs(made)
    packed = [o for o in shown if "application/gzip" in o.get("data", {}).get("text/html", "")]
    assert len(packed) == 1, "plotly.js is in it once"
    # Without what nbconvert itself would load.
    page, _ = HTMLExporter(require_js_url="", mathjax_url="").from_notebook_node(made)
    file.write_text(page, encoding="utf-8")
    with browser.new_context(offline=True) as context:
        tab = context.new_page()
        wrong: list[str] = []
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda asked: wrong.append(asked.url))
        tab.goto(file.as_uri())
        charts = sum(FIGURE in output.get("data", {}) for output in shown)
        drawn = tab.locator(".insights-chart .main-svg:first-child")
        expect(drawn).to_have_count(charts, timeout=30_000)
        assert all(place.bounding_box()["height"] > 100 for place in drawn.all())
        assert wrong == [file.as_uri()]
    return charts


def test_what_draws_charts_stays_in_its_cell_however_often_that_is_run() -> None:
    place = Place()
    runs = [("a", "1"), ("a", "1"), ("b", "2"), ("a", "3"), ("a", "3"), ("b", "4")]
    assert [place.is_due(*run) for run in runs] == [True, False, False, True, False, False]
