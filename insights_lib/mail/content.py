"""What a message says of a report: key figures, what changed, and short tables.

Everything is taken from the tables of the executed notebooks; nothing is counted here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from insights_lib.page.sections import Report
from insights_lib.parameters.addresses import visible
from insights_lib.presentation.language import UNKNOWN, Language
from insights_lib.tables import ALL, TABLES, records

MOST_ROWS = 10
MOST_MONTHS = 12
MOST_NAMES = 5
LONGEST_CELL = 60
LONGEST_LINE = 300
MOST_WARNINGS = 10

# The charts of a message, in its order: the table behind each, and the columns that it shows.
CHARTS = {
    "adds_and_churns": ("month", "existing", "added", "churned"),
    "geographical_spread": ("customer_market", "current_customers", "current_pct", "new_customers"),
    "active_customers": ("month", "active_customers", "current_customers"),
}
PRODUCTS = ("product", "customers", "share_pct", "growth_pct")

Row = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A key figure as texts; a dash stands for what cannot be known."""

    name: str
    value: str
    growth: str  # over the range
    tone: str  # good, bad or quiet: how the growth is to be seen
    aside: str  # what else belongs to it


@dataclass(frozen=True)
class Table:
    """A short table of texts: the first column names the row, the others are numbers."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


@dataclass(frozen=True)
class Contents:
    """All that a message says; `charts` are the tables behind those of the message."""

    figures: tuple[Figure, ...]
    changes: tuple[str, ...]
    products: Table | None
    charts: tuple[Table, ...]
    warnings: tuple[str, ...]


def contents_of(report: Report, language: Language) -> Contents:
    """What a message says of a report, in the reader's language."""
    # A report of a few sections has a few tables.
    tables = {name: records(table) for name, table in report.tables().items()}
    flows = tables.get("adds_and_churns", [])
    tables["adds_and_churns"] = [row for row in flows if row["product"] == ALL]
    titles = {card.name: card.title for section in report.sections for card in section.cards}
    short = {
        name: _table(name, titles[name], tables[name], language)
        for name in ("summary_products", *CHARTS)
        if name in titles
    }
    return Contents(
        figures=tuple(_figures(tables.get("summary", []), language)),
        changes=(*_changes(tables, language), *_names(tables.get("customers", []), language)),
        products=short.get("summary_products"),
        charts=tuple(short[name] for name in CHARTS if name in short),
        warnings=tuple(cut(w, LONGEST_LINE) for w in report.facts["warnings"][:MOST_WARNINGS]),
    )


def _figures(summary: list[Row], language: Language) -> Iterator[Figure]:
    metric = {row["metric"]: row for row in summary}
    if not metric:
        return
    net = language.count(metric["net_customers_added"]["value"])
    churn_rate = language.percent(metric["churn_rate_pct"]["value"])
    asides = {
        "customers_added": f"{language('Net')} {net}",
        "customers_churned": f"{language('churn rate')} {churn_rate}",
    }
    names = ("current_customers", "active_customers", "subscriptions")
    for name in (*names, "customers_added", "customers_churned"):
        row = metric[name]
        growth = row["growth_pct"]
        tone = "quiet"
        if growth:
            tone = "good" if (growth > 0) != (name == "customers_churned") else "bad"
        aside = asides.get(name) or language.month(row["month"])
        if row["value"] is None:
            aside = language("no data for this in the range")
        shown = UNKNOWN if growth is None else language.percent(growth, signed=True)
        yield Figure(language.name(name), language.count(row["value"]), shown, tone, aside)


def _changes(tables: dict[str, list[Row]], language: Language) -> Iterator[str]:
    """Sentences on flows, the last month, products and markets, as far as they are known."""
    metric = {row["metric"]: row["value"] for row in tables.get("summary", [])}
    if (net := metric.get("net_customers_added")) is not None:
        yield language("{added} customers came and {churned} left: {net} in all.").format(
            added=language.count(metric["customers_added"]),
            churned=language.count(metric["customers_churned"]),
            net=f"{'+' if net > 0 else ''}{language.count(net)}",
        )
    known = [r for r in tables.get("summary_trend", []) if r["current_customers"] is not None]
    if len(known) > 1:
        before, last = known[-2:]
        yield language("{month}: {now} customers, after {then} in {before}.").format(
            month=language.month(last["month"]),
            now=language.count(last["current_customers"]),
            then=language.count(before["current_customers"]),
            before=language.month(before["month"]),
        )
    grown = [r for r in tables.get("summary_products", []) if r["growth_pct"] is not None]
    grown.sort(key=lambda row: (row["growth_pct"], row["product"]))
    if grown and grown[0]["growth_pct"] < grown[-1]["growth_pct"]:
        least, most = grown[0], grown[-1]
        yield language("By product, {most} grew most ({up}) and {least} least ({down}).").format(
            most=cut(most["product"]),
            up=language.percent(most["growth_pct"], signed=True),
            least=cut(least["product"]),
            down=language.percent(least["growth_pct"], signed=True),
        )
    new = [r for r in tables.get("geographical_spread", []) if r["new_customers"]]
    if new:
        first = max(new, key=lambda row: row["new_customers"])
        yield language("Most new customers came from {market}: {count}.").format(
            market=cut(first["customer_market"]), count=language.count(first["new_customers"])
        )


def _names(customers: list[Row], language: Language) -> Iterator[str]:
    """The names of the largest who came and left; only executive report viewers have customers."""
    came = [row for row in customers if row["status"] in {"new", "returned"}]
    left = [row for row in customers if row["churned_month"] is not None]
    for found, sentence in (
        (came, language("The largest who came: {names}.")),
        (left, language("The largest who left: {names}.")),
    ):
        found.sort(key=lambda row: (-(row["seats"] or 0), row["customer_name"], row["customer"]))
        names = [_with_seats(row, language) for row in found[:MOST_NAMES]]
        if names:
            yield sentence.format(names=", ".join(names))


def _with_seats(row: Row, language: Language) -> str:
    name = cut(row["customer_name"])
    if row["seats"] is None:
        return name
    seats = language.counted(row["seats"], language("{count} seat"), language("{count} seats"))
    return f"{name} ({seats})"


def _table(name: str, title: str, rows: list[Row], language: Language) -> Table:
    """The first rows, or the last months, with texts in place of values."""
    columns, kinds = CHARTS.get(name, PRODUCTS), TABLES[name].columns
    shown = rows[-MOST_MONTHS:] if columns[0] == "month" else rows[:MOST_ROWS]
    return Table(
        name,
        title,
        tuple(language.name(column) for column in columns),
        tuple(tuple(cut(language.cell(row[c], kinds[c])) for c in columns) for row in shown),
        more=len(rows) - len(shown),
    )


def cut(text: str, longest: int = LONGEST_CELL) -> str:
    """A text of a stranger in one line that has an end."""
    line = visible(text).strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
