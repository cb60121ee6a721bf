"""A slice in files, so that the sections of a report need not each read the store.

Whoever makes a report opens its slice once and saves it; every kernel takes it from there in a
fraction of the time, and all of them see the same rows, whatever is ingested meanwhile.
"""

import errno
import pickle
from dataclasses import replace
from pathlib import Path

import duckdb

from insights_lib.parameters.spec import ReportSpec
from insights_lib.store.slice import Slice
from insights_lib.store.sql import sql_text
from insights_lib.timing import timed

_DATABASE, _FIELDS = "slice.duckdb", "slice.pickle"
# What DuckDB raises where a file cannot be written: by itself, or as it commits and checkpoints.
_NOT_WRITTEN = (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)
_BLOCK_SIZE = 16_384  # bytes, the least there is: most slices are small

_folder: Path | None = None  # of the one slice that this process may take
_spare: list[duckdb.DuckDBPyConnection] = []


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
    fields = pickle.dumps(replace(data, database=None))  # type: ignore[arg-type]
    (folder / _FIELDS).write_bytes(fields)


def use_saved_slice(folder: str) -> None:
    """Let this process take the slice of a folder where that is the one asked for."""
    global _folder  # noqa: PLW0603 - a kernel is told before its notebook begins
    _folder = Path(folder)


def in_run() -> bool:
    """Whether this process executes a notebook for a report, whose page shows what it shows."""
    return _folder is not None


def open_spare_database() -> None:
    """Open a database for the forks of this process: it takes longer than all that follows.

    It has no threads, which would not survive a fork; and the forks of a run have each a core at
    the most anyway.
    """
    _spare.append(duckdb.connect(config={"threads": 1, "async_threads": 0}))
    _spare[0].execute("SELECT 1 AS one").df()


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
    database = _database()
    database.execute(f"ATTACH {sql_text(str(_folder / _DATABASE))} AS saved (READ_ONLY)")
    database.execute("SET search_path = 'memory.main,saved.main'")
    return replace(saved, database=database)


def _database() -> duckdb.DuckDBPyConnection:
    # A cursor has random numbers of its own, not those of every fork.
    database = _spare.pop().cursor() if _spare else duckdb.connect()
    database.execute("SET enable_progress_bar = false")  # it would be in every notebook
    return database
