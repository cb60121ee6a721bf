"""A slice in files, so that the sections of a report need not each read the store.

Whoever makes a report opens its slice once and saves it, with the tables that are made of it; every
kernel takes them from there in a fraction of the time, and all of them see the same rows, whatever
is ingested meanwhile.
"""

import errno
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd

from insights_lib.parameters.spec import ReportSpec
from insights_lib.store.slice import Slice
from insights_lib.store.sql import sql_text
from insights_lib.timing import timed

_DATABASE, _FIELDS, _TABLE = "slice.duckdb", "slice.pickle", "{}.table.pickle"
# What DuckDB raises where a file cannot be written: by itself, or as it commits and checkpoints.
_NOT_WRITTEN = (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)
_BLOCK_SIZE = 16_384  # bytes, the least there is: most slices are small

_folder: Path | None = None  # of the one slice that this process may take


def save_slice(data: Slice, folder: Path) -> None:
    """Write a slice into a folder.

    In a folder with a question mark in its path, where DuckDB would look for options behind it,
    nothing is written, and those who ask for the slice open it again.

    Raises:
        OSError: It cannot be written, as on a full disk.
    """
    if "?" in str(folder):
        return
    try:
        file = sql_text(str(folder / _DATABASE))
        data.database.execute(f"ATTACH {file} AS saved (BLOCK_SIZE {_BLOCK_SIZE})")
        data.database.execute("COPY FROM DATABASE memory TO saved")
        data.database.execute("DETACH saved")
    except _NOT_WRITTEN as error:
        reason = str(error).split("Original error: ")[-1]
        raise OSError(errno.EIO, " ".join(reason.split())) from error
    fields = pickle.dumps(replace(data, connect=None, folder=folder))  # type: ignore[arg-type]
    (folder / _FIELDS).write_bytes(fields)


def save_table(table: pd.DataFrame, name: str, folder: Path) -> None:
    """Write a table that was made of the slice into its folder.

    Raises:
        OSError: It cannot be written, as on a full disk.
    """
    (folder / _TABLE.format(name)).write_bytes(pickle.dumps(table))


def use_saved_slice(folder: str) -> None:
    """Let this process take the slice of a folder where that is the one asked for."""
    global _folder  # noqa: PLW0603 - a kernel is told before its notebook begins
    _folder = Path(folder)


def in_run() -> bool:
    """Whether this process executes a notebook for a report, whose page shows what it shows."""
    return _folder is not None


@timed("data")
def saved_slice(spec: ReportSpec) -> Slice | None:
    """The slice that was saved for this process, or None if it is not the one asked for.

    What is created in its database stays in memory; the files are only read.
    """
    if _folder is None or not (_folder / _FIELDS).exists():
        return None
    saved: Slice = pickle.loads((_folder / _FIELDS).read_bytes())  # noqa: S301 - our own
    if saved.spec != spec:
        return None
    return replace(saved, connect=partial(_connect, _folder / _DATABASE))


@timed("data")
def saved_table(data: Slice, name: str) -> pd.DataFrame | None:
    """The table of this name that was saved with a slice, None if none was."""
    if data.folder is None or not (file := data.folder / _TABLE.format(name)).exists():
        return None
    table: pd.DataFrame = pickle.loads(file.read_bytes())  # noqa: S301 - our own
    return table


@timed("data")
def _connect(file: Path) -> duckdb.DuckDBPyConnection:
    # A kernel of a run has one core at the most.
    database = duckdb.connect(config={"threads": 1})
    database.execute("SET enable_progress_bar = false")  # it would be in every notebook
    database.execute(f"ATTACH {sql_text(str(file))} AS saved (READ_ONLY)")
    database.execute("SET search_path = 'memory.main,saved.main'")
    return database
