"""The tables made customer by customer, as an analyst would compute them in pandas.

See `plain_pandas`; the words and symbols are those of "Customer by customer" in
docs/definitions.md. A subscription row without an id stands for itself, under its row number.
"""

from dataclasses import dataclass

import pandas as pd

from insights_lib.tables import SIGNALS, TABLES

LINE = ["customer", "month", "product", "sku", "subscription"]
JOINED = {
    "customer_market": "customer_market",
    "customer_segment": "customer_segment",
    "partner_location": "partner_location",
    "partner_attribution": "partner_attribution",
    "sales_channel": "sales_channel",
    "products": "product",
    "skus": "sku",
}
BY_WORKLOAD = ["Office 365", "Enterprise Mobility + Security"]


@dataclass(frozen=True)
class Data:
    """What the tables are made of.

    Attributes:
        sold: Subscription rows in any state, dimensions as categories.
        rows: The active ones of them.
        current: Month and customer of C(m), in all months.
        active: Those of A(m), in the range.
        usage: Usage rows, with their product.
        months: The months of the range.
        latest: Its last covered month.
        as_of: The as-of date.
    """

    sold: pd.DataFrame
    rows: pd.DataFrame
    current: pd.DataFrame
    active: pd.DataFrame
    usage: pd.DataFrame
    months: pd.DatetimeIndex
    latest: pd.Timestamp
    as_of: pd.Timestamp

    @property
    def view(self) -> pd.DatetimeIndex:
        """The range with the month before it."""
        return self.months.insert(0, self.months[0] - pd.DateOffset(months=1))


def customer_tables(data: Data) -> dict[str, pd.DataFrame]:
    """Renewals, seats, signals and customers."""
    three_before = data.latest - pd.DateOffset(months=3)
    lines = lines_of(data.rows, min(data.view[0], three_before))
    now = lines[lines["month"] == data.latest]
    use = use_by_product(data)
    table = list_of(data)
    table = table.join(next_ends(now, data.as_of)).join(seats_of(lines, table))
    table = table.join(revenue(data)).join(smallest_changes(use))
    table["last_usage_month"] = use.groupby("customer")["last_month"].max()
    before = lines[lines["month"] == three_before].groupby("customer")["seats"].sum(min_count=1)
    holding = signals_of(data, table, use, before)
    for name in SIGNALS:
        table[name] = holding[name]
    return {
        "renewals": renewals(now, data.as_of),
        "seats": seats_by_product(now),
        "signals": signals(holding),
        "customers": customers(table, data),
    }


def by_itself(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with an id, or else a number of their own; duplicates among the latter left out."""
    has_id = rows["subscription"].notna()
    rows = rows.assign(has_id=has_id)[has_id | ~is_duplicate(rows)]
    return rows.assign(subscription=rows["subscription"].fillna(row_numbers(rows)))


def is_duplicate(rows: pd.DataFrame) -> pd.Series:
    return rows["duplicate"].fillna(False).astype(bool)


def row_numbers(rows: pd.DataFrame) -> pd.Series:
    return pd.Series(rows.index.astype(str), rows.index, "str").radd("row ")


def lines_of(rows: pd.DataFrame, first: pd.Timestamp) -> pd.DataFrame:
    """Seats, end and renewal of each subscription in each month."""
    rows = by_itself(rows[rows["month"] >= first])
    rows["renews"] = rows["auto_renew"].fillna(False).astype(bool)
    rows["does_not_renew"] = ~rows["auto_renew"].fillna(True).astype(bool)
    values = ["seats", "assigned_seats", "end_date", "renews", "does_not_renew", "has_id"]
    return rows.groupby(LINE, observed=True)[values].max().reset_index()


def list_of(data: Data) -> pd.DataFrame:
    """The customers of the range or the month before it, and when they came and left."""
    current, step = data.current, pd.DateOffset(months=1)
    listed = current[current["month"].isin(data.view)]
    table = listed.groupby("customer")["month"].max().to_frame("last_month")
    table["first_ever"] = current.groupby("customer")["month"].min()
    covered = data.sold["month"].unique()
    known = (table["first_ever"] - step).isin(covered)
    table["first_month"] = table["first_ever"].where(known)

    steps = current.assign(before=current["month"] - step, after=current["month"] + step)
    held = pd.MultiIndex.from_frame(current[["customer", "month"]])
    came = ~pd.MultiIndex.from_frame(steps[["customer", "before"]]).isin(held)
    left = ~pd.MultiIndex.from_frame(steps[["customer", "after"]]).isin(held)
    flows = data.months[data.months.isin(covered) & (data.months - step).isin(covered)]
    added = steps[came & steps["month"].isin(flows)]
    gone = steps[left & steps["after"].isin(flows)]
    table["added_month"] = added.groupby("customer")["month"].max()
    table["churned_month"] = gone.groupby("customer")["after"].max()

    table["is_current"] = table["last_month"] == data.latest
    table["churned_month"] = table["churned_month"].where(~table["is_current"])
    table["status"] = "new"
    table.loc[table["first_ever"] < table["added_month"], "status"] = "returned"
    table.loc[table["added_month"].isna(), "status"] = "existing"
    table.loc[~table["is_current"], "status"] = "churned"
    return table


def next_ends(now: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The first end that is to come of each current customer, and whether it renews then."""
    ahead = now[now["end_date"] >= as_of]
    first = ahead.groupby("customer")["end_date"].min().rename("next_end")
    then = ahead[ahead["end_date"] == ahead["customer"].map(first)]
    flags = then.groupby("customer")[["renews", "does_not_renew"]].any()
    renew = pd.Series(None, flags.index, dtype=object)
    renew[flags["renews"]] = "yes"
    renew[flags["does_not_renew"]] = "no"
    renew[flags.all(axis="columns")] = "mixed"
    return first.to_frame().assign(auto_renew=renew)


def seats_of(lines: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Seats of each customer in its last month."""
    last = lines[lines["month"] == lines["customer"].map(table["last_month"])]
    return last.groupby("customer")[["seats", "assigned_seats"]].sum(min_count=1)


def revenue(data: Data) -> pd.DataFrame:
    """What was billed to and consumed by each customer in the range, whatever the state."""
    rows = by_itself(data.sold[data.sold["month"].isin(data.months)])
    names = {"billed_revenue": "billed_revenue_usd", "azure_consumed": "azure_consumed_usd"}
    largest = rows.groupby(LINE, observed=True)[[*names]].max()
    return largest.groupby("customer").sum(min_count=1).rename(columns=names)


def use_by_product(data: Data) -> pd.DataFrame:
    """What the use of each product by each customer in the range says."""
    rows = data.usage[data.usage["month"].isin(data.months)]
    months = rows.groupby("product")["month"].unique()
    rows = rows[~is_duplicate(rows) & rows["amount"].notna()]
    rows = rows[rows["customer"].isin(data.current["customer"])]
    key = ["customer", "product", "month"]
    is_by_workload = rows["product"].isin(BY_WORKLOAD)
    by_workload = rows[is_by_workload].assign(workload=rows["workload"].fillna(""))
    others = rows[~is_by_workload & ~rows["per_subscription"]]
    azure = rows[rows["per_subscription"]]
    azure = azure.assign(subscription=azure["subscription"].fillna(row_numbers(azure)))
    parts = (
        by_workload.groupby([*key, "workload"])["amount"].sum().groupby(key).max(),
        others.groupby(key)["amount"].sum(),
        azure.groupby([*key, "subscription"])["amount"].max().groupby(key).sum(),
    )
    use = pd.concat(parts).reset_index()
    return pd.concat(
        product_use(part, product, sorted(months[product]))
        for product, part in use.groupby("product")
    )


def product_use(use: pd.DataFrame, product: str, months: list[pd.Timestamp]) -> pd.DataFrame:
    """The change of use of a product, and when it was used, by customer."""
    amounts = use.pivot(index="customer", columns="month", values="amount")
    amounts = amounts.reindex(columns=months)
    later = amounts[months[-3:]].sum(axis="columns")
    table = pd.DataFrame({"product": product, "used": (amounts > 0).any(axis="columns")})
    lately = amounts[months[-2:]].fillna(0)
    table["used_lately"] = (lately != 0).any(axis="columns")
    last = use[use["amount"] > 0].groupby("customer")["month"].max()
    table["last_month"] = last
    table["change"] = float("nan")
    if len(months) >= 6:
        earlier = amounts[months[-6:-3]].sum(axis="columns")
        table["change"] = 100 * (later - earlier) / earlier.where(earlier != 0)
    return table.reset_index()


def smallest_changes(use: pd.DataFrame) -> pd.DataFrame:
    known = use.dropna(subset="change").sort_values(["change", "product"])
    known = known.drop_duplicates("customer").set_index("customer")
    names = {"change": "usage_change_pct", "product": "usage_change_product"}
    return known[[*names]].rename(columns=names)


def signals_of(
    data: Data, table: pd.DataFrame, use: pd.DataFrame, seats_before: pd.Series
) -> pd.DataFrame:
    """Which signals hold of each current customer."""
    now = table[table["is_current"]]
    held = data.rows[["customer", "product", "month"]].drop_duplicates()
    held_now = held[held["month"] == data.latest]
    recent = held[held["month"].between(data.latest - pd.DateOffset(months=3), data.latest)]
    pairs = recent[recent["month"] < data.latest][["customer", "product"]].drop_duplicates()
    pairs = pairs.merge(held_now, how="left", indicator="now")
    dropped = pairs.loc[pairs["now"] == "left_only", "customer"]
    in_range = data.usage[data.usage["month"].isin(data.months)]
    counts = in_range.groupby("product")["month"].nunique()
    usable = held_now[held_now["product"].isin(counts.index[counts >= 3])]["customer"]
    used = use[use["used"]].groupby("customer")["used_lately"].any()
    before = seats_before.reindex(now.index)
    soon = now["next_end"] <= data.as_of + pd.Timedelta(days=90)
    return pd.DataFrame(
        {
            "usage_falling": now["usage_change_pct"] <= -30,
            "usage_stopped": now.index.isin(used.index[~used]),
            "never_used": now.index.isin(usable) & ~now.index.isin(data.active["customer"]),
            "seats_falling": (10 * now["seats"] <= 8 * before) & (before > 0),
            "product_dropped": now.index.isin(dropped),
            "ends_soon": soon & now["auto_renew"].ne("yes"),
        },
        index=now.index,
    )


def signals(holding: pd.DataFrame) -> pd.DataFrame:
    counts = holding.sum().rename_axis("signal").reset_index(name="customers")
    return counts.assign(share_pct=100 * counts["customers"] / len(holding))


def renewals(now: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Subscriptions of the last month by product and month of their end."""
    ends = now[now["has_id"] & now["end_date"].notna()]
    month = ends["end_date"].dt.strftime("%Y-%m")
    year_on = as_of.replace(day=1) + pd.DateOffset(months=12)
    month = month.where(ends["end_date"] < year_on, "later")
    month = month.where(ends["end_date"] >= as_of, "past")
    grouped = ends.assign(month=month).groupby(["product", "month"], observed=True)
    table = grouped.agg(
        subscriptions=("subscription", "size"),
        customers=("customer", "nunique"),
        without_auto_renew=("does_not_renew", "sum"),
    )
    return table.assign(seats=grouped["seats"].sum(min_count=1)).reset_index()


def seats_by_product(now: pd.DataFrame) -> pd.DataFrame:
    now = now.assign(idle_seats=now["seats"] - now["assigned_seats"])
    names = ["seats", "assigned_seats", "idle_seats"]
    table = now.groupby("product", observed=True)[names].sum(min_count=1)
    return table.dropna(how="all").reset_index()


def customers(table: pd.DataFrame, data: Data) -> pd.DataFrame:
    """One row per customer, as customers.csv has it."""
    last = data.rows[data.rows["month"] == data.rows["customer"].map(table["last_month"])]
    for name, dimension in JOINED.items():
        values = last[["customer", dimension]].drop_duplicates().astype({dimension: str})
        values = values.sort_values(["customer", dimension])
        table[name] = values.groupby("customer")[dimension].agg("; ".join)
    table["customer_name"] = last.groupby("customer")["customer_name"].min()
    table["customer_name"] = table["customer_name"].fillna("Unknown")
    table["subscriptions"] = last.groupby("customer")["subscription"].nunique()
    holding = table.loc[table["is_current"], [*SIGNALS]].astype(bool)
    texts = pd.Series("", holding.index)
    for name in SIGNALS:
        texts[holding[name]] += f"; {name}"
    table["signals"] = texts.str.removeprefix("; ").replace("", None)
    for name in ("first_month", "last_month", "added_month", "churned_month", "last_usage_month"):
        table[name] = table[name].dt.strftime("%Y-%m")
    table["next_end"] = table["next_end"].dt.strftime("%Y-%m-%d")
    return table.reset_index()[[*TABLES["customers"].columns]]
