"""The rows behind a report, small enough to travel in its page and be counted again there.

What is in them is what the filters of the report let through, and nothing of it names a
customer: customers and subscriptions are numbers, given in the order of their rows.
"""

from typing import Any

import numpy as np
import pandas as pd

from insights_lib.exports.countries import country_codes
from insights_lib.exports.datasets import DIMENSION_COLUMNS
from insights_lib.store.slice import Slice
from insights_lib.tables import FACETS

# The months of a row are bits; browsers compute with 32 of them at a time. Each window shares
# its first month with the one before, because added and churned compare two months.
WINDOW = 31

Codes = list[int]


def compact_rows(data: Slice) -> dict[str, Any]:
    """The rows of a slice as columns of numbers.

    Returns:
        `months`: from the month before the range to its end, as `2025-01`; `covered`, `has_usage`
        and `has_ids` of each, 0 or 1; `values`: the texts of each dimension, in the order of
        their UTF-8 bytes; `same`: for each text of a facet the first one that equals it without
        case; `countries`: the country code of each market, or empty; `patterns`: sets of months
        as 32-bit windows, bit 0 of window k is month 31k; `rows`: customer and subscription (as
        differences from the row before; subscription 0 is unknown), a code for each dimension,
        and `held`, the code of the pattern; `usage`: customer (differences), product, held.
    """
    months = data.query(
        """SELECT * EXCLUDE (month), strftime(month, '%Y-%m') AS month FROM months
        WHERE in_view ORDER BY months.month"""
    )
    first = int(months["month_index"].iloc[0])
    windows = range(0, max(len(months) - 1, 1), WINDOW)
    in_view = f"(month_bits >> {first})"
    rows = data.query(
        f"""SELECT * EXCLUDE (month_bits), {_windows(in_view, windows)} FROM subscription_spans
            WHERE {in_view} <> 0"""
    )
    used_in = f"bit_or(1::HUGEINT << (month_index - {first}))"
    usage = data.query(
        f"""SELECT customer, product, {_windows(used_in, windows)}
            FROM usage JOIN months USING (month)
            WHERE in_view AND customer IN (
                SELECT customer FROM subscription_spans WHERE {in_view} <> 0
            )
            GROUP BY customer, product"""
    )
    values = {name: sorted(rows[name].unique()) for name in DIMENSION_COLUMNS}
    values["product"] = sorted({*values["product"], *usage["product"]})
    for table in (rows, usage):
        for name in table.columns.intersection(list(DIMENSION_COLUMNS)):
            table[name] = pd.Categorical(table[name], values[name]).codes
    patterns, rows["held"], usage["held"] = _patterns(rows, usage, len(windows))
    rows, usage = _renumbered(rows, usage)
    return {
        "months": months["month"].tolist(),
        **{flag: months[flag].astype(int).tolist() for flag in ("covered", "has_usage", "has_ids")},
        "values": values,
        "same": {facet: _same(data, values[facet]) for facet in FACETS},
        "countries": country_codes(values["customer_market"]),
        "patterns": patterns,
        "rows": {
            "customer": _differences(rows["customer"]),
            "subscription": _differences(rows["subscription"]),
            **{name: rows[name].tolist() for name in (*DIMENSION_COLUMNS, "held")},
        },
        "usage": {
            "customer": _differences(usage["customer"]),
            **{name: usage[name].tolist() for name in ("product", "held")},
        },
    }


def _windows(held: str, windows: range) -> str:
    return ", ".join(
        f"(({held} >> {start}) & 4294967295)::BIGINT AS window{i}"
        for i, start in enumerate(windows)
    )


def _patterns(
    rows: pd.DataFrame, usage: pd.DataFrame, windows: int
) -> tuple[list[list[int]], "pd.Series[int]", "pd.Series[int]"]:
    """The different sets of months, and which of them each row has."""
    columns = [f"window{i}" for i in range(windows)]
    both = pd.concat([rows[columns], usage[columns]])
    codes, patterns = pd.factorize(pd.MultiIndex.from_frame(both), sort=True)
    held = pd.Series(codes)
    return (
        [[int(bits) for bits in pattern] for pattern in patterns],
        held[: len(rows)],
        held[len(rows) :].reset_index(drop=True),
    )


def _renumbered(rows: pd.DataFrame, usage: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of like customers together, for they pack best, and customers numbered in that order.

    The same rows come out in the same order, so that the same data makes the same page.
    """
    alike = [*DIMENSION_COLUMNS, "held"]
    rows = rows.sort_values([*alike, "customer", "subscription"])
    number = pd.Series({key: i for i, key in enumerate(rows["customer"].unique())}, dtype="int64")
    rows["customer"] = rows["customer"].map(number)
    rows = rows.sort_values(["customer", *alike], kind="stable")
    rows["subscription"] = pd.factorize(rows["subscription"])[0] + 1
    usage["customer"] = usage["customer"].map(number)
    return rows, usage.sort_values(["customer", "product"])


def _differences(numbers: "pd.Series[int]") -> Codes:
    differences: Codes = np.diff(numbers.to_numpy(dtype="int64"), prepend=0).tolist()
    return differences


def _same(data: Slice, values: list[str]) -> Codes:
    """Which texts are one to a filter: those that the database finds equal without case."""
    lowered = data.database.execute("SELECT lower(unnest($1::VARCHAR[]))", [values]).fetchall()
    first: dict[str, int] = {}
    return [first.setdefault(text, i) for i, (text,) in enumerate(lowered)]
