"""What the customers of a slice used: of which product, when and how much."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import duckdb

from insights_lib.exports.datasets import USAGE_PRODUCTS
from insights_lib.store.kept import USAGE_COLUMNS
from insights_lib.store.parts import Part, rows_of
from insights_lib.store.sql import sql_file, sql_text

# Rows that are summed up at a time, whole months of them: all at once would need far more memory.
_MOST_ROWS = 10_000_000


def create_usage(database: duckdb.DuckDBPyConnection, parts: Sequence[Part], passes: str) -> None:
    """Create the table `usage` of a slice, and what its signals need to know of use.

    Args:
        database: The slice, with the tables `months` and `customer_keys`; it gets `usage`: month,
            customer, product; and for the signals `use` and `usage_months`, see usage.sql.
        parts: The usage rows of the partner.
        passes: The condition by which a product passes the filters.
    """
    products = ", ".join(map(sql_text, sorted(USAGE_PRODUCTS.values())))
    known = {(USAGE_PRODUCTS[part.dataset], part.month) for part in parts}
    months = ", ".join(f"('{product}', DATE '{month}')" for product, month in sorted(known))
    # Grouping millions of rows is faster by a byte than by a text; both sort alike.
    database.execute(
        f"""CREATE TEMP TYPE usage_product AS ENUM ({products});
            CREATE TEMP TABLE usage_months AS
            SELECT product::usage_product AS product, month
            FROM (VALUES {months or "(NULL, NULL)"}) known (product, month)
            SEMI JOIN (FROM months WHERE in_range) USING (month) WHERE {passes};
            CREATE TEMP TABLE usage_sums (month DATE, customer INTEGER, product usage_product,
                used BOOLEAN, has_amount BOOLEAN, amount DOUBLE)"""
    )
    for some in _steps(parts):
        database.execute(
            f"""CREATE OR REPLACE TEMP VIEW usage_rows AS
                SELECT rows.* REPLACE (keys.customer AS customer)
                FROM ({_rows(some)}) rows JOIN customer_keys keys ON rows.customer = key
                WHERE {passes}"""
        )
        database.execute(sql_file("usage_sums"))
    database.execute(sql_file("usage"))


def _steps(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts of months that follow one another, of no more rows together than one step may have."""
    step: list[Part] = []
    for _, group in groupby(sorted(parts, key=lambda part: part.month), lambda part: part.month):
        of_month = list(group)
        if step and sum(part.rows for part in (*step, *of_month)) > _MOST_ROWS:
            yield step
            step = []
        step += of_month
    if step:
        yield step


def _rows(parts: Sequence[Part]) -> str:
    """A query for the rows of usage datasets, with their product."""
    ordered = sorted(parts, key=lambda part: part.dataset)
    return " UNION ALL ".join(
        f"SELECT *, '{USAGE_PRODUCTS[dataset]}'::usage_product AS product"
        f" FROM ({rows_of(group, USAGE_COLUMNS)})"
        for dataset, group in groupby(ordered, key=lambda part: part.dataset)
    )
