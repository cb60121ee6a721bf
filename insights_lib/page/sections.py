"""Executed notebooks in, the sections of a report out, and its tables as CSV files.

A section is taken from its notebook alone: the prose, and the figures and tables that
`notebook.publish` left in the outputs. A new notebook is a new section of the page.
"""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import nbformat
from markupsafe import Markup
from nbconvert.filters import markdown2html
from nbformat import NotebookNode

from insights_lib.errors import ReportError
from insights_lib.presentation.language import Language
from insights_lib.tables import FACTS, FIGURE, TABLE

_FORMULA = frozenset("=+-@\t\r")


@dataclass(frozen=True)
class Card:
    """A part of a section: a heading, what to look for, a figure and its table.

    Attributes:
        name: Name of the published table.
        title: The heading, in the reader's language.
        note: HTML of the prose below the heading.
        figure: The plotly figure as JSON holds it, or None.
        table: `columns` and `rows`, or None.
    """

    name: str
    title: str
    note: Markup
    figure: dict[str, Any] | None = None
    table: dict[str, Any] | None = None


@dataclass(frozen=True)
class Section:
    """One notebook as the page shows it."""

    name: str
    title: str
    question: str
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """All that executed notebooks say of one partner and range.

    Attributes:
        facts: See `notebook.facts_of`.
        sections: In the order of the page.
        seconds: By stage, see `timing.seconds_by_stage`.
    """

    facts: dict[str, Any]
    sections: list[Section]
    seconds: dict[str, float] = field(default_factory=dict)

    def tables(self) -> dict[str, dict[str, Any]]:
        """Every published table by its name: `columns` and `rows`."""
        cards = (card for section in self.sections for card in section.cards)
        return {card.name: card.table for card in cards if card.table is not None}


def read_report(folder: Path) -> Report:
    """Read the executed notebooks of a folder, in name order; see `report_of`."""
    files = sorted(folder.glob("*.ipynb"))
    return report_of({file.stem: nbformat.read(file, as_version=4) for file in files})  # type: ignore[no-untyped-call]


def report_of(notebooks: Mapping[str, NotebookNode]) -> Report:
    """Read executed notebooks, given by the names of their sections in the order of the page.

    Raises:
        ReportError: A notebook failed, did not finish, or saw other data than the first one.
    """
    facts: dict[str, Any] = {}
    sections: list[Section] = []
    seconds: defaultdict[str, float] = defaultdict(float)
    for name, notebook in notebooks.items():
        refuse_unfinished(name, notebook)
        opened = [o["data"][FACTS] for o in _outputs(notebook) if FACTS in o["data"]]
        if not opened:
            raise ReportError(f"section {name}: it opened no report; call open_report.")
        own = opened[0]
        if any(other != (facts or own) for other in opened):
            raise ReportError(
                f"section {name}: it saw other data than the sections before it; exports were "
                "ingested during the run. Run it again."
            )
        facts = own
        sections.append(section_of(name, notebook, Language(own["locale"]), _published))
        for output in _outputs(notebook):
            spent = output.get("metadata", {}).get("insights", {}).get("seconds", {})
            for stage, value in spent.items():
                seconds[stage] += value
    return Report(facts, sections, seconds)


def refuse_unfinished(name: str, notebook: NotebookNode) -> None:
    """Make sure that every code cell ran to its end, whatever the file's metadata claim.

    Raises:
        ReportError: A cell was not run, or has an error among its outputs.
    """
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                reason = f"{output.ename}: {output.evalue}".rstrip(": ")
                raise ReportError(f"section {name}: cell {number} failed with {reason}")
        if cell.source.strip() and cell.execution_count is None:
            raise ReportError(f"section {name}: cell {number} was not run to its end.")


def _outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield from (output for output in cell.outputs if "data" in output)


def section_of(
    name: str,
    notebook: NotebookNode,
    language: Language,
    published: Callable[[NotebookNode], dict[str, Any]],
) -> Section:
    """A notebook as a section of the page.

    Args:
        name: What the section is called.
        notebook: Its cells: the first one has the title and the question.
        language: The language of headings and prose.
        published: Gives the name, figure and table that a cell shows, nothing for other cells.
    """
    section = Section(name, *_heading(notebook.cells[0].source, language))
    title, note = section.title, ""
    for cell in notebook.cells[1:]:
        if cell.cell_type == "markdown":
            title, note = _heading(cell.source, language)
        shown = published(cell)
        if shown:
            prose = Markup(_html_of(note))  # noqa: S704 - the project's prose, not data
            section.cards.append(Card(**shown, title=title, note=prose))
    return section


@cache
def _html_of(prose: str) -> str:
    return str(markdown2html(prose))


def _heading(source: str, language: Language) -> tuple[str, str]:
    """The heading of a Markdown cell and the prose below it, in the reader's language."""
    heading, _, prose = source.partition("\n")
    return language(heading.lstrip("# ").strip()), language(prose.strip())


def _published(cell: NotebookNode) -> dict[str, Any]:
    """The name, figure and table that a cell published, as far as it did."""
    found: dict[str, Any] = {}
    for output in cell.get("outputs", []):
        name = output.get("metadata", {}).get("insights", {}).get("name")
        for kind, media_type in (("figure", FIGURE), ("table", TABLE)):
            if name and media_type in output["data"]:
                found |= {"name": name, kind: output["data"][media_type]}
    return found


def write_tables(report: Report, folder: Path) -> str:
    """Write every published table as CSV: UTF-8, full precision, null empty, formulas inert.

    Returns:
        A SHA-256 of all of them: two reports with the same one tell the same numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = _files(report)
    for name, content in files.items():
        (folder / f"{name}.csv").write_bytes(content)
    return _digest(files)


def tables_digest(report: Report) -> str:
    """The SHA-256 of a report's tables that `write_tables` returns."""
    return _digest(_files(report))


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files(report: Report) -> dict[str, bytes]:
    return {name: _csv(table) for name, table in sorted(report.tables().items())}


def _csv(table: dict[str, Any]) -> bytes:
    out = StringIO(newline="")
    # CR LF, because before Python 3.13 a CR within a text is quoted only if the line end has one.
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table["columns"])
    writer.writerows(map(_inert, table["rows"]))
    return out.getvalue().encode()


def _inert(row: list[Any]) -> list[Any]:
    """A row whose texts a spreadsheet does not run as formulas: these get a quote before them."""
    return [f"'{v}" if isinstance(v, str) and v[:1] in _FORMULA else v for v in row]
