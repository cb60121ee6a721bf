"""The numbers: a slice in, a small tidy table out, one function per table of the report.

docs/definitions.md says what each number means, and `tables` what columns there are. Months are
texts `YYYY-MM`, percentages of 100; null is what cannot be known, never zero. The queries, in
`queries/`, speak of the tables that `store.slice.Slice` describes; a dimension that is null
throughout is absent.
"""

from typing import Any

import pandas as pd

from insights_lib.customer_metrics import bridge, cohorts, customers, renewals, seats, signals
from insights_lib.exports.countries import country_codes
from insights_lib.parameters.spec import DateRange
from insights_lib.queries.query import query, sql, texts, whole
from insights_lib.store.slice import Slice
from insights_lib.tables import ALL, TABLES
from insights_lib.timing import timed

__all__ = [
    "active_customers",
    "adds_and_churns",
    "bridge",
    "cohorts",
    "customers",
    "distribution",
    "distribution_trend",
    "geographical_spread",
    "products",
    "renewals",
    "seats",
    "signals",
    "summary",
    "summary_products",
    "summary_trend",
]

_SERIES = tuple(TABLES["summary_trend"].columns)[1:]
_OF_FLOWS = ("customers_added", "customers_churned", "net_customers_added", "churn_rate_pct")


@timed("metrics")
def summary(data: Slice) -> pd.DataFrame:
    """The figures of the cards, and the same over the period before.

    Returns:
        One row per metric, in the order of the cards. Growth is of series only, and the month
        the last one in which the series behind the metric is known. The period before has as
        many months as the range; `change_pct` compares the two.
    """
    months = data.date_range
    series = _series(data).set_index("month")
    now = _period(series, months)
    before = _period(series, DateRange.ending(months.month_before, len(months)))
    then, rows = _cards(before), []
    for name, (value, month) in _cards(now).items():
        previous = None if name in _OF_FLOWS and not _flows_known(before) else then[name][0]
        comparable = name not in _OF_FLOWS or _flows_known(now)
        change = _change(previous, value) if comparable else None
        growth = _growth(now[name].iloc[1:]) if name in _SERIES else None
        rows.append((name, value, growth, month, previous, change))
    table = pd.DataFrame(rows, columns=[*TABLES["summary"].columns], dtype=object)
    return table.astype({"growth_pct": "Float64", "change_pct": "Float64"})


def _period(series: pd.DataFrame, months: DateRange) -> pd.DataFrame:
    """The series of some months, with the month before them first; null where none was read."""
    return series.reindex([f"{month:%Y-%m}" for month in (months.month_before, *months.months())])


def _cards(period: pd.DataFrame) -> dict[str, tuple[Any, str | None]]:
    """Value and month of each metric over a period, in the order of the cards."""
    own = period.iloc[1:]
    flows = own[["customers_added", "customers_churned"]].dropna().astype(int)
    last_churn, month = _last(flows["customers_churned"])
    added, churned = (int(n) for n in flows.sum())
    base = period["current_customers"].shift().get(flows.index[0]) if month else 0
    sums = {
        "customers_added": added,
        "customers_churned": churned,
        "net_customers_added": added - churned,
        "last_month_churn": last_churn,
        "churn_rate_pct": 100 * churned / int(base) if base else None,
    }
    levels = {name: _last(own[name]) for name in _SERIES[:3]}
    return levels | {name: (n if month else None, month) for name, n in sums.items()}


def _flows_known(period: pd.DataFrame) -> bool:
    return bool(period["customers_churned"].iloc[1:].notna().all())


@timed("metrics")
def summary_trend(data: Slice) -> pd.DataFrame:
    """The series behind the cards.

    Returns:
        One row per month of the range. Null where unknown.
    """
    series = _series(data)
    return series[series["in_range"]].drop(columns="in_range").reset_index(drop=True)


@timed("metrics")
def summary_products(data: Slice) -> pd.DataFrame:
    """Current customers by product.

    Returns:
        One row per product of the last covered month, the largest first; the share is of all
        current customers, the growth that of the product's series of customers.
    """
    table = _by_dimension(data, "distribution", "product").rename(columns={"value": "product"})
    counts = _by_dimension(data, "distribution_trend", "product")
    trend = counts.pivot(index="month", columns="value", values="customers")
    covered = data.query("SELECT strftime(month, '%Y-%m') FROM months WHERE in_range AND covered")
    series = trend.reindex(sorted(covered.iloc[:, 0])).fillna(0)
    growth = [_growth(series[product]) for product in table["product"]]
    return table.drop(columns="dimension").assign(growth_pct=pd.array(growth, "Float64"))


@timed("metrics")
def geographical_spread(data: Slice) -> pd.DataFrame:
    """Current, active and new customers by customer market.

    Returns:
        One row per customer market that has any, the largest first; country codes are ISO 3166
        alpha-3, empty when unknown. New customers are summed over the months they were added in;
        each share is of all customers of its kind.
    """
    counts = ("current_customers", "active_customers", "new_customers")
    table = whole(query(data, "geographical_spread"), *counts)
    table.insert(1, "country_code", country_codes(table["customer_market"].tolist()))
    return table


@timed("metrics")
def adds_and_churns(data: Slice) -> pd.DataFrame:
    """Existing, added and churned customers by month, in all and of each product.

    Returns:
        One row per product and month of the range: product (`All` first), month, existing,
        added, churned. Null where the month or the one before it is not covered.
    """
    return _flows(data).fillna({"product": ALL})


@timed("metrics")
def distribution(data: Slice) -> pd.DataFrame:
    """Current customers by the values of five dimensions.

    Returns:
        One row per dimension and value of the last covered month. A customer can hold several
        values, so shares may add up to more than 100.
    """
    return _by_dimension(data, "distribution", *TABLES["distribution"].dimensions)


@timed("metrics")
def products(data: Slice) -> pd.DataFrame:
    """Current customers by product and by SKU.

    Returns:
        Per product of the last covered month, the largest first, its own row (sku empty), then
        one per SKU: product, sku, customers, share_pct of all current customers. A customer
        with two SKUs of a product counts once for the product.
    """
    return whole(query(data, "products"), "customers")


@timed("metrics")
def distribution_trend(data: Slice) -> pd.DataFrame:
    """Current customers by the values of seven dimensions, month by month.

    Returns:
        One row per dimension, value and covered month that has customers.
    """
    return _by_dimension(data, "distribution_trend", *TABLES["distribution_trend"].dimensions)


@timed("metrics")
def active_customers(data: Slice) -> pd.DataFrame:
    """Customers with usage beside all customers.

    Returns:
        One row per month of the range. Null where unknown.
    """
    return summary_trend(data)[[*TABLES["active_customers"].columns]]


def _series(data: Slice) -> pd.DataFrame:
    return whole(data.query_once(sql("series")), *_SERIES)


def _flows(data: Slice) -> pd.DataFrame:
    return whole(data.query_once(sql("flows")), "existing", "added", "churned")


def _by_dimension(data: Slice, name: str, *dimensions: str) -> pd.DataFrame:
    columns = ", ".join(dimensions)
    return whole(query(data, name, columns=columns, names=texts(dimensions)), "customers")


def _last(series: "pd.Series[Any]") -> tuple[int | None, str | None]:
    """The last known value of a series, and its month."""
    known = series.dropna()
    return (int(known.iloc[-1]), str(known.index[-1])) if len(known) else (None, None)


def _growth(series: "pd.Series[Any]") -> float | None:
    """Growth in percent from the first known value to the last."""
    known = series.dropna()
    return _change(known.iloc[0], known.iloc[-1]) if len(known) > 1 else None


def _change(before: float | None, after: float | None) -> float | None:
    if before is None or after is None or before <= 0:
        return None
    return float(100 * (float(after) - float(before)) / float(before))
