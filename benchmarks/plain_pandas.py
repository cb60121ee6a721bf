"""The numbers of the tables as an analyst would compute them in pandas, from definitions.md.

`tables.py` holds the metrics against them, and measures both. There are no page filters here, and
only rows in state `Active` count.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

DIMENSIONS = [
    "customer_market",
    "customer_segment",
    "partner_location",
    "product",
    "sales_channel",
    "pricing_model",
    "partner_attribution",
]
DISTRIBUTIONS = [d for d in DIMENSIONS if d not in ("customer_market", "product")]


@dataclass(frozen=True)
class Frames:
    """A partner's rows out of the store, and the range as the first days of two months."""

    seats: pd.DataFrame
    usage: pd.DataFrame
    first: str
    last: str

    @cached_property
    def months(self) -> pd.DatetimeIndex:
        """The months of the range."""
        return pd.date_range(self.first, self.last, freq="MS")

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Active rows of the range and the month before it; missing values are `Unknown`."""
        start = self.months[0] - pd.DateOffset(months=1)
        inside = self.seats["month"].between(start, self.months[-1])
        rows = self.seats[inside & (self.seats["state"].str.lower() == "active")].copy()
        columns = [*DIMENSIONS, "sku"]
        rows[columns] = rows[columns].fillna("Unknown").astype("category")
        return rows

    @cached_property
    def current(self) -> pd.DataFrame:
        """Current customers: a row per month and customer."""
        return self.rows[["month", "customer"]].drop_duplicates()

    @cached_property
    def active(self) -> pd.DataFrame:
        """Those of them with usage in that month."""
        used = self.usage.loc[self.usage["used"], ["month", "customer"]].drop_duplicates()
        return self.current.merge(used, on=["month", "customer"])


def tables(frames: Frames) -> dict[str, Any]:
    """Everything the nine tables say, as counts."""
    rows, current, active = frames.rows, frames.current, frames.active
    covered = frames.months.intersection(pd.DatetimeIndex(current["month"].unique()))
    with_usage = frames.months.intersection(pd.DatetimeIndex(active["month"].unique()))
    now = rows[rows["month"] == covered.max()]
    added = added_customers(current, frames.months)
    used = rows.merge(active[active["month"] == with_usage.max()], on=["month", "customer"])
    new = rows.merge(added, on=["month", "customer"])
    new = new.drop_duplicates(["customer_market", "month", "customer"])
    return {
        "levels": current.groupby("month").size(),
        "active": active.groupby("month").size(),
        "subscriptions": rows.groupby("month")["subscription"].nunique(),
        "flows": flows(current, frames.months),
        "flows_of_products": {
            product: flows(held[["month", "customer"]].drop_duplicates(), frames.months)
            for product, held in rows.groupby("product", observed=True)
        },
        "products": customers_by(now, "product"),
        "skus": customers_by(now, ["product", "sku"]),
        "distribution": {name: customers_by(now, name) for name in DISTRIBUTIONS},
        "spread": (
            customers_by(now, "customer_market"),
            customers_by(used, "customer_market"),
            new.groupby("customer_market", observed=True).size(),
        ),
        "trend": {name: customers_by(rows, [name, "month"]) for name in DIMENSIONS},
    }


def customers_by(rows: pd.DataFrame, by: str | list[str]) -> "pd.Series[int]":
    return rows.groupby(by, observed=True)["customer"].nunique()


def added_customers(current: pd.DataFrame, months: pd.DatetimeIndex) -> pd.DataFrame:
    """Customers of a month of the range who were none in the month before."""
    before = current.assign(month=current["month"] + pd.DateOffset(months=1))
    both = current.merge(before, on=["month", "customer"], how="left", indicator="held")
    added = both.loc[both["held"] == "left_only", ["month", "customer"]]
    return added[added["month"].isin(months)]


def flows(current: pd.DataFrame, months: pd.DatetimeIndex) -> list[tuple[int, int, int]]:
    """Existing, added and churned customers of every month of the range."""
    held = {month: set(customers) for month, customers in current.groupby("month")["customer"]}
    counts = []
    for month in months:
        this = held.get(month, set())
        before = held.get(month - pd.DateOffset(months=1), set())
        counts.append((len(this & before), len(this - before), len(before - this)))
    return counts
