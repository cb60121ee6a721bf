"""The charts: a table in, a plotly figure out, one function per chart. They compute nothing."""

from itertools import cycle
from math import log10
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from insights_lib import theme
from insights_lib.figures import (
    HOVER,
    add_bars,
    add_columns,
    add_tabs,
    empty_figure,
    escaped,
    labels,
    plain,
    use_bar_axes,
    use_month_axes,
)
from insights_lib.stages import measured
from insights_lib.words import Words

TOTAL = "All"  # what adds_and_churns calls the rows of all products together
MOST_TABS = 20  # products with a tab of their own
MOST_VALUES = 10  # values of a dimension that a chart shows one by one; a table shows all
SPREAD = ("current_customers", "active_customers", "new_customers")


@measured("figures")
def summary_cards(summary: pd.DataFrame, trend: pd.DataFrame, words: Words) -> go.Figure:
    """Five cards: a number, its growth over the range, and a small area chart by month."""
    figure = empty_figure(words, height=190)
    cards = {row["metric"]: row for row in _records(summary)}
    annotations = []
    months = [words.month(month) for month in trend["month"]]
    names = [column for column in trend.columns if column != "month"]
    for i, name in enumerate(names):
        axis = "" if i == 0 else str(i + 1)
        place = [i / len(names), (i + 0.88) / len(names)]
        counts = plain(trend[name])
        figure.add_scatter(
            x=months,
            y=counts,
            fill="tozeroy",
            fillcolor=theme.PALE_BLUE,
            mode="lines",
            line={"color": theme.BLUE, "width": 2},
            hovertext=[f"{m}: {words.count(n)}" for m, n in zip(months, counts, strict=True)],
            hovertemplate=HOVER,
            showlegend=False,
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
        )
        hidden = {"visible": False, "type": "category", "anchor": f"y{axis}", "domain": place}
        figure.layout[f"xaxis{axis}"] = hidden
        below = {"visible": False, "rangemode": "tozero", "domain": [0, 0.42]}
        figure.layout[f"yaxis{axis}"] = {**below, "anchor": f"x{axis}"}
        card = cards[name]
        for text, y, size in (
            (words.name(name), 1.0, 13),
            (words.short(card["value"]), 0.9, 26),
            (words.percent(card["growth_pct"], signed=True), 0.62, 13),
        ):
            at = {"x": place[0], "y": y, "xref": "paper", "yref": "paper"}
            of_text = {"text": text, "font": {"size": size}, "showarrow": False}
            annotations.append({**of_text, **at, "xanchor": "left", "yanchor": "top"})
    figure.layout.annotations = annotations
    return figure


@measured("figures")
def product_bars(table: pd.DataFrame, words: Words) -> go.Figure:
    """Current customers by product, a bar each, the largest on top."""
    figure = empty_figure(words, height=80 + 36 * len(table))
    add_bars(figure, labels(table["product"]), table, words, marker={"color": theme.BLUE})
    use_bar_axes(figure)
    return figure


@measured("figures")
def world_map(table: pd.DataFrame, words: Words) -> go.Figure:
    """The world by the customers' country, with tabs for current, active and new customers."""
    figure = empty_figure(words, height=460)
    # Several spellings of one country share a shape; its hover tells them apart.
    countries: dict[str, list[dict[str, Any]]] = {}
    for row in _records(table[table["country_code"] != ""]):
        countries.setdefault(row["country_code"], []).append(row)
    for kind in SPREAD:
        counts = {c: max(row[kind] or 0 for row in rows) for c, rows in countries.items()}
        shown = {code: count for code, count in counts.items() if count}
        figure.add_choropleth(
            locations=list(shown),
            z=[log10(count) for count in shown.values()],
            hovertext=[_spread_of(countries[code], words) for code in shown],
            hovertemplate=HOVER,
            colorscale=theme.MAP_SCALE,
            marker={"line": {"color": "white", "width": 0.5}},
            zmin=0,
            colorbar=_powers_of_ten(max(shown.values(), default=1), words),
        )
    figure.update_geos(
        projection={"type": "natural earth"},
        fitbounds=False,
        lataxis={"range": [-57, 84]},
        showland=True,
        landcolor=theme.LAND,
        showcountries=True,
        countrycolor="white",
        **dict.fromkeys(("showcoastlines", "showlakes", "showframe", "showocean"), False),
        bgcolor="rgba(0,0,0,0)",
    )
    add_tabs(figure, {words.name(kind): [i] for i, kind in enumerate(SPREAD)})
    return figure


@measured("figures")
def adds_and_churns(table: pd.DataFrame, words: Words) -> go.Figure:
    """Existing and added customers stacked by month, churned below zero; a tab per product."""
    figure = empty_figure(words, height=440)
    # Rows of a product stand together, the totals first: a product that is itself called All is
    # another block. The largest products get a tab.
    starts = table["month"] <= table["month"].shift()
    total, *others = [rows for _, rows in table.groupby(starts.cumsum())] or [table]
    others.sort(key=lambda rows: -rows[["existing", "added"]].sum().sum())
    names = labels([words(TOTAL), *(str(rows["product"].iloc[0]) for rows in others[:MOST_TABS])])
    tabs = {}
    for name, rows in zip(names, [total, *others], strict=False):
        tabs[name] = range(len(figure.data), len(figure.data) + 3)
        months = [words.month(month) for month in rows["month"]]
        for part, color in theme.FLOWS.items():
            counts = plain(-rows[part] if part == "churned" else rows[part])
            add_columns(figure, months, counts, words, name=words.name(part), color=color)
    figure.update_layout(barmode="relative")
    use_month_axes(figure, slider=True)
    add_tabs(figure, tabs)
    return figure


@measured("figures")
def distribution(table: pd.DataFrame, words: Words) -> go.Figure:
    """Current customers by the values of a dimension, the largest ten; a tab per dimension."""
    figure = empty_figure(words, height=420)
    tabs = {}
    for dimension, rows in table.groupby("dimension", sort=False):
        top = rows.head(MOST_VALUES)
        tabs[words.name(str(dimension))] = range(len(figure.data), len(figure.data) + len(top))
        for i, (name, color) in enumerate(zip(labels(top["value"]), cycle(theme.CATEGORIES))):
            add_bars(figure, [name], top.iloc[[i]], words, name=name, marker={"color": color})
    use_bar_axes(figure)
    figure.update_layout(barmode="overlay", bargap=0.5)
    add_tabs(figure, tabs)
    return figure


@measured("figures")
def products(table: pd.DataFrame, words: Words) -> go.Figure:
    """A pie of the products, and beside it the SKUs of the product chosen in its tabs."""
    figure = empty_figure(words, height=480)
    whole = table[table["sku"] == ""]
    skus = table[table["sku"] != ""]
    _add_pie(figure, whole, words)
    tabs = {words("All products"): [0, 1]}
    _add_sku_bars(figure, skus.sort_values("customers", ascending=False, kind="stable"), words)
    top = whole["product"].head(MOST_TABS)
    for name, product in zip(labels(top), top, strict=True):
        tabs[name] = [0, len(figure.data)]
        _add_sku_bars(figure, skus[skus["product"] == product], words)
    use_bar_axes(figure)
    figure.update_xaxes(domain=[0.66, 0.96])
    add_tabs(figure, tabs)
    return figure


def _add_pie(figure: go.Figure, whole: pd.DataFrame, words: Words) -> None:
    """A slice per product; small ones are one slice, which adds up their customers."""
    top, rest = whole.head(MOST_VALUES), whole.iloc[MOST_VALUES:]
    names, counts, shares = labels(top["product"]), plain(top["customers"]), plain(top["share_pct"])
    if len(rest):
        names.append(words("{count} others").format(count=words.count(len(rest))))
        counts.append(int(rest["customers"].sum()))
        shares.append(float(rest["share_pct"].sum()))
    figure.add_pie(
        labels=names,
        values=counts,
        hole=0.55,
        sort=False,
        marker={
            "colors": [*theme.CATEGORIES[: len(top)], theme.OTHERS],
            "line": {"color": "white", "width": 1},
        },
        domain={"x": [0, 0.3]},
        textinfo="none",
        hovertext=[
            f"{name}<br>{words('Customers')}: {words.count(n)} ({words.percent(share)})"
            for name, n, share in zip(names, counts, shares, strict=True)
        ],
        hovertemplate=HOVER,
    )


def _add_sku_bars(figure: go.Figure, skus: pd.DataFrame, words: Words) -> None:
    """The largest SKUs, a bar each."""
    top = skus.head(MOST_VALUES)
    style = {"marker": {"color": theme.BLUE}, "showlegend": False}
    add_bars(figure, labels(top["sku"]), top, words, **style)


@measured("figures")
def distribution_trend(table: pd.DataFrame, words: Words) -> go.Figure:
    """Current customers stacked by month and value, small values together; a tab a dimension."""
    figure = empty_figure(words, height=460)
    months = sorted(table["month"].unique())
    tabs = {}
    for dimension, rows in table.groupby("dimension", sort=False):
        first = len(figure.data)
        wide = rows.pivot(index="month", columns="value", values="customers").reindex(months)
        ranked = wide.sum().sort_values(ascending=False, kind="stable").index
        top, rest = ranked[:MOST_VALUES], ranked[MOST_VALUES:]
        for value, name, color in zip(top, labels(top), theme.CATEGORIES, strict=False):
            _add_trend(figure, wide[value], words, name, color)
        if len(rest):
            name = words("{count} others").format(count=words.count(len(rest)))
            _add_trend(figure, wide[rest].sum(axis=1), words, name, theme.OTHERS)
        tabs[words.name(str(dimension))] = range(first, len(figure.data))
    figure.update_layout(barmode="stack", hovermode="x unified")
    use_month_axes(figure, slider=True)
    add_tabs(figure, tabs)
    return figure


@measured("figures")
def active_customers(table: pd.DataFrame, words: Words) -> go.Figure:
    """Columns of active customers by month, and a line of all customers."""
    figure = empty_figure(words, height=380)
    months = [words.month(month) for month in table["month"]]
    name = words.name("active_customers")
    add_columns(
        figure, months, plain(table["active_customers"]), words, name=name, color=theme.BLUE
    )
    everyone = plain(table["current_customers"])
    figure.add_scatter(
        x=months,
        y=everyone,
        name=words.name("current_customers"),
        mode="lines+markers",
        line={"color": theme.QUIET, "width": 2},
        hovertext=[
            f"{month}<br>{words.name('current_customers')}: {words.count(n)}"
            for month, n in zip(months, everyone, strict=True)
        ],
        hovertemplate=HOVER,
    )
    use_month_axes(figure, slider=False)
    return figure


def _add_trend(
    figure: go.Figure, counts: "pd.Series[Any]", words: Words, name: str, color: str
) -> None:
    months = [words.month(str(month)) for month in counts.index]
    add_columns(figure, months, plain(counts), words, name=name, color=color)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {str(name): plain(table[name]) for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _spread_of(rows: list[dict[str, Any]], words: Words) -> str:
    lines = []
    for row in rows:
        lines.append(f"<b>{escaped(row['customer_market'])}</b>")
        for kind in SPREAD:
            share = words.percent(row[kind.replace("customers", "pct")])
            lines.append(f"{words.name(kind)}: {words.count(row[kind])} ({share})")
    return "<br>".join(lines)


def _powers_of_ten(most: int, words: Words) -> dict[str, Any]:
    """A colour bar for logarithms that is labelled with the counts."""
    counts = [*(10**power for power in range(int(log10(most)) + 1)), most]
    return {
        "tickvals": [log10(count) for count in counts],
        "ticktext": [words.short(count) for count in counts],
        "thickness": 8,
        "len": 0.5,
        "x": 0,
        "xanchor": "left",
        "outlinewidth": 0,
    }
