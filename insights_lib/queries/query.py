"""Ask a slice one of the queries of this folder, which speak of the tables that it describes."""

from collections.abc import Iterable
from functools import cache
from math import isnan, nan
from pathlib import Path

import pandas as pd

from insights_lib.store.slice import Slice

QUERIES = Path(__file__).parent
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


def query(data: Slice, name: str, **terms: str) -> pd.DataFrame:
    """The rows of a query.

    Args:
        data: The slice.
        name: The file of the query, without `.sql`.
        terms: What stands for `{names}` in it; `{latest}` and the like are always known.
    """
    return data.query(sql(name).format(**_TERMS, **terms))


@cache
def sql(name: str) -> str:
    """The text of a query."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def texts(names: Iterable[str]) -> str:
    """Names of ours as a list of SQL texts."""
    return ", ".join(f"'{name}'" for name in names)


def whole(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Counts as whole numbers that can be null; a numpy column would turn into floats."""
    return table.astype(dict.fromkeys(columns, "Int64"))


def numbers(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Sums as numbers that can be null, whole where they are."""
    for column in columns:
        values = table[column].astype("Float64").to_numpy(dtype=float, na_value=nan).tolist()
        tidy = [None if isnan(v) else int(v) if v.is_integer() else v for v in values]
        table[column] = pd.Series(tidy, dtype=object)
    return table
