"""The rows behind a report, small enough to travel in its page and be counted again there.

They are the rows that the filters of the report let through. Customers and subscriptions are
numbers, given in the order of their rows; only `people` names customers, and only executive report
viewers have it.
"""

from typing import Any

import pandas as pd

from insights_lib.exports.countries import country_codes
from insights_lib.exports.datasets import DIMENSION_COLUMNS
from insights_lib.page.people import compact_people, differences
from insights_lib.parameters.spec import DateRange
from insights_lib.store.slice import Slice

# The months of a row are bits; browsers compute with 32 of them at a time. Each window shares
# its first month with the one before, because added and churned compare two months.
WINDOW = 31


def compact_rows(data: Slice) -> dict[str, Any]:
    """The rows of a slice as columns of numbers.

    Returns:
        `months`: those that were read, as `2025-01`, and `first`, where the range begins;
        `covered`, `has_usage` and `has_ids` of each, 0 or 1; `lacking`: of dimensions that the
        exports of some months do not have, 1 for each of these months and 0 for others; `values`:
        the texts of each dimension, in the order of their UTF-8 bytes, none of an absent one;
        `countries`: the country code of each market, or empty; `patterns`: sets of months as 32-bit
        windows, bit 0 of window k is month 31k; `rows`: customer and subscription (as differences
        from the row before; subscription 0 is unknown), a code for each dimension that is not
        absent, and `pattern`, the code of its set of months; `usage`: customer (differences),
        product, pattern; `people`, for executive report viewers alone: see `compact_people`.
    """
    windows = range(0, max(len(data.query("FROM months")) - 1, 1), WINDOW)
    rows = data.query(
        f"SELECT * EXCLUDE (month_bits), {_windows('month_bits', windows)} FROM subscription_spans"
    )
    usage = data.query(
        f"""SELECT customer, product, {_windows("bit_or(1::HUGEINT << month_index)", windows)}
            FROM usage JOIN months USING (month) GROUP BY customer, product"""
    )
    values = _encoded(rows, usage, _products_in_use(data))
    patterns, rows["pattern"], usage["pattern"] = _patterns(rows, usage, len(windows))
    rows, usage, number = _renumbered(rows, usage)
    present = [name for name in DIMENSION_COLUMNS if name in rows]
    packed = {
        **_months(data, present),
        "values": values,
        "countries": country_codes(values["customer_market"]),
        "patterns": patterns,
        "rows": {
            "customer": differences(rows["customer"]),
            "subscription": differences(rows["subscription"]),
            **{name: rows[name].tolist() for name in (*present, "pattern")},
        },
        "usage": {
            "customer": differences(usage["customer"]),
            **{name: usage[name].tolist() for name in ("product", "pattern")},
        },
    }
    if data.spec.role == "executive_report_viewer":
        order = pd.Series(range(len(rows)), index=rows["span"])
        packed["people"] = compact_people(data, order, number, values["product"])
    return packed


def _months(data: Slice, dimensions: list[str]) -> dict[str, Any]:
    months = data.query(
        "SELECT * REPLACE (strftime(month, '%Y-%m') AS month) FROM months ORDER BY month_index"
    )
    flags = ("covered", "has_usage", "has_ids")
    return {
        "months": months["month"].tolist(),
        "first": int(months["in_range"].argmax()),
        **{flag: months[flag].astype(int).tolist() for flag in flags},
        "lacking": _lacking(data, months["month"].tolist(), dimensions),
    }


def _lacking(data: Slice, months: list[str], dimensions: list[str]) -> dict[str, list[int]]:
    ranges = [DateRange.parse(f"{month}_{month}") for month in months]
    absent = [data.parts.absent_dimensions(month) for month in ranges]
    flags = {name: [int(name in names) for names in absent] for name in dimensions}
    return {name: of_months for name, of_months in flags.items() if any(of_months)}


def _encoded(rows: pd.DataFrame, usage: pd.DataFrame, products: list[str]) -> dict[str, list[str]]:
    """Put codes in place of the texts of dimensions, and return what the codes stand for."""
    values = {name: sorted(rows[name].dropna().unique()) for name in DIMENSION_COLUMNS}
    for name in (name for name, texts in values.items() if not texts):
        del rows[name]
    values["product"] = sorted({*values["product"], *usage["product"], *products})
    for table in (rows, usage):
        for name in table.columns.intersection(list(DIMENSION_COLUMNS)):
            table[name] = pd.Categorical(table[name], values[name]).codes
    return values


def _products_in_use(data: Slice) -> list[str]:
    """Products whose use the packed people tell, perhaps without any usage row."""
    if data.spec.role != "executive_report_viewer":
        return []
    products: list[str] = data.query("SELECT DISTINCT product FROM details_use")["product"].tolist()
    return products


def _windows(bits: str, windows: range) -> str:
    return ", ".join(
        f"(({bits} >> {start}) & 4294967295)::BIGINT AS window{i}"
        for i, start in enumerate(windows)
    )


def _patterns(
    rows: pd.DataFrame, usage: pd.DataFrame, windows: int
) -> tuple[list[list[int]], "pd.Series[int]", "pd.Series[int]"]:
    """The different sets of months, and the code of the one that each row has."""
    columns = [f"window{i}" for i in range(windows)]
    both = pd.concat([rows[columns], usage[columns]])
    codes, patterns = pd.factorize(pd.MultiIndex.from_frame(both), sort=True)
    of_rows = pd.Series(codes)
    return (
        [[int(bits) for bits in pattern] for pattern in patterns],
        of_rows[: len(rows)],
        of_rows[len(rows) :].reset_index(drop=True),
    )


def _renumbered(
    rows: pd.DataFrame, usage: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, "pd.Series[int]"]:
    """Put rows of like customers together, which pack best, and number customers in that order.

    The same rows come out in the same order, so that the same data makes the same page. The new
    numbers are given, too, by the old ones.
    """
    alike = [*(name for name in DIMENSION_COLUMNS if name in rows), "pattern"]
    rows = rows.sort_values([*alike, "customer", "subscription"])
    number = pd.Series({key: i for i, key in enumerate(rows["customer"].unique())}, dtype="int64")
    rows["customer"] = rows["customer"].map(number)
    rows = rows.sort_values(["customer", *alike], kind="stable")
    rows["subscription"] = pd.factorize(rows["subscription"])[0] + 1
    usage["customer"] = usage["customer"].map(number)
    return rows, usage.sort_values(["customer", "product"]), number
