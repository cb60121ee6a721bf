"""Parts: what a file of the store holds of one account, month by month, and how to read it."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from insights_lib.exports.datasets import SUBSCRIPTION_DATASETS
from insights_lib.store.sql import sql_path

# How such a file is written. The first level of zstd takes two thirds of the time of the usual one
# and 3 % more space; the later version of Parquet is written and read faster.
FILE_FORMAT = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2"


class Part(NamedTuple):
    """The rows of one month that one export holds for a partner, or one file of them.

    Attributes:
        export: The number of the export; of several that are one, that of the first.
        dataset: Which dataset it is.
        month: The month.
        file: Where the rows are, among those of other months; in a store at a URL a URL.
        rows: How many there are.
        subscription_ids: How many of them have one.
        hash: A sum of the hashes of the rows.
        absent_dimensions: The dimensions whose column the export lacks, separated by commas.
    """

    export: int
    dataset: str
    month: date
    file: Path | str
    rows: int
    subscription_ids: int
    hash: str
    absent_dimensions: str = ""


def counts_by_month(
    engine: duckdb.DuckDBPyConnection, file: Path | str, dataset: str
) -> list[tuple[Any, ...]]:
    """Month, rows, subscription ids and hash of each month in a file of the store."""
    ids = "count(subscription)" if dataset in SUBSCRIPTION_DATASETS else "0"
    return engine.execute(
        f"""SELECT month, count(*), {ids}, sum(hash(part))::VARCHAR
            FROM read_parquet({sql_path(file)}, hive_partitioning = false) part
            GROUP BY month ORDER BY month"""
    ).fetchall()


def rows_of(parts: Iterable[Part], columns: Mapping[str, str]) -> str:
    """A query for the rows of parts: of each file the months it is the latest export of.

    Args:
        parts: The parts.
        columns: The columns by name, each with its SQL type.
    """
    empty = ", ".join(f"NULL::{sql_type} AS {name}" for name, sql_type in columns.items())
    selects = [f"SELECT {empty} WHERE false"]
    ordered = sorted(parts, key=lambda part: (str(part.file), part.month))
    for file, group in groupby(ordered, key=lambda part: part.file):
        months = ", ".join(f"DATE '{part.month}'" for part in group)
        source = f"read_parquet({sql_path(file)}, hive_partitioning = false)"
        selects.append(f"SELECT {', '.join(columns)} FROM {source} WHERE month IN ({months})")
    return " UNION ALL ".join(selects)
