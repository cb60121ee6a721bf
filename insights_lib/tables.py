"""Every table of a report, declared once: for metrics, charts, the page, mails and tests.

A table that the page shows is one declaration here, one function of `metrics` and one of `charts`,
each of the names declared, and a line `report.show("…")` in a notebook. The page gets the
declarations as data.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

# What can be filtered, in the order of the page, and what a reader calls several values of it.
PLURALS = {
    "product": "Products",
    "customer_market": "Markets",
    "partner_attribution": "Attributions",
    "partner_location": "Locations",
    "sales_channel": "Channels",
    "customer_segment": "Segments",
}
FACETS = tuple(PLURALS)
# By what else customers are counted.
DIMENSIONS = (*FACETS, "sku", "pricing_model")
# What can be noticed of a current customer, in the order of the page.
SIGNALS = (
    "usage_falling",
    "usage_stopped",
    "never_used",
    "seats_falling",
    "product_dropped",
    "ends_soon",
)
NOT_TOLD = "Unknown"  # what stands for a value that exports do not tell
ALL = "All"  # what a table by product calls the rows of all products together

# The media types under which a notebook hands on what the page, the tables and the mails show.
FACTS = "application/vnd.insights.facts+json"
TABLE = "application/vnd.insights.table+json"
FIGURE = "application/vnd.plotly.v1+json"

# text: a value of the exports; name: one of ours, which a reader sees translated; names: several of
# these; month: as `2025-01`, or a name such as `later`.
Kind = Literal["text", "name", "names", "count", "percent", "number", "money", "month", "date"]


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes:
        name: What `data/<name>.csv`, its card and `report.show` call it, and the function of
            `metrics` that computes it.
        columns: The kind of each column, by its name.
        chart: The function of `charts` that draws it, None for a table alone.
        drawn_with: The tables that the chart takes beside this one.
        dimensions: The dimensions that it counts by, one tab each.
        values_shown: How many values the chart shows one by one; the table holds all.
        personal: Whether it tells of single customers, which only executive report viewers see.
        counted: Whether the page counts it for the reader's filters (page/files/script/tables.js)
            and draws it itself; of others it shows what the notebook computed and drew.
        from_people: Whether the page can count it for executive report viewers alone, customer by
            customer; others see it as the notebook computed it.
    """

    name: str
    columns: Mapping[str, Kind]
    chart: str | None = None
    drawn_with: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    values_shown: int = 10
    personal: bool = False
    counted: bool = False
    from_people: bool = False

    def counted_for(self, role: str) -> bool:
        """Whether the page of a role counts it."""
        return self.counted and (role == "executive_report_viewer" or not self.from_people)


_DECLARED = (
    Table(
        "summary",
        {
            "metric": "name",
            "value": "number",
            "growth_pct": "percent",
            "month": "month",
            "previous_value": "number",
            "change_pct": "percent",
        },
        chart="summary_cards",
        drawn_with=("summary_trend",),
        counted=True,
    ),
    Table(
        "summary_products",
        {"product": "text", "customers": "count", "share_pct": "percent", "growth_pct": "percent"},
        chart="product_bars",
        counted=True,
    ),
    Table(
        "summary_trend",
        {
            "month": "month",
            "current_customers": "count",
            "active_customers": "count",
            "subscriptions": "count",
            "customers_added": "count",
            "customers_churned": "count",
        },
        counted=True,
    ),
    Table(
        "geographical_spread",
        {
            "customer_market": "text",
            "country_code": "text",
            "current_customers": "count",
            "current_pct": "percent",
            "active_customers": "count",
            "active_pct": "percent",
            "new_customers": "count",
            "new_pct": "percent",
        },
        chart="world_map",
        counted=True,
    ),
    Table(
        "adds_and_churns",
        {
            "product": "text",
            "month": "month",
            "existing": "count",
            "added": "count",
            "churned": "count",
        },
        chart="adds_and_churns",
        counted=True,
    ),
    Table(
        "distribution",
        {"dimension": "name", "value": "text", "customers": "count", "share_pct": "percent"},
        chart="distribution",
        dimensions=(
            "partner_location",
            "customer_segment",
            "sales_channel",
            "pricing_model",
            "partner_attribution",
        ),
        counted=True,
    ),
    Table(
        "products",
        {"product": "text", "sku": "text", "customers": "count", "share_pct": "percent"},
        chart="products",
        counted=True,
    ),
    Table(
        "distribution_trend",
        {"dimension": "name", "value": "text", "month": "month", "customers": "count"},
        chart="distribution_trend",
        dimensions=(
            "customer_market",
            "customer_segment",
            "partner_location",
            "product",
            "sales_channel",
            "pricing_model",
            "partner_attribution",
        ),
        values_shown=7,
        counted=True,
    ),
    Table(
        "active_customers",
        {"month": "month", "active_customers": "count", "current_customers": "count"},
        chart="active_customers",
        counted=True,
    ),
    Table(
        "signals",
        {"signal": "name", "customers": "count", "share_pct": "percent"},
        chart="signals",
        counted=True,
        from_people=True,
    ),
    Table(
        "customers",
        {
            "customer": "text",
            "customer_name": "text",
            "status": "name",
            "first_month": "month",
            "last_month": "month",
            "added_month": "month",
            "churned_month": "month",
            "customer_market": "text",
            "customer_segment": "text",
            "partner_location": "text",
            "partner_attribution": "text",
            "sales_channel": "text",
            "products": "text",
            "skus": "text",
            "subscriptions": "count",
            "seats": "number",
            "assigned_seats": "number",
            "billed_revenue_usd": "money",
            "azure_consumed_usd": "money",
            "next_end": "date",
            "auto_renew": "name",
            "last_usage_month": "month",
            "usage_change_pct": "percent",
            "usage_change_product": "text",
            "signals": "names",
        },
        personal=True,
        counted=True,
        from_people=True,
    ),
    Table(
        "bridge",
        {
            "month": "month",
            "start": "count",
            "new": "count",
            "returning": "count",
            "churned": "count",
            "end": "count",
        },
        chart="bridge",
        counted=True,
    ),
    Table(
        "cohorts",
        {
            "cohort": "month",
            "months_since": "count",
            "customers": "count",
            "share_pct": "percent",
        },
        chart="cohorts",
        counted=True,
    ),
    Table(
        "renewals",
        {
            "product": "text",
            "month": "month",
            "subscriptions": "count",
            "customers": "count",
            "seats": "number",
            "without_auto_renew": "count",
        },
        chart="renewals",
        counted=True,
        from_people=True,
    ),
    Table(
        "seats",
        {
            "product": "text",
            "seats": "number",
            "assigned_seats": "number",
            "idle_seats": "number",
        },
        chart="seats",
        counted=True,
        from_people=True,
    ),
)
TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _DECLARED})


def declarations() -> dict[str, Any]:
    """All of this as data for the page."""
    return {
        "facets": FACETS,
        "plurals": PLURALS,
        "dimensions": DIMENSIONS,
        "all": ALL,
        "not_told": NOT_TOLD,
        "tables": {name: asdict(table) for name, table in TABLES.items()},
    }


def records(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a published table, each by the names of its columns.

    Args:
        table: `columns` and `rows`, as a notebook hands them on.
    """
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
