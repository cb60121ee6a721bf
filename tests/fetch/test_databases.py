"""Exports from SQL databases, here SQLite: read in parts, checked, put in place."""

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import FetchError, ParameterError
from insights_lib.fetch import databases
from insights_lib.fetch.dataset_fetch import FetchResult
from insights_lib.fetch.fetch import FetchRequest, fetch_all
from insights_lib.parameters.fetch_yml import FetchPlan
from insights_lib.parameters.validation import validated
from insights_lib.store.ingest import Ingested, ingest_file
from insights_lib.timing import Clock
from tests.support.fetching import Watch
from tests.support.ingesting import take
from tests.support.rows import Rows, seats_row, stored_rows

SEATS = "SeatsSubscriptionsAndRevenue"
ROWS = [
    seats_row("2025-01-01", 'Ann "A", Ltd', TotalSoldSeats="12", IsAutoRenew="1"),
    seats_row("2025-02-01", "Bob\nLtd\r\n\x1f", TotalSoldSeats="", IsAutoRenew=""),
    seats_row("2025-03-01", "0012345", TotalSoldSeats="3.5", IsAutoRenew="0"),
]
FILE = f"2026-01-15_{SEATS}_lake.parquet"


@dataclass
class Lake:
    """A database, and somebody who fetches from it."""

    folder: Path
    select: dict[str, Any] = field(default_factory=lambda: {SEATS: {"table": "seats"}})
    more: dict[str, Any] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    def fill(self, rows: Rows, table: str = "seats") -> None:
        with sqlite3.connect(self.folder / "lake.db") as db:
            names = ", ".join(f'"{name}"' for name in rows[0])
            db.execute(f"CREATE TABLE {table} ({names})")
            marks = ", ".join("?" * len(rows[0]))
            values: list[Sequence[Any]] = [list(row.values()) for row in rows]
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        db.close()

    @property
    def plan(self) -> FetchPlan:
        url = f"sqlite:///{self.folder}/lake.db"
        lake = {"url": url, "datasets": self.select, **self.more}
        return validated(FetchPlan, {"databases": {"lake": lake}, "folder": f"{self.folder}/fetch"})

    def fetch(self, *datasets: str) -> list[FetchResult]:
        request = FetchRequest([*datasets] or None, 25, self.folder / "exports")
        return list(fetch_all(self.plan, request, str, self.watch.clock))

    def told(self) -> str:
        [result] = self.fetch()
        return str(result)

    def exports(self) -> list[str]:
        """Everything in the folder, hidden or not."""
        return sorted(file.name for file in (self.folder / "exports").rglob("*"))

    def ingest(self) -> Ingested:
        (result,) = ingest_file(self.folder / "exports" / FILE, self.folder / "store")
        return result


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.mark.parametrize("at_a_time", [1, 2, 1000])
@pytest.mark.parametrize(
    "select", [{"table": "seats"}, {"query": "SELECT *, '%s :x' AS Odd FROM seats -- 100%"}]
)
def test_what_is_selected_is_what_a_text_would_have_had(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, at_a_time: int, select: dict[str, str]
) -> None:
    monkeypatch.setattr(databases, "_ROWS", at_a_time)
    lake.fill(ROWS)
    lake.select = {SEATS: select}
    assert lake.told() == (
        f"lake {SEATS}: 2025-01 to 2025-03, 3 rows, in {lake.folder}/exports/{FILE}"
    )
    assert lake.exports() == [FILE]
    assert lake.ingest().rows_kept == 3
    found = [row["customer_name"] for row in stored_rows(lake.folder / "store")]
    assert sorted(found) == sorted(f"Name of {row['CustomerTpid']}".strip() for row in ROWS)


def test_numbers_and_ids_are_the_same_as_from_a_text(lake: Lake) -> None:
    rows = [{**ROWS[0], "CustomerTpid": "7"}, ROWS[2]]
    lake.fill(rows)
    lake.fetch()
    lake.ingest()
    take(lake.folder / "text", rows)
    assert stored_rows(lake.folder / "store") == stored_rows(lake.folder / "text")


def test_a_row_that_is_wrong_is_told_by_its_number(lake: Lake) -> None:
    lake.fill([ROWS[0], ROWS[1], {**ROWS[2], "TotalSoldSeats": "many"}])
    assert not lake.fetch()[0].failed
    with pytest.raises(Exception, match=r"row 3: TotalSoldSeats is 'many'; a number"):
        lake.ingest()


def test_no_rows_put_nothing_anywhere(lake: Lake) -> None:
    lake.fill(ROWS)
    lake.select = {SEATS: {"query": "SELECT * FROM seats WHERE Month = ''"}}
    assert lake.told() == f"lake {SEATS}: 0 rows; no file is written"
    assert lake.exports() == []


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT * FROM nowhere", "the database fails: no such table: nowhere."),
        ("SELEC", 'the database fails: near "SELEC": syntax error.'),
        ("CREATE TABLE other (x)", "the query of fetch.yml selects nothing; write SELECT."),
        ("SELECT 1 AS a, 2 AS b", "what is selected: the columns (a, b) are of no known dataset."),
        ("SELECT 'x' AS CustomerStatus, * FROM seats", "has the columns of CustomersAndTenants."),
        ("SELECT *, 1 AS Month FROM seats", "the column Month and Month stands twice."),
        ("SELECT *, x'00' AS b FROM seats", "the column b has values of type bytes; texts, numb"),
        ("SELECT *, printf('%.*c', 1100000, 'x') AS b FROM seats", "row 1 is longer than 1 MiB;"),
        ("SELECT *, 1 / json('x') AS b FROM seats", "the database fails: malformed JSON."),
    ],
)
def test_what_fails_is_one_sentence_and_leaves_what_was_there(
    lake: Lake, query: str, what: str
) -> None:
    lake.fill(ROWS)
    lake.fetch()
    before = (lake.folder / "exports" / FILE).read_bytes()
    lake.select = {SEATS: {"query": query}}
    [result] = lake.fetch()
    assert result.failed
    assert what in str(result)
    assert "\n" not in str(result)
    assert lake.exports() == [FILE]
    assert (lake.folder / "exports" / FILE).read_bytes() == before


def test_text_that_is_not_unicode_is_one_sentence(lake: Lake) -> None:
    lake.fill([ROWS[0]])
    lake.select = {SEATS: {"query": "SELECT *, CAST(x'ff' AS TEXT) AS b FROM seats"}}
    assert "the database fails: Could not decode to UTF-8" in lake.told()
    assert lake.exports() == []


def test_nul_is_told_by_ingest_with_its_row(lake: Lake) -> None:
    lake.fill([ROWS[0], {**ROWS[2], "CustomerName": "a\0b"}])
    lake.fetch()
    with pytest.raises(Exception, match="row 2: CustomerName holds a NUL byte"):
        lake.ingest()


def test_one_that_fails_does_not_stop_the_others(lake: Lake) -> None:
    lake.fill(ROWS)
    lake.select = {"Profile": {"table": "nowhere"}, SEATS: {"table": "seats"}}
    first, second = lake.fetch()
    assert (first.dataset, first.failed) == ("Profile", True)
    assert (second.dataset, second.failed) == (SEATS, False)
    assert [one.dataset for one in lake.fetch("seatssubscriptionsandrevenue")] == [SEATS]
    assert lake.fetch("AzureUsage") == []


def test_a_dataset_that_does_not_exist_is_refused(lake: Lake) -> None:
    with pytest.raises(FetchError, match="'Seats' is none of"):
        lake.fetch("Seats")
    lake.select = {"Seats": {"table": "seats"}}
    with pytest.raises(FetchError, match="'Seats' is none of"):
        lake.fetch()


def test_reading_ends_at_the_deadline(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_ROWS", 1)
    lake.fill(ROWS)
    moments = iter(lake.watch.moment + timedelta(hours=hours) for hours in range(9))
    clock = Clock(lambda: next(moments), lambda _: None)
    [result] = fetch_all(lake.plan, FetchRequest(to=lake.folder / "exports"), str, clock)
    assert str(result) == f"lake {SEATS}: is not here after 180 minutes; select less."
    assert lake.exports() == []


def test_what_a_killed_fetch_left_is_swept_away(lake: Lake) -> None:
    lake.fill(ROWS)
    left = lake.folder / "exports" / ".lake.part"
    left.mkdir(parents=True)
    (left / "rows.csv").write_text("half")
    lake.fetch()
    assert lake.exports() == [FILE]


def test_two_fetches_do_not_mix(lake: Lake) -> None:
    lake.fill(ROWS)
    first = fetch_all(lake.plan, FetchRequest(to=lake.folder / "exports"), str, lake.watch.clock)
    assert not next(first).failed  # and has not ended yet
    assert lake.told() == "lake: another fetch is under way; wait for it."
    first.close()  # type: ignore[attr-defined]


# Logins


def test_a_login_comes_from_the_environment_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.more = {"login_variable": "INSIGHTS_SECRET_NOBODY", "url": "sqlite://x/y.db"}
    assert "INSIGHTS_SECRET_NOBODY is not set; put user:password there." in lake.told()
    monkeypatch.setenv("INSIGHTS_SECRET_NOBODY", "sesame")
    told = lake.told()
    assert "INSIGHTS_SECRET_NOBODY is not user:password." in told
    assert "sesame" not in told


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("nosuch://host/db", "Can't load plugin: sqlalchemy.dialects:nosuch"),
        ("oracle+oracledb://host/db", "No module named 'oracledb'"),
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence(lake: Lake, url: str, what: str) -> None:
    lake.more = {"url": url}
    assert f"lake {SEATS}: the database fails: {what}" in lake.told()
    assert lake.exports() == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:sesame@host/db",
        "postgresql://sesame@host/db",
        "postgresql://host/db?password=sesame",
        "mssql+pyodbc:///?odbc_connect=DRIVER;PWD=sesame",
        "postgresql:/host/sesame",
        "sesame",
        "http://[sesame",
        "postgresql://user:pa/sesame@host/db",
        "postgresql://us#er:sesame@host/db",
        "postgresql://host/db#?password=sesame",
        "postgresql://host/db;password=sesame",
        *(
            f"postgresql://host/db?{name}=sesame"
            for name in (
                *("credentials_base64", "api_key", "apikey", "sig", "token", "auth", "jwt"),
                *("private_key", "access", "Sas", "pat", "x-secret", "login_name", "odbc_connect"),
            )
        ),
        "postgresql://host/db?sesame",
        "postgresql://host/db?sesame=",
        "postgresql://host/db?sslmode=require&SIG=sesame%2B",
        "mssql+pyodbc://host/db?driver=ODBC+Driver+18;PWD%3Dsesame",
        "mssql+pyodbc://host/db?driver=api_key%3Dsesame",
    ],
)
def test_an_address_with_a_login_is_refused_and_not_shown(lake: Lake, url: str) -> None:
    lake.more = {"url": url}
    with pytest.raises(ParameterError) as refused:
        lake.fetch()
    assert "databases.lake.url: " in str(refused.value)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://db.example.com/lake?sslmode=verify-full&connect_timeout=5",
        "postgresql://[::1]:5432/lake?sslrootcert=/etc/ca.pem&sslkey=/etc/key.pem&keepalives=1",
        "postgresql://host/lake?application_name=insights&options=-c%20search_path%3Dsales",
        "mssql+pyodbc://host/db?driver=ODBC+Driver+18+for+SQL+Server&TrustServerCertificate=yes",
        "mysql+pymysql://host/db?charset=utf8mb4&ssl_ca=/etc/ca.pem",
        "oracle+oracledb://host:1521/?service_name=lake",
        "snowflake://account/db/schema?warehouse=small&role=reader&authenticator=externalbrowser",
        "bigquery://project/lake?credentials_path=/run/secrets/google.json&location=EU",
        "databricks://host:443?http_path=/sql/1.0/warehouses/0a&catalog=main&schema=sales",
        "sqlite:////home/me@corp/[new]/lake.db?mode=ro&uri=true",
        "duckdb:///lake.duckdb?threads=4",
    ],
)
def test_an_address_with_settings_that_are_no_secret_is_taken(lake: Lake, url: str) -> None:
    lake.more = {"url": url}
    assert lake.plan.databases["lake"].url == url


def test_drivers_see_no_secret_but_their_login(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.fill(ROWS)
    monkeypatch.setenv("INSIGHTS_SMTP_PASSWORD", "sesame")
    seen: list[str] = []
    connect = sqlite3.connect

    def watched(*given: Any, **named: Any) -> sqlite3.Connection:
        seen.append(os.environ.get("INSIGHTS_SMTP_PASSWORD", ""))
        return connect(*given, **named)

    monkeypatch.setattr("sqlite3.dbapi2.connect", watched)
    [result] = lake.fetch()
    assert not result.failed
    assert set(seen) == {""}
    assert os.environ["INSIGHTS_SMTP_PASSWORD"]  # it is there for mail that follows


def test_column_names_cannot_move_the_cursor(lake: Lake) -> None:
    lake.fill([{"a\x1b[2J\nlake: all is well": "1"}])
    assert lake.told().isprintable()


@pytest.mark.parametrize(
    ("select", "what"),
    [
        ({}, "needs either a table or a query"),
        ({"table": "a", "query": "SELECT 1"}, "needs either a table or a query"),
        ({"table": "a; DROP"}, "'a; DROP' is not a table"),
        ({"query": ""}, "query"),
    ],
)
def test_a_selection_is_a_table_or_a_query(lake: Lake, select: dict[str, str], what: str) -> None:
    lake.select = {SEATS: select}
    with pytest.raises(ParameterError, match=what):
        lake.fetch()
