"""Parquet files as exports: whatever type a column has, each value becomes the text of an export.

A folder can be one export: the Parquet files that Spark and its like write into it, also below
folders that name a value of a column, such as `Month=2025-01-01`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape as glob_escape
from pathlib import Path
from typing import ClassVar, Self

import duckdb

from insights_lib.errors import ExportError
from insights_lib.exports.datasets import notes_on_absence
from insights_lib.exports.header import Header, header_of
from insights_lib.exports.packing import LARGEST

_MAGIC = b"PAR1"
_DONE = "_SUCCESS"  # what Spark leaves in a folder that it has written as a whole
# Which files of such folders count is written elsewhere: to read all would count deleted rows.
_TABLES = {"_delta_log": "Delta", ".hoodie": "Hudi", "metadata": "Iceberg"}
_ALWAYS_FITS = 1_000_000  # rows; beyond that, a row takes at least a byte
_LIMITS: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "500MB", "threads": 1}
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_PLAIN = (
    *("VARCHAR", "UUID", "ENUM", "DATE", "TIMESTAMP", "FLOAT", "DOUBLE", "DECIMAL", '"NULL"'),
    *_WHOLE,
    *(f"U{kind}" for kind in _WHOLE),
)


@dataclass(frozen=True)
class ParquetExport:
    """A Parquet file, or a folder of them, that can be read.

    Attributes:
        file: As the user named it.
        header: Its columns, and which dataset it is.
        table: The SQL that reads it.
        types: The types of its columns, as DuckDB calls them.
        rows: How many there are.
        notes: What the user should know although nothing is wrong.
        unit: What its rows are counted in, in messages.
        multiline: Always false; only in a text can a row take several lines.
        blank_lines: Always empty: there are rows, and no lines.
    """

    file: Path
    header: Header
    table: str
    types: list[str]
    rows: int
    notes: tuple[str, ...]
    unit: ClassVar[str] = "row"
    multiline: ClassVar[bool] = False
    blank_lines: ClassVar[range] = range(0)

    def checked(self) -> Self:
        """Itself: its form was looked at when it was opened, and it has no lines to count."""
        return self

    def lines_of(self, rows: list[int]) -> list[int]:
        """The numbers of rows (from 0) as messages tell them: the first row is 1."""
        return [row + 1 for row in rows]

    def misshapen(self) -> ExportError:
        """The error of a file whose values cannot be read."""
        return ExportError(
            f"{self.file}: is damaged, or holds texts that are not UTF-8; write it again."
        )

    def text_of(self, column: int) -> str:
        """An SQL expression for the values of a column as an export writes them.

        Raises:
            ExportError: The column is of a type that no export has, such as a list.
        """
        name, kind = self.header.names[column], self.types[column]
        quoted = '"' + name.replace('"', '""') + '"'
        if kind == "BOOLEAN":
            return f"CASE WHEN {quoted} THEN 'Yes' WHEN NOT {quoted} THEN 'No' END"
        if kind == "TIMESTAMP WITH TIME ZONE":  # in UTC, whatever the zone of this machine
            return f"make_timestamp(epoch_us({quoted}))::VARCHAR"
        if kind.endswith("]") or not kind.startswith(_PLAIN):
            raise ExportError(
                f"{self.file}: the column {name} is of type {kind[:40]}; texts, numbers, dates, "
                "times and booleans are taken. Write it as one of these."
            )
        return f"{quoted}::VARCHAR"


@dataclass(frozen=True)
class ParquetSource:
    """A Parquet file or folder that may be an export.

    Attributes:
        file: As the user named it.
        path: The same.
    """

    file: Path

    @property
    def path(self) -> Path:
        """What is opened."""
        return self.file

    def read(self) -> ParquetExport:
        """Look at columns and number of rows; the values are not read yet.

        Raises:
            ExportError: It is damaged, too large, or not an export.
        """
        files = _files(self.file)
        if sum(file.stat().st_size for file in files) > LARGEST:
            raise ExportError(f"{self.file}: has more than {LARGEST >> 30} GB; write fewer months.")
        with self._readable(), duckdb.connect(config=_LIMITS) as db:
            table = f"read_parquet({_list(files)}, union_by_name = true, binary_as_string = true,"
            partitioned = any(file.parent != self.file for file in files if file != self.file)
            table += f" hive_partitioning = {partitioned}, hive_types_autocast = false)"
            found = db.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
            rows, renamed = self._counted(db, files, [name for name, *_ in found])
        names = [renamed.get(name, name).strip() for name, *_ in found]
        dataset = header_of(str(self.file), names).dataset
        header = Header([name for name, *_ in found], "", 0, dataset)
        notes = tuple(notes_on_absence(dataset, header.names))
        return ParquetExport(self.file, header, table, [kind for _, kind, *_ in found], rows, notes)

    def _counted(
        self, db: duckdb.DuckDBPyConnection, files: list[Path], names: list[str]
    ) -> tuple[int, dict[str, str]]:
        """The number of rows; and what DuckDB has renamed, as the name stands twice."""
        sql = (
            f"SELECT sum(num_rows), sum(file_size_bytes) FROM parquet_file_metadata({_list(files)})"
        )
        [(rows, size)] = db.execute(sql).fetchall()
        if rows > max(_ALWAYS_FITS, size):
            raise ExportError(
                f"{self.file}: tells of {rows:,} rows in {size:,} bytes, which no export has."
            )
        own = db.execute(f"SELECT DISTINCT name FROM parquet_schema({_list(files)})").fetchall()
        known = {name for (name,) in own}
        twice = {name: name.rpartition("_")[0] for name in names if name not in known}
        return rows, {name: first for name, first in twice.items() if first in known}

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise ExportError(
                f"{self.file}: cannot be read ({str(error).splitlines()[0]}); write it again."
            ) from error


def is_parquet(file: Path) -> bool:
    """Whether a file is Parquet by its first bytes, or a folder is an export of such files."""
    if file.is_dir():
        return is_parquet_folder(file)
    try:
        return file.is_file() and _start(file) == _MAGIC
    except OSError:
        return False


def is_parquet_folder(folder: Path) -> bool:
    """Whether a folder is one export: by its name, by what it was left with, or by its folders."""
    if not folder.is_dir():
        return False
    if folder.suffix.lower() == ".parquet" or (folder / _DONE).exists():
        return True
    inner = [one.name for one in folder.iterdir() if one.is_dir()]
    return any("=" in name or name in _TABLES for name in inner)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    for mark, kind in _TABLES.items():
        if (path / mark).is_dir():
            raise ExportError(
                f"{path}: is a table of {kind}, in which files can be outdated; write it out as "
                "plain Parquet, or name it as an SQL source in fetch.yml."
            )
    inside = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(p[0] in "._" for p in file.relative_to(path).parts)
    )
    for file in inside:
        if _start(file) != _MAGIC:
            raise ExportError(f"{file}: is not a Parquet file, in a folder of these; remove it.")
    if not inside:
        raise ExportError(f"{path}: the folder holds no Parquet file; put exports there.")
    return inside


def _start(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(len(_MAGIC))


def _list(files: list[Path]) -> str:
    """The files as SQL names them."""
    texts = (glob_escape(str(file)).replace("'", "''") for file in files)
    return "[" + ", ".join(f"'{text}'" for text in texts) + "]"
