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
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from insights_lib.disk import make_file, make_folder, move_file, sync
from insights_lib.errors import StoreError
from insights_lib.exports.datasets import (
    CUSTOMERS,
    DIMENSION_COLUMNS,
    SEATS,
    SUBSCRIPTION_DATASETS,
)
from insights_lib.parameters.spec import PRESETS, DateRange, ReportSpec, month_after
from insights_lib.store import remote
from insights_lib.store.parts import Part
from insights_lib.tables import DIMENSIONS

_PARTNERS_SHOWN = 10
MOST_MONTHS = 121  # that a slice reads; it keeps those of a subscription as bits of one number
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
# tenant and subscription ids in lower case.
_VERSION = 2

# Parts of the partner itself, and of the locations that Profile maps to it. A location id that
# no Profile maps is a partner of its own.
_PARTS_OF = """
SELECT export, dataset, month, file, rows, subscription_ids, hash, absent_dimensions FROM parts
WHERE account = :partner AND NOT is_location
OR is_location AND account IN (
    SELECT location FROM accounts WHERE account = :partner
    UNION ALL
    SELECT :partner WHERE :partner NOT IN (SELECT location FROM accounts)
)
"""


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
    if db.execute("PRAGMA user_version").fetchone() != (_VERSION,):
        raise StoreError(
            f"{store}: was made by another version of this program; delete it, and ingest all "
            "exports again."
        )


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
def writing(store: Path) -> Iterator[sqlite3.Connection]:
    """The catalog, to change: all of it at the end, or nothing after an error or a crash.

    Another process that writes to the same store waits until this one is done.
    """
    refuse_url(store)
    make_folder(store)
    make_file(store / "catalog.sqlite")  # SQLite would let everybody read it
    with closing(sqlite3.connect(store / "catalog.sqlite", timeout=3600)) as db:
        db.isolation_level = None
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        try:
            if db.execute("SELECT 1 FROM sqlite_master").fetchone():
                _refuse_other_version(db, store)
            for statement in (*_SCHEMA.split(";"), f"PRAGMA user_version = {_VERSION}"):
                db.execute(statement)
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


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

    def absent_dimensions(self, months: DateRange) -> tuple[str, ...]:
        """The dimensions of which no subscription export of these months has the column."""
        within = [p for p in self.subscriptions() if months.first <= p.month <= months.last]
        lacking = [set(part.absent_dimensions.split(",")) for part in within]
        absent = set.intersection(*lacking) if lacking else set()
        return tuple(name for name in DIMENSIONS if name in absent)

    def resolve(self, spec: ReportSpec) -> DateRange:
        """The months that a spec's date range means for this partner.

        Raises:
            StoreError: A preset was asked for, but no month is complete on the as-of date; or a
                filter is on a dimension that is absent in these months.
        """
        months = self._months(spec)
        absent = self.absent_dimensions(months)
        for facet in spec.filters.chosen():
            if facet in absent:
                raise StoreError(
                    f"partner {self.partner}: the filter on {facet} cannot be applied; no export "
                    f"of {months} has the column {' or '.join(DIMENSION_COLUMNS[facet])}."
                )
        return months

    def _months(self, spec: ReportSpec) -> DateRange:
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
    with reading(store) as db:
        parts = live_parts(db, store, partner)
        names = db.execute("SELECT max(name) FROM accounts WHERE account = ?", [partner]).fetchone()
        if parts is None:
            known = _partner_ids(db)
            more = len(known) > _PARTNERS_SHOWN
            shown = [*known[:_PARTNERS_SHOWN], "…"] if more else known
            raise StoreError(
                f"partner {partner}: the store {store} holds nothing of it. "
                f"It holds: {', '.join(shown) or 'no partner'}."
            )
    return PartnerParts(partner, names[0] or "", tuple(parts))


def live_parts(db: sqlite3.Connection, store: Path | str, partner: str) -> list[Part] | None:
    """The parts of a partner that count, of the latest export of each month; None if it has none.

    Args:
        db: The catalog.
        store: Where the store is.
        partner: Partner global account id, or the id of a location that no Profile maps.
    """
    place = f"{store}/parts/".__add__ if isinstance(store, str) else (store / "parts").joinpath
    rows = [
        Part(export, dataset, date.fromisoformat(month), place(file), *others)
        for export, dataset, month, file, *others in db.execute(_PARTS_OF, {"partner": partner})
    ]
    latest: dict[tuple[str, date], int] = {}
    for part in rows:
        key = (part.dataset, part.month)
        latest[key] = max(part.export, latest.get(key, 0))
    # A month of which every customer is forgotten is not covered, by earlier exports neither.
    live = [p for p in rows if p.export == latest[p.dataset, p.month] and p.rows]
    live.sort(key=lambda part: (part.dataset, part.month, part.hash))
    return live if rows else None


def partner_ids(store: Path | str) -> list[str]:
    """The partners of a store, sorted.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    with reading(store) as db:
        return _partner_ids(db)


def _partner_ids(db: sqlite3.Connection) -> list[str]:
    found = db.execute(
        """SELECT DISTINCT coalesce(a.account, p.account) FROM parts p
           LEFT JOIN accounts a ON p.is_location AND a.location = p.account ORDER BY 1"""
    )
    return [str(name) for (name,) in found]
