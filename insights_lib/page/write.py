"""The page: the sections of a report and the rows behind them in, one HTML file out.

What a reader sees is counted in the page from its rows (files/script/tables.js), so that it can
follow the reader's filters. Browsers that cannot unpack them see the notebooks' tables as text.
"""

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from insights_lib.page import assets
from insights_lib.page.assets import PALETTES, template
from insights_lib.page.sections import Card, Report
from insights_lib.parameters.spec import LONGEST_RANGE
from insights_lib.presentation.language import Language
from insights_lib.presentation.world import world_shapes
from insights_lib.tables import TABLES, Kind, declarations, records

# Rows that a browser counts in about a tenth of a second. Beyond them a worker of the page counts,
# so that the page itself goes on answering its reader.
MANY_ROWS = 100_000
PLAIN_ROWS = 20  # rows of a table that a browser sees which is too old to count


def write_page(report: Report, rows: dict[str, Any], file: Path) -> None:
    """Write the report as one HTML file that asks the network for nothing.

    Args:
        report: What the executed notebooks say.
        rows: The rows behind it, see `rows.compact_rows`.
        file: The file to write.
    """
    language = Language(report.facts["locale"])
    role = report.facts["role"]
    # Those that are drawn as their notebook made them.
    figures = [card.figure for card in _cards(report) if not is_counted(card, role)]
    plotly = assets.plotly(traces(filter(None, figures)))
    script = assets.text_of("page.min.js")
    tables = report.tables()
    # The lists of customers need the rows at hand.
    in_worker = len(rows["rows"]["customer"]) > MANY_ROWS and "people" not in rows
    page = template("page.html.j2").render(
        facts=report.facts,
        plain_tables=[
            (card.title, typed(card.name, tables[card.name]))
            for card in _cards(report)
            if card.table
        ],
        latest=_latest(report),
        language=language,
        policy=assets.content_security_policy([assets.GATE, script, plotly], worker=in_worker),
        in_worker=in_worker,
        gate=assets.markup(assets.GATE),
        script=assets.markup(script),
        style=assets.markup(assets.text_of("page.min.css")),
        palettes=PALETTES,
        content=assets.packed(json.dumps(content(report, rows, language), separators=(",", ":"))),
        world=assets.packed_once(world_shapes()),
        plotly=assets.packed_once(plotly),
        plain_rows=PLAIN_ROWS,
        version=version("partner-insights"),
    )
    file.write_text(page, encoding="utf-8")


def _latest(report: Report) -> dict[str, str | None]:
    """The month that each card speaks of; none where the report has no summary."""
    summary = report.tables().get("summary")
    return {row["metric"]: row["month"] for row in records(summary)} if summary else {}


def _cards(report: Report) -> list[Card]:
    return [card for section in report.sections for card in section.cards]


def content(report: Report, rows: dict[str, Any], language: Language) -> dict[str, Any]:
    """All that files/script/mount.js shows a report of, in a document or in a cell.

    Args:
        report: The sections; see `sections.report_of` and `declared.declared_report`.
        rows: The rows behind it, see `rows.compact_rows`.
        language: The language of its texts.
    """
    facts = ("partner", "partner_name", "locale", "role", "as_of", "filters")
    lacks = ("absent_dimensions", "unmatched_filters")
    return {
        **{name: report.facts[name] for name in (*facts, *lacks)},
        "texts": language.texts,
        "palettes": PALETTES,
        "declared": declarations(),
        "longest_range": LONGEST_RANGE,
        "sections": [
            {
                "name": section.name,
                "title": section.title,
                "question": section.question,
                "cards": [_card(card, report.facts["role"]) for card in section.cards],
            }
            for section in report.sections
        ],
        "rows": rows,
    }


def _card(card: Card, role: str) -> dict[str, Any]:
    """A card of the page, with its figure and table unless the page counts and draws them."""
    said = {"name": card.name, "title": card.title, "note": card.note}
    if is_counted(card, role) or card.table is None:
        return said
    return {**said, "figure": card.figure, "table": typed(card.name, card.table)}


def is_counted(card: Card, role: str) -> bool:
    """Whether the page of a role counts a card itself, and draws it."""
    return card.name in TABLES and TABLES[card.name].counted_for(role)


def typed(name: str, table: dict[str, Any]) -> dict[str, Any]:
    """A published table as `rows` by the names of their `columns`, of which it gives the kinds.

    The kinds of a table that is not declared follow from its values.
    """
    rows = records(table)
    declared = TABLES[name].columns if name in TABLES else {}

    def kind(column: str) -> Kind:
        is_text = any(isinstance(row[column], str) for row in rows)
        return declared.get(column) or ("text" if is_text else "number")

    return {"columns": {column: kind(column) for column in table["columns"]}, "rows": rows}


def traces(figures: Iterable[dict[str, Any]]) -> frozenset[str]:
    """The kinds of traces in figures as JSON holds them."""
    return frozenset(trace.get("type", "scatter") for figure in figures for trace in figure["data"])
