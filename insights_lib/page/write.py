"""The page: the sections of a report and the rows behind them in, one HTML file out.

What a reader sees is counted in the page from its rows, by page_files/count.js, so that it can
follow the reader's filters. Browsers that cannot unpack them see the notebooks' tables as text.
"""

import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from insights_lib.page import assets
from insights_lib.page.sections import Card, Report
from insights_lib.presentation import theme
from insights_lib.presentation.figures import world_shapes
from insights_lib.presentation.language import Language
from insights_lib.tables import TABLES

# The tables that page_files/count.js counts; others are shown as their notebook left them.
COUNTED = frozenset(
    {
        "summary",
        "summary_products",
        "summary_trend",
        "geographical_spread",
        "adds_and_churns",
        "distribution",
        "products",
        "distribution_trend",
        "active_customers",
    }
)
PLAIN_ROWS = 20  # rows of a table that a browser sees which is too old to count
# Run before anything is shown: whether this browser can unpack the rows.
_GATE = 'if ("DecompressionStream" in window) document.documentElement.className = "live";'


def write_page(report: Report, rows: dict[str, Any], file: Path) -> None:
    """Write the report as one HTML file that asks the network for nothing.

    Args:
        report: What the executed notebooks say.
        rows: The rows behind it, as of `rows.compact_rows`.
        file: The file to write.
    """
    language = Language(report.facts["locale"])
    plotly = assets.plotly(_kinds(report))
    script = assets.script()
    tables = report.tables()
    page = _template().render(
        facts=report.facts,
        sections=report.sections,
        plain_tables=[(card, tables[card.name]) for card in _cards(report) if card.table],
        kinds={name: table.columns for name, table in TABLES.items()},
        latest={row[0]: row[3] for row in tables["summary"]["rows"]},
        language=language,
        policy=assets.content_security_policy([_GATE, script, plotly]),
        gate=assets.markup(_GATE),
        script=assets.markup(script),
        style=assets.markup(assets.text_of("page.css")),
        palettes={"light": theme.LIGHT, "dark": theme.DARK},
        content=assets.packed(json.dumps(_content(report, rows, language), separators=(",", ":"))),
        world=assets.packed_once(world_shapes()),
        plotly=assets.packed_once(plotly),
        plain_rows=PLAIN_ROWS,
        version=version("partner-insights"),
    )
    file.write_text(page, encoding="utf-8")


def _cards(report: Report) -> list[Card]:
    return [card for section in report.sections for card in section.cards]


def _content(report: Report, rows: dict[str, Any], language: Language) -> dict[str, Any]:
    """What the page counts and shows: the rows, its language, and what does not follow filters."""
    return {
        "partner": report.facts["partner"],
        "partner_name": report.facts["partner_name"],
        "locale": report.facts["locale"],
        "texts": language.texts,
        "rows": rows,
        "fixed": {
            card.name: {"figure": card.figure, "table": card.table}
            for card in _cards(report)
            if card.name not in COUNTED
        },
    }


def _kinds(report: Report) -> frozenset[str]:
    """The kinds of traces in figures that are drawn as their notebook made them."""
    figures = [card.figure for card in _cards(report) if card.name not in COUNTED and card.figure]
    return frozenset(trace.get("type", "scatter") for figure in figures for trace in figure["data"])


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(assets.PAGE_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
