"""The numbers: a slice in, a small tidy table out, one function per table of the report.

docs/definitions.md says what each number means, and `tables` what columns there are. Months are
texts `YYYY-MM`, percentages of 100; null is what cannot be known, never zero. The SQL speaks of the
tables that `store.slice.Slice` describes; a dimension that is null throughout is absent.
"""

from typing import Any

import pandas as pd

from insights_lib.exports.countries import country_codes
from insights_lib.store.slice import Slice
from insights_lib.tables import ALL, TABLES
from insights_lib.timing import timed

_SERIES = tuple(TABLES["summary_trend"].columns)[1:]

# The months that breakdowns speak of, L of the current and LA of the active customers, and how
# many customers of each kind there are in all: null, so that no share is given, if none.
_L = "(SELECT max(month) FROM months WHERE in_range AND covered)"
_LA = "(SELECT max(month) FROM months WHERE in_range AND has_usage)"
_CURRENT = f"(SELECT nullif(count(*), 0) FROM current WHERE month = {_L})"
_ACTIVE = f"(SELECT nullif(count(*), 0) FROM active WHERE month = {_LA})"
_ADDED = "(SELECT nullif(count(*), 0) FROM added)"

_LEVELS = """
SELECT strftime(month, '%Y-%m') AS month,
    CASE WHEN covered THEN coalesce(c.n, 0) END AS current_customers,
    CASE WHEN has_usage THEN coalesce(a.n, 0) END AS active_customers,
    CASE WHEN has_ids THEN coalesce(s.n, 0) END AS subscriptions
FROM months
LEFT JOIN (SELECT month, count(*) AS n FROM current GROUP BY month) c USING (month)
LEFT JOIN (SELECT month, count(*) AS n FROM active GROUP BY month) a USING (month)
LEFT JOIN (
    SELECT month, count(*) AS n
    FROM (
        SELECT bit_or(month_bits) AS month_bits FROM subscription_spans
        WHERE subscription IS NOT NULL GROUP BY subscription
    )
    JOIN months ON (month_bits >> month_index) & 1 = 1 GROUP BY month
) s USING (month)
WHERE in_range ORDER BY month
"""

# Existing customers are those held in the month before as well. The others of this month were
# added, the others of the month before churned. All products together have no product here.
_FLOWS = """
WITH customers AS (
    SELECT product, bit_or(month_bits) AS month_bits FROM subscription_spans
    WHERE product IS NOT NULL GROUP BY product, customer
    UNION ALL
    SELECT NULL, bit_or(month_bits) FROM subscription_spans GROUP BY customer
),
counted AS (
    SELECT product, month, count(*) AS n,
        count(*) FILTER (month_index > 0 AND (month_bits >> (month_index - 1)) & 1 = 1) AS kept
    FROM customers JOIN months ON (month_bits >> month_index) & 1 = 1 GROUP BY product, month
)
SELECT p.product, strftime(m.month, '%Y-%m') AS month,
    CASE WHEN has_flows THEN coalesce(this.kept, 0) END AS existing,
    CASE WHEN has_flows THEN coalesce(this.n, 0) - coalesce(this.kept, 0) END AS added,
    CASE WHEN has_flows THEN coalesce(before.n, 0) - coalesce(this.kept, 0) END AS churned
FROM months m
CROSS JOIN (SELECT NULL AS product UNION SELECT product FROM customers) p
LEFT JOIN counted this ON this.product IS NOT DISTINCT FROM p.product AND this.month = m.month
LEFT JOIN counted before ON before.product IS NOT DISTINCT FROM p.product
    AND before.month = (m.month - INTERVAL 1 MONTH)::DATE
WHERE in_range
ORDER BY p.product NULLS FIRST, month
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
    FROM subscriptions SEMI JOIN added USING (month, customer) GROUP BY customer_market
),
counted AS (
    SELECT customer_market,
        CASE WHEN {_L} IS NOT NULL THEN coalesce(now.n, 0) END AS current_customers,
        CASE WHEN {_LA} IS NOT NULL THEN coalesce(used.n, 0) END AS active_customers,
        CASE WHEN (SELECT bool_or(has_flows) FROM months) THEN coalesce(new.n, 0) END
            AS new_customers
    FROM now FULL JOIN used USING (customer_market) FULL JOIN new USING (customer_market)
)
SELECT customer_market,
    current_customers, 100 * current_customers / {_CURRENT} AS current_pct,
    active_customers, 100 * active_customers / {_ACTIVE} AS active_pct,
    new_customers, 100 * new_customers / {_ADDED} AS new_pct
FROM counted
WHERE customer_market IS NOT NULL
ORDER BY current_customers DESC, customer_market
"""

_PRODUCTS = f"""
WITH counted AS (
    SELECT product, sku, count(DISTINCT customer) AS customers, grouping(sku) AS of_product
    FROM subscriptions WHERE month = {_L} AND product IS NOT NULL
    GROUP BY GROUPING SETS ((product), (product, sku))
)
SELECT product, coalesce(sku, '') AS sku, customers, 100 * customers / {_CURRENT} AS share_pct
FROM counted WHERE of_product = 1 OR sku IS NOT NULL
ORDER BY max(customers) FILTER (sku IS NULL) OVER (PARTITION BY product) DESC, product,
    of_product DESC, customers DESC, sku
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


@timed("metrics")
def summary(data: Slice) -> pd.DataFrame:
    """The figures of the cards.

    Returns:
        One row per metric, in the order of the cards. Growth is of series only, and the month
        the last one in which the series behind the metric is known.
    """
    trend = summary_trend(data).set_index("month")
    flows = trend[["customers_added", "customers_churned"]].dropna().astype(int)
    month, last_churn = _last(flows["customers_churned"])
    added, churned = (int(n) for n in flows.sum())
    before = f"DATE '{flows.index[0]}-01' - INTERVAL 1 MONTH" if len(flows) else "NULL"
    base = len(data.query(f"SELECT month FROM current WHERE month = {before}"))
    rows = [
        *((name, _last(trend[name])[1], name) for name in _SERIES[:3]),
        ("customers_added", added if month else None, "customers_added"),
        ("customers_churned", churned if month else None, "customers_churned"),
        ("net_customers_added", added - churned if month else None, None),
        ("last_month_churn", last_churn, None),
        ("churn_rate_pct", 100 * churned / base if base else None, None),
    ]
    return pd.DataFrame(
        {
            "metric": [name for name, _, _ in rows],
            "value": pd.Series([value for _, value, _ in rows], dtype=object),
            "growth_pct": pd.array(
                [_growth(trend[series]) if series else None for _, _, series in rows], "Float64"
            ),
            "month": [_last(trend[series])[0] if series else month for _, _, series in rows],
        }
    )


@timed("metrics")
def summary_trend(data: Slice) -> pd.DataFrame:
    """The series behind the cards.

    Returns:
        One row per month of the range. Null where unknown.
    """
    table, flows = data.query_once(_LEVELS), _flows(data)
    total = flows[flows["product"].isna()]  # first, and month by month as the levels are
    table["customers_added"], table["customers_churned"] = total["added"], total["churned"]
    return _whole(table, *_SERIES)


@timed("metrics")
def summary_products(data: Slice) -> pd.DataFrame:
    """Current customers by product.

    Returns:
        One row per product of the last covered month, the largest first; the share is of all
        current customers, the growth that of the product's series of customers.
    """
    table = _by_dimension(data, _DISTRIBUTION, "product").rename(columns={"value": "product"})
    counts = _by_dimension(data, _TREND, "product")
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
    return _flows(data).fillna({"product": ALL})


@timed("metrics")
def distribution(data: Slice) -> pd.DataFrame:
    """Current customers by the values of five dimensions.

    Returns:
        One row per dimension and value of the last covered month. A customer can hold several
        values, so shares may add up to more than 100.
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
        One row per dimension, value and covered month that has customers.
    """
    return _by_dimension(data, _TREND, *TABLES["distribution_trend"].dimensions)


@timed("metrics")
def active_customers(data: Slice) -> pd.DataFrame:
    """Customers with usage beside all customers.

    Returns:
        One row per month of the range. Null where unknown.
    """
    month, *counts = TABLES["active_customers"].columns
    return _whole(data.query_once(_LEVELS)[[month, *counts]], *counts)


def _flows(data: Slice) -> pd.DataFrame:
    return _whole(data.query_once(_FLOWS), "existing", "added", "churned")


def _by_dimension(data: Slice, query: str, *dimensions: str) -> pd.DataFrame:
    names = ", ".join(f"'{name}'" for name in dimensions)
    query = query.format(columns=", ".join(dimensions), names=names)
    return _whole(data.query(query), "customers")


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
