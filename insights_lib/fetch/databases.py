"""Exports from SQL databases: read a thousand rows at a time, each into a Parquet file of texts."""

import csv
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from sqlalchemy import NullPool, create_engine, make_url
from sqlalchemy.engine import Connection, CursorResult

from insights_lib.disk import locked, make_folder, move_file
from insights_lib.errors import FetchError, InsightsError
from insights_lib.exports.datasets import EMS, MONTH, OFFICE, find
from insights_lib.exports.header import Header, header_of
from insights_lib.exports.integrity import LONGEST_RECORD
from insights_lib.fetch import postgresql
from insights_lib.fetch.dataset_fetch import FetchResult
from insights_lib.fetch.download import months_among
from insights_lib.fetch.refusals import explained
from insights_lib.fetch.secrets import log_nothing, login_of, without_secrets
from insights_lib.fetch.wanted import datasets_named
from insights_lib.parameters.fetch_yml import Database, FetchPlan, Selection
from insights_lib.parameters.secret_variables import secrets_hidden
from insights_lib.store.sql import sql_path
from insights_lib.timing import Clock

_ROWS = 1000  # that are in memory at a time
_DELIMITER = "\x1f"
_QUOTED = re.compile('[\r"]')  # what is not plain, beside delimiters and line ends
_LONGEST_LINE = 8 * LONGEST_RECORD  # four bytes a character, and each quote doubled
_TEXTS = (str, int, float, Decimal, date, UUID, type(None))  # a datetime is a date, a bool an int
_LIMITS: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "200MB", "threads": 1}


@dataclass(frozen=True)
class _Place:
    """One database: its name, where its exports go, and what the time is there."""

    name: str
    to: Path
    work: Path
    clock: Clock
    deadline: datetime
    minutes: int


def fetch_databases(
    plan: FetchPlan, datasets: list[str] | None, to: Path, clock: Clock
) -> Iterator[FetchResult]:
    """Fetch exports from the databases of fetch.yml, one after the other.

    Args:
        plan: The databases, and what to select there.
        datasets: Of which datasets; None for all.
        to: The folder of the exports.
        clock: Tells when it has taken too long.

    Yields:
        What became of each dataset. Nothing of an export that fails stays.

    Raises:
        FetchError: A dataset is named that does not exist.
    """
    named = {dataset.name for dataset in datasets_named(datasets)}
    chosen = {
        name: [one.name for one in datasets_named([*database.datasets]) if one.name in named]
        for name, database in plan.databases.items()
    }
    for name in filter(chosen.get, chosen):
        deadline = clock.now() + timedelta(minutes=plan.deadline_minutes)
        work = to / f".{name}.part"  # hidden: nothing takes it as yet
        place = _Place(name, to, work, clock, deadline, plan.deadline_minutes)
        try:
            make_folder(plan.folder)
            busy = FetchError("another fetch is under way; wait for it.")
            with locked(plan.folder / f".{name}.lock", busy):
                for dataset in chosen[name]:
                    yield _result(place, plan.databases[name], dataset)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other databases go on
            yield FetchResult(name, "", explained(error), failed=True)


def _result(place: _Place, database: Database, dataset: str) -> FetchResult:
    """Fetch one dataset. A failure becomes a result like any other."""
    by_name = {name.lower(): selection for name, selection in database.datasets.items()}
    make_folder(place.to)
    try:
        shutil.rmtree(place.work, ignore_errors=True)  # a killed fetch left it
        make_folder(place.work)
        with _connected(place, database) as connection:
            return _fetched(place, connection, dataset, by_name[dataset.lower()])
    except Exception as error:  # noqa: BLE001 - whatever it is, the other datasets go on
        return FetchResult(place.name, dataset, explained(error), failed=True)
    finally:
        shutil.rmtree(place.work, ignore_errors=True)


@contextmanager
def _connected(place: _Place, database: Database) -> Iterator[Connection]:
    """A connection to a database; what it refuses becomes one sentence without the login.

    Raises:
        FetchError: It fails, while it is made or later.
    """
    login = login_of(database)
    log_nothing()
    try:
        url = make_url(database.url)
        if login:
            url = url.set(username=login[0], password=login[1])
        more = postgresql.connect_arguments(url)
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=more)
        with secrets_hidden(), engine.connect() as connection:  # a driver may start a browser
            postgresql.prepare(connection, place.minutes)
            yield connection
    except InsightsError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        said = str(getattr(error, "orig", None) or error)
        for secret in filter(None, login or ()):
            said = said.replace(secret, "…")
        # Without its cause: that may have the login.
        raise FetchError(f"the database fails: {without_secrets(said).rstrip('.')}.") from None


def _fetched(
    place: _Place, connection: Connection, dataset: str, selection: Selection
) -> FetchResult:
    statement = _statement(connection, selection)
    text, file = place.work / "rows.csv", place.work / "rows.parquet"
    copy = postgresql.copy_of(connection, statement, _DELIMITER)
    if copy:
        header = _header(dataset, copy.names)
        with postgresql.copied_rows(connection, copy) as rows_copied:
            is_plain = _write_copied(place, rows_copied, text)
    else:
        result = _selected(connection, statement)
        header = _header(dataset, [*result.keys()])
        is_plain = _write_values(place, result, text)
    rows = _write_parquet(text, header, file, is_plain)
    months = _months(file, header)
    span = ""
    if months:
        first, last = (f"{month:%Y-%m}" for month in (months[0], months[-1]))
        span = f"{first}, " if first == last else f"{first} to {last}, "
    summary = f"{span}{rows:,} rows"
    if not rows:
        return FetchResult(place.name, dataset, f"{summary}; no file is written")
    target = place.to / f"{place.clock.now():%Y-%m-%d}_{dataset}_{place.name}.parquet"
    move_file(file, target)
    return FetchResult(place.name, dataset, f"{summary}, in {target}", target)


def _selected(connection: Connection, statement: str) -> CursorResult[Any]:
    result = connection.execution_options(
        stream_results=True, yield_per=_ROWS, no_parameters=True
    ).exec_driver_sql(statement)
    if not result.returns_rows:
        raise FetchError("the query of fetch.yml selects nothing; write SELECT.")
    return result


def _statement(connection: Connection, selection: Selection) -> str:
    if selection.query:
        return selection.query
    quote = connection.dialect.identifier_preparer.quote
    return f"SELECT * FROM {'.'.join(map(quote, str(selection.table).split('.')))}"


def _header(dataset: str, names: list[str]) -> Header:
    """The header of what is selected, before any row of it is read.

    Raises:
        FetchError: It is not the dataset that was named.
    """
    header = header_of("what is selected", names)
    # The columns of both were the same in 2020.
    if header.dataset.name not in {dataset, OFFICE if dataset == EMS else dataset}:
        raise FetchError(f"what is selected has the columns of {header.dataset.name}.")
    return header


def _write_copied(place: _Place, rows: Iterator[bytes], file: Path) -> bool:
    """Write rows that are CSV already; return whether all are without quotes."""
    all_plain, count = True, 0
    with file.open("wb") as out:
        while part := [*islice(rows, _ROWS)]:
            if max(map(len, part)) > LONGEST_RECORD:
                _refuse_long_rows([[str(row, "utf-8")] for row in part], count)
            text = b"".join(part)
            all_plain = all_plain and b'"' not in text
            out.write(text)
            count += len(part)
            _watch(place)
    return all_plain


def _write_values(place: _Place, result: CursorResult[Any], file: Path) -> bool:
    """Write rows of values as CSV; return whether all are without quotes, on a line each."""
    names, count, all_plain = [*result.keys()], 0, True
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=_DELIMITER, lineterminator="\n")
        for part in result.partitions(_ROWS):
            columns = [
                _texts(name, v) for name, v in zip(names, zip(*part, strict=True), strict=True)
            ]
            rows = [*zip(*columns, strict=True)]
            text = "\n".join(map(_DELIMITER.join, rows))
            if len(text) > LONGEST_RECORD:
                _refuse_long_rows(rows, count)
            delimiters = text.count(_DELIMITER), text.count("\n")
            plain = delimiters == (len(rows) * (len(names) - 1), len(rows) - 1)
            if plain and not _QUOTED.search(text) and len(names) > 1:
                out.write(f"{text}\n")
            else:  # takes eight times as long
                writer.writerows(rows)
                all_plain = False
            count += len(rows)
            _watch(place)
    return all_plain


def _watch(place: _Place) -> None:
    if place.clock.now() >= place.deadline:
        raise FetchError(f"is not here after {place.minutes} minutes; select less.")


def _texts(name: str, values: tuple[Any, ...]) -> Sequence[str]:
    """The values of a column as texts; none is an empty one, which means the same.

    Raises:
        FetchError: There is a value that no export has, such as bytes.
    """
    kinds = set(map(type, values))
    if kinds == {str}:
        return values
    for kind in kinds:
        if not issubclass(kind, _TEXTS):
            raise FetchError(
                f"the column {name} has values of type {kind.__name__}; texts, numbers, dates, "
                "times and booleans are taken. Leave it out in a query, or cast it there."
            )
    if bool in kinds:
        flags = {True: "Yes", False: "No"}
        return ["" if v is None else flags[v] if isinstance(v, bool) else str(v) for v in values]
    if kinds <= {str, type(None)}:
        return [value or "" for value in values]
    return ["" if value is None else str(value) for value in values]


def _refuse_long_rows(rows: Sequence[Sequence[str]], before: int) -> None:
    for number, row in enumerate(rows, before + 1):
        if sum(map(len, row)) > LONGEST_RECORD:
            raise FetchError(
                f"row {number} is longer than {LONGEST_RECORD >> 20} MiB; no export has such rows."
            )


def _write_parquet(text: Path, header: Header, file: Path, is_plain: bool) -> int:
    """Write the CSV as a Parquet file; return the number of rows."""
    columns = {f"c{i}": "VARCHAR" for i in range(len(header.names))}
    quoted = ('"' + name.replace('"', '""') + '"' for name in header.names)
    values = ", ".join(f"c{i} AS {name}" for i, name in enumerate(quoted))
    quote = "" if is_plain else '"'
    limits = {"memory_limit": "300MB", "temp_directory": str(file.parent / "spill")}
    with duckdb.connect(config={**limits}) as db:
        db.execute("SET enable_progress_bar = false")
        copied = db.execute(
            f"""COPY (SELECT {values} FROM read_csv({sql_path(text)}, columns = {columns},
                header = false, delim = '{_DELIMITER}', quote = '{quote}', escape = '{quote}',
                auto_detect = false, strict_mode = true, parallel = {is_plain},
                max_line_size = {_LONGEST_LINE}, buffer_size = {2 * _LONGEST_LINE}))
                TO $file (FORMAT parquet, COMPRESSION zstd)""",
            {"file": str(file)},
        )
        [(rows,)] = copied.fetchall()
    return int(rows)


def _months(file: Path, header: Header) -> list[date]:
    position = find(header.names, MONTH)
    if position is None:
        return []
    with suppress(duckdb.Error), duckdb.connect(config=_LIMITS) as db:
        name = header.names[position].replace('"', '""')
        sql = f'SELECT DISTINCT "{name}" FROM read_parquet({sql_path(file)}) LIMIT 10000'
        return months_among(text for (text,) in db.execute(sql).fetchall())
    return []
