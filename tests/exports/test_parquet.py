"""Parquet as an export: typed or text columns, files or folders, through the same checks."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from insights_lib.errors import ExportError
from insights_lib.store.ingest import Ingested, files_of, ingest_file, ingest_files
from tests.support.ingesting import held, take, tree
from tests.support.rows import Rows, seats_row, stored_rows, usage_row

ROWS = [
    seats_row(
        month,
        customer,
        SubscriptionEndDate="2026-03-14",
        IsAutoRenew="Yes",
        IsDuplicateRowForPGA="No",
        TotalSoldSeats="12",
        BilledRevenueUSD="-12.5",
    )
    for month in ("2025-01-01", "2025-02-01")
    for customer in ("7", "0012345", "9")
]
# By column, what its type is in Parquet.
TYPES = {
    "Month": "DATE",
    "SubscriptionEndDate": "TIMESTAMP",
    "IsDuplicateRowForPGA": "BOOLEAN",
    "IsAutoRenew": "BOOLEAN",
    "TotalSoldSeats": "USMALLINT",
    "BilledRevenueUSD": "DECIMAL(12,4)",
    "PGAMpnId": "BIGINT",
    "SKU": "ENUM('E3')",
}


def write_parquet(file: Path, rows: Rows, options: str = "", **types: str) -> Path:
    """Rows as a Parquet file, its columns of types of SQL, or expressions of `?`; else text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as db:
        columns = ", ".join(f'"{name}" VARCHAR' for name in rows[0])
        db.execute(f"CREATE TABLE texts ({columns})")
        for row in rows:
            marks = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO texts VALUES ({marks})", list(row.values()))
        values = ", ".join(_value(name, types.get(name, "VARCHAR")) for name in rows[0])
        db.execute(f"COPY (SELECT {values} FROM texts) TO '{file}' (FORMAT parquet{options})")
    return file


def _value(name: str, kind: str) -> str:
    is_type = re.fullmatch(r"\w+(\(.+\))?", kind)
    value = f'"{name}"::{kind}' if is_type else kind.replace("?", f'"{name}"')
    return f'{value} AS "{name}"'


def ingest_parquet(tmp_path: Path, rows: Rows, **types: str) -> Ingested:
    file = write_parquet(tmp_path / "export.parquet", rows, **types)
    (result,) = ingest_file(file, tmp_path / "store")
    return result


def refusal(tmp_path: Path, rows: Rows, **types: str) -> str:
    """Why the rows are refused; the store keeps every byte."""
    store = tmp_path / "store"
    take(store, [seats_row("2024-01", "before")])
    take(store, [seats_row("2024-01", "before")])  # leaves a replaced file for the next to sweep
    before = tree(store)
    with pytest.raises(ExportError) as refused:
        ingest_parquet(tmp_path, rows, **types)
    assert tree(store) == before
    return str(refused.value)


@pytest.mark.parametrize("types", [{}, TYPES], ids=["text", "typed"])
def test_parquet_gives_the_same_store_as_text(tmp_path: Path, types: dict[str, str]) -> None:
    take(tmp_path / "text", ROWS)
    ingest_parquet(tmp_path, ROWS, **types)
    assert held(tmp_path / "store") == held(tmp_path / "text")
    assert stored_rows(tmp_path / "store") == stored_rows(tmp_path / "text")


@pytest.mark.parametrize(
    ("column", "kind", "text"),
    [
        ("Month", "INTEGER", "202501"),
        ("Month", "TIMESTAMP_S", "2025-01-01"),
        ("Month", "TIMESTAMP_NS", "2025-01-01"),
        ("Month", "TIMESTAMPTZ '2025-01-01 02:00:00+02'", "2025-01-01"),
        ("CustomerTpid", "UBIGINT", "18446744073709551615"),
        ("CustomerTpid", "DECIMAL(18,0)", "4000100"),
        ("CustomerTpid", "?::BLOB", "4000100"),  # a text, from programs that do not say so
        ("SubscriptionId", "UUID", "01234567-89ab-cdef-0123-456789abcdef"),
        ("TotalSoldSeats", "DOUBLE", "12"),
        ("BilledRevenueUSD", "FLOAT", "0.5"),
        ("SubscriptionEndDate", "DATE", "9999-12-31"),
    ],
)
def test_a_value_of_a_type_is_the_text_that_it_stands_for(
    tmp_path: Path, column: str, kind: str, text: str
) -> None:
    rows = [{**ROWS[0], column: text}]
    take(tmp_path / "text", rows)
    ingest_parquet(tmp_path, rows, **{column: kind})
    assert stored_rows(tmp_path / "store") == stored_rows(tmp_path / "text")


def test_null_is_a_missing_value(tmp_path: Path) -> None:
    ingest_parquet(
        tmp_path, [ROWS[0]], BilledRevenueUSD="NULL::DOUBLE", IsAutoRenew="NULL::BOOLEAN"
    )
    [row] = stored_rows(tmp_path / "store")
    assert row["billed_revenue"] is None
    assert row["auto_renew"] is None


def changed(row: int, **values: str) -> Rows:
    """The rows with one that is wrong."""
    return [{**one, **values} if i == row else one for i, one in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("values", "types", "what"),
    [
        ({"Month": "2025-13-01"}, {}, "row 3: '2025-13-01' is not a month; allowed"),
        ({"Month": "2025-01-01 10:00"}, {"Month": "TIMESTAMP"}, "row 3: '2025-01-01 10:00:00' is"),
        ({"Month": "20:00 BC"}, {}, "row 3: '20:00 BC' is not a month"),
        ({"SubscriptionEndDate": "infinity"}, {"SubscriptionEndDate": "DATE"}, "row 3: Subscript"),
        ({"BilledRevenueUSD": "nan"}, {"BilledRevenueUSD": "DOUBLE"}, "row 3: BilledRevenueUSD is"),
        ({"BilledRevenueUSD": "12,5"}, {}, "row 3: BilledRevenueUSD is '12,5'; a number such as"),
        ({}, {"CustomerTpid": "DOUBLE"}, "row 1: the id '7.0' was spoilt"),
        ({}, {"CustomerTpid": "DECIMAL(9,2)"}, "row 1: the id '7.00' was spoilt"),
        ({"PGAMpnId": "../1"}, {}, "row 3: the partner id '../1' cannot name a folder"),
        ({"CustomerName": "a\0b"}, {}, "row 3: CustomerName holds a NUL byte"),
        ({"CustomerTpid": "a\0b"}, {}, "row 3: an id holds a NUL byte"),
        ({"CustomerName": "x" * (1 << 21)}, {}, "row 3: CustomerName has 2,097,152 bytes; at most"),
        ({}, {"CustomerName": "[?]"}, "the column CustomerName is of type VARCHAR[]; texts"),
        ({}, {"SKU": "{'a': ?}"}, "is of type STRUCT(a"),
        ({}, {"CustomerName": "'\\xFF'::BLOB"}, "is damaged, or holds texts that are not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_its_row_and_refuses_all(
    tmp_path: Path, values: dict[str, str], types: dict[str, str], what: str
) -> None:
    told = refusal(tmp_path, changed(2, **values), **types)
    assert told.startswith(f"{tmp_path}/export.parquet")
    assert what in told
    assert "\n" not in told


def test_columns_that_are_not_used_can_be_of_any_type(tmp_path: Path) -> None:
    rows = [{**row, "Tags": "a"} for row in ROWS]
    assert ingest_parquet(tmp_path, rows, Tags="[?]").rows_kept == len(ROWS)


def test_rejected_rows_are_told_by_their_numbers(tmp_path: Path) -> None:
    result = ingest_parquet(tmp_path, changed(2, PGAMpnId=""))
    assert list(result.lines())[1] == "  row 3 rejected: no partner id"


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"SubscriptionState": "Status"}, "are of no known dataset. Nearest"),
        ({"Month": "Mnth"}, "lacks the column Month (nearest: 'Mnth')"),
        ({"PGAMpnId": "PGAMpnld"}, "'PGAMpnld' is not PGAMpnId, but looks like it"),
        ({"SKU": "M_onth"}, "the column Month and M_onth stands twice"),
    ],
)
def test_wrong_columns_are_refused_like_those_of_a_text(
    tmp_path: Path, columns: dict[str, str], what: str
) -> None:
    rows = [{columns.get(name, name): text for name, text in row.items()} for row in ROWS]
    assert what in refusal(tmp_path, rows)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "cut.parquet", ROWS)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ExportError, match=r"cut\.parquet: cannot be read \(.+\); write it again"):
        ingest_file(file, tmp_path / "store")


def test_a_file_of_no_rows_is_taken_like_a_header_alone(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "none.parquet", [usage_row("2025-01", "a")])
    with duckdb.connect() as db:
        sql = f"COPY (SELECT * FROM '{file}' LIMIT 0) TO '{tmp_path / 'empty.parquet'}'"
        db.execute(sql)
    (result,) = ingest_file(tmp_path / "empty.parquet", tmp_path / "store")
    assert (result.dataset, result.rows_in) == ("OfficeUsage", 0)


# Folders


def told_of(paths: list[Path], store: Path) -> list[Any]:
    return list(ingest_files(files_of(paths), store))


@pytest.mark.parametrize("name", ["lake.parquet", "lake"])
def test_a_folder_that_spark_wrote_is_one_export(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    for i, row in enumerate(ROWS):  # of the same months: as exports they would replace each other
        write_parquet(folder / f"part-{i:05}.snappy.parquet", [row])
    (folder / "_SUCCESS").touch()
    (folder / ".part-00000.crc").write_bytes(b"crc")
    take(tmp_path / "text", ROWS)
    (result,) = told_of([folder], tmp_path / "store")
    assert (result.file, result.rows_kept) == (folder, len(ROWS))
    assert stored_rows(tmp_path / "store") == stored_rows(tmp_path / "text")


def test_folders_can_name_the_month(tmp_path: Path) -> None:
    for row in ROWS:
        rest = {name: text for name, text in row.items() if name != "Month"}
        inner = tmp_path / "lake" / f"Month={row['Month']}"
        write_parquet(inner / f"{row['CustomerTpid']}.parquet", [rest])
    (result,) = told_of([tmp_path / "lake"], tmp_path / "store")
    assert (f"{result.first:%Y-%m}", f"{result.last:%Y-%m}") == ("2025-01", "2025-02")
    assert result.rows_kept == len(ROWS)


def test_any_other_folder_is_the_files_and_exports_in_it(tmp_path: Path) -> None:
    write_parquet(tmp_path / "lake" / "b.parquet", ROWS[:3])
    write_parquet(tmp_path / "lake" / "a.parquet" / "0", ROWS[3:])
    results = told_of([tmp_path / "lake"], tmp_path / "store")
    assert [result.file.name for result in results] == ["a.parquet", "b.parquet"]
    assert [result.rows_kept for result in results] == [3, 3]


@pytest.mark.parametrize("columns", ["A column more", "A type more"])
def test_files_of_a_folder_may_differ_in_columns_and_types(tmp_path: Path, columns: str) -> None:
    folder = tmp_path / "lake.parquet"
    more = {"ResellerName": "x"} if columns == "A column more" else {}
    write_parquet(folder / "1", ROWS[:3], TotalSoldSeats="INTEGER")
    write_parquet(folder / "2", [{**row, **more} for row in ROWS[3:]], TotalSoldSeats="BIGINT")
    (result,) = told_of([folder], tmp_path / "store")
    assert result.rows_kept == len(ROWS)


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("_delta_log/0.json", "is a table of Delta, in which files can be outdated"),
        ("metadata/v1.metadata.json", "is a table of Iceberg"),
        ("notes.txt", "notes.txt: is not a Parquet file, in a folder of these; remove it"),
        ("_SUCCESS", "the folder holds no Parquet file"),
    ],
)
def test_folders_that_could_be_misread_are_refused(tmp_path: Path, inside: str, what: str) -> None:
    file = tmp_path / "lake.parquet" / inside
    file.parent.mkdir(parents=True)
    file.write_text("something")
    if inside != "_SUCCESS":
        write_parquet(tmp_path / "lake.parquet" / "1.parquet", ROWS)
    (refused,) = told_of([tmp_path / "lake.parquet"], tmp_path / "store")
    assert what in str(refused)


def test_a_folder_that_grows_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lake.parquet"
    write_parquet(folder / "1", ROWS)
    looks = iter([(1, 1, 1), (1, 2, 2)])
    monkeypatch.setattr("insights_lib.store.ingest.look_at", lambda _: next(looks))
    (refused,) = told_of([folder], tmp_path / "store")
    assert "was being written; ingest it when that has ended" in str(refused)
