"""Executed notebooks in, one HTML file and the CSV tables out.

Everything is taken from the notebooks: their prose, and the figures and tables that
`notebook.publish` left in their outputs. A new notebook is a new section of the page.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs

from insights_lib.errors import ReportError
from insights_lib.figures import world_shapes
from insights_lib.notebook import FACTS, FIGURE, TABLE
from insights_lib.sparkline import sparkline
from insights_lib.words import Words

PAGE_FILES = Path(__file__).parent / "page_files"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Card:
    """A part of a section: a heading, what to look for, and what is to be seen.

    Attributes:
        name: Name of the published table, empty if there is none.
        title: The heading, in the reader's language.
        note: HTML of the prose below the heading.
        figure: The plotly figure as JSON can hold it, or None.
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
    """All that executed notebooks say of one partner and range."""

    facts: dict[str, Any]
    sections: list[Section]

    def tables(self) -> dict[str, dict[str, Any]]:
        """Every published table by its name: `columns` and `rows`."""
        cards = (card for section in self.sections for card in section.cards)
        return {card.name: card.table for card in cards if card.table is not None}


def read_report(folder: Path) -> Report:
    """Read the executed notebooks of a folder, in name order.

    Raises:
        ReportError: A notebook failed, did not finish, or saw other data than the first one.
    """
    facts: dict[str, Any] = {}
    sections: list[Section] = []
    for file in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
        refuse_unfinished(file.stem, notebook)
        opened = [o["data"][FACTS] for o in _outputs(notebook) if FACTS in o["data"]]
        if not opened:
            raise ReportError(f"section {file.stem}: it opened no report; call open_report.")
        own = opened[0]
        if any(other != (facts or own) for other in opened):
            raise ReportError(
                f"section {file.stem}: it saw other data than the sections before it; exports were "
                "ingested during the run. Run it again."
            )
        facts = own
        sections.append(_section(file.stem, notebook, Words(own["locale"])))
    return Report(facts, sections)


def refuse_unfinished(name: str, notebook: NotebookNode) -> None:
    """Make sure that every code cell ran to its end, whatever the file's metadata claims.

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


def _section(name: str, notebook: NotebookNode, words: Words) -> Section:
    section = Section(name, *_heading(notebook.cells[0].source, words))
    title, note = section.title, ""
    for cell in notebook.cells[1:]:
        if cell.cell_type == "markdown":
            title, note = _heading(cell.source, words)
        published = _published(cell)
        if published:
            prose = Markup(markdown2html(note))  # noqa: S704 - the project's prose, not data
            section.cards.append(Card(**published, title=title, note=prose))
    return section


def _heading(source: str, words: Words) -> tuple[str, str]:
    """The heading of a Markdown cell and the prose below it, in the reader's language."""
    heading, _, prose = source.partition("\n")
    return words(heading.lstrip("# ").strip()), words(prose.strip())


def _published(cell: NotebookNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for output in cell.get("outputs", []):
        name = output.get("metadata", {}).get("insights", {}).get("name")
        for kind, media_type in (("figure", FIGURE), ("table", TABLE)):
            if name and media_type in output["data"]:
                found |= {"name": name, kind: output["data"][media_type]}
    return found


def write_tables(report: Report, folder: Path) -> None:
    """Write every published table as CSV: UTF-8, full precision, null empty, formulas inert."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in report.tables().items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            # CR LF, because before Python 3.13 a CR within a text is quoted only if it is in it.
            writer = csv.writer(out, lineterminator="\r\n")
            writer.writerow(table["columns"])
            writer.writerows([_inert(value) for value in row] for row in table["rows"])


def _inert(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula, made plain text by a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_page(report: Report, file: Path) -> None:
    """Write the report as one HTML file that asks the network for nothing."""
    words = Words(report.facts["locale"])
    page = _template().render(
        facts=report.facts,
        sections=report.sections,
        tables={name: _rows_of(table) for name, table in report.tables().items()},
        latest={row["metric"]: row["month"] for row in _rows_of(report.tables()["summary"])},
        trend_of=lambda product: _trend_of(report, product),
        words=words,
        content=_as_script(_content(report, words)),
        script=_asset("page.js"),
        style=_asset("page.css"),
        world=_as_script(json.loads(world_shapes())),
        plotly=_script(get_plotlyjs()),
        version=version("partner-insights"),
    )
    file.write_text(page, encoding="utf-8")


def _trend_of(report: Report, product: str) -> list[int | None]:
    """Customers of a product by month; a covered month without any has none."""
    counts = {
        row["month"]: row["customers"]
        for row in _rows_of(report.tables()["distribution_trend"])
        if (row["dimension"], row["value"]) == ("product", product)
    }
    return [
        None if row["current_customers"] is None else counts.get(row["month"], 0)
        for row in _rows_of(report.tables()["summary_trend"])
    ]


def _rows_of(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def _content(report: Report, words: Words) -> dict[str, Any]:
    """What page.js draws: figures, tables, and the words around them."""
    cards = [card for section in report.sections for card in section.cards]
    texts = ("Show all {count} rows", "not known: there is no data for it")
    names = {column for card in cards if card.table for column in card.table["columns"]}
    return {
        "locale": report.facts["locale"],
        "figures": {card.name: card.figure for card in cards if card.figure},
        "tables": {card.name: card.table for card in cards if card.table},
        "texts": {text: words(text) for text in texts},
        "names": {name: words.name(name) for name in sorted(names | _identifiers(report))},
    }


def _identifiers(report: Report) -> set[str]:
    """Cells that are names of this project, not data: metrics and dimensions."""
    return {
        row[column]
        for table in report.tables().values()
        for row in _rows_of(table)
        for column in ("metric", "dimension")
        if column in row
    }


def _as_script(value: Any) -> Markup:
    """JSON that can stand within a script element whatever its texts say."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - what could end the element has just been taken out


def _script(text: str) -> Markup:
    """JavaScript that can stand within a script element."""
    return Markup(text.replace("</script", "<\\/script"))  # noqa: S704 - a library's code


def _asset(name: str) -> Markup:
    return Markup((PAGE_FILES / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(PAGE_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["sparkline"] = sparkline
    return environment.get_template("page.html.j2")
