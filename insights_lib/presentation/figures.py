"""The parts of a chart: traces and layouts as plain dictionaries, and labels that are safe.

A figure is made in one step when all of it is known. Plotly checks a figure again at every change,
which takes several times as long.

Text from data reaches plotly escaped, because plotly reads a little HTML in every label, and as
categories, because plotly would take some names for numbers or dates. Hover texts are complete, in
the reader's language.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from insights_lib.presentation import theme
from insights_lib.presentation.chart import Chart
from insights_lib.presentation.language import Language

LONGEST_LABEL = 40
# Plotly looks labels up in JavaScript objects, and every object has these names.
_OWN_NAMES = re.compile(
    "__proto__|constructor|hasOwnProperty|isPrototypeOf|propertyIsEnumerable|toLocaleString"
    "|toString|valueOf|__(define|lookup)[GS]etter__"
)
HOVER = "%{hovertext}<extra></extra>"
BELOW_TABS = 80  # pixels above the chart

Trace = dict[str, Any]


def figure(traces: Iterable[Trace], language: Language, height: int, **layout: Any) -> Chart:
    """A figure in the theme, so many pixels high and as wide as its place allows."""
    whole = {"template": theme.template(language.separators), "height": height, **layout}
    # Tests hold that plotly takes every chart; checking it here takes more than half as long again.
    chart = Chart(data=list(traces), layout=whole, _validate=False)
    for part in (chart, chart.layout, *chart.data):
        part._validate = True  # noqa: SLF001 - so that what an analyst changes is checked
    return chart


def escaped(text: str) -> str:
    """The text as plotly has to get it to show it unchanged."""
    return html.escape(text, quote=False)


def labels(names: Iterable[str]) -> list[str]:
    """Names as labels: shortened, escaped, and different wherever the names differ."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        label = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
        if _OWN_NAMES.fullmatch(label):
            label = f"\N{WORD JOINER}{label}"
        seen[label] += 1
        times = f" ({seen[label]})" if seen[label] > 1 else ""
        result.append(escaped(label + times))
    return result


def to_list(series: "pd.Series[Any]") -> list[Any]:
    """A column as a list, null as None."""
    return [value for (value,) in to_rows(series.to_frame())]


def to_rows(table: pd.DataFrame) -> list[list[Any]]:
    """The rows of a table as lists of plain values, null as None."""
    values = table.to_numpy(dtype=object, na_value=None)  # type: ignore[arg-type]  # any is taken
    rows: list[list[Any]] = values.tolist()
    return rows


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each by the names of its columns; null as None."""
    columns = list(map(str, table.columns))
    return [dict(zip(columns, row, strict=True)) for row in to_rows(table)]


def month_columns(
    months: Sequence[str], counts: Sequence[Any], language: Language, *, name: str, color: str
) -> Trace:
    """A column for each month; a negative count is drawn below zero."""
    return _of_months(months, counts, language, name) | {"type": "bar", "marker": {"color": color}}


def month_line(
    months: Sequence[str], counts: Sequence[Any], language: Language, *, name: str, color: str
) -> Trace:
    """A line with a point for each month."""
    style = {"type": "scatter", "mode": "lines+markers", "line": {"color": color, "width": 2}}
    return _of_months(months, counts, language, name) | style


def _of_months(
    months: Sequence[str], counts: Sequence[Any], language: Language, name: str
) -> Trace:
    """A named trace; its hover texts give counts without a sign."""
    return {
        "x": list(months),
        "y": list(counts),
        "name": name,
        "hovertext": [
            f"{month}<br>{language.pair(name, language.count(None if n is None else abs(n)))}"
            for month, n in zip(months, counts, strict=True)
        ],
        "hovertemplate": HOVER,
    }


def month_area(months: Sequence[str], counts: Sequence[Any], language: Language) -> Trace:
    """A small area over the months."""
    return {
        "type": "scatter",
        "x": list(months),
        "y": list(counts),
        "fill": "tozeroy",
        "fillcolor": theme.PALE_BLUE,
        "mode": "lines",
        "line": {"color": theme.BLUE, "width": 2},
        "hovertext": [
            language.pair(m, language.count(n)) for m, n in zip(months, counts, strict=True)
        ],
        "hovertemplate": HOVER,
        "showlegend": False,
    }


def horizontal_bars(
    names: Sequence[str],
    counts: Sequence[Any],
    shares: Sequence[Any],
    language: Language,
    **style: Any,
) -> Trace:
    """A horizontal bar for each label, with its count beside it; `style` goes to the trace."""
    return {
        "type": "bar",
        "x": list(counts),
        "y": list(names),
        "orientation": "h",
        "text": [language.short(n) for n in counts],
        "textposition": "outside",
        "cliponaxis": False,
        **_share_hovers(names, counts, shares, language),
        **style,
    }


def ring(
    names: Sequence[str],
    counts: Sequence[Any],
    shares: Sequence[Any],
    language: Language,
    *,
    colors: Sequence[str],
) -> Trace:
    """A pie with a hole, in the left third of the chart."""
    return {
        "type": "pie",
        "labels": list(names),
        "values": list(counts),
        "hole": 0.55,
        "sort": False,
        "marker": {"colors": list(colors), "line": {"color": "white", "width": 1}},
        "domain": {"x": [0, 0.3]},
        "textinfo": "none",
        **_share_hovers(names, counts, shares, language),
    }


def _share_hovers(
    names: Sequence[str], counts: Sequence[Any], shares: Sequence[Any], language: Language
) -> Trace:
    customers = language("Customers")
    texts = [
        f"{name}<br>{language.pair(customers, f'{language.count(n)} ({language.percent(share)})')}"
        for name, n, share in zip(names, counts, shares, strict=True)
    ]
    return {"hovertext": texts, "hovertemplate": HOVER}


def bar_axes(**x: Any) -> dict[str, Any]:
    """The layout of horizontal bars: names down the side, the first on top, no scale."""
    return {
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
        "xaxis": {"visible": False, "rangemode": "tozero", **x},
        "bargap": 0.35,
    }


def month_axes(*, slider: bool) -> dict[str, Any]:
    """The layout of columns by month; the slider zooms in on a period."""
    months: dict[str, Any] = {"type": "category", "showgrid": False}
    if slider:
        frame = {"visible": True, "thickness": 0.09, "bordercolor": theme.HAIRLINE}
        months |= {"fixedrange": False, "rangeslider": frame}
    return {"xaxis": months, "yaxis": {"rangemode": "tozero", "tickformat": ",d"}}


def tabs_menu(traces: Sequence[Trace], tabs: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """The menu of the tabs. It also hides the traces of all tabs but the first.

    A few tabs are buttons in a row, many are a list to choose from. Each has a label, and the
    numbers of the traces that it shows.
    """
    visible = {label: [i in shown for i in range(len(traces))] for label, shown in tabs.items()}
    for trace, shown in zip(traces, next(iter(visible.values()), ()), strict=False):
        trace["visible"] = shown
    few = len(tabs) <= 8 and sum(map(len, tabs)) <= 110
    return [
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
                {"label": label, "method": "update", "args": [{"visible": shown}]}
                for label, shown in visible.items()
            ],
        }
    ]
