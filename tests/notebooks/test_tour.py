"""The guided tour: each cell is short, and all of them run."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from insights_lib.exports.demo import write_demo
from insights_lib.run.plan import NOTEBOOKS, TOUR, notebooks, other_notebooks
from insights_lib.store.ingest import files_of, ingest_file
from insights_lib.tables import FIGURE
from tests.notebooks.test_notebooks import CODE_LINES, LOGIC, SQL

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def tour() -> NotebookNode:
    return nbformat.read(NOTEBOOKS / TOUR, as_version=4)


def test_each_cell_of_the_tour_is_short_and_calls(tour: NotebookNode) -> None:
    title, *others = tour.cells
    assert title.source.startswith("# ")
    code = [cell.source for cell in others if cell.cell_type == "code"]
    assert len(code) >= 8
    for source in code:
        assert len([line for line in source.splitlines() if line]) <= CODE_LINES
        assert not SQL.search(source)
        assert not any(isinstance(node, LOGIC) for node in ast.walk(ast.parse(source)))
    headings = [cell.source for cell in others if cell.cell_type == "markdown"]
    assert all(source.startswith("## ") and "\n\n" in source for source in headings)


def test_what_the_tour_links_to_is_there(tour: NotebookNode) -> None:
    links = [part.split(")")[0] for cell in tour.cells for part in cell.source.split("](")[1:]]
    assert links
    assert all((NOTEBOOKS / link).is_file() for link in links)


def test_the_tour_is_neither_a_section_nor_a_mistake() -> None:
    assert TOUR not in {file.name for file in notebooks()}
    assert other_notebooks() == []


@pytest.mark.kernels
def test_the_tour_runs_on_the_demo(tour: NotebookNode, tmp_path: Path) -> None:
    write_demo(tmp_path / "exports", partners=2, customers=40, months=25)
    for file in files_of([tmp_path / "exports"]):
        ingest_file(file, tmp_path / "data" / "store")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "workbench").mkdir()
    where = {"metadata": {"path": str(tmp_path / "notebooks")}}
    NotebookClient(tour, resources=where, timeout=120).execute()
    outputs = [output for cell in tour.cells for output in cell.get("outputs", [])]
    assert {output.output_type for output in outputs} <= {"display_data", "execute_result"}
    kinds = [set(output.data) for output in outputs]
    assert sum(WIDGET in kind for kind in kinds) == 1
    assert sum(FIGURE in kind for kind in kinds) == 2
    assert [file.name for file in (tmp_path / "workbench").iterdir()] == ["united_states.xlsx"]
