"""Export files into the store: each file as a whole, or not at all."""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import duckdb

from insights_lib.errors import ExportError
from insights_lib.exports.datasets import PROFILE, absent_dimensions
from insights_lib.exports.packing import Source
from insights_lib.exports.parquet import ParquetExport, ParquetSource, is_parquet_folder
from insights_lib.exports.reader import check, open_export
from insights_lib.store import values
from insights_lib.store.accounts import accounts_of, take_accounts
from insights_lib.store.catalog import refuse_url, writing
from insights_lib.store.kept import kept_columns
from insights_lib.store.parts import FILE_FORMAT, counts_by_month
from insights_lib.store.publish import Batch, NewMonth, notes_on_replaced, publish
from insights_lib.store.staging import StagedExport, has_accounts

_REASON = """CASE WHEN account IS NULL THEN 'no partner id'
    WHEN customer IS NULL THEN 'no customer id and no customer name' END"""
_PROFILE_REASON = "CASE WHEN account IS NULL OR location IS NULL THEN 'no partner id' END"
_REJECTS_SHOWN = 5
_NOTES_SHOWN = 10


Look = tuple[int, int, int]  # inode, size, time of the last change


@dataclass(frozen=True)
class Ingested:
    """What became of one export.

    Attributes:
        file: The file as the user named it, in an archive with its name in there.
        dataset: Which dataset it is.
        first: The first month it covers, None if it covers none.
        last: The last month it covers.
        rows_in: Rows in the file; every one is kept or rejected.
        rows_kept: Rows that are in the store now.
        rejects: Line and reason of the rejected rows, at most the first 1,000.
        notes: What the user should know although nothing is wrong, such as what it replaces.
        unit: What the lines are: those of a text, or rows.
    """

    file: Path
    dataset: str
    first: date | None
    last: date | None
    rows_in: int
    rows_kept: int
    rejects: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]
    unit: str

    @property
    def rows_rejected(self) -> int:
        """Rows that were left out."""
        return self.rows_in - self.rows_kept

    def lines(self) -> Iterator[str]:
        """What a user is told of it: what was kept, the first rejected rows, the notes."""
        months = f", {self.first:%Y-%m} to {self.last:%Y-%m}" if self.first else ""
        yield (
            f"{self.file}: {self.dataset}{months}: {self.rows_in:,} rows in, "
            f"{self.rows_kept:,} kept, {self.rows_rejected:,} rejected"
        )
        for line, reason in self.rejects[:_REJECTS_SHOWN]:
            yield f"  {self.unit} {line} rejected: {reason}"
        if self.rows_rejected > _REJECTS_SHOWN:
            yield f"  and {self.rows_rejected - _REJECTS_SHOWN:,} more; see the store's log"
        for note in self.notes[:_NOTES_SHOWN]:
            yield f"  note: {note}"


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files that paths stand for: a folder means every file in it, in name order.

    A folder of Parquet files that is one export stands for itself.

    Raises:
        ExportError: A path does not exist, or a folder holds no file.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ExportError(f"{path}: no such file or folder.")
        inside = [path]
        if path.is_dir() and not is_parquet_folder(path):
            inside = sorted(f for f in path.iterdir() if f.is_file() or is_parquet_folder(f))
        visible = [f for f in inside if not f.name.startswith(".") or f == path]
        if not visible:
            raise ExportError(f"{path}: the folder holds no file; put exports there.")
        files += visible
    return files


def ingest_files(
    files: Sequence[Path], store: Path, parts: bool = False, reassign: bool = False
) -> Iterator[Ingested | ExportError]:
    """Take exports into the store, one after the other; later ones replace earlier ones.

    Args:
        files: Exports, or zip archives of them.
        store: Folder of the store.
        parts: Whether the files together are one export: they do not replace each other, and one
            that is refused is a refusal of them all.
        reassign: Whether a Profile export may give a location to another account.

    Yields:
        What became of each export, or why a file was refused; the store is then as it was before.

    Raises:
        StoreError: The store is of another version, or at a URL.
    """
    for together in [files] if parts else [[file] for file in files]:
        try:
            yield from _ingest(together, store, parts, reassign)
        except ExportError as error:
            yield error


def ingest_file(file: Path, store: Path) -> list[Ingested]:
    """Take one export into the store; for the months it covers it replaces earlier ones.

    Returns:
        What became of it; of a zip archive, of each export in it.

    Raises:
        ExportError: The file is refused; the store is as it was before.
    """
    return _ingest([file], store)


def look_at(file: Path) -> Look:
    """What changes when a file or folder does, or when another takes its place."""
    found = [one.stat() for one in (file, *(file.rglob("*") if file.is_dir() else ()))]
    size, changed = sum(one.st_size for one in found), max(one.st_mtime_ns for one in found)
    return found[0].st_ino, size, changed


def _ingest(
    files: Sequence[Path], store: Path, parts: bool = False, reassign: bool = False
) -> list[Ingested]:
    refuse_url(store)
    file, results = files[0], []
    try:
        # Most of what is not an export is refused before anybody has to wait for it.
        sources = [(source, look_at(file)) for file in files for source in check(file)]
        with writing(store, begin_again=True) as db:
            for left_over in store.glob(".ingest-*"):
                shutil.rmtree(left_over)
            with Batch(db, store, parts, reassign) as batch:
                for source, look in sources:
                    file = source.file
                    with TemporaryDirectory(dir=store, prefix=".ingest-") as folder:
                        results.append(_take(batch, source, look, Path(folder)))
    except (duckdb.Error, sqlite3.Error, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"{file}: cannot be taken into {store} ({reason}).") from error
    return results


def _take(batch: Batch, source: Source | ParquetSource, look: Look, workdir: Path) -> Ingested:
    opened = open_export(source, workdir)
    settings = {"memory_limit": "1GB", "temp_directory": str(workdir / "spill")}
    with duckdb.connect(config={**settings}) as engine:
        engine.execute("SET enable_progress_bar = false")  # it would be in every log
        staged = StagedExport(opened, engine, workdir)
        if look_at(source.path) != look:
            raise ExportError(f"{source.file}: was being written; ingest it when that has ended.")
        if isinstance(staged.export, ParquetExport):
            values.refuse_damaged_texts(staged)
        values.refuse_spoilt_ids(staged)
        values.refuse_unsafe_accounts(staged)
        if opened.header.dataset.name == PROFILE:
            known = accounts_of(batch, staged, _PROFILE_REASON)
            result, number = _logged(batch, staged, PROFILE, _PROFILE_REASON, [])
            take_accounts(batch, known, number)
            return result
        return _take_rows(batch, staged, workdir)


def _take_rows(batch: Batch, staged: StagedExport, workdir: Path) -> Ingested:
    """Write the rows by account, and let the catalog prefer them for the months they cover."""
    dataset = values.dataset_by_workload(staged)
    written = _write_by_account(staged, dataset, workdir)
    notes = notes_on_replaced(batch, staged, written)
    result, number = _logged(batch, staged, dataset, _REASON, written)
    if sum(month.rows for month in written) != result.rows_kept:
        raise ExportError(f"{staged.export.file}: rows were lost on the way; please report this.")
    publish(batch, number, written)
    return replace(result, notes=(*result.notes, *notes))


def _write_by_account(staged: StagedExport, dataset: str, workdir: Path) -> list[NewMonth]:
    """Write the kept rows, a folder per account, and count what each file holds by month."""
    columns, joins = kept_columns(staged)
    folder = workdir / "accounts"
    rows = f"""SELECT account, customer, {columns} FROM staged {joins}
        WHERE {_REASON} IS NULL"""
    accounts = staged.rows(f"SELECT DISTINCT account FROM staged WHERE {_REASON} IS NULL")
    place, parting = folder, ", PARTITION_BY (account)"
    if len(accounts) == 1:  # as in nearly every export; parting takes longer than writing
        rows, parting = f"SELECT * EXCLUDE account FROM ({rows})", ""
        place = folder / f"account={accounts[0][0]}" / "data_0.parquet"
        place.parent.mkdir(parents=True)
    staged.engine.execute(
        f"COPY ({rows}) TO $place ({FILE_FORMAT}{parting})",
        {"place": str(place)},
    )
    header, is_location = staged.export.header, not has_accounts(staged.export.header)
    absent = ",".join(absent_dimensions(header.dataset, header.names))
    return [
        NewMonth(dataset, _account_of(file), is_location, absent, month, file, *counts)
        for file in sorted(folder.glob("*/*.parquet"))
        for month, *counts in counts_by_month(staged.engine, file, dataset)
    ]


def _account_of(file: Path) -> str:
    return unquote(file.parent.name.removeprefix("account="))


def _logged(
    batch: Batch, staged: StagedExport, dataset: str, reason: str, written: list[NewMonth]
) -> tuple[Ingested, int]:
    """Write the log entry of an export, and return what it says with the number of the export."""
    export, months = staged.export, [month.month for month in written]
    rejected = staged.rows(f"SELECT count(*) FROM staged WHERE {reason} IS NOT NULL")[0][0]
    result = Ingested(
        file=export.file,
        dataset=dataset,
        first=min(months, default=None),
        last=max(months, default=None),
        rows_in=export.rows + len(export.blank_lines),
        rows_kept=export.rows - rejected,
        rejects=tuple(staged.rejects(reason)),
        notes=export.notes,
        unit=export.unit,
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    counts = (result.rows_in, result.rows_kept, result.rows_rejected)
    [(number,)] = batch.db.execute(
        """INSERT INTO exports (file, dataset, rows_in, rows_kept, rows_rejected, ingested_at)
           VALUES (?, ?, ?, ?, ?, ?) RETURNING id""",
        (str(result.file), dataset, *counts, now),
    ).fetchall()
    rejects = ((number, *reject) for reject in result.rejects)
    batch.db.executemany("INSERT INTO rejects VALUES (?, ?, ?)", rejects)
    return result, number
