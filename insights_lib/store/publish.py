"""New rows in the store: what they replace, and how they take its place."""

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, groupby
from pathlib import Path
from typing import Self

import duckdb

from insights_lib.errors import ExportError
from insights_lib.store.catalog import export_name, move_into_store
from insights_lib.store.partners import live_parts
from insights_lib.store.parts import Part, rows_of
from insights_lib.store.sql import sql_path
from insights_lib.store.staging import StagedExport


@dataclass
class Batch:
    """Exports that are taken together, or not at all.

    Attributes:
        db: The catalog, to change.
        store: Folder of the store.
        united: Whether they are parts of one export.
        reassign: Whether a location may go to another account.
        number: Under which the export counts, if they are one; 0 before the first.
        unneeded: By account, files that the catalog did not name before; they are deleted in the
            end. What is replaced now is kept until the next time: it may be being read.
        moved: Files that are in the store already; after an error they are deleted.
    """

    db: sqlite3.Connection
    store: Path
    united: bool
    reassign: bool
    number: int = 0
    unneeded: dict[str, list[Path]] = field(default_factory=dict)
    moved: list[Path] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        # A file that an ingest which was killed has left can have the name of a new one.
        unneeded = {*chain(*self.unneeded.values())}.difference(self.moved)
        for file in self.moved if error else unneeded:
            file.unlink(missing_ok=True)

    def book(self, number: int) -> int:
        """The number under which an export counts: of united ones that of the first."""
        self.number = self.number if self.united and self.number else number
        return self.number


@dataclass(frozen=True)
class NewMonth:
    """The rows of one account and month in one new file."""

    dataset: str
    account: str
    is_location: bool
    absent_dimensions: str
    month: date
    file: Path
    rows: int
    subscription_ids: int
    hash: str


def publish(batch: Batch, number: int, written: list[NewMonth]) -> None:
    """Move the files into the store and let the catalog name them in place of earlier ones.

    Args:
        batch: The exports of which this is one.
        number: Of this export.
        written: What is new.
    """
    booked, parts = batch.book(number), batch.store / "parts"
    for account in {month.account for month in written} - batch.unneeded.keys():
        batch.unneeded[account] = _unneeded(batch.db, parts, account)
    names = {m.file: f"{m.account}/{m.dataset}-{number}-{m.file.name}" for m in written}
    for month in written:
        key = (month.dataset, month.account, month.is_location, month.month.isoformat())
        batch.db.execute(
            """DELETE FROM parts WHERE dataset = ? AND account = ? AND is_location = ?
               AND month = ? AND export < ?""",
            (*key, booked),
        )
        counts = (month.rows, month.subscription_ids, month.hash, month.absent_dimensions)
        batch.db.execute(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (booked, *key, names[month.file], *counts),
        )
    for file, name in names.items():
        batch.moved.append(parts / name)
        move_into_store(file, parts / name)


def _unneeded(db: sqlite3.Connection, parts: Path, account: str) -> list[Path]:
    """Files of an account that the catalog does not name."""
    rows = db.execute("SELECT DISTINCT file FROM parts WHERE account = ?", [account])
    named = {parts / file for (file,) in rows}
    return [file for file in (parts / account).glob("*.parquet") if file not in named]


def notes_on_replaced(batch: Batch, staged: StagedExport, written: list[NewMonth]) -> list[str]:
    """What new rows will replace: how many rows, of which months and file.

    Raises:
        ExportError: It is of other customers throughout, as the other part of one export is.
    """
    replaced = _replaced(batch, written)
    if replaced and not batch.united and not _shares_customers(staged, replaced, written):
        raise ExportError(
            f"{staged.export.file}: would replace {_told(batch, replaced)[0]}, but has none of the "
            "customers there. If the files are parts of one export, name them all in one call "
            "with --parts; if this one is right and the rows there are wrong, name it alone with "
            "--parts."
        )
    return [f"replaces {sentence}" for sentence in _told(batch, replaced)]


def _replaced(batch: Batch, written: list[NewMonth]) -> list[Part]:
    """The parts that no longer count when these months are there."""
    months = defaultdict(set)
    for month in written:
        of_location = batch.db.execute(
            "SELECT account FROM accounts WHERE ? AND location = ?",
            (month.is_location, month.account),
        ).fetchone()
        months[of_location[0] if of_location else month.account].add((month.dataset, month.month))
    return [
        part
        for partner, new in months.items()
        for part in live_parts(batch.db, batch.store, partner) or ()
        if (part.dataset, part.month) in new and (part.export != batch.number or not batch.united)
    ]


def _shares_customers(staged: StagedExport, replaced: list[Part], written: list[NewMonth]) -> bool:
    """Whether any customer of the new rows is among those of the rows that they replace."""
    files = ", ".join(sorted({sql_path(month.file) for month in written}))
    try:
        found = staged.rows(
            f"""SELECT 1 FROM ({rows_of(replaced, {"customer": "VARCHAR"})}) WHERE customer IN (
                    SELECT customer FROM read_parquet([{files}], hive_partitioning = false)
                ) LIMIT 1"""
        )
    except duckdb.IOException:  # a file is gone or damaged, which ingesting again mends
        return True
    return bool(found)


def _told(batch: Batch, parts: list[Part]) -> list[str]:
    """A sentence for each file that parts came from, which is in the names of theirs."""

    def number(part: Part) -> int:
        return int(Path(part.file).name.split("-")[1])

    sentences = []
    for export, group in groupby(sorted(parts, key=number), key=number):
        of_file = list(group)
        months = sorted({f"{part.month:%Y-%m}" for part in of_file})
        span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
        [(file,)] = batch.db.execute("SELECT file FROM exports WHERE id = ?", [export]).fetchall()
        rows = sum(part.rows for part in of_file)
        noun = "row" if rows == 1 else "rows"
        sentences.append(f"{rows:,} {noun} of {span} from {export_name(file)}")
    return sentences
