"""One spelling for each value of a dimension, whatever case the exports write it in."""

import duckdb

from insights_lib.exports.datasets import DIMENSION_COLUMNS
from insights_lib.tables import NOT_TOLD


def respelt(
    database: duckdb.DuckDBPyConnection, rows: str, absent: tuple[str, ...]
) -> tuple[str, str]:
    """What to select of subscription rows for the dimensions as they are shown.

    Of values that differ only in case it is the spelling that most rows of the range have, of two
    equally frequent ones the first. A missing value is `Unknown`, an absent dimension null.

    Args:
        database: The database, with the table `months`; it gets the table `spellings`.
        rows: A query for the partner's subscription rows, active or not, before any filter.
        absent: The dimensions that are absent.

    Returns:
        A select list, and the joins that it needs behind the rows as `rows`.
    """
    names = ", ".join(DIMENSION_COLUMNS)
    in_range = "month >= (SELECT min(month) FROM months WHERE in_range)"
    counted = f"""UNPIVOT (
        SELECT {names}, count(*) FILTER ({in_range}) AS n FROM ({rows})
        GROUP BY GROUPING SETS ({", ".join(f"({name})" for name in DIMENSION_COLUMNS)})
    ) ON {names} INTO NAME dimension VALUE spelling"""
    database.execute(
        f"""CREATE TEMP TABLE spellings AS
            SELECT dimension, spelling, first_value(spelling) OVER (
                PARTITION BY dimension, lower(spelling) ORDER BY n DESC, spelling
            ) AS shown
            FROM ({counted}) QUALIFY shown <> spelling"""
    )
    found = database.execute("SELECT DISTINCT dimension FROM spellings").fetchall()
    columns, joins = [], []
    for name in DIMENSION_COLUMNS:
        value = f"coalesce(rows.{name}, '{NOT_TOLD}')"
        if name in absent:
            value = "NULL::VARCHAR"
        elif (name,) in found:
            value = f"coalesce({name}_.shown, rows.{name}, '{NOT_TOLD}')"
            joins.append(
                f"LEFT JOIN (FROM spellings WHERE dimension = '{name}') {name}_"
                f" ON {name}_.spelling = rows.{name}"
            )
        columns.append(f"{value} AS {name}")
    return ", ".join(columns), " ".join(joins)
