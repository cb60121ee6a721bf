"""The tables as an analyst would compute them in pandas, from docs/definitions.md.

`tables.py` holds the metrics against them, and measures both. There are no page filters here,
only rows in state `Active` count, and each value has one spelling.
"""

from collections.abc import Iterable

import pandas as pd

from insights_lib.exports.countries import country_codes
from insights_lib.tables import TABLES

DISTRIBUTIONS = TABLES["distribution"].dimensions
TRENDS = TABLES["distribution_trend"].dimensions
KEYS = ["month", "customer"]


def tables(
    seats: pd.DataFrame, usage: pd.DataFrame, first: str, last: str
) -> dict[str, pd.DataFrame]:
    """All tables by name.

    Args:
        seats: The partner's subscription rows of the months of the range and the one before.
        usage: Its usage rows: month, customer, used.
        first: The first month of the range, `2025-01`.
        last: The last month.
    """
    months = pd.date_range(first, last, freq="MS")
    covered = months[months.isin(seats["month"])]
    with_usage = covered[covered.isin(usage["month"])]
    rows = seats[seats["state"].str.lower() == "active"].drop(columns="state")
    dimensions = [*TRENDS, "sku"]
    rows[dimensions] = rows[dimensions].fillna("Unknown").astype("category")

    current = rows[KEYS].drop_duplicates()
    active = current.merge(usage.loc[usage["used"], KEYS].drop_duplicates())
    active = active[active["month"].isin(with_usage)]
    added = added_in(current, months)
    adds_and_churns = pd.concat(
        flows(held, months, product)
        for product, held in [("All", rows), *rows.groupby("product", observed=True)]
    )

    now = rows[rows["month"] == covered.max()]
    customers = now["customer"].nunique()
    trend = pd.DataFrame(index=months)
    trend["current_customers"] = current.groupby("month").size()
    trend["active_customers"] = active.groupby("month").size()
    trend["subscriptions"] = rows.groupby("month")["subscription"].nunique()
    total = adds_and_churns[adds_and_churns["product"] == "All"].set_index("month")
    trend["customers_added"] = total["added"]
    trend["customers_churned"] = total["churned"]

    return {
        "summary": summary(trend, total["existing"].iloc[0] + total["churned"].iloc[0]),
        "summary_trend": with_month(trend),
        "summary_products": summary_products(rows, now, months),
        "geographical_spread": spread(rows, now, active, added),
        "adds_and_churns": adds_and_churns.assign(
            month=adds_and_churns["month"].dt.strftime("%Y-%m")
        ),
        "distribution": stacked((name, share(by(now, name), customers)) for name in DISTRIBUTIONS),
        "products": products_and_skus(now),
        "distribution_trend": stacked(
            (name, by(rows[rows["month"].isin(months)], name, "month")) for name in TRENDS
        ),
        "active_customers": with_month(trend[["active_customers", "current_customers"]]),
    }


def by(rows: pd.DataFrame, dimension: str, *others: str) -> pd.DataFrame:
    """Distinct customers by the values of a dimension."""
    counts = rows.groupby([dimension, *others], observed=True)["customer"].nunique()
    table = counts.reset_index(name="customers").rename(columns={dimension: "value"})
    if "month" in others:
        table["month"] = table["month"].dt.strftime("%Y-%m")
    return table


def share(table: pd.DataFrame, customers: int) -> pd.DataFrame:
    return table.assign(share_pct=100 * table["customers"] / customers)


def stacked(parts: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    return pd.concat(
        table.assign(dimension=name, value=table["value"].astype(str)) for name, table in parts
    )


def with_month(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(month=table.index.strftime("%Y-%m")).reset_index(drop=True)


def added_in(held: pd.DataFrame, months: pd.DatetimeIndex) -> pd.DataFrame:
    """Month and customer of those who were no customers in the month before."""
    before = held.assign(month=held["month"] + pd.DateOffset(months=1))
    both = held.merge(before, how="left", indicator="before")
    return both.loc[(both["before"] == "left_only") & both["month"].isin(months), KEYS]


def flows(rows: pd.DataFrame, months: pd.DatetimeIndex, product: str) -> pd.DataFrame:
    """Existing, added and churned customers by month."""
    held = rows[KEYS].drop_duplicates()
    all_months = months.insert(0, months[0] - pd.DateOffset(months=1))
    counts = held.groupby("month").size().reindex(all_months, fill_value=0)
    added = added_in(held, months).groupby("month").size().reindex(months, fill_value=0)
    existing = counts[months] - added
    churned = counts.shift()[months].astype(int) - existing
    return pd.DataFrame(
        {"month": months, "existing": existing, "added": added, "churned": churned}
    ).assign(product=product)


def growth(series: pd.Series) -> float | None:
    known = series.dropna()
    if len(known) < 2 or known.iloc[0] == 0:
        return None
    return 100 * (known.iloc[-1] - known.iloc[0]) / known.iloc[0]


def summary(trend: pd.DataFrame, base: int) -> pd.DataFrame:
    """The cards, out of the series behind them and the customers before the range."""
    added, churned = trend["customers_added"].sum(), trend["customers_churned"].sum()
    table = pd.DataFrame(
        [
            *((name, trend[name].dropna().iloc[-1], name) for name in list(trend)[:3]),
            ("customers_added", added, "customers_added"),
            ("customers_churned", churned, "customers_churned"),
            ("net_customers_added", added - churned, ""),
            ("last_month_churn", trend["customers_churned"].iloc[-1], ""),
            ("churn_rate_pct", 100 * churned / base, ""),
        ],
        columns=["metric", "value", "series"],
    )
    series = [trend[name] if name else None for name in table.pop("series")]
    table["growth_pct"] = [None if s is None else growth(s) for s in series]
    months = [trend.index[-1] if s is None else s.dropna().index[-1] for s in series]
    return table.assign(month=[month.strftime("%Y-%m") for month in months])


def summary_products(
    rows: pd.DataFrame, now: pd.DataFrame, months: pd.DatetimeIndex
) -> pd.DataFrame:
    table = share(by(now, "product"), now["customer"].nunique())
    series = by(rows[rows["month"].isin(months)], "product", "month")
    series = series.pivot(index="month", columns="value", values="customers").fillna(0)
    table["growth_pct"] = [growth(series[product]) for product in table["value"]]
    return table.rename(columns={"value": "product"})


def spread(
    rows: pd.DataFrame, now: pd.DataFrame, active: pd.DataFrame, added: pd.DataFrame
) -> pd.DataFrame:
    """Current, active and new customers by customer market."""
    used = rows.merge(active[active["month"] == active["month"].max()])
    new = rows.merge(added).drop_duplicates(["customer_market", *KEYS])
    table = pd.DataFrame(
        {
            "current_customers": now.groupby("customer_market")["customer"].nunique(),
            "active_customers": used.groupby("customer_market")["customer"].nunique(),
            "new_customers": new.groupby("customer_market").size(),
        }
    )
    table = table[table.any(axis="columns")].fillna(0)
    table["current_pct"] = 100 * table["current_customers"] / now["customer"].nunique()
    table["active_pct"] = 100 * table["active_customers"] / used["customer"].nunique()
    table["new_pct"] = 100 * table["new_customers"] / len(added)
    table = table.reset_index(names="customer_market")
    return table.assign(country_code=country_codes(list(table["customer_market"])))


def products_and_skus(now: pd.DataFrame) -> pd.DataFrame:
    """A row per product, with an empty SKU, and one per SKU."""
    products = now.groupby("product", observed=True)["customer"].nunique().reset_index()
    skus = now.groupby(["product", "sku"], observed=True)["customer"].nunique().reset_index()
    table = pd.concat([products.assign(sku=""), skus]).rename(columns={"customer": "customers"})
    return share(table, now["customer"].nunique())
