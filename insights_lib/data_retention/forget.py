"""Care of data: reports that have had their time go, and so do customers to be forgotten."""

import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

from insights_lib.errors import StoreError
from insights_lib.mail.plan import LINKED
from insights_lib.outputs import FILE_MODE, claimed
from insights_lib.run.reports import LOG
from insights_lib.store.catalog import move_into_store, reading, writing
from insights_lib.store.staging import counts_by_month, sql_path

KINDS: Mapping[str, str] = {"tpid": "top parent id", "tenant": "tenant id", "name": "name"}


def prune_reports(outputs: Path, older_than: timedelta, now: datetime) -> list[Path]:
    """Delete the reports that were finished longer ago; without a manifest nothing is one.

    Args:
        outputs: The folder of the reports.
        older_than: What is older is deleted.
        now: The instant it is, with a zone.

    Returns:
        The folders that were deleted, in the order of their names.

    Raises:
        ReportError: A run is writing to the same folder.
    """
    with claimed(outputs) as work:
        old = [f for f in _reports(outputs) if now - _finished_at(f, now) > older_than]
        for number, folder in enumerate(old):
            folder.rename(work / str(number))  # so that no report is ever half there
            _remove_empty(folder.parent, outputs)
    return old


def prune_linked(outputs: Path, older_than: timedelta, now: datetime) -> int:
    """Delete pages that messages link to and that were put there longer ago; return how many."""
    files = list((outputs / LINKED).glob("*"))
    old = [f for f in files if now.timestamp() - f.stat().st_mtime > older_than.total_seconds()]
    for file in old:
        file.unlink()
    return len(old)


def prune_log(outputs: Path, before: datetime) -> int:
    """Delete the lines of the log of runs from before a moment; return how many.

    Raises:
        ReportError: A run is writing to the same folder.
    """
    log = outputs / LOG
    if not log.exists():
        return 0
    with claimed(outputs) as work:
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        young = [line for line in lines if _is_young(line, before)]
        if len(young) < len(lines):
            (work / LOG).touch(FILE_MODE)
            (work / LOG).write_text("".join(young), encoding="utf-8")
            (work / LOG).replace(log)
    return len(lines) - len(young)


def _is_young(line: str, before: datetime) -> bool:
    try:
        return datetime.fromisoformat(json.loads(line)["time"]) >= before
    except (ValueError, KeyError, TypeError):  # of a run that was killed
        return False


def _reports(outputs: Path) -> list[Path]:
    """The folders of reports: of whole partners, and of variants of these."""
    patterns = ("[!.]*/*/manifest.json", "[!.]*/variants/*/*/manifest.json")
    return sorted(file.parent for pattern in patterns for file in outputs.glob(pattern))


def _finished_at(folder: Path, otherwise: datetime) -> datetime:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return datetime.fromisoformat(manifest["finished_at"]).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return otherwise


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


@dataclass(frozen=True)
class Forgotten:
    """What was deleted of a customer.

    Attributes:
        rows: How many rows of the store, by the kind of key that they had.
        months: The months of these rows, in order.
        partners: The partners that had the customer.
        reports: Folders of reports that were emptied; they are stale and can be made again.
        linked: How many of their pages that mails link to were deleted.
        exports: Names of ingested files that held these rows. They are not touched: delete them,
            or the next ingest brings the customer back.
    """

    rows: dict[str, int]
    months: tuple[date, ...]
    partners: tuple[str, ...]
    reports: tuple[Path, ...]
    exports: tuple[str, ...]
    linked: int = 0


class _Found(NamedTuple):
    """Rows of the customer in one file and month."""

    file: Path
    customer: str
    month: date
    rows: int


def forget(key: str, store: Path, outputs: Path) -> Forgotten:
    """Delete a customer from the store, and everything but the manifests of reports on it.

    What was begun and not finished is finished by the same call again: files that the catalog
    does not name any more are looked at, too, and reports go before rows.

    Args:
        key: Top parent id, tenant id or name, as the exports spell it.
        store: Folder of the store.
        outputs: The folder of the reports.

    Raises:
        StoreError: There is no store, or no such customer in it; nothing was changed.
        ReportError: A run is writing to the same folder of reports.
    """
    with reading(store):
        pass  # there is a store, and it is not made by looking for it
    try:
        with claimed(outputs) as work:
            with writing(store) as db:
                found = _find(key, store)
                forgotten = _forgotten(db, found, outputs)
                linked = [
                    file
                    for file in (outputs / LINKED).glob("*")
                    if file.stem.rpartition("-")[0] in forgotten.partners
                ]
                forgotten = replace(forgotten, linked=len(linked))
                for number, entry in enumerate([*_contents(forgotten.reports), *linked]):
                    entry.rename(work / str(number))
                _rewrite(db, {one.file for one in found}, key, store)
                _strike_out(db, key)
            for file in {one.file for one in found}:
                file.unlink(missing_ok=True)
    except (duckdb.Error, sqlite3.Error) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"{store}: the customer cannot be forgotten ({reason}).") from error
    return forgotten


def _spellings(key: str) -> list[str]:
    """What a customer is called in the store: keys of several kinds are kept apart there."""
    return [f"{kind}:{key}" for kind in KINDS]


def _find(key: str, store: Path) -> list[_Found]:
    """The customer's rows in every file of the store, also in files of no use any more."""
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
        "its tenant id, else its name, spelt as in the exports."
    )


def _forgotten(db: sqlite3.Connection, found: list[_Found], outputs: Path) -> Forgotten:
    rows: Counter[str] = Counter()
    for one in found:
        rows[KINDS[one.customer.partition(":")[0]]] += one.rows
    partners = _partners(db, {one.file.parent.name for one in found})
    reports = [f for f in _reports(outputs) if f.relative_to(outputs).parts[0] in partners]
    # A file is named by its dataset and the number of the export that it came with.
    numbers = {one.file.name.split("-")[1] for one in found}
    logged = db.execute("SELECT id, file FROM exports ORDER BY id").fetchall()
    return Forgotten(
        rows=dict(rows),
        months=tuple(sorted({one.month for one in found})),
        partners=tuple(sorted(partners)),
        reports=tuple(folder for folder in reports if any(_contents([folder]))),
        exports=tuple(
            dict.fromkeys(Path(file).name for id_, file in logged if str(id_) in numbers)
        ),
    )


def _partners(db: sqlite3.Connection, accounts: set[str]) -> set[str]:
    """Accounts, and the partners that they are locations of."""
    mapped = db.execute("SELECT location, account FROM accounts").fetchall()
    return accounts | {account for location, account in mapped if location in accounts}


def _contents(reports: Iterable[Path]) -> list[Path]:
    """All that reports consist of, without their manifests."""
    entries = (entry for folder in reports for entry in sorted(folder.iterdir()))
    return [entry for entry in entries if entry.name != "manifest.json"]


def _rewrite(db: sqlite3.Connection, files: set[Path], key: str, store: Path) -> None:
    """Let the catalog name new files without the customer in place of those that it names."""
    parts = store / "parts"
    for file in sorted(files):
        name = file.relative_to(parts).as_posix()
        named = db.execute("SELECT dataset, month FROM parts WHERE file = ?", [name]).fetchall()
        if not named:
            continue
        target = file.with_name(f"{file.name.split('.')[0]}.{token_hex(4)}.parquet")
        with TemporaryDirectory(dir=store, prefix=".ingest-") as folder, duckdb.connect() as engine:
            new = Path(folder) / target.name
            engine.execute(
                f"""COPY (
                        SELECT * FROM read_parquet({sql_path(file)}, hive_partitioning = false)
                        WHERE customer NOT IN (SELECT unnest($keys))
                    ) TO $new (FORMAT parquet, COMPRESSION zstd)""",
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
