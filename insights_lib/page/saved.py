"""What a notebook keeps of a live report, to be read without a kernel: key figures and charts."""

import json

from insights_lib.page import assets
from insights_lib.page.sections import Report
from insights_lib.page.write import PLAIN_ROWS, traces, typed
from insights_lib.presentation.language import Language
from insights_lib.presentation.offline import BUNDLED_TRACES
from insights_lib.presentation.world import world_shapes


def saved_page(report: Report, language: Language) -> str:
    """A report as HTML that stands in an output of a notebook, and asks the network for nothing.

    Args:
        report: Sections whose cards have their tables and figures.
        language: The language of its texts.

    Returns:
        Each chart that the small plotly.js can draw, and the first rows of every other table.
    """
    cards = [card for section in report.sections for card in section.cards]
    drawn = {card.name: card.figure for card in cards if card.figure and card.name != "summary"}
    figures = {name: figure for name, figure in drawn.items() if traces([figure]) <= BUNDLED_TRACES}
    page: str = assets.template("saved.html.j2").render(
        facts=report.facts,
        sections=report.sections,
        language=language,
        figures=figures,
        tables={
            card.name: typed(card.name, card.table)
            for card in cards
            if card.table and card.name not in figures
        },
        packed_figures=assets.packed(json.dumps(figures, separators=(",", ":"))),
        world=assets.packed_once(world_shapes()),
        plotly=assets.packed_once(assets.plotly(BUNDLED_TRACES)),
        script=assets.markup(assets.text_of("saved.min.js")),
        style=assets.markup(assets.text_of("saved.min.css")),
        plain_rows=PLAIN_ROWS,
    )
    return page
