"""Exports from a real PostgreSQL: typed columns, and all that can go wrong with a server."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from insights_lib.fetch import postgresql
from insights_lib.fetch.fetch import FetchRequest, fetch_all
from insights_lib.parameters.fetch_yml import FetchPlan
from insights_lib.parameters.validation import validated
from insights_lib.store.ingest import ingest_file
from insights_lib.timing import Clock
from tests.support.fetching import Watch
from tests.support.ingesting import take
from tests.support.postgres import PASSWORD, USER, Postgres, postgres
from tests.support.rows import seats_row, stored_rows

pytestmark = pytest.mark.slow

SEATS = "SeatsSubscriptionsAndRevenue"
GUID = "01234567-89ab-cdef-0123-456789abcdef"
# By column, the type and the value in the database, and the text in an export.
TYPED = {
    "Month": ("date", "2025-01-01", "2025-01-01"),
    "CustomerTpid": ("bigint", "4000100", "4000100"),
    "SubscriptionId": ("uuid", GUID.upper(), GUID),
    "SubscriptionEndDate": ("timestamptz", "2026-03-14 12:00+00", "2026-03-14"),
    "IsAutoRenew": ("boolean", "true", "Yes"),
    "IsDuplicateRowForPGA": ("boolean", "false", "0"),
    "TotalSoldSeats": ("smallint", "12", "12"),
    "BilledRevenueUSD": ("numeric(12,4)", "-12.5", "-12.5"),
    "AzureConsumedRevenueUSD": ("double precision", "1e14", "1e14"),
    "CustomerName": ("text", 'Ann "A"\nLtd\\ 🦊', 'Ann "A"\nLtd\\ 🦊'),
    "CustomerSegment": ("text", "", ""),
    "PartnerLocation": ("varchar(20)", "Oslo\x1f; \\.", "Oslo\x1f; \\."),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as one:
        yield one


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSIGHTS_SECRET_LAKE", f"{USER}:{PASSWORD}")


def fill(server: Postgres, typed: dict[str, tuple[str, str, str]], rows: int = 1) -> None:
    """Make the table `lake.seats` of some equal rows, its columns of types where they have one."""
    values = seats_row("2025-01-01", "7", **{name: value for name, (_, value, _) in typed.items()})
    columns = ", ".join(f'"{n}" {typed[n][0] if n in typed else "text"}' for n in values)
    texts = ", ".join("'" + text.replace("'", "''") + "'" for text in values.values())
    server.execute(
        f"""DROP SCHEMA IF EXISTS lake CASCADE; CREATE SCHEMA lake;
            CREATE TABLE lake.seats ({columns});
            INSERT INTO lake.seats VALUES ({texts});
            INSERT INTO lake.seats SELECT s.* FROM lake.seats s, generate_series(2, {rows})"""
    )


def told(
    url: str, folder: Path, selection: dict[str, str] | None = None, clock: Clock | None = None
) -> str:
    """What a fetch says; nothing is left half-written, and no secret is told."""
    lake = {
        "url": url,
        "login_variable": "INSIGHTS_SECRET_LAKE",
        "datasets": {SEATS: selection or {"table": "lake.seats"}},
    }
    plan = validated(FetchPlan, {"databases": {"lake": lake}, "folder": str(folder / "fetch")})
    request = FetchRequest(to=folder / "exports")
    [result] = fetch_all(plan, request, str, clock or Watch().clock)
    assert sorted((folder / "exports").rglob("*")) == ([result.file] if result.file else [])
    assert PASSWORD not in str(result)
    assert "\n" not in str(result)
    assert result.failed == (not result.file)
    return str(result)


def test_typed_columns_give_the_same_store_as_a_text(server: Postgres, tmp_path: Path) -> None:
    fill(server, TYPED)
    assert "2025-01, 1 rows, in " in told(server.url, tmp_path)
    [file] = (tmp_path / "exports").iterdir()
    ingest_file(file, tmp_path / "store")
    texts = {name: text for name, (_, _, text) in TYPED.items()}
    texts["CustomerName"] = "Ann"  # a TSV can have no line end in a value
    take(tmp_path / "text", [seats_row("2025-01-01", "7", **texts)])
    [found], [expected] = stored_rows(tmp_path / "store"), stored_rows(tmp_path / "text")
    assert found == {**expected, "customer_name": TYPED["CustomerName"][2]}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM lake.seats ;\n",
        "SELECT * FROM lake.seats -- all of them",
        "TABLE lake.seats",
        "WITH one AS (TABLE lake.seats) SELECT * FROM one ORDER BY 1",
        # These can only be read value by value.
        "SELECT * FROM lake.seats WHERE 'a;100%' LIKE '%;%'",
        "SELECT * FROM lake.seats; -- all of them",
    ],
)
def test_a_query_gives_what_its_table_gives(server: Postgres, tmp_path: Path, query: str) -> None:
    server.execute("DROP TYPE IF EXISTS color CASCADE; CREATE TYPE color AS ENUM ('red', 'blue')")
    typed = {**TYPED, "SKU": ("public.color", "blue", "blue"), "CustomerCity": ("text", "", "")}
    fill(server, typed)
    for name, selection in (("table", {"table": "lake.seats"}), ("query", {"query": query})):
        told(server.url, tmp_path / name, selection)
        [file] = (tmp_path / name / "exports").iterdir()
        ingest_file(file, tmp_path / name / "store")
    [found], [expected] = (stored_rows(tmp_path / name / "store") for name in ("query", "table"))
    assert found == expected
    assert found["sku"] == "blue"
    assert found["customer_name"] == TYPED["CustomerName"][2]


def test_a_query_is_executed_once(server: Postgres, tmp_path: Path) -> None:
    fill(server, {}, rows=3)
    server.execute("CREATE SEQUENCE lake.looked_at")
    query = "SELECT * FROM lake.seats WHERE nextval('lake.looked_at') > 0 ORDER BY 1"
    assert ", 3 rows, in " in told(server.url, tmp_path, {"query": query})
    with server.connect() as connection:
        assert connection.execute("SELECT last_value FROM lake.looked_at").fetchone() == (3,)


@pytest.mark.parametrize(
    ("column", "kind", "value", "what"),
    [
        ("SKU", "json", '{"a": 1}', "the column SKU has values of type dict; texts, numbers"),
        ("SKU", "bytea", "x", "the column SKU has values of type bytes"),
        ("SKU", "text[]", "{a}", "the column SKU has values of type list"),
        ("SKU", "interval", "1 day", "the column SKU has values of type timedelta"),
        ("SKU", "text", "x" * (3 << 20), "row 1 is longer than 1 MiB; no export has such rows"),
    ],
)
def test_values_that_no_export_has_are_one_sentence(
    server: Postgres, tmp_path: Path, column: str, kind: str, value: str, what: str
) -> None:
    fill(server, {column: (kind, value, "")})
    assert what in told(server.url, tmp_path)


@pytest.mark.parametrize(
    ("column", "kind", "value", "what"),
    [
        ("CustomerTpid", "numeric(12,2)", "4000100", "row 1: the id '4000100.00' was spoilt"),
        ("CustomerTpid", "double precision", "1.5e17", "row 1: the id '1.5e+17' was spoilt"),
        ("Month", "date", "infinity", "row 1: 'infinity' is not a month; allowed: "),
        ("Month", "date", "0044-03-15 BC", "row 1: '0044-03-15 BC' is not a month; allowed: "),
        ("BilledRevenueUSD", "float8", "NaN", "row 1: BilledRevenueUSD is 'NaN'; a number such"),
    ],
)
def test_values_that_are_wrong_are_refused_by_ingest_with_their_row(
    server: Postgres, tmp_path: Path, column: str, kind: str, value: str, what: str
) -> None:
    fill(server, {column: (kind, value, "")})
    told(server.url, tmp_path)
    [file] = (tmp_path / "exports").iterdir()
    with pytest.raises(Exception) as refused:  # noqa: PT011 - its text is compared below
        ingest_file(file, tmp_path / "store")
    assert what in str(refused.value)


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT * FROM nowhere", 'the database fails: relation "nowhere" does not exist'),
        ("SELECT 1 / 0", "the database fails: division by zero."),
        ("SELECT *, 1 / (n - 2500) AS x FROM lake.seats, generate_series(1, 3000) n", "division"),
        ("DROP TABLE lake.seats", "the database fails: syntax error at or near"),
    ],
)
def test_a_query_that_fails_is_one_sentence_and_changes_nothing(
    server: Postgres, tmp_path: Path, query: str, what: str
) -> None:
    fill(server, {})
    assert what in told(server.url, tmp_path, {"query": query})
    assert ", 1 rows, in " in told(server.url, tmp_path)


@pytest.mark.parametrize("login", [f"{USER}:wrong", "nobody:sesame"])
def test_a_wrong_login_is_one_sentence(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    monkeypatch.setenv("INSIGHTS_SECRET_LAKE", login)
    sentence = told(server.url, tmp_path)
    assert "password authentication failed" in sentence
    assert login.rpartition(":")[2] not in sentence


def test_nobody_at_the_port_is_one_sentence(tmp_path: Path) -> None:
    assert "Connection refused" in told("postgresql+psycopg://127.0.0.1:1/x", tmp_path)


class _Ending(Watch):
    """A clock at the third look of which something happens."""

    def __init__(self, happens: Any) -> None:
        super().__init__()
        self._happens, self._looks = happens, 0

    def now(self) -> datetime:
        self._looks += 1
        if self._looks == 3:
            self._happens()
        return self.moment


def test_a_server_that_dies_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with postgres() as server:
        fill(server, {}, rows=50_000)
        watch = _Ending(server.stop)
        sentence = told(server.url, tmp_path, clock=Clock(watch.now, watch.sleep))
    assert "the database fails: " in sentence
    assert "connection" in sentence


def test_a_query_that_takes_too_long_is_ended_there(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_TIMEOUT", "SET statement_timeout = {minutes}")
    query = {"query": "SELECT pg_sleep(100), * FROM lake.seats"}
    fill(server, {})
    assert "canceling statement due to statement timeout" in told(server.url, tmp_path, query)


def test_rows_are_read_as_they_were_when_reading_began(server: Postgres, tmp_path: Path) -> None:
    fill(server, {}, rows=5000)
    watch = _Ending(lambda: server.execute("DELETE FROM lake.seats"))
    sentence = told(server.url, tmp_path, clock=Clock(watch.now, watch.sleep))
    assert ", 5,000 rows, in " in sentence


def test_reading_ends_at_the_deadline(server: Postgres, tmp_path: Path) -> None:
    fill(server, {}, rows=5000)
    watch = Watch()
    late = _Ending(lambda: watch.sleep(4 * 3600))
    clock = Clock(lambda: late.now() + (watch.moment - late.moment), late.sleep)
    assert "is not here after 180 minutes; select less." in told(server.url, tmp_path, clock=clock)
    assert watch.moment - late.moment == timedelta(hours=4)
