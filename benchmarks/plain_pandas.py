"""The tables as an analyst would compute them in pandas, from docs/definitions.md.

`tables.py` holds the metrics against them, and measures both. There are no page filters here,
only rows in state `Active` count, and each value has one spelling.
"""

from collections.abc import Iterable

import pandas as pd
from plain_pandas_customers import Data, customer_tables

from insights_lib.exports.countries import country_codes
from insights_lib.tables import TABLES

DISTRIBUTIONS = TABLES["distribution"].dimensions
TRENDS = TABLES["distribution_trend"].dimensions
KEYS = ["month", "customer"]


def tables(
    seats: pd.DataFrame, usage: pd.DataFrame, date_range: str, as_of: str
) -> dict[str, pd.DataFrame]:
    """All tables by name.

    Args:
        seats: The partner's subscription rows, of all months up to the last of the range.
        usage: Its usage rows of the same months, with their product.
        date_range: The first and the last month, `2025-01_2025-12`.
        as_of: The as-of date, `2026-01-15`.
    """
    months = pd.date_range(*date_range.split("_"), freq="MS")
    all_months = pd.date_range(seats["month"].min(), months[-1], freq="MS")
    covered = months[months.isin(seats["month"])]
    dimensions = [*TRENDS, "sku"]
    seats[dimensions] = seats[dimensions].fillna("Unknown").astype("category")
    rows = seats[seats["state"].str.lower() == "active"]
    view = rows[rows["month"] >= months[0] - pd.DateOffset(months=1)]

    current = rows[KEYS].drop_duplicates()
    active = current.merge(usage.loc[usage["used"], KEYS].drop_duplicates())
    added = added_in(current, all_months[1:])
    trend = series(rows, current, active, added, all_months)
    of_range = {
        "active": active[active["month"].isin(months)],
        "added": added[added["month"].isin(months)],
    }
    adds_and_churns = pd.concat(
        flows(held, months, product)
        for product, held in [("All", view), *view.groupby("product", observed=True)]
    )
    now = rows[rows["month"] == covered.max()]
    customers = now["customer"].nunique()
    people = Data(
        sold=seats,
        rows=rows,
        current=current,
        active=of_range["active"],
        usage=usage,
        months=months,
        latest=covered.max(),
        as_of=pd.Timestamp(as_of),
    )
    return {
        "summary": summary(trend, months),
        "summary_trend": with_month(trend.loc[months]),
        "summary_products": summary_products(view, now, months),
        "geographical_spread": spread(view, now, **of_range),
        "adds_and_churns": adds_and_churns.assign(
            month=adds_and_churns["month"].dt.strftime("%Y-%m")
        ),
        "distribution": stacked((name, share(by(now, name), customers)) for name in DISTRIBUTIONS),
        "products": products_and_skus(now),
        "distribution_trend": stacked(
            (name, by(view[view["month"].isin(months)], name, "month")) for name in TRENDS
        ),
        "active_customers": with_month(
            trend.loc[months, ["active_customers", "current_customers"]]
        ),
        "bridge": bridge(trend, current, added, months),
        "cohorts": cohorts(current, of_range["added"], months),
        **customer_tables(people),
    }


def series(
    rows: pd.DataFrame,
    current: pd.DataFrame,
    active: pd.DataFrame,
    added: pd.DataFrame,
    months: pd.DatetimeIndex,
) -> pd.DataFrame:
    """What the cards are made of, month by month; the flows of the first one are not known."""
    trend = pd.DataFrame(index=months)
    trend["current_customers"] = current.groupby("month").size()
    trend["active_customers"] = active.groupby("month").size()
    trend["subscriptions"] = rows.groupby("month")["subscription"].nunique()
    trend["customers_added"] = added.groupby("month").size().reindex(months[1:], fill_value=0)
    existing = trend["current_customers"] - trend["customers_added"]
    trend["customers_churned"] = trend["current_customers"].shift() - existing
    return trend


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
    return change(known.iloc[0], known.iloc[-1]) if len(known) > 1 else None


def change(before: float | None, after: float | None) -> float | None:
    if before is None or after is None or pd.isna(before) or pd.isna(after) or before <= 0:
        return None
    return 100 * (after - before) / before


def summary(trend: pd.DataFrame, months: pd.DatetimeIndex) -> pd.DataFrame:
    """The cards, out of the series behind them, and the same over the period before."""
    before = pd.date_range(end=months[0] - pd.DateOffset(months=1), periods=len(months), freq="MS")
    table, previous = cards(trend, months), cards(trend, before)
    table["previous_value"] = previous["value"]
    table["change_pct"] = [
        change(*pair) for pair in zip(previous["value"], table["value"], strict=True)
    ]
    of_series = trend.loc[months]
    table["growth_pct"] = [growth(of_series[m]) if m in of_series else None for m in table.index]
    return table.reset_index(names="metric")


def cards(trend: pd.DataFrame, months: pd.DatetimeIndex) -> pd.DataFrame:
    """Value and month of each metric over a period; sums are null unless every month is known."""
    period = trend.reindex(months)
    lasts = {name: period[name].dropna().tail(1) for name in period}
    rows = {
        name: (last.iloc[0], last.index[0].strftime("%Y-%m")) if len(last) else (None, None)
        for name, last in lasts.items()
    }
    churn, month = rows["customers_churned"]
    added = period["customers_added"].sum(min_count=len(months))
    churned = period["customers_churned"].sum(min_count=len(months))
    base = trend["current_customers"].get(months[0] - pd.DateOffset(months=1))
    rows["customers_added"], rows["customers_churned"] = (added, month), (churned, month)
    rows["net_customers_added"] = added - churned, month
    rows["last_month_churn"] = churn, month
    rows["churn_rate_pct"] = 100 * churned / base if base else None, month
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "month"])


def bridge(
    trend: pd.DataFrame, current: pd.DataFrame, added: pd.DataFrame, months: pd.DatetimeIndex
) -> pd.DataFrame:
    """From the customers of one month to those of the next."""
    first = current.groupby("customer")["month"].min()
    new = added[added["month"] == added["customer"].map(first)]
    table = pd.DataFrame({"end": trend["current_customers"]})
    table["start"] = table["end"].shift()
    table["new"] = new.groupby("month").size().reindex(trend.index[1:], fill_value=0)
    table["returning"] = trend["customers_added"] - table["new"]
    table["churned"] = trend["customers_churned"]
    return with_month(table.loc[months])


def cohorts(current: pd.DataFrame, added: pd.DataFrame, months: pd.DatetimeIndex) -> pd.DataFrame:
    """How many of the new customers of each month are current in each month from then on."""
    first = current.groupby("customer")["month"].min()
    new = added[added["month"] == added["customer"].map(first)]
    held = new.rename(columns={"month": "cohort"}).merge(current)
    counts = held.groupby(["cohort", "month"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=months.rename("month"), fill_value=0)
    table = counts.stack().rename("customers").reset_index()
    table = table[table["month"] >= table["cohort"]]
    table["share_pct"] = 100 * table["customers"] / table["cohort"].map(new.groupby("month").size())
    index = pd.Series(range(len(months)), months)
    table["months_since"] = table["month"].map(index) - table["cohort"].map(index)
    return table.assign(cohort=table["cohort"].dt.strftime("%Y-%m"))


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
