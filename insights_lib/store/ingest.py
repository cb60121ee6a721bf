"""Export files into the store: each file as a whole, or not at all."""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import duckdb

from insights_lib.errors import ExportError
from insights_lib.exports.datasets import (
    AZURE_AMOUNTS,
    DATE_COLUMNS,
    DIMENSION_COLUMNS,
    EMS,
    NUMBER_COLUMNS,
    OFFICE,
    PROFILE,
    SUBSCRIPTION_DATASETS,
    fold_product,
    is_ems_workload,
)
from insights_lib.exports.reader import MONTH_FORMS, parse_month, read_export
from insights_lib.parameters.spec import is_safe_name
from insights_lib.store.catalog import NewMonth, publish, writing
from insights_lib.store.parts import counts_by_month
from insights_lib.store.staging import (
    StagedExport,
    amount_column,
    has_accounts,
    seats_column,
)
from insights_lib.store.typed import map_days, map_flags, refuse_wrong_numbers

_CUSTOMER = (
    "coalesce('tpid:' || CustomerTpid, 'tenant:' || CustomerTenantId, 'name:' || CustomerName)"
)
_REASON = f"""CASE WHEN account IS NULL THEN 'no partner id'
    WHEN {_CUSTOMER} IS NULL THEN 'no customer id and no customer name' END"""
_PROFILE_REASON = "CASE WHEN account IS NULL OR location IS NULL THEN 'no partner id' END"
_REJECTS_SHOWN = 5


Look = tuple[int, int, int]  # inode, size, time of the last change


@dataclass(frozen=True)
class Ingested:
    """What became of one export file.

    Attributes:
        file: The file as the user named it.
        dataset: Which dataset it is.
        first: The first month it covers, None if it covers none.
        last: The last month it covers.
        rows_in: Rows in the file; every one is kept or rejected.
        rows_kept: Rows that are in the store now.
        rejects: Line and reason of the rejected rows, at most the first 1,000.
        notes: What the user should know although nothing is wrong.
    """

    file: Path
    dataset: str
    first: date | None
    last: date | None
    rows_in: int
    rows_kept: int
    rejects: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]

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
            yield f"  line {line} rejected: {reason}"
        if self.rows_rejected > _REJECTS_SHOWN:
            yield f"  and {self.rows_rejected - _REJECTS_SHOWN:,} more; see the store's log"
        for note in self.notes:
            yield f"  note: {note}"


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files that paths stand for: a folder means every file in it, in name order.

    Raises:
        ExportError: A path does not exist, or a folder holds no file.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ExportError(f"{path}: no such file or folder.")
        inside = sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]
        visible = [f for f in inside if not f.name.startswith(".") or f == path]
        if not visible:
            raise ExportError(f"{path}: the folder holds no file; put exports there.")
        files += visible
    return files


def ingest_file(file: Path, store: Path) -> Ingested:
    """Take one export into the store; for the months it covers it replaces earlier ones.

    Raises:
        ExportError: The file is refused; the store is as it was before.
    """
    try:
        with writing(store) as db:
            for left_over in store.glob(".ingest-*"):
                shutil.rmtree(left_over)
            with TemporaryDirectory(dir=store, prefix=".ingest-") as folder:
                return _ingest(db, file, Path(folder), store / "parts")
    except (duckdb.Error, sqlite3.Error, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"{file}: cannot be taken into {store} ({reason}).") from error


def look_at(file: Path) -> Look:
    """What changes when a file does, or when another takes its place."""
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _ingest(db: sqlite3.Connection, file: Path, workdir: Path, parts: Path) -> Ingested:
    before = look_at(file)
    export = read_export(file, workdir)
    settings = {"memory_limit": "1GB", "temp_directory": str(workdir / "spill")}
    with duckdb.connect(config={**settings}) as engine:
        staged = StagedExport(export, engine, workdir)
        if look_at(file) != before:
            raise ExportError(f"{file}: was being written; ingest it when that has ended.")
        if export.dataset.name == PROFILE:
            return _take_accounts(db, staged)
        return _take_rows(db, staged, workdir, parts)


def _take_accounts(db: sqlite3.Connection, staged: StagedExport) -> Ingested:
    """Replace what is known of the global accounts that a Profile export lists."""
    _refuse_unsafe_accounts(staged)
    known = staged.rows(
        f"""SELECT location, arg_max(account, file_row_number), arg_max(name, file_row_number)
            FROM staged WHERE {_PROFILE_REASON} IS NULL GROUP BY location ORDER BY location"""
    )
    export, result = _log(db, staged, PROFILE, _PROFILE_REASON, [])
    db.executemany("DELETE FROM accounts WHERE account = ?", {(row[1],) for row in known})
    db.executemany(
        "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)", [(*row, export) for row in known]
    )
    return result


def _take_rows(
    db: sqlite3.Connection, staged: StagedExport, workdir: Path, parts: Path
) -> Ingested:
    """Write the rows by account, and let the catalog prefer them for the months they cover."""
    dataset = _dataset_by_workload(staged)
    _refuse_unsafe_accounts(staged)
    staged.map_values("months", _months(staged), "DATE")
    written = _write_by_account(staged, dataset, workdir)
    export, result = _log(db, staged, dataset, _REASON, written)
    if sum(month.rows for month in written) != result.rows_kept:
        raise ExportError(f"{staged.export.file}: rows were lost on the way; please report this.")
    publish(db, export, written, parts)
    return result


def _dataset_by_workload(staged: StagedExport) -> str:
    """OfficeUsage and the EMSUsage of 2020 have the same columns; their workloads differ."""
    dataset = staged.export.dataset.name
    if dataset != OFFICE:
        return dataset
    workloads = staged.rows(
        """SELECT workload, min(file_row_number) FROM staged
           WHERE workload IS NOT NULL GROUP BY workload ORDER BY 2"""
    )
    of_ems = [is_ems_workload(name) for name, _ in workloads]
    if any(of_ems) and not all(of_ems):
        other, row = workloads[of_ems.index(not of_ems[0])]
        raise staged.refusal(
            row,
            f"the workload {other!r} and {workloads[0][0]!r} of an earlier line are of "
            "different datasets (OfficeUsage and EMSUsage); export each by itself.",
        )
    return EMS if any(of_ems) else OFFICE


def _refuse_unsafe_accounts(staged: StagedExport) -> None:
    for account, row in staged.rows(
        """SELECT account, min(file_row_number) FROM staged
           WHERE account IS NOT NULL GROUP BY account ORDER BY 2"""
    ):
        if not is_safe_name(account):
            raise staged.refusal(
                row,
                f"the partner id {account!r} cannot name a folder; letters, digits, '-', '_' "
                "and '.' are allowed, at most 64 of them.",
            )


def _months(staged: StagedExport) -> dict[str, date]:
    """The month that each text of the export stands for."""
    months: dict[str, date] = {}
    for text, row in staged.rows(
        "SELECT month_text, min(file_row_number) FROM staged GROUP BY month_text ORDER BY 2"
    ):
        try:
            months[text] = parse_month(text)
        except ValueError as error:
            raise staged.refusal(row, f"{text!r} is no month; allowed: {MONTH_FORMS}.") from error
    return months


def _kept_columns(staged: StagedExport) -> tuple[str, str]:
    """The select list of the rows as the store keeps them, and the joins that it needs."""
    if staged.export.dataset.name in SUBSCRIPTION_DATASETS:
        return _subscription_columns(staged)
    measures = staged.export.dataset.measures
    refuse_wrong_numbers(staged, dict(zip(measures, measures, strict=True)))
    above_zero = " OR ".join(f'coalesce("{m}"::DOUBLE > 0, false)' for m in measures)
    amount = amount_column(staged.export)
    columns = (
        f"({above_zero}) AS used",
        "subscription",
        "workload",
        f'"{amount}"::DOUBLE AS amount' if amount else "NULL::DOUBLE AS amount",
        f"{'true' if amount == AZURE_AMOUNTS[-1] else 'false'} AS per_subscription",
        "duplicate_value.value AS duplicate",
    )
    return ", ".join(columns), map_flags(staged, ["duplicate"])


def _subscription_columns(staged: StagedExport) -> tuple[str, str]:
    products = staged.rows("SELECT DISTINCT product FROM staged WHERE product IS NOT NULL")
    staged.map_values("products", {text: fold_product(text) for (text,) in products}, "VARCHAR")
    numbers = {"seats": seats_column(staged.export)[0]}
    numbers |= {column: names[0] for column, names in NUMBER_COLUMNS.items()}
    refuse_wrong_numbers(staged, numbers)
    flags = ("auto_renew", "duplicate")
    columns = (
        "CustomerName AS customer_name",
        *("subscription", "state", "products.value AS product"),
        *(name for name in DIMENSION_COLUMNS if name != "product"),
        *(f"{column}::DOUBLE AS {column}" for column in numbers),
        *(f"{column}_value.value AS {column}" for column in (*DATE_COLUMNS, *flags)),
    )
    joins = "LEFT JOIN products ON staged.product = products.text"
    return ", ".join(
        columns
    ), f"{joins} {map_days(staged, DATE_COLUMNS)} {map_flags(staged, flags)}"


def _write_by_account(staged: StagedExport, dataset: str, workdir: Path) -> list[NewMonth]:
    """Write the kept rows, a folder per account, and count what each file holds by month."""
    columns, joins = _kept_columns(staged)
    folder = workdir / "accounts"
    staged.engine.execute(
        f"""COPY (
                SELECT account, months.value AS month, {_CUSTOMER} AS customer, {columns}
                FROM staged JOIN months ON month_text = months.text {joins}
                WHERE {_REASON} IS NULL
            ) TO $folder (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (account))""",
        {"folder": str(folder)},
    )
    is_location = not has_accounts(staged.export)
    return [
        NewMonth(dataset, _account_of(file), is_location, month, file, *counts)
        for file in sorted(folder.glob("*/*.parquet"))
        for month, *counts in counts_by_month(staged.engine, file, dataset)
    ]


def _log(
    db: sqlite3.Connection, staged: StagedExport, dataset: str, reason: str, written: list[NewMonth]
) -> tuple[int, Ingested]:
    """Write the log entry of an export; the id it gets tells later exports from earlier ones."""
    rejected = staged.rows(f"SELECT count(*) FROM staged WHERE {reason} IS NOT NULL")[0][0]
    months = [month.month for month in written]
    result = Ingested(
        file=staged.export.file,
        dataset=dataset,
        first=min(months, default=None),
        last=max(months, default=None),
        rows_in=staged.export.rows,
        rows_kept=staged.export.rows - rejected,
        rejects=tuple(staged.rejects(reason)),
        notes=staged.export.notes,
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = (str(result.file), dataset, result.rows_in, result.rows_kept, rejected, now)
    [(export,)] = db.execute(
        """INSERT INTO exports (file, dataset, rows_in, rows_kept, rows_rejected, ingested_at)
           VALUES (?, ?, ?, ?, ?, ?) RETURNING id""",
        entry,
    ).fetchall()
    db.executemany("INSERT INTO rejects VALUES (?, ?, ?)", [(export, *r) for r in result.rejects])
    return export, result


def _account_of(file: Path) -> str:
    return unquote(file.parent.name.removeprefix("account="))
