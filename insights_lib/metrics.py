"""The numbers: a slice in, a small tidy table out, one function per table of the report.

What each number means is written in docs/definitions.md. Months are texts `YYYY-MM`, counts are
whole numbers, percentages are of 100. A null means that a number cannot be known, never zero.
The SQL speaks of the tables that `slices.Slice` describes.
"""

from typing import Any

import pandas as pd

from insights_lib.errors import ParameterError
from insights_lib.exports.countries import country_codes
from insights_lib.parameters.spec import DateRange
from insights_lib.store.slice import Slice
from insights_lib.tables import ALL, SIGNALS, TABLES
from insights_lib.timing import timed

_SERIES = (
    *("current_customers", "active_customers", "subscriptions"),
    *("customers_added", "customers_churned"),
)

# The months that breakdowns speak of, L of the current and LA of the active customers, and how
# many customers of each kind there are in all: null, so that no share is given, if none.
_L = "(SELECT max(month) FROM months WHERE in_range AND covered)"
_LA = "(SELECT max(month) FROM months WHERE in_range AND has_usage)"
_CURRENT = f"(SELECT nullif(count(*), 0) FROM current WHERE month = {_L})"
_ACTIVE = f"(SELECT nullif(count(*), 0) FROM active WHERE month = {_LA})"
_ADDED = "(SELECT nullif(count(*), 0) FROM added JOIN months USING (month) WHERE in_range)"

_SERIES_BY_MONTH = """
WITH in_month AS (
    SELECT month, 'current' AS kind, count(*) AS n FROM current GROUP BY month
    UNION ALL SELECT month, 'active', count(*) FROM active GROUP BY month
    UNION ALL SELECT month, 'added', count(*) FROM added GROUP BY month
    UNION ALL SELECT month, 'churned', count(*) FROM churned GROUP BY month
    UNION ALL
    SELECT month, 'subscription', count(*)
    FROM (
        SELECT bit_or(month_bits) AS month_bits FROM subscription_spans
        WHERE subscription IS NOT NULL GROUP BY subscription
    )
    JOIN months ON (month_bits >> month_index) & 1 = 1 GROUP BY month
)
SELECT strftime(month, '%Y-%m') AS month, in_range,
    CASE WHEN covered THEN coalesce(any_value(n) FILTER (kind = 'current'), 0) END
        AS current_customers,
    CASE WHEN has_usage THEN coalesce(any_value(n) FILTER (kind = 'active'), 0) END
        AS active_customers,
    CASE WHEN has_ids THEN coalesce(any_value(n) FILTER (kind = 'subscription'), 0) END
        AS subscriptions,
    CASE WHEN has_flows THEN coalesce(any_value(n) FILTER (kind = 'added'), 0) END
        AS customers_added,
    CASE WHEN has_flows THEN coalesce(any_value(n) FILTER (kind = 'churned'), 0) END
        AS customers_churned
FROM months LEFT JOIN in_month USING (month)
GROUP BY month, in_range, covered, has_usage, has_ids, has_flows ORDER BY month
"""

# Existing customers are those held in the month before as well. The others of this month were
# added, the others of the month before churned. Products are told apart without case, as in F;
# the customers of all products together stand under key 0.
_FLOWS = f"""
WITH products AS (
    SELECT product, dense_rank() OVER (ORDER BY lower(product)) AS key
    FROM (
        SELECT DISTINCT product FROM subscription_spans
        WHERE month_bits & (
            SELECT bit_or(1::HUGEINT << month_index) FROM months WHERE in_view
        ) <> 0
    )
),
customers AS (
    SELECT 0 AS key, bit_or(month_bits) AS month_bits FROM subscription_spans GROUP BY customer
    UNION ALL
    SELECT key, bit_or(month_bits)
    FROM subscription_spans JOIN products USING (product) GROUP BY key, customer
),
counted AS (
    SELECT key, month, count(*) AS n,
        count(*) FILTER (month_index > 0 AND (month_bits >> (month_index - 1)) & 1 = 1) AS kept
    FROM customers JOIN months ON (month_bits >> month_index) & 1 = 1 GROUP BY key, month
)
SELECT key, product, strftime(m.month, '%Y-%m') AS month,
    CASE WHEN has_flows THEN coalesce(this.kept, 0) END AS existing,
    CASE WHEN has_flows THEN coalesce(this.n, 0) - coalesce(this.kept, 0) END AS added,
    CASE WHEN has_flows THEN coalesce(before.n, 0) - coalesce(this.kept, 0) END AS churned
FROM months m
CROSS JOIN (SELECT 0 AS key, '{ALL}' AS product UNION ALL SELECT key, product FROM products) p
LEFT JOIN counted this USING (key, month)
LEFT JOIN counted before
    ON before.key = p.key AND before.month = (m.month - INTERVAL 1 MONTH)::DATE
WHERE in_range
"""

_SPREAD = f"""
WITH now AS (
    SELECT customer_market, count(DISTINCT customer) AS n FROM subscriptions
    WHERE month = {_L} GROUP BY customer_market
),
used AS (
    SELECT customer_market, count(DISTINCT customer) AS n
    FROM subscriptions SEMI JOIN active USING (month, customer)
    WHERE month = {_LA} GROUP BY customer_market
),
new AS (
    SELECT customer_market, count(DISTINCT (month, customer)) AS n
    FROM subscriptions SEMI JOIN added USING (month, customer)
    WHERE month IN (SELECT month FROM months WHERE in_range) GROUP BY customer_market
),
counted AS (
    SELECT customer_market,
        CASE WHEN {_L} IS NOT NULL THEN coalesce(now.n, 0) END AS current_customers,
        CASE WHEN {_LA} IS NOT NULL THEN coalesce(used.n, 0) END AS active_customers,
        CASE WHEN (SELECT bool_or(has_flows) FROM months WHERE in_range) THEN coalesce(new.n, 0) END
            AS new_customers
    FROM now FULL JOIN used USING (customer_market) FULL JOIN new USING (customer_market)
)
SELECT customer_market,
    current_customers, 100 * current_customers / {_CURRENT} AS current_pct,
    active_customers, 100 * active_customers / {_ACTIVE} AS active_pct,
    new_customers, 100 * new_customers / {_ADDED} AS new_pct
FROM counted
ORDER BY current_customers DESC, customer_market
"""

_PRODUCTS = f"""
WITH held AS (SELECT product, sku, customer FROM subscriptions WHERE month = {_L}),
counted AS (
    SELECT product, sku, count(DISTINCT customer) AS customers
    FROM held GROUP BY GROUPING SETS ((product), (product, sku))
)
SELECT product, coalesce(sku, '') AS sku, customers, 100 * customers / {_CURRENT} AS share_pct
FROM counted
ORDER BY max(customers) FILTER (sku IS NULL) OVER (PARTITION BY product) DESC, product,
    sku IS NOT NULL, customers DESC, sku
"""

# A row for each dimension that is asked for, instead of a column.
_DISTRIBUTION = f"""
SELECT dimension, value, count(DISTINCT customer) AS customers,
    100 * customers / {_CURRENT} AS share_pct
FROM (
    UNPIVOT (FROM subscriptions WHERE month = {_L}) ON {{columns}}
    INTO NAME dimension VALUE value
)
GROUP BY dimension, value
ORDER BY list_position([{{names}}], dimension), customers DESC, value
"""

_TREND = """
SELECT dimension, value, strftime(m.month, '%Y-%m') AS month, count(*) AS customers
FROM (
    SELECT dimension, value, bit_or(month_bits) AS month_bits
    FROM (UNPIVOT subscription_spans ON {columns} INTO NAME dimension VALUE value)
    GROUP BY dimension, value, customer
) JOIN months m ON (month_bits >> month_index) & 1 = 1
WHERE in_range
GROUP BY dimension, value, m.month
ORDER BY list_position([{names}], dimension), value, m.month
"""


_BRIDGE = """
WITH first_seen AS (SELECT customer, min(month) AS month FROM current GROUP BY customer),
counted AS (
    SELECT added.month, count(*) AS added, count(first_seen.month) AS new
    FROM added LEFT JOIN first_seen USING (month, customer) GROUP BY added.month
),
sizes AS (SELECT month, count(*) AS n FROM current GROUP BY month),
gone AS (SELECT month, count(*) AS n FROM churned GROUP BY month)
SELECT strftime(m.month, '%Y-%m') AS month,
    CASE WHEN has_flows THEN coalesce(before.n, 0) END AS start,
    CASE WHEN has_flows THEN coalesce(counted.new, 0) END AS new,
    CASE WHEN has_flows THEN coalesce(counted.added - counted.new, 0) END AS returning,
    CASE WHEN has_flows THEN coalesce(gone.n, 0) END AS churned,
    CASE WHEN covered THEN coalesce(now.n, 0) END AS "end"
FROM months m
LEFT JOIN sizes now ON now.month = m.month
LEFT JOIN sizes before ON before.month = (m.month - INTERVAL 1 MONTH)::DATE
LEFT JOIN counted ON counted.month = m.month
LEFT JOIN gone ON gone.month = m.month
WHERE in_range ORDER BY m.month
"""

_COHORTS = """
WITH first_seen AS (SELECT customer, min(month) AS month FROM current GROUP BY customer),
members AS (
    SELECT month AS cohort, customer FROM added JOIN first_seen USING (month, customer)
    JOIN months USING (month) WHERE in_range
),
stayed AS (
    SELECT cohort, current.month, count(*) AS n
    FROM members JOIN current USING (customer) GROUP BY cohort, current.month
),
sizes AS (SELECT cohort, count(*) AS n FROM members GROUP BY cohort)
SELECT strftime(sizes.cohort, '%Y-%m') AS cohort, m.month_index - c.month_index AS months_since,
    CASE WHEN m.covered THEN coalesce(stayed.n, 0) END AS customers,
    100 * customers / sizes.n AS share_pct
FROM sizes
JOIN months c ON c.month = sizes.cohort
JOIN months m ON m.month >= sizes.cohort
LEFT JOIN stayed ON stayed.cohort = sizes.cohort AND stayed.month = m.month
ORDER BY 1, 2
"""

_SIGNALS = f"""
SELECT signal, CASE WHEN {_L} IS NOT NULL THEN coalesce(signals.customers, 0) END AS customers,
    100 * customers / {_CURRENT} AS share_pct
FROM (SELECT unnest([{{names}}]) AS signal) LEFT JOIN signals USING (signal)
ORDER BY list_position([{{names}}], signal)
"""

_RENEWALS = """
SELECT product, month, subscriptions, customers, seats, without_auto_renew FROM renewals
ORDER BY product, month = 'later', month <> 'past', month
"""

_CUSTOMERS = """
SELECT * EXCLUDE (number) REPLACE (
    strftime(first_month, '%Y-%m') AS first_month,
    strftime(last_month, '%Y-%m') AS last_month,
    strftime(added_month, '%Y-%m') AS added_month,
    strftime(churned_month, '%Y-%m') AS churned_month,
    strftime(next_end, '%Y-%m-%d') AS next_end,
    strftime(last_usage_month, '%Y-%m') AS last_usage_month
)
FROM customers ORDER BY status = 'churned', customer_name, customer
"""

_CARDS = (
    *("current_customers", "active_customers", "subscriptions"),
    *("customers_added", "customers_churned", "net_customers_added"),
    *("last_month_churn", "churn_rate_pct"),
)


@timed("metrics")
def summary(data: Slice) -> pd.DataFrame:
    """The figures of the cards, and the same over the period before.

    Returns:
        One row per metric, in the order of the cards: metric, value, growth_pct (of series
        only), month (the last one in which the series behind the metric is known),
        previous_value, change_pct. The period before has as many months as the range.
    """
    series, months = _series_by_month(data), data.date_range
    now = _period(series, months)
    before = _period(series, DateRange.ending(months.month_before, len(months)))
    values, months_of = _values(now)
    previous, _ = _values(before)
    flows_known = [
        bool(p[list(_SERIES[3:])].iloc[1:].notna().all(axis=None)) for p in (now, before)
    ]
    rows = []
    for name in _CARDS:
        is_flow = name in _FLOW_CARDS
        earlier = previous[name] if flows_known[1] or not is_flow else None
        change = _change(values[name], earlier) if flows_known[0] or not is_flow else None
        growth = _growth(now[name].iloc[1:]) if name in _SERIES else None
        rows.append((name, values[name], growth, months_of[name], earlier, change))
    columns = ("metric", "value", "growth_pct", "month", "previous_value", "change_pct")
    table = pd.DataFrame(rows, columns=list(columns), dtype=object)
    return table.astype({"growth_pct": "Float64", "change_pct": "Float64"})


_FLOW_CARDS = {"customers_added", "customers_churned", "net_customers_added"}


def _values(period: pd.DataFrame) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The value of each card over a period, and the month that it speaks of.

    Args:
        period: The series by month, with the month before the period first.
    """
    own = period.iloc[1:]
    values: dict[str, Any] = {}
    months: dict[str, str | None] = {}
    for name in _SERIES[:3]:
        months[name], values[name] = _last(own[name])
    flows = own[["customers_added", "customers_churned"]].dropna().astype(int)
    month, last_churn = _last(flows["customers_churned"])
    added, churned = (int(n) for n in flows.sum())
    before_flows = period["current_customers"].shift().get(flows.index[0]) if len(flows) else 0
    base = int(before_flows or 0)
    values |= {
        "customers_added": added if month else None,
        "customers_churned": churned if month else None,
        "net_customers_added": added - churned if month else None,
        "last_month_churn": last_churn,
        "churn_rate_pct": 100 * churned / base if base else None,
    }
    return values, {**dict.fromkeys(values, month), **months}


def _change(value: float | None, previous: float | None) -> float | None:
    if value is None or previous is None or previous <= 0:
        return None
    return float(100 * (value - previous) / previous)


@timed("metrics")
def summary_trend(data: Slice) -> pd.DataFrame:
    """The series behind the cards.

    Returns:
        One row per month of the range: month, current_customers, active_customers,
        subscriptions, customers_added, customers_churned. Null where unknown.
    """
    series = _series_by_month(data)
    return series[series["in_range"]].drop(columns="in_range").reset_index(drop=True)


@timed("metrics")
def summary_products(data: Slice) -> pd.DataFrame:
    """Current customers by product.

    Returns:
        One row per product of the last covered month, the largest first: product, customers,
        share_pct of all current customers, growth_pct of the product's series of customers.
    """
    table = _by_dimension(data, _DISTRIBUTION, "product").drop(columns="dimension")
    table = table.rename(columns={"value": "product"})
    counts = _by_dimension(data, _TREND, "product")
    trend = counts.pivot(index="month", columns="value", values="customers")
    covered = data.query("SELECT strftime(month, '%Y-%m') FROM months WHERE in_range AND covered")
    series = trend.reindex(sorted(covered.iloc[:, 0])).fillna(0)
    growth = [_growth(series[product]) for product in table["product"]]
    return table.assign(growth_pct=pd.array(growth, "Float64"))


@timed("metrics")
def geographical_spread(data: Slice) -> pd.DataFrame:
    """Current, active and new customers by customer market.

    Returns:
        One row per customer market that has any, the largest first: customer_market,
        country_code (ISO 3166 alpha-3, empty when unknown), current_customers, current_pct,
        active_customers, active_pct, new_customers, new_pct. New customers are summed over the
        months they were added in; each share is of all customers of its kind.
    """
    table = _whole(data.query(_SPREAD), "current_customers", "active_customers", "new_customers")
    table.insert(1, "country_code", country_codes(table["customer_market"].tolist()))
    return table


@timed("metrics")
def adds_and_churns(data: Slice) -> pd.DataFrame:
    """Existing, added and churned customers by month, in all and of each product.

    Returns:
        One row per product and month of the range: product (`All` first), month, existing,
        added, churned. Null where the month or the one before it is not covered.
    """
    return _flows(data).drop(columns="key")


@timed("metrics")
def distribution(data: Slice) -> pd.DataFrame:
    """Current customers by the values of five dimensions.

    Returns:
        One row per dimension and value of the last covered month: dimension, value, customers,
        share_pct. A customer can hold several values, so shares may add up to more than 100.
    """
    return _by_dimension(data, _DISTRIBUTION, *TABLES["distribution"].dimensions)


@timed("metrics")
def products(data: Slice) -> pd.DataFrame:
    """Current customers by product and by SKU.

    Returns:
        Per product of the last covered month, the largest first, its own row (sku empty), then
        one per SKU: product, sku, customers, share_pct of all current customers. A customer
        with two SKUs of a product counts once for the product.
    """
    return _whole(data.query(_PRODUCTS), "customers")


@timed("metrics")
def distribution_trend(data: Slice) -> pd.DataFrame:
    """Current customers by the values of seven dimensions, month by month.

    Returns:
        One row per dimension, value and covered month that has customers: dimension, value,
        month, customers.
    """
    return _by_dimension(data, _TREND, *TABLES["distribution_trend"].dimensions)


@timed("metrics")
def active_customers(data: Slice) -> pd.DataFrame:
    """Customers with usage beside all customers.

    Returns:
        One row per month of the range: month, active_customers, current_customers. Null where
        unknown.
    """
    return summary_trend(data)[["month", "active_customers", "current_customers"]]


@timed("metrics")
def bridge(data: Slice) -> pd.DataFrame:
    """From the customers of one month to those of the next.

    Returns:
        One row per month of the range: month, start, new, returning, churned, end. New customers
        were never current before. start + new + returning - churned = end. Null where unknown.
    """
    return _whole(data.query(_BRIDGE), "start", "new", "returning", "churned", "end")


@timed("metrics")
def cohorts(data: Slice) -> pd.DataFrame:
    """How many of those who were new in a month are still current in each month after.

    Returns:
        One row per month with new customers and month from it on: cohort, months_since,
        customers, share_pct of the cohort. Null in a month that is not covered.
    """
    return _whole(data.query(_COHORTS), "customers")


@timed("metrics")
def renewals(data: Slice) -> pd.DataFrame:
    """Subscriptions of the last covered month by the month in which they end.

    Returns:
        One row per product and month: product, month (`past`, one of the twelve months from the
        as-of date's on, or `later`), subscriptions, customers, seats (null where no row has
        them), without_auto_renew.
    """
    counts = ("subscriptions", "customers", "without_auto_renew")
    return _numbers(_whole(data.query(_RENEWALS), *counts), "seats")


@timed("metrics")
def signals(data: Slice) -> pd.DataFrame:
    """How many current customers show what is worth a look.

    Returns:
        One row per signal, in the order of `tables.SIGNALS`: signal, customers, share_pct of the
        current customers.
    """
    names = ", ".join(f"'{name}'" for name in SIGNALS)
    return _whole(data.query(_SIGNALS.format(names=names)), "customers")


@timed("metrics")
def customers(data: Slice) -> pd.DataFrame:
    """Customer by customer; for executive report viewers alone.

    Returns:
        One row per customer of the range or the month before it, current ones first, then by
        name, with the columns that `tables` declares.

    Raises:
        ParameterError: The slice is one of a report viewer, so that it holds no customer.
    """
    if data.spec.role != "executive_report_viewer":
        raise ParameterError("customers are not shown to a report viewer; see `role`.")
    table = _whole(data.query(_CUSTOMERS), "subscriptions")
    return _numbers(table, "seats", "assigned_seats", "billed_revenue_usd", "azure_consumed_usd")


def _series_by_month(data: Slice) -> pd.DataFrame:
    return _whole(data.query_once(_SERIES_BY_MONTH), *_SERIES)


def _period(series: pd.DataFrame, months: DateRange) -> pd.DataFrame:
    """The series of some months, with the month before them first; null where none was read."""
    names = [f"{month:%Y-%m}" for month in (months.month_before, *months.months())]
    return series.set_index("month").reindex(names)


def _flows(data: Slice) -> pd.DataFrame:
    table = data.query_once(f"{_FLOWS} ORDER BY key > 0, product, month")
    return _whole(table, "existing", "added", "churned")


def _by_dimension(data: Slice, query: str, *dimensions: str) -> pd.DataFrame:
    columns = ", ".join(dimensions)
    names = ", ".join(f"'{name}'" for name in dimensions)
    return _whole(data.query(query.format(columns=columns, names=names)), "customers")


def _last(series: "pd.Series[Any]") -> tuple[str | None, int | None]:
    """The last month in which a series is known, and its value there."""
    known = series.dropna()
    return (str(known.index[-1]), int(known.iloc[-1])) if len(known) else (None, None)


def _growth(series: "pd.Series[Any]") -> float | None:
    """Growth in percent from the first known value to the last; null without two, or from 0."""
    known = series.dropna().astype(float)
    if len(known) < 2 or known.iloc[0] == 0:
        return None
    return float(100 * (known.iloc[-1] - known.iloc[0]) / known.iloc[0])


def _whole(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Counts as whole numbers that can be null; a numpy column would turn into floats."""
    return table.astype(dict.fromkeys(columns, "Int64"))


def _numbers(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Sums that are whole as whole numbers, null as None."""
    for column in columns:
        table[column] = pd.Series(_tidy(table[column]), dtype=object)
    return table


def _tidy(series: "pd.Series[Any]") -> list[Any]:
    return [
        None if pd.isna(value) else int(value) if float(value).is_integer() else float(value)
        for value in series
    ]
