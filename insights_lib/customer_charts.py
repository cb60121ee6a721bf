"""Charts of what customers did: their signals, the bridge, cohorts and renewals."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from insights_lib.presentation import theme
from insights_lib.presentation.figures import (
    BELOW_TABS,
    HOVER,
    Trace,
    bar_axes,
    figure,
    horizontal_bars,
    labels,
    month_axes,
    month_columns,
    tabs_menu,
    to_list,
)
from insights_lib.presentation.language import Language
from insights_lib.tables import ALL
from insights_lib.timing import timed

_BRIDGE = {"new": 1, "returning": 1, "churned": -1}
_ENDS = {
    "subscriptions": theme.BLUE,
    "auto_renew_on_or_unknown": theme.BLUE,
    "without_auto_renew": theme.FLOWS["churned"],
}
_SEATS = {
    "assigned_seats": theme.BLUE,
    "idle_seats": theme.FLOWS["churned"],
    "assignment_unknown": theme.OTHERS,
}


@timed("figures")
def signals(table: pd.DataFrame, language: Language) -> go.Figure:
    """A bar for each signal, as long as the number of customers who show it."""
    names = [language.name(signal) for signal in table["signal"]]
    numbers = to_list(table["customers"]), to_list(table["share_pct"])
    trace = horizontal_bars(names, *numbers, language, marker={"color": theme.BLUE})
    return figure([trace], language, 80 + 36 * len(table), **bar_axes(), margin={"r": 48})


@timed("figures")
def bridge(table: pd.DataFrame, language: Language) -> go.Figure:
    """New and returning customers above zero, churned ones below, month by month."""
    months = [language.month(month) for month in table["month"]]
    colors = {"new": theme.FLOWS["added"], "returning": theme.CATEGORIES[3]}
    traces: list[Trace] = []
    for part, sign in _BRIDGE.items():
        counts = [None if n is None else sign * n for n in to_list(table[part])]
        color = colors.get(part, theme.FLOWS["churned"])
        traces.append(
            month_columns(months, counts, language, name=language.name(part), color=color)
        )
    return figure(traces, language, 400, barmode="relative", **month_axes(slider=False))


@timed("figures")
def cohorts(table: pd.DataFrame, language: Language) -> go.Figure:
    """A row for each month's new customers, a cell for each month since, shaded by who stayed."""
    rows = table.pivot(index="cohort", columns="months_since", values="share_pct")
    counts = table.pivot(index="cohort", columns="months_since", values="customers")
    shares = [to_list(row) for _, row in rows.iterrows()]
    numbers = [to_list(row) for _, row in counts.iterrows()]
    hover = [
        [
            f"{language.month(str(cohort))} + {since}<br>{language('Customers')}: "
            f"{language.count(n)} ({language.percent(share)})"
            for since, n, share in zip(rows.columns, *line, strict=True)
        ]
        for cohort, *line in zip(rows.index, numbers, shares, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "x": [str(since) for since in rows.columns],
        "y": [language.month(str(cohort)) for cohort in rows.index],
        "z": shares,
        "text": [["" if s is None else language.percent(s) for s in line] for line in shares],
        "texttemplate": "%{text}",
        "hovertext": hover,
        "hovertemplate": HOVER,
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, theme.LIGHT["pale"]], [1, theme.LIGHT["map-2"]]],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }
    axes = {
        "xaxis": {"type": "category", "title": {"text": language("Months since")}},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    return figure([trace], language, 120 + 30 * len(rows), **axes)


@timed("figures")
def renewals(table: pd.DataFrame, language: Language) -> go.Figure:
    """Subscriptions by the month of their end, by product; those known not to renew apart."""
    months = list(dict.fromkeys(sorted(table["month"], key=_by_time)))
    texts = [language.month(month) for month in months]
    products = [ALL, *dict.fromkeys(table["product"])]
    names = labels([language(ALL), *products[1:]])
    traces: list[Trace] = []
    tabs: dict[str, Any] = {}
    for name, product in zip(names, products, strict=True):
        own = table if product == ALL else table[table["product"] == product]
        sums = own.groupby("month")[["subscriptions", "without_auto_renew"]].sum()
        sums = sums.reindex(months, fill_value=0)
        parts = _end_parts(sums, is_split=bool(table["without_auto_renew"].any()))
        tabs[name] = range(len(traces), len(traces) + len(parts))
        traces += [
            month_columns(
                texts, to_list(counts), language, name=language.name(part), color=_ENDS[part]
            )
            for part, counts in parts.items()
        ]
    layout = {**month_axes(slider=False), "updatemenus": tabs_menu(traces, tabs)}
    return figure(traces, language, 420, barmode="stack", margin={"t": BELOW_TABS}, **layout)


def _end_parts(sums: pd.DataFrame, *, is_split: bool) -> "dict[str, pd.Series[Any]]":
    """Subscriptions without auto-renewal, and all others; these may renew, or nobody knows."""
    whole, without = sums["subscriptions"], sums["without_auto_renew"]
    if not is_split:
        return {"subscriptions": whole}
    return {"auto_renew_on_or_unknown": whole - without, "without_auto_renew": without}


def _by_time(month: str) -> tuple[int, str]:
    return {"past": 0, "later": 2}.get(month, 1), month


@timed("figures")
def seats(table: pd.DataFrame, language: Language) -> go.Figure:
    """A bar for each product: assigned seats, idle seats, and seats of unknown assignment."""
    names = labels(table["product"])
    assigned, idle = (table[part].fillna(0) for part in ("assigned_seats", "idle_seats"))
    unknown = (table["seats"] - assigned - idle).clip(lower=0)
    shown = table.assign(assignment_unknown=unknown)
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": language.name(part),
            "y": names,
            "x": to_list(shown[part]),
            "marker": {"color": color},
        }
        for part, color in _SEATS.items()
        if shown[part].fillna(0).any()
    ]
    return figure(traces, language, 120 + 36 * len(table), **bar_axes(), barmode="stack")
