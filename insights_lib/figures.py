"""What the charts are made of: an empty figure, bars, columns, tabs, and safe labels.

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

from insights_lib import theme
from insights_lib.words import Words

LONGEST_LABEL = 40
# Plotly looks labels up in JavaScript objects, in which these are always found.
_OWN_NAMES = re.compile(
    "__proto__|constructor|hasOwnProperty|isPrototypeOf|propertyIsEnumerable|toLocaleString"
    "|toString|valueOf|__(define|lookup)[GS]etter__"
)
HOVER = "%{hovertext}<extra></extra>"


def empty_figure(words: Words, height: int) -> go.Figure:
    """A figure in the theme, with a height in pixels and the width of its place."""
    return go.Figure(layout={"template": theme.template(words), "height": height})


def world_shapes() -> str:
    """The shapes of the countries, as the JSON text that plotly reads."""
    return (Path(__file__).parent / "page_files" / "world_110m.json").read_text(encoding="utf-8")


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


def plain(series: "pd.Series[Any]") -> list[Any]:
    """A column as a list, null as None."""
    return [None if pd.isna(value) else value for value in series.astype(object)]


def add_columns(
    figure: go.Figure, months: Sequence[str], counts: Sequence[Any], words: Words, **style: Any
) -> None:
    """A column by month; `style` has the name, the color and whether it is visible.

    A negative count hangs below zero, and its hover tells how many there are.
    """
    name = style["name"]
    # As a dictionary: what `add_bar` makes of its arguments would be made once more as it is added.
    figure.add_trace(
        {
            "type": "bar",
            "x": list(months),
            "y": list(counts),
            "name": name,
            "marker": {"color": style["color"]},
            "hovertext": [
                f"{month}<br>{name}: {words.count(None if n is None else abs(n))}"
                for month, n in zip(months, counts, strict=True)
            ],
            "hovertemplate": HOVER,
            "visible": style.get("visible", True),
        }
    )


def add_bars(
    figure: go.Figure, names: Sequence[str], table: pd.DataFrame, words: Words, **style: Any
) -> None:
    """A lying bar for each label, with its count beside it; `style` goes to the trace."""
    counts = plain(table["customers"])
    shares = plain(table["share_pct"])
    figure.add_trace(
        {
            "type": "bar",
            "x": counts,
            "y": list(names),
            "orientation": "h",
            "text": [words.short(n) for n in counts],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [
                f"{name}<br>{words('Customers')}: {words.count(n)} ({words.percent(share)})"
                for name, n, share in zip(names, counts, shares, strict=True)
            ],
            "hovertemplate": HOVER,
            **style,
        }
    )


def use_bar_axes(figure: go.Figure) -> None:
    """Axes for lying bars: names down the side, the first on top, no scale."""
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(visible=False, rangemode="tozero")
    figure.update_layout(bargap=0.35, margin={"r": 48})


def use_month_axes(figure: go.Figure, *, slider: bool) -> None:
    """Axes for columns by month, with a slider to zoom in on a period if asked for."""
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(rangemode="tozero", tickformat=",d")
    if slider:
        figure.update_xaxes(
            fixedrange=False,
            rangeslider={"visible": True, "thickness": 0.09, "bordercolor": theme.HAIRLINE},
        )


def add_tabs(figure: go.Figure, tabs: Mapping[str, Sequence[int]]) -> None:
    """Buttons of which each shows the traces of its tab alone; the first is pressed.

    Buttons in a row while they are few, a list to choose from when they are many.
    """
    every = range(len(figure.data))
    few = len(tabs) <= 8 and sum(map(len, tabs)) <= 110
    figure.update_layout(
        updatemenus=[
            {
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
                        "args": [{"visible": [i in traces for i in every]}],
                    }
                    for label, traces in tabs.items()
                ],
            }
        ],
        margin={"t": 80},
    )
    for i in every:
        figure.data[i].visible = i in next(iter(tabs.values()), ())
