"""The numbers: a slice in, a small tidy table out, one function per table of the report.

docs/definitions.md says what each number means, and `tables` what columns there are. Months are
texts `YYYY-MM`, percentages of 100; null is what cannot be known, never zero. The queries, in
`queries/`, speak of the tables that `store.slice.Slice` describes; a dimension that is null
throughout is absent.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from insights_lib.errors import ParameterError
from insights_lib.exports.countries import country_codes
from insights_lib.parameters.spec import DateRange
from insights_lib.store.slice import Slice
from insights_lib.tables import ALL, SIGNALS, TABLES
from insights_lib.timing import timed

QUERIES = Path(__file__).parent / "queries"
_SERIES = tuple(TABLES["summary_trend"].columns)[1:]
_AMOUNTS = ("number", "money")
_OF_FLOWS = ("customers_added", "customers_churned", "net_customers_added", "churn_rate_pct")
# The months that breakdowns speak of, L of the current and LA of the active customers, and how
# many customers of each kind there are in all: null, so that no share is given, if none.
_LATEST = "(SELECT max(month) FROM months WHERE in_range AND covered)"
_LATEST_ACTIVE = "(SELECT max(month) FROM months WHERE in_range AND has_usage)"
_TERMS = {
    "latest": _LATEST,
    "latest_active": _LATEST_ACTIVE,
    "all_current": f"(SELECT nullif(count(*), 0) FROM current WHERE month = {_LATEST})",
    "all_active": f"(SELECT nullif(count(*), 0) FROM active WHERE month = {_LATEST_ACTIVE})",
    "all_added": "(SELECT nullif(count(*), 0) FROM added SEMI JOIN "
    "(FROM months WHERE in_range) USING (month))",
}


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
    table = _whole(_query(data, "geographical_spread"), *counts)
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
    return _whole(_query(data, "products"), "customers")


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


@timed("metrics")
def bridge(data: Slice) -> pd.DataFrame:
    """From the customers of one month to those of the next.

    Returns:
        One row per month of the range. New customers were never current before, those who return
        were; start + new + returning - churned = end. Null where unknown.
    """
    return _whole(_query(data, "bridge"), "start", "new", "returning", "churned", "end")


@timed("metrics")
def cohorts(data: Slice) -> pd.DataFrame:
    """How many of those who were new in a month are still current in each month after it.

    Returns:
        One row per month with new customers and month from it on; the share is of the cohort.
        Null in a month that is not covered.
    """
    return _whole(_query(data, "cohorts"), "customers")


@timed("metrics")
def renewals(data: Slice) -> pd.DataFrame:
    """Subscriptions of the last covered month by product and the month in which they end.

    Returns:
        One row per product and month that has any: `past` before the as-of date, the twelve
        months from the as-of date's on, `later`. Seats are null where no row has them.
    """
    counts = ("subscriptions", "customers", "without_auto_renew")
    return _numbers(_whole(_query(data, "renewals"), *counts), "seats")


@timed("metrics")
def seats(data: Slice) -> pd.DataFrame:
    """Seats sold, assigned and idle in the last covered month, by product.

    Returns:
        One row per product whose exports tell of seats, the most first. Idle seats are those sold
        and not assigned, of subscriptions with both numbers; null where no row has a number.
    """
    return _numbers(_query(data, "seats"), "seats", "assigned_seats", "idle_seats")


@timed("metrics")
def signals(data: Slice) -> pd.DataFrame:
    """How many current customers show what is worth a look.

    Returns:
        One row per signal, in the order of `tables.SIGNALS`; the share is of the current customers.
    """
    return _whole(_query(data, "signals", names=_texts(SIGNALS)), "customers")


@timed("metrics")
def customers(data: Slice) -> pd.DataFrame:
    """Customer by customer; for executive report viewers alone.

    Returns:
        One row per customer of the range or of the month before it, current ones first, then by
        name.

    Raises:
        ParameterError: The slice is a report viewer's, so that it holds no customer.
    """
    if data.spec.role != "executive_report_viewer":
        raise ParameterError(
            "customers: a report viewer sees counts only; open the report with "
            'role="executive_report_viewer".'
        )
    table = _whole(_query(data, "customers"), "subscriptions")
    amounts = [name for name, kind in TABLES["customers"].columns.items() if kind in _AMOUNTS]
    return _numbers(table, *amounts)


def _series(data: Slice) -> pd.DataFrame:
    return _whole(data.query_once(_sql("series")), *_SERIES)


def _flows(data: Slice) -> pd.DataFrame:
    return _whole(data.query_once(_sql("flows")), "existing", "added", "churned")


def _by_dimension(data: Slice, name: str, *dimensions: str) -> pd.DataFrame:
    columns = ", ".join(dimensions)
    return _whole(_query(data, name, columns=columns, names=_texts(dimensions)), "customers")


def _query(data: Slice, name: str, **terms: str) -> pd.DataFrame:
    return data.query(_sql(name).format(**_TERMS, **terms))


@cache
def _sql(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def _texts(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


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


def _whole(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Counts as whole numbers that can be null; a numpy column would turn into floats."""
    return table.astype(dict.fromkeys(columns, "Int64"))


def _numbers(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Sums as numbers that can be null, whole where they are."""
    for column in columns:
        values = [None if pd.isna(value) else float(value) for value in table[column]]
        whole = [int(v) if v is not None and v.is_integer() else v for v in values]
        table[column] = pd.Series(whole, dtype=object)
    return table
