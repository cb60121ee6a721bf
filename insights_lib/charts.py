"""The charts: a table in, a plotly figure out, one function for each chart. They compute nothing.

Each takes its table, then the tables that `drawn_with` of its declaration in `tables` names, then
the reader's language. A chart may put small values together; the table holds all of them.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from insights_lib.customer_charts import bridge, cohorts, renewals, seats, signals
from insights_lib.presentation import theme
from insights_lib.presentation.figures import (
    BELOW_TABS,
    Trace,
    bar_axes,
    escaped,
    figure,
    horizontal_bars,
    labels,
    month_area,
    month_axes,
    month_columns,
    month_line,
    ring,
    tabs_menu,
    to_list,
    to_records,
)
from insights_lib.presentation.language import Language
from insights_lib.presentation.maps import countries_on_map, world_axes
from insights_lib.tables import ALL, NOT_TOLD, TABLES
from insights_lib.timing import timed

__all__ = [
    "active_customers",
    "adds_and_churns",
    "bridge",
    "cohorts",
    "distribution",
    "distribution_trend",
    "product_bars",
    "products",
    "renewals",
    "seats",
    "signals",
    "summary_cards",
    "world_map",
]

MOST_TABS = 20  # products with a tab of their own
BESIDE_BARS = 48  # pixels for the count at the end of the longest bar
SPREAD = ("current_customers", "active_customers", "new_customers")


@timed("figures")
def summary_cards(summary: pd.DataFrame, trend: pd.DataFrame, language: Language) -> go.Figure:
    """The key figures: each a number, its growth over the range, and its months as a small area."""
    cards = {row["metric"]: row for row in to_records(summary)}
    months = [language.month(month) for month in trend["month"]]
    names = [column for column in trend.columns if column != "month"]
    traces, texts = [], []
    axes: dict[str, Any] = {}
    for i, name in enumerate(names):
        axis = "" if i == 0 else str(i + 1)
        place = [i / len(names), (i + 0.88) / len(names)]
        hidden = {"visible": False, "type": "category", "anchor": f"y{axis}", "domain": place}
        below = {"visible": False, "rangemode": "tozero", "domain": [0, 0.42]}
        axes |= {f"xaxis{axis}": hidden, f"yaxis{axis}": {**below, "anchor": f"x{axis}"}}
        area = month_area(months, to_list(trend[name]), language)
        traces.append({**area, "xaxis": f"x{axis}", "yaxis": f"y{axis}"})
        for text, y, size in (
            (language.name(name), 1.0, 13),
            (language.short(cards[name]["value"]), 0.9, 26),
            (language.percent(cards[name]["growth_pct"], signed=True), 0.62, 13),
        ):
            at = {"x": place[0], "y": y, "xref": "paper", "yref": "paper"}
            of_text = {"text": text, "font": {"size": size}, "showarrow": False}
            texts.append({**of_text, **at, "xanchor": "left", "yanchor": "top"})
    return figure(traces, language, height=190, annotations=texts, **axes)


@timed("figures")
def product_bars(table: pd.DataFrame, language: Language) -> go.Figure:
    """Current customers by product: a bar for each, the largest on top."""
    numbers = to_list(table["customers"]), to_list(table["share_pct"])
    trace = horizontal_bars(
        labels(table["product"]), *numbers, language, marker={"color": theme.BLUE}
    )
    height = 80 + 36 * len(table)
    return figure([trace], language, height, **bar_axes(), margin={"r": BESIDE_BARS})


@timed("figures")
def world_map(table: pd.DataFrame, language: Language) -> go.Figure:
    """The world by customer market, with a tab for current, active and new customers."""
    # Several names of one country share its shape; the hover text lists them all.
    countries: dict[str, list[dict[str, Any]]] = {}
    for row in to_records(table[table["country_code"] != ""]):
        countries.setdefault(row["country_code"], []).append(row)
    hovers = {code: _spread_of(rows, language) for code, rows in countries.items()}
    traces: list[Trace] = []
    tabs = {}
    for kind in SPREAD:
        counts = {c: max(row[kind] or 0 for row in rows) for c, rows in countries.items()}
        drawn = countries_on_map({c: n for c, n in counts.items() if n}, hovers, language)
        tabs[language.name(kind)] = list(range(len(traces), len(traces) + len(drawn)))
        traces += drawn
    menu = tabs_menu(traces, tabs)
    margin = {"t": BELOW_TABS}
    return figure(traces, language, 460, geo=world_axes(), updatemenus=menu, margin=margin)


@timed("figures")
def adds_and_churns(table: pd.DataFrame, language: Language) -> go.Figure:
    """Existing and added customers stacked by month, churned below zero; a tab for each product."""
    # The rows of a product stand together, the totals first. So a product that is itself called
    # All is another block. The largest products get a tab.
    starts = table["month"] <= table["month"].shift()
    total, *others = [rows for _, rows in table.groupby(starts.cumsum())] or [table]
    others.sort(key=lambda rows: -rows[["existing", "added"]].sum().sum())
    names = labels([language(ALL), *(str(rows["product"].iloc[0]) for rows in others[:MOST_TABS])])
    traces: list[Trace] = []
    tabs = {}
    for name, rows in zip(names, [total, *others], strict=False):
        tabs[name] = range(len(traces), len(traces) + len(theme.FLOWS))
        months = [language.month(month) for month in rows["month"]]
        for part, color in theme.FLOWS.items():
            counts = to_list(-rows[part] if part == "churned" else rows[part])
            traces.append(
                month_columns(months, counts, language, name=language.name(part), color=color)
            )
    layout = {**month_axes(slider=True), "updatemenus": tabs_menu(traces, tabs)}
    return figure(traces, language, 440, barmode="relative", margin={"t": BELOW_TABS}, **layout)


@timed("figures")
def distribution(table: pd.DataFrame, language: Language) -> go.Figure:
    """Current customers by value, the largest ten; a tab for each dimension."""
    traces: list[Trace] = []
    tabs = {}
    for dimension, rows in table.groupby("dimension", sort=False):
        top = rows.head(TABLES["distribution"].values_shown)
        tabs[language.name(str(dimension))] = [len(traces)]
        numbers = to_list(top["customers"]), to_list(top["share_pct"])
        marker = {"color": theme.BLUE}
        traces.append(horizontal_bars(labels(top["value"]), *numbers, language, marker=marker))
    layout = {**bar_axes(), "bargap": 0.5, "updatemenus": tabs_menu(traces, tabs)}
    margin = {"r": BESIDE_BARS, "t": BELOW_TABS}
    return figure(traces, language, 420, margin=margin, **layout)


@timed("figures")
def products(table: pd.DataFrame, language: Language) -> go.Figure:
    """A pie of the products, and beside it the SKUs of the product that its tabs choose."""
    whole = table[table["sku"] == ""]
    skus = table[table["sku"] != ""]
    largest = skus.sort_values("customers", ascending=False, kind="stable")
    traces = [_pie(whole, language), _sku_bars(largest, language)]
    tabs = {language("All products"): [0, 1]}
    top = whole["product"].head(MOST_TABS)
    for name, product in zip(labels(top), top, strict=True):
        tabs[name] = [0, len(traces)]
        traces.append(_sku_bars(skus[skus["product"] == product], language))
    layout = {**bar_axes(domain=[0.66, 0.96]), "updatemenus": tabs_menu(traces, tabs)}
    margin = {"r": BESIDE_BARS, "t": BELOW_TABS}
    return figure(traces, language, 480, margin=margin, **layout)


def _pie(whole: pd.DataFrame, language: Language) -> Trace:
    """A piece for each product; the small ones share one, which adds up their customers."""
    most = TABLES["products"].values_shown
    top, rest = whole.head(most), whole.iloc[most:]
    names, counts = labels(top["product"]), to_list(top["customers"])
    shares = to_list(top["share_pct"])
    if len(rest):
        names.append(_others(len(rest), language))
        counts.append(int(rest["customers"].sum()))
        shares.append(float(rest["share_pct"].sum()))
    colors = [*theme.CATEGORIES[: len(top)], theme.OTHERS]
    return ring(names, counts, shares, language, colors=colors)


def _sku_bars(skus: pd.DataFrame, language: Language) -> Trace:
    """A bar for each of the largest SKUs."""
    top = skus.head(TABLES["products"].values_shown)
    numbers = to_list(top["customers"]), to_list(top["share_pct"])
    marker = {"color": theme.BLUE}
    return horizontal_bars(labels(top["sku"]), *numbers, language, marker=marker, showlegend=False)


@timed("figures")
def distribution_trend(table: pd.DataFrame, language: Language) -> go.Figure:
    """Current customers stacked by value, month by month; a tab for each dimension."""
    months = sorted(table["month"].unique())
    names = [language.month(month) for month in months]
    traces: list[Trace] = []
    tabs = {}
    for dimension, by_value in _series(table).items():
        first = len(traces)
        for name, counts, color in _stacked(by_value, months, language):
            traces.append(month_columns(names, counts, language, name=name, color=color))
        tabs[language.name(dimension)] = range(first, len(traces))
    layout = {**month_axes(slider=True), "updatemenus": tabs_menu(traces, tabs)}
    layout |= {"barmode": "stack", "hovermode": "x unified", "margin": {"t": BELOW_TABS}}
    # Below the slider: above the chart, lines of many names would be under the tabs.
    legend = {"yref": "container", "y": 0, "yanchor": "bottom", "traceorder": "normal"}
    return figure(traces, language, 520, legend=legend, **layout)


def _series(table: pd.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """Customers by dimension, then value, then month."""
    series: dict[str, dict[str, dict[str, int]]] = {}
    for row in to_records(table):
        by_value = series.setdefault(row["dimension"], {})
        by_value.setdefault(row["value"], {})[row["month"]] = row["customers"]
    return series


def _stacked(
    by_value: dict[str, dict[str, int]], months: list[str], language: Language
) -> Iterator[tuple[str, list[int | None], str]]:
    """Name, counts and colour of each part: the largest in colours, `Unknown` and others grey."""
    most = TABLES["distribution_trend"].values_shown
    sizes = {value: sum(n or 0 for n in counts.values()) for value, counts in by_value.items()}
    ranked = sorted(sizes.keys() - {NOT_TOLD}, key=lambda value: (-sizes[value], value))
    top, rest = ranked[:most], ranked[most:]
    colors = dict(zip(top, theme.CATEGORIES, strict=False))
    if NOT_TOLD in sizes:
        colors[NOT_TOLD] = theme.QUIET
    for (value, color), name in zip(colors.items(), labels(colors), strict=True):
        yield name, [by_value[value].get(month) for month in months], color
    if rest:
        counts = [sum(by_value[value].get(month) or 0 for value in rest) for month in months]
        yield _others(len(rest), language), [*counts], theme.OTHERS


@timed("figures")
def active_customers(table: pd.DataFrame, language: Language) -> go.Figure:
    """Columns of active customers by month, and a line of all current customers."""
    months = [language.month(month) for month in table["month"]]
    active, everyone = to_list(table["active_customers"]), to_list(table["current_customers"])
    name, of_all = language.name("active_customers"), language.name("current_customers")
    traces = [
        month_columns(months, active, language, name=name, color=theme.BLUE),
        month_line(months, everyone, language, name=of_all, color=theme.QUIET),
    ]
    return figure(traces, language, 380, **month_axes(slider=False))


def _others(count: int, language: Language) -> str:
    return language.counted(count, language("{count} other"), language("{count} others"))


def _spread_of(rows: list[dict[str, Any]], language: Language) -> str:
    lines = []
    for row in rows:
        lines.append(f"<b>{escaped(row['customer_market'])}</b>")
        for kind in SPREAD:
            share = language.percent(row[kind.replace("customers", "pct")])
            lines.append(
                language.pair(language.name(kind), f"{language.count(row[kind])} ({share})")
            )
    return "<br>".join(lines)
