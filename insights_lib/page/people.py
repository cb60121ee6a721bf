"""What the page of an executive report viewer knows of single customers, as columns of numbers."""

from typing import Any

import numpy as np
import pandas as pd

from insights_lib.store.slice import Slice

_LINES = """
SELECT span, seats, assigned_seats AS assigned, end_date - DATE '{as_of}' AS "end",
    renews::INTEGER + 2 * does_not_renew::INTEGER AS renews
FROM details_lines ORDER BY ALL
"""
_AMOUNTS = """
SELECT span, coalesce(month_index, -1) AS month, billed, consumed
FROM details_amounts LEFT JOIN months USING (month) ORDER BY ALL
"""
_USE = """
SELECT customer, product, earlier, later,
    used::INTEGER + (used AND used_lately)::INTEGER AS used, coalesce(month_index, -1) AS last
FROM details_use LEFT JOIN months ON month = last_month
"""


def compact_people(
    data: Slice, row_of: "pd.Series[int]", number_of: "pd.Series[int]", products: list[str]
) -> dict[str, Any]:
    """Names and values of customers, by which files/script/people.js makes their table.

    Args:
        data: The slice of an executive report viewer.
        row_of: The position among the packed rows of each span.
        number_of: The packed number of each customer.
        products: What codes of products stand for.

    Returns:
        `as_of`; `months_of_use`: how many months of the range each product's usage data has, by
        the product's code; `keys`: the key of each customer, as in customers.csv; `names`: all
        names; `row_names`: row (differences) and name, a position among names; `lines`: row
        (differences), seats, assigned, end (days from the as-of date) and renews (1 yes, 2 no, 3
        both, 0 unknown), of the row's last month in view; `seats_before`: row (differences) and
        seats, three months before the last covered month; `amounts`: row (differences), month (its
        position, or -1 for all in which the subscription has no other row), billed, consumed;
        `use`: customer (differences), product, earlier and later (use in the last six months of its
        data, three and three; earlier is null with fewer), used (1 in the range, 2 in the last two
        months of its data, 0 not at all), last (the last month with use, or -1).
    """
    keys = data.query("SELECT customer, key FROM details_keys")
    keys = keys.assign(customer=keys["customer"].map(number_of)).sort_values("customer")
    names = data.query("SELECT span, name FROM details_names")
    known = sorted(names["name"].unique())
    names["name"] = pd.Categorical(names["name"], known).codes
    use = data.query(_USE).assign(customer=lambda table: table["customer"].map(number_of))
    use["product"] = pd.Categorical(use["product"], products).codes
    counts = data.query("SELECT product, months FROM details_months_of_use").set_index("product")
    by_row = {
        "row_names": names,
        "lines": data.query(_LINES.format(as_of=data.spec.as_of)),
        "seats_before": data.query("SELECT span, seats FROM details_seats_before ORDER BY ALL"),
        "amounts": data.query(_AMOUNTS),
    }
    return {
        "as_of": data.spec.as_of.isoformat(),
        "months_of_use": [int(counts["months"].get(product, 0)) for product in products],
        "keys": keys["key"].tolist(),
        "names": known,
        **{name: _columns(_by_row(table, row_of), "row") for name, table in by_row.items()},
        "use": _columns(use.sort_values(["customer", "product"]), "customer"),
    }


def differences(numbers: "pd.Series[int]") -> list[int]:
    """Each number as its difference from the one before it."""
    result: list[int] = np.diff(numbers.to_numpy(dtype="int64"), prepend=0).tolist()
    return result


def _by_row(table: pd.DataFrame, row_of: "pd.Series[int]") -> pd.DataFrame:
    table = table.assign(row=table["span"].map(row_of)).drop(columns="span")
    return table.sort_values("row", kind="stable")


def _columns(table: pd.DataFrame, key: str) -> dict[str, list[Any]]:
    """The columns as lists, the key as differences; whole numbers whole, null as None."""
    columns = {str(name): _numbers(column) for name, column in table.items()}
    return {**columns, key: differences(table[key])}


def _numbers(column: "pd.Series[Any]") -> list[Any]:
    if column.dtype.kind in "iu" and column.notna().all():
        counts: list[Any] = column.tolist()
        return counts
    numbers = column.to_numpy(dtype="float64", na_value=np.nan)
    values = numbers.astype(object)
    whole = (numbers == np.trunc(numbers)) & (abs(numbers) < 2**53)
    values[whole] = numbers[whole].astype("int64")
    values[np.isnan(numbers)] = None
    result: list[Any] = values.tolist()
    return result
