"""Forgetting a customer: in the store, in reports, and in what mails link to."""

import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

from insights_lib.errors import StoreError
from insights_lib.outputs import Outputs
from insights_lib.run.index import refresh_index
from insights_lib.store.catalog import export_name, move_into_store, reading, writing
from insights_lib.store.parts import FILE_FORMAT, counts_by_month
from insights_lib.store.sql import lower_case, sql_path

KINDS: Mapping[str, str] = {"tpid": "top parent id", "tenant": "tenant id", "name": "name"}


@dataclass(frozen=True)
class Forgotten:
    """What was deleted of a customer.

    Attributes:
        rows: How many rows of the store, by the kind of key that they had.
        months: The months of these rows, in order.
        partners: The partners that had the customer.
        reports: Folders of reports that were emptied; they are stale and can be made again.
        linked: Those of their pages that mails link to.
        exports: Names of ingested files that held these rows. They are not touched: delete them,
            or the next ingest brings the customer back.
    """

    rows: dict[str, int]
    months: tuple[date, ...]
    partners: tuple[str, ...]
    reports: tuple[Path, ...]
    linked: tuple[Path, ...]
    exports: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """What a user is told of it."""
        rows = ", ".join(f"{count} with it as {kind}" for kind, count in self.rows.items())
        months = f"{self.months[0]:%Y-%m} to {self.months[-1]:%Y-%m}"
        yield f"rows deleted: {rows}; {months}, partners {', '.join(self.partners)}"
        for folder in self.reports:
            yield f"stale: {folder}; `insights run` makes it again, if it is still asked for"
        if self.linked:
            yield f"deleted: {len(self.linked)} pages that mails of these partners link to"
        for name in self.exports:
            yield f"still in the export file {name}"
        yield "Delete every export that holds the customer, also earlier and refused ones:"
        yield "whoever ingests one of them brings the customer back."


class _Found(NamedTuple):
    """Rows of the customer in one file and month."""

    file: Path
    customer: str
    month: date
    rows: int


def forget(key: str, store: Path, outputs: Outputs) -> Forgotten:
    """Delete a customer from the store, and all but the manifests of its partners' reports.

    The same call finishes what a crash has interrupted: reports are deleted before rows, and
    files that the catalog no longer names are searched, too. A message that is being sent is
    waited for. The key is a top parent id, tenant id or name as the exports spell it, or as
    customers.csv has it, such as `tpid:0012345`.

    Raises:
        StoreError: There is no store, or no such customer in it; nothing was changed.
        BusyError: A run is writing to the same folder of reports.
    """
    with reading(store):
        pass  # there is a store, and it is not made by looking for it
    try:
        with outputs.locked() as work, outputs.forgetting():
            outputs.forget_dry_run()
            outputs.forget_previews()
            with writing(store) as db:
                found = _find(key, store)
                files = sorted({one.file for one in found})
                forgotten = _forgotten(db, found, outputs)
                failed = _of_partners(outputs.failed_folders(), outputs, forgotten.partners)
                gone = [*_contents(*forgotten.reports), *failed, *forgotten.linked]
                for number, entry in enumerate(gone):
                    entry.rename(work / str(number))
                refresh_index(outputs)
                for file in files:
                    _rewrite(db, file, key, store)
                _strike_out(db, key)
            for file in files:
                file.unlink(missing_ok=True)
    except (duckdb.Error, sqlite3.Error) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"{store}: the customer cannot be forgotten ({reason}).") from error
    return forgotten


def _spellings(key: str) -> list[str]:
    """The names of a customer in the store, which keeps keys of several kinds apart."""
    kind, colon, rest = key.partition(":")
    keys = [(kind, key) for kind in KINDS] + ([(kind, rest)] if colon and kind in KINDS else [])
    return [f"{kind}:{lower_case(key) if kind == 'tenant' else key}" for kind, key in keys]


def _find(key: str, store: Path) -> list[_Found]:
    """The customer's rows in every file of the store, also in those no longer used."""
    for left_over in store.glob(".ingest-*"):
        shutil.rmtree(left_over)
    files = sorted((store / "parts").glob("*/*.parquet"))
    if files:
        with duckdb.connect() as engine:
            rows = engine.execute(
                f"""SELECT filename, customer, month, count(*)
                    FROM read_parquet([{", ".join(map(sql_path, files))}],
                        filename = true, union_by_name = true, hive_partitioning = false)
                    WHERE customer IN (SELECT unnest($keys)) GROUP BY ALL ORDER BY ALL""",
                {"keys": _spellings(key)},
            ).fetchall()
        if rows:
            return [_Found(Path(file), *others) for file, *others in rows]
    raise StoreError(
        f"{store}: no customer has the key {key!r}; a customer's key is its top parent id, else "
        "its tenant id, else its name, spelt as in the exports or, as in the tables, tpid:0012345."
    )


def _forgotten(db: sqlite3.Connection, found: list[_Found], outputs: Outputs) -> Forgotten:
    rows: Counter[str] = Counter()
    for one in found:
        rows[KINDS[one.customer.partition(":")[0]]] += one.rows
    accounts = {one.file.parent.name for one in found}
    mapped = db.execute("SELECT location, account FROM accounts").fetchall()
    partners = accounts | {account for location, account in mapped if location in accounts}
    reports = _of_partners(outputs.report_folders(), outputs, partners)
    pages = outputs.linked.glob("*")
    # A file is named by its dataset and the number of the export that it came with.
    numbers = {one.file.name.split("-")[1] for one in found}
    logged = db.execute("SELECT id, file FROM exports ORDER BY id").fetchall()
    exports = [export_name(file) for id_, file in logged if str(id_) in numbers]
    return Forgotten(
        rows=dict(rows),
        months=tuple(sorted({one.month for one in found})),
        partners=tuple(sorted(partners)),
        reports=tuple(folder for folder in reports if _contents(folder)),
        linked=tuple(page for page in pages if page.stem.rpartition("-")[0] in partners),
        exports=tuple(dict.fromkeys(exports)),
    )


def _of_partners(folders: list[Path], outputs: Outputs, partners: Collection[str]) -> list[Path]:
    return [one for one in folders if one.relative_to(outputs.folder).parts[0] in partners]


def _contents(*reports: Path) -> list[Path]:
    """All that reports consist of, without their manifests."""
    entries = (entry for folder in reports for entry in sorted(folder.iterdir()))
    return [entry for entry in entries if entry.name != "manifest.json"]


def _rewrite(db: sqlite3.Connection, file: Path, key: str, store: Path) -> None:
    """Let the catalog name a new file without the customer, if it names this one."""
    parts = store / "parts"
    name = file.relative_to(parts).as_posix()
    named = db.execute("SELECT dataset, month FROM parts WHERE file = ?", [name]).fetchall()
    if not named:
        return
    target = file.with_name(f"{file.name.split('.')[0]}.{token_hex(4)}.parquet")
    with TemporaryDirectory(dir=store, prefix=".ingest-") as folder, duckdb.connect() as engine:
        new = Path(folder) / target.name
        engine.execute(
            f"""COPY (
                    SELECT * FROM read_parquet({sql_path(file)}, hive_partitioning = false)
                    WHERE customer NOT IN (SELECT unnest($keys))
                ) TO $new ({FILE_FORMAT})""",
            {"keys": _spellings(key), "new": str(new)},
        )
        left = {m.isoformat(): c for m, *c in counts_by_month(engine, new, named[0][0])}
        move_into_store(new, target)
    for _, month in named:
        db.execute(
            """UPDATE parts SET file = ?, rows = ?, subscription_ids = ?, hash = ?
               WHERE file = ? AND month = ?""",
            (target.relative_to(parts).as_posix(), *left.get(month, (0, 0, "")), name, month),
        )


def _strike_out(db: sqlite3.Connection, key: str) -> None:
    """Take the key out of the names of files in the log, and out of the log's own file."""
    db.execute("PRAGMA secure_delete = ON")
    as_a_word = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)")
    for id_, file in db.execute("SELECT id, file FROM exports").fetchall():
        if as_a_word.search(file):
            db.execute("UPDATE exports SET file = ? WHERE id = ?", (as_a_word.sub("…", file), id_))
