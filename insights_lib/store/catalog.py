"""The store: Parquet files and the catalog that says which of them speak for which month.

    data/store/catalog.sqlite                   one commit point: a crash leaves the old catalog
    data/store/parts/<account>/<dataset>-…      the rows of one account out of one export

A partner is a global account. An export that has only location ids is kept under these, and
the Profile exports tell, when a slice is opened, which locations belong to the partner. So it
does not matter in which order Profile and the others are ingested.

A store that is only read may also lie at a URL; see `remote`.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from insights_lib.disk import make_file, make_folder, move_file, sync
from insights_lib.errors import StoreError
from insights_lib.store import remote

_SCHEMA = """
CREATE TABLE IF NOT EXISTS exports (      -- the log: one row per ingested file
    id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT, dataset TEXT,
    rows_in INTEGER, rows_kept INTEGER, rows_rejected INTEGER, ingested_at TEXT
);
CREATE TABLE IF NOT EXISTS rejects (export INTEGER, line INTEGER, reason TEXT);
CREATE TABLE IF NOT EXISTS parts (        -- one row per export, account, month and file
    export INTEGER, dataset TEXT, account TEXT, is_location INTEGER, month TEXT, file TEXT,
    rows INTEGER, subscription_ids INTEGER, hash TEXT, absent_dimensions TEXT
);
CREATE INDEX IF NOT EXISTS parts_of_account ON parts (account, is_location);
CREATE TABLE IF NOT EXISTS accounts (     -- locations of a global account, from Profile exports
    location TEXT PRIMARY KEY, account TEXT, name TEXT, export INTEGER
);
CREATE INDEX IF NOT EXISTS locations_of_account ON accounts (account);
"""
# Of the schema and of what the rows mean: 2 knows which dimensions an export lacks, and keeps
# tenant and subscription ids in lower case; 3 keeps names, seats, dates, revenue and use.
_VERSION = 3


@contextmanager
def reading(store: Path | str) -> Iterator[sqlite3.Connection]:
    """The catalog of a store in a folder or at a URL, to read.

    Raises:
        StoreError: There is no store, or it cannot be read, or it is of another version.
    """
    at_url = isinstance(store, str)
    with remote.catalog(f"{store}/catalog.sqlite") if at_url else _reading(Path(store)) as db:
        _refuse_other_version(db, store)
        yield db


def _refuse_other_version(db: sqlite3.Connection, store: Path | str) -> None:
    found = _version(db)
    if found < _VERSION:
        raise StoreError(
            f"{store}: was made by an earlier version of this program, which kept less of the "
            "exports; ingest all of them again, as with `insights ingest data/exports`."
        )
    if found > _VERSION:
        raise StoreError(f"{store}: was made by a later version of this program; use that one.")


def _version(db: sqlite3.Connection) -> int:
    [(found,)] = db.execute("PRAGMA user_version").fetchall()
    return int(found)


@contextmanager
def _reading(store: Path) -> Iterator[sqlite3.Connection]:
    if store.is_file():
        raise StoreError(f"{store}: is a file; give the folder of a store, or its URL.")
    catalog = store.absolute() / "catalog.sqlite"
    if not catalog.exists() or catalog.stat().st_size == 0:  # empty: no ingest has succeeded
        raise StoreError(
            f"{store}: no store is here, nor in a folder above; run `insights ingest` first, or "
            'name the store: options={"store": "…"} in a notebook, store="…" in Python, or --store.'
        )
    try:
        # Not read-only, so that what a crash left half-written can be taken back.
        with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=rw", uri=True, timeout=60)) as db:
            yield db
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{catalog}: cannot be read ({error}); if the file is broken, delete the store and "
            "ingest all exports again."
        ) from error


def latest_ingest(store: Path) -> datetime | None:
    """When an export was last taken in; None if none ever was.

    Raises:
        StoreError: The store cannot be read.
    """
    if not (store / "catalog.sqlite").exists():
        return None
    with reading(store) as db:
        [(moment,)] = db.execute("SELECT max(ingested_at) FROM exports").fetchall()
    return datetime.fromisoformat(moment) if moment else None


def refuse_url(store: Path) -> None:
    """See that a store can be written to.

    Raises:
        StoreError: It lies at a URL.
    """
    if re.match(r"[A-Za-z][\w+.-]+:/", str(store)):  # Windows has drives of one letter
        raise StoreError(
            f"{store}: a store at a URL can only be read. Give a folder, and copy it to the URL "
            "afterwards: its parts first, the catalog last."
        )


@contextmanager
def writing(store: Path, begin_again: bool = False) -> Iterator[sqlite3.Connection]:
    """The catalog, to change: all of it at the end, or nothing after an error or a crash.

    Another process that writes to the same store waits until this one is done.

    Args:
        store: Folder of the store.
        begin_again: Whether a store of an earlier version becomes an empty one of this version.
    """
    refuse_url(store)
    make_folder(store)
    make_file(store / "catalog.sqlite")  # SQLite would let everybody read it
    with closing(sqlite3.connect(store / "catalog.sqlite", timeout=3600)) as db:
        db.isolation_level = None
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        try:
            tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            is_old = bool(tables) and _version(db) < _VERSION
            if is_old and begin_again:
                for (name,) in tables:
                    if not name.startswith("sqlite_"):
                        db.execute(f'DROP TABLE "{name}"')
            elif tables:
                _refuse_other_version(db, store)
            for statement in (*_SCHEMA.split(";"), f"PRAGMA user_version = {_VERSION}"):
                db.execute(statement)
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        if is_old:
            _delete_unnamed(db, store)


def _delete_unnamed(db: sqlite3.Connection, store: Path) -> None:
    """Delete the files of a store of an earlier version, which nothing can read any more."""
    named = {file for (file,) in db.execute("SELECT file FROM parts")}
    for file in (store / "parts").glob("*/*.parquet"):
        if file.relative_to(store / "parts").as_posix() not in named:
            file.unlink(missing_ok=True)


def move_into_store(file: Path, target: Path) -> None:
    """Move a file so that it stays there even if the machine stops at once."""
    make_folder(target.parent)
    move_file(file, target)
    for folder in target.parents[1:3]:  # of all parts, of the store
        sync(folder)


def export_name(file: str) -> str:
    """The name of an export file in the log; of one in an archive, behind that of the archive."""
    *folders, name = Path(file).parts
    archive = next((i for i, part in enumerate(folders) if part.lower().endswith(".zip")), None)
    return name if archive is None else "/".join((*folders[archive:], name))
