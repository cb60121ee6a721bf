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
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from insights_lib.disk import make_folder, move_file, sync
from insights_lib.errors import StoreError
from insights_lib.exports.datasets import CUSTOMERS, SEATS, SUBSCRIPTION_DATASETS
from insights_lib.parameters.spec import PRESETS, DateRange, ReportSpec, month_after
from insights_lib.store import remote
from insights_lib.store.parts import Part

MOST_MONTHS = 121  # that a slice reads; it keeps those of a subscription as bits of one number
_SCHEMA = """
CREATE TABLE IF NOT EXISTS exports (      -- the log: one row per ingested file
    id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT, dataset TEXT,
    rows_in INTEGER, rows_kept INTEGER, rows_rejected INTEGER, ingested_at TEXT
);
CREATE TABLE IF NOT EXISTS rejects (export INTEGER, line INTEGER, reason TEXT);
CREATE TABLE IF NOT EXISTS parts (        -- one row per export, account, month and file
    export INTEGER, dataset TEXT, account TEXT, is_location INTEGER, month TEXT, file TEXT,
    rows INTEGER, subscription_ids INTEGER, hash TEXT
);
CREATE INDEX IF NOT EXISTS parts_of_account ON parts (account, is_location);
CREATE TABLE IF NOT EXISTS accounts (     -- locations of a global account, from Profile exports
    location TEXT PRIMARY KEY, account TEXT, name TEXT, export INTEGER
);
"""

# Parts of the partner itself, and of the locations that Profile maps to it. A location id that
# no Profile maps is a partner of its own.
_PARTS_OF = """
SELECT p.export, p.dataset, p.month, p.file, p.rows, p.subscription_ids, p.hash
FROM parts p WHERE p.account = :partner AND NOT p.is_location
UNION ALL
SELECT p.export, p.dataset, p.month, p.file, p.rows, p.subscription_ids, p.hash
FROM parts p JOIN accounts a ON p.account = a.location
WHERE p.is_location AND a.account = :partner
UNION ALL
SELECT p.export, p.dataset, p.month, p.file, p.rows, p.subscription_ids, p.hash
FROM parts p WHERE p.is_location AND p.account = :partner
AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.location = p.account)
"""


def reading(store: Path | str) -> AbstractContextManager[sqlite3.Connection]:
    """The catalog of a store in a folder or at a URL, to read.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    if isinstance(store, str):
        return remote.catalog(f"{store}/catalog.sqlite")
    return _reading(store)


@contextmanager
def _reading(store: Path) -> Iterator[sqlite3.Connection]:
    if store.is_file():
        raise StoreError(f"{store}: is a file; give the folder of a store, or its URL.")
    catalog = store.absolute() / "catalog.sqlite"
    if not catalog.exists() or catalog.stat().st_size == 0:  # empty: no ingest has succeeded
        raise StoreError(f"{store}: no store is here; run `insights ingest` first.")
    try:
        # Not read-only, so that what a crash left half-written can be taken back.
        with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=rw", uri=True, timeout=60)) as db:
            yield db
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{catalog}: cannot be read ({error}); if the file is broken, delete the store and "
            "ingest all exports again."
        ) from error


@contextmanager
def writing(store: Path) -> Iterator[sqlite3.Connection]:
    """The catalog, to change: all of it at the end, or nothing after an error or a crash.

    Another process that writes to the same store waits until this one is done.
    """
    if re.match(r"[A-Za-z][\w+.-]+:/", str(store)):  # Windows has drives of one letter
        raise StoreError(
            f"{store}: a store at a URL can only be read. Give a folder, and copy it to the URL "
            "afterwards: its parts first, the catalog last."
        )
    make_folder(store)
    with closing(sqlite3.connect(store / "catalog.sqlite", timeout=3600)) as db:
        db.isolation_level = None
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


@dataclass(frozen=True)
class NewMonth:
    """The rows of one account and month in one new file."""

    dataset: str
    account: str
    is_location: bool
    month: date
    file: Path
    rows: int
    subscription_ids: int
    hash: str


def publish(db: sqlite3.Connection, export: int, written: list[NewMonth], parts: Path) -> None:
    """Move the files into the store and let the catalog name them in place of earlier ones."""
    for account in {month.account for month in written}:
        _sweep(db, parts, account)
    names = {m.file: f"{m.account}/{m.dataset}-{export}-{m.file.name}" for m in written}
    for month in written:
        key = (month.dataset, month.account, month.is_location, month.month.isoformat())
        db.execute(
            """DELETE FROM parts WHERE dataset = ? AND account = ? AND is_location = ?
               AND month = ? AND export < ?""",
            (*key, export),
        )
        db.execute(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (export, *key, names[month.file], month.rows, month.subscription_ids, month.hash),
        )
    for file, name in names.items():
        move_into_store(file, parts / name)


def _sweep(db: sqlite3.Connection, parts: Path, account: str) -> None:
    """Delete files of an account that the catalog no longer names.

    What this ingest replaces is still named and stays until the next: it may be being read.
    """
    rows = db.execute("SELECT DISTINCT file FROM parts WHERE account = ?", [account])
    named = {parts / file for (file,) in rows}
    for file in (parts / account).glob("*.parquet"):
        if file not in named:
            file.unlink()


def move_into_store(file: Path, target: Path) -> None:
    """Move a file so that it stays there even if the machine stops at once."""
    make_folder(target.parent)
    move_file(file, target)
    for folder in target.parents[1:3]:  # of all parts, of the store
        sync(folder)


@dataclass(frozen=True)
class PartnerParts:
    """What the store holds of one partner: for each dataset and month the latest export.

    Attributes:
        partner: Partner global account id.
        name: The partner's name as a Profile export tells it, or empty.
        parts: Parts that count, oldest month first; those of earlier exports are left out.
    """

    partner: str
    name: str
    parts: tuple[Part, ...]

    @property
    def subscription_dataset(self) -> str:
        """SeatsSubscriptionsAndRevenue, or CustomersAndTenants where there is none of it."""
        return SEATS if any(part.dataset == SEATS for part in self.parts) else CUSTOMERS

    def subscriptions(self) -> list[Part]:
        """The parts that hold the partner's subscription rows."""
        wanted = self.subscription_dataset
        return [part for part in self.parts if part.dataset == wanted]

    def usage(self) -> list[Part]:
        """The parts that hold the partner's rows of usage datasets."""
        return [part for part in self.parts if part.dataset not in SUBSCRIPTION_DATASETS]

    def within(self, months: DateRange) -> list[Part]:
        """The parts that a report of these months reads: up to the last, however long before."""
        first = month_after(months.last, 1 - MOST_MONTHS)
        return [p for p in self.parts if first <= p.month <= months.last]

    def resolve(self, spec: ReportSpec) -> DateRange:
        """The months that a spec's date range means for this partner.

        Raises:
            StoreError: A preset was asked for, but no month is complete on the as-of date.
        """
        if spec.date_range not in PRESETS:
            return DateRange.parse(spec.date_range)
        months = {part.month for part in self.subscriptions()}
        complete = [month for month in months if month < spec.as_of.replace(day=1)]
        if not complete:
            raise StoreError(
                f"partner {self.partner}: no month with subscriptions is complete on "
                f"{spec.as_of}; ingest its exports, or give a later as-of date."
            )
        return DateRange.ending(max(complete), PRESETS[spec.date_range])


def partner_parts(store: Path | str, partner: str) -> PartnerParts:
    """Look up in the catalog what the store, a folder or a URL, holds of a partner.

    Raises:
        StoreError: There is no store, or it holds nothing of this partner.
    """
    place = f"{store}/parts/".__add__ if isinstance(store, str) else (store / "parts").joinpath
    with reading(store) as db:
        rows = [
            Part(export, dataset, date.fromisoformat(month), place(file), *counts)
            for export, dataset, month, file, *counts in db.execute(_PARTS_OF, {"partner": partner})
        ]
        names = db.execute("SELECT max(name) FROM accounts WHERE account = ?", [partner]).fetchone()
        if not rows:
            raise StoreError(
                f"partner {partner}: the store {store} holds nothing of it. "
                f"It holds: {', '.join(_partners(db)) or 'no partner'}."
            )
    latest: dict[tuple[str, date], int] = {}
    for part in rows:
        key = (part.dataset, part.month)
        latest[key] = max(part.export, latest.get(key, 0))
    # A month of which every customer is forgotten is not covered, by earlier exports neither.
    live = [p for p in rows if p.export == latest[p.dataset, p.month] and p.rows]
    live.sort(key=lambda part: (part.dataset, part.month, part.hash))
    return PartnerParts(partner, names[0] or "", tuple(live))


def _partners(db: sqlite3.Connection, most: int = 10) -> list[str]:
    found = db.execute(
        """SELECT DISTINCT coalesce(a.account, p.account) FROM parts p
           LEFT JOIN accounts a ON p.is_location AND a.location = p.account ORDER BY 1"""
    )
    names = [str(row[0]) for row in found.fetchmany(most + 1)]
    return [*names[:most], "…"] if len(names) > most else names
