"""An export's rows as a Parquet table in the order of the file, so that errors know their line.

Only the columns that the store needs, under its own names; every value trimmed, missing = null.
"""

from collections.abc import Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor, wait
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

import duckdb

from insights_lib.errors import ExportError
from insights_lib.exports import datasets
from insights_lib.exports.datasets import CUSTOMERS, PROFILE, SUBSCRIPTION_DATASETS, find
from insights_lib.exports.header import Header
from insights_lib.exports.parquet import ParquetExport
from insights_lib.exports.reader import Export, OpenedExport
from insights_lib.store.ids import with_customers
from insights_lib.store.sql import sql_path

# Everything that str.strip takes away at the ends; the plain trim of SQL knows blanks only.
_SPACES = "".join(map(chr, (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, 0x202F, 0x205F)))
_SPACES += "".join(map(chr, (*range(0x2000, 0x200B), 0x2028, 0x2029, 0x3000)))
_MISSING = "('', 'NULL', 'UNKNOWN')"
_NO_GUID = "'00000000-0000-0000-0000-000000000000'"
_GUIDS = ("CustomerTenantId", "subscription")
# Nearly every row has its own of these, so they are tidied once, when they are written. All others
# have few values, and are tidied where they are read, if one of these needs it.
_OF_ROWS = {"CustomerTpid", "CustomerName", *_GUIDS}
_REJECTS_LISTED = 1000


def wanted_columns(header: Header) -> dict[str, tuple[str, ...]]:
    """The names in `staged` of the columns that the store needs, and how exports spell them."""
    dataset = header.dataset
    account = datasets.GLOBAL_ACCOUNT if has_accounts(header) else datasets.LOCATION_ID
    columns: dict[str, tuple[str, ...]] = {"account": account, "location": datasets.LOCATION_ID}
    if dataset.name == PROFILE:
        return columns | {"name": ("PGA_PartnerName", "PartnerName")}
    columns |= {"month_text": datasets.MONTH} | {key: (key,) for key in datasets.CUSTOMER_KEYS}
    columns |= {"subscription": datasets.SUBSCRIPTION_ID, "duplicate": datasets.DUPLICATE}
    if dataset.name in SUBSCRIPTION_DATASETS:
        columns["state"] = datasets.STATUS if dataset.name == CUSTOMERS else datasets.STATE
        columns |= {**datasets.DIMENSION_COLUMNS, "seats": _seats_column(header)}
        columns |= {**datasets.NUMBER_COLUMNS, **datasets.DATE_COLUMNS}
        return columns | {"auto_renew": datasets.AUTO_RENEW}
    columns |= {"acr_duplicate": datasets.ACR_DUPLICATE, "workload": datasets.WORKLOAD}
    return columns | {measure: (measure,) for measure in dataset.measures}


def _seats_column(header: Header) -> tuple[str, ...]:
    """The column of the seats: those sold, in an export that has them."""
    sold = find(header.names, datasets.SEATS_SOLD) is not None
    return datasets.SEATS_SOLD if sold else datasets.SEATS_AVAILABLE


def has_accounts(header: Header) -> bool:
    """Whether the export names global accounts; those of 2020 name only locations."""
    return find(header.names, datasets.GLOBAL_ACCOUNT) is not None


class StagedExport:
    """The table `staged` of an engine, with the number of each row in `file_row_number`.

    Ids that are GUIDs are in lower case, for they are compared without it.

    Attributes:
        export: The export.
        engine: The engine.
        columns: The names of the other columns.

    Raises:
        ExportError: A line has another number of fields than the header.
    """

    def __init__(
        self, opened: OpenedExport, engine: duckdb.DuckDBPyConnection, workdir: Path
    ) -> None:
        self.engine = engine
        parquet = workdir / "staged.parquet"
        try:
            self.columns = self._stage(opened, parquet)
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            raise self.export.misshapen() from error
        engine.execute(
            f"""CREATE VIEW written AS FROM read_parquet(
                {sql_path(parquet)}, file_row_number = true, hive_partitioning = false)"""
        )
        tidied = _tidied([*self.columns, "file_row_number"], "written", self._untidy())
        engine.execute(f"CREATE VIEW staged AS {tidied}")
        if self.rows("SELECT count(*) FROM staged") != [(self.export.rows,)]:
            raise self.export.misshapen()

    def _stage(self, opened: OpenedExport, parquet: Path) -> list[str]:
        """Check an export, and write its rows meanwhile: neither keeps all cores busy."""
        with ThreadPoolExecutor(1) as beside:
            writing = beside.submit(self._write, opened, parquet)
            try:
                self.export = opened.checked()
                if not self.export.multiline:
                    return writing.result()
            finally:  # what is refused, interrupted or to be written again ends at once
                while not writing.done():
                    self.engine.interrupt()
                    wait([writing], timeout=0.05)
        return self._write(self.export, parquet, parallel=False)

    def _write(
        self, export: OpenedExport | Export, parquet: Path, parallel: bool = True
    ) -> list[str]:
        """Write the rows to a Parquet file, and return what its columns are called."""
        names = export.header.names
        wanted = wanted_columns(export.header)
        positions = {name: find(names, spellings) for name, spellings in wanted.items()}
        used = {i for i in positions.values() if i is not None}
        source, parameters = _source(export, used, parallel)
        named = ", ".join(
            f"{'NULL::VARCHAR' if i is None else f'c{i}'} AS {name}"
            for name, i in positions.items()
        )
        columns = list(positions)
        rows = _tidied(columns, f"(SELECT {named} FROM {source})", _OF_ROWS)
        if export.header.dataset.name != PROFILE:
            columns, rows = with_customers(columns, rows)
        self.engine.execute(
            f"COPY ({rows}) TO $parquet (FORMAT parquet, PARQUET_VERSION v2)",
            {**parameters, "parquet": str(parquet)},
        )
        return columns

    def _untidy(self) -> set[str]:
        """The columns that hold a value to be trimmed, or one that stands for a missing one."""
        each = []
        for name in wanted_columns(self.export.header).keys() - _OF_ROWS:
            values = f"(SELECT {name}, {name} AS raw FROM (SELECT DISTINCT {name} FROM written))"
            tidied = _tidied([name, "raw"], values, {name})
            each.append(f"SELECT '{name}' FROM ({tidied}) WHERE {name} IS DISTINCT FROM raw")
        return {name for (name,) in self.rows(" UNION ALL ".join(each))}

    def map_values(self, table: str, values: Mapping[str, object], sql_type: str) -> None:
        """Make a table `text`, `value` of what texts stand for."""
        self.engine.execute(f"CREATE TABLE {table} (text VARCHAR, value {sql_type})")
        self.engine.execute(
            f"INSERT INTO {table} SELECT unnest($texts), unnest($values)::{sql_type}",
            {"texts": list(values), "values": list(values.values())},
        )

    def column_name(self, column: str) -> str:
        """What the export itself calls a column of `staged` that it has."""
        names, wanted = self.export.header.names, wanted_columns(self.export.header)
        if column not in wanted:
            return "an id"
        position = find(names, wanted[column])
        return column if position is None else names[position]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.engine.execute(sql).fetchall()

    def refusal(self, row: int, what: str) -> ExportError:
        """An error that names the line of a row."""
        line = self.export.lines_of([row])[0]
        return ExportError(f"{self.export.file}, {self.export.unit} {line}: {what}")

    def rejects(self, reason: str) -> list[tuple[int, str]]:
        """Line and reason of rejected rows, the first 1,000 of them; lines without any value last.

        Args:
            reason: An SQL expression over `staged`, null for a row that is kept.
        """
        found = self.rows(
            f"""SELECT file_row_number, {reason} FROM staged
                WHERE {reason} IS NOT NULL ORDER BY 1 LIMIT {_REJECTS_LISTED}"""
        )
        lines = self.export.lines_of([row for row, _ in found])
        rejects = [(line, str(why)) for line, (_, why) in zip(lines, found, strict=True)]
        blank = self.export.blank_lines[: _REJECTS_LISTED - len(rejects)]
        return rejects + [(line, "no value in the whole line") for line in blank]


def _source(
    export: OpenedExport | Export, used: set[int], parallel: bool
) -> tuple[str, dict[str, object]]:
    """The SQL that reads the columns used of an export, as texts `c0`, `c1` …; its parameters."""
    if isinstance(export, ParquetExport):
        texts = ", ".join(f"{export.text_of(i)} AS c{i}" for i in sorted(used))
        return f"(SELECT {texts} FROM {export.table})", {}
    return _csv(export.header, parallel), {
        "text": glob_escape(str(export.text)),
        "delimiter": export.header.delimiter,
    }


def _csv(header: Header, parallel: bool) -> str:
    columns = {f"c{i}": "VARCHAR" for i in range(len(header.names))}
    quote = "" if header.delimiter == "\t" else '"'
    return f"""read_csv(
        $text, columns = {columns}, header = true, delim = $delimiter,
        skip = {header.line - 1}, quote = '{quote}', escape = '{quote}',
        auto_detect = false, strict_mode = true, hive_partitioning = false,
        compression = 'none', parallel = {parallel})"""


def _tidied(columns: Iterable[str], source: str, tidy: Set[str]) -> str:
    """A query for columns of a source, some of which are trimmed, and null where it is missing."""
    trimmed = ", ".join(_trimmed(name) if name in tidy else name for name in columns)
    known = ", ".join(_known(name) if name in tidy else name for name in columns)
    return f"SELECT {known} FROM (SELECT {trimmed} FROM {source})"


def _trimmed(name: str) -> str:
    """Trim as Python does. The slow general trim runs only where an end looks suspicious."""
    # Of both ends at once: AND would look at the second one row by row.
    plain = f"least({name} BETWEEN '!' AND chr(127), {name}[-1] BETWEEN '!' AND '~')"
    return f"CASE WHEN {plain} THEN {name} ELSE trim({name}, '{_SPACES}') END AS {name}"


def _known(name: str) -> str:
    if name == "month_text":  # never null, so that a blank month is refused like a wrong one
        return f"coalesce({name}, '') AS {name}"
    value = f"lower({name})" if name in _GUIDS else name
    missing = f"{name} = {_NO_GUID} OR strlen({name}) IN (0, 4, 7) AND upper({name}) IN {_MISSING}"
    return f"CASE WHEN {missing} THEN NULL ELSE {value} END AS {name}"
