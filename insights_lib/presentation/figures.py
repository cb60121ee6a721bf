"""What the charts are made of: traces and layouts as to_list dictionaries, and safe labels.

They become a figure when all of it is known: plotly checks every change of a figure anew, which
takes several times as long.

Text from data reaches plotly escaped, since plotly reads a little HTML in every label, and as
categories, since it would take some names for numbers or dates. Hover texts are handed over
whole, in the reader's language.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from insights_lib.presentation import theme
from insights_lib.presentation.language import Language

LONGEST_LABEL = 40
# Plotly looks labels up in JavaScript objects, in which these are always found.
_OWN_NAMES = re.compile(
    "__proto__|constructor|hasOwnProperty|isPrototypeOf|propertyIsEnumerable|toLocaleString"
    "|toString|valueOf|__(define|lookup)[GS]etter__"
)
HOVER = "%{hovertext}<extra></extra>"
BELOW_TABS = 80  # pixels above the chart

Trace = dict[str, Any]


def figure(traces: Iterable[Trace], language: Language, height: int, **layout: Any) -> go.Figure:
    """A figure in the theme, with a height in pixels and the width of its place."""
    whole = {"template": theme.template(language), "height": height, **layout}
    return go.Figure(data=list(traces), layout=whole)


def world_shapes() -> str:
    """The shapes of the countries, as the JSON text that plotly reads."""
    return (Path(__file__).parents[1] / "page" / "files" / "world_110m.json").read_text(
        encoding="utf-8"
    )


def escaped(text: str) -> str:
    """A text that plotly shows as it is."""
    return html.escape(text, quote=False)


def labels(names: Iterable[str]) -> list[str]:
    """Names as labels: shortened, escaped, and still different where the names are."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        label = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
        if _OWN_NAMES.fullmatch(label):
            label = f"\N{WORD JOINER}{label}"
        seen[label] = seen.get(label, 0) + 1
        times = f" ({seen[label]})" if seen[label] > 1 else ""
        result.append(escaped(label + times))
    return result


def to_list(series: "pd.Series[Any]") -> list[Any]:
    """A column as a list, null as None."""
    values = zip(series.astype(object).tolist(), series.isna().tolist(), strict=True)
    return [None if missing else value for value, missing in values]


def month_columns(
    months: Sequence[str], counts: Sequence[Any], language: Language, **style: Any
) -> Trace:
    """A column by month; `style` has the name and the color.

    A negative count hangs below zero, and its hover tells how many there are.
    """
    name = style["name"]
    return {
        "type": "bar",
        "x": list(months),
        "y": list(counts),
        "name": name,
        "marker": {"color": style["color"]},
        "hovertext": [
            f"{month}<br>{name}: {language.count(None if n is None else abs(n))}"
            for month, n in zip(months, counts, strict=True)
        ],
        "hovertemplate": HOVER,
    }


def horizontal_bars(
    names: Sequence[str],
    counts: Sequence[Any],
    shares: Sequence[Any],
    language: Language,
    **style: Any,
) -> Trace:
    """A lying bar for each label, with its count beside it; `style` goes to the trace."""
    return {
        "type": "bar",
        "x": list(counts),
        "y": list(names),
        "orientation": "h",
        "text": [language.short(n) for n in counts],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": hover_of_shares(names, counts, shares, language),
        "hovertemplate": HOVER,
        **style,
    }


def hover_of_shares(
    names: Sequence[str], counts: Sequence[Any], shares: Sequence[Any], language: Language
) -> list[str]:
    """What is told of each label's customers."""
    return [
        f"{name}<br>{language('Customers')}: {language.count(n)} ({language.percent(share)})"
        for name, n, share in zip(names, counts, shares, strict=True)
    ]


def bar_axes(**x: Any) -> dict[str, Any]:
    """The layout of lying bars: names down the side, the first on top, no scale."""
    return {
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
        "xaxis": {"visible": False, "rangemode": "tozero", **x},
        "bargap": 0.35,
    }


def month_axes(*, slider: bool) -> dict[str, Any]:
    """The layout of columns by month, with a slider to zoom in on a period if asked for."""
    months: dict[str, Any] = {"type": "category", "showgrid": False}
    if slider:
        frame = {"visible": True, "thickness": 0.09, "bordercolor": theme.HAIRLINE}
        months |= {"fixedrange": False, "rangeslider": frame}
    return {"xaxis": months, "yaxis": {"rangemode": "tozero", "tickformat": ",d"}}


def tabs_menu(traces: Sequence[Trace], tabs: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """The menu of the tabs; of the traces, those of the first tab alone are made visible.

    Buttons in a row while they are few, a list to choose from when they are many.
    """
    every = range(len(traces))
    for i, trace in enumerate(traces):
        trace["visible"] = i in next(iter(tabs.values()), ())
    few = len(tabs) <= 8 and sum(map(len, tabs)) <= 110
    menu = {
        "type": "buttons" if few else "dropdown",
        "direction": "right" if few else "down",
        "showactive": True,
        "x": 0,
        "xanchor": "left",
        "y": 1.12,
        "yanchor": "bottom",
        "bgcolor": "white",
        "bordercolor": theme.HAIRLINE,
        "buttons": [
            {
                "label": label,
                "method": "update",
                "args": [{"visible": [i in shown for i in every]}],
            }
            for label, shown in tabs.items()
        ],
    }
    return [menu]
