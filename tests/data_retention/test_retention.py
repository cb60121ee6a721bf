"""Old reports go; a customer who is forgotten is nowhere any more, and all else stays as it is."""

import hashlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import pytest

from insights_lib.data_retention import forget as retention
from insights_lib.data_retention.forget import forget
from insights_lib.data_retention.prune import prune
from insights_lib.errors import ParameterError, ReportError, StoreError
from insights_lib.exports.demo import write_demo
from insights_lib.outputs import Manifest, Outputs, failed_folder
from insights_lib.parameters.reports_yml import ReportsFile, Retention
from insights_lib.parameters.spec import ReportSpec
from insights_lib.parameters.validation import validated
from insights_lib.run.plan import PlannedReport, plan_reports
from insights_lib.store.ingest import files_of, ingest_file
from insights_lib.store.partners import partner_parts
from insights_lib.store.sql import sql_path
from tests.support.manifests import manifest_of
from tests.support.rows import fill_store, seats_row, slice_of, usage_row, write_tsv

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MONTHS = "2025-10_2025-12"
PARTNERS = ("1234567", "2345678", "3456789")


# Pruning


def report(folder: Path, finished: datetime, **values: Any) -> Path:
    """A folder with all that a report has."""
    for name in ("report.html", "notebooks/01_one.ipynb", "data/summary.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("content", encoding="utf-8")
    manifest_of(finished_at=finished, **values).write(folder)
    return folder


def failed(report: Path, finished: datetime) -> Path:
    """What a failed run has left beside a report."""
    folder = failed_folder(report)
    (folder / "notebooks").mkdir(parents=True)
    (folder / "notebooks" / "01_one.ipynb").write_text("content", encoding="utf-8")
    manifest_of(status="failed", finished_at=finished).write(folder)
    return folder


def pruned(folder: Path, days: int) -> list[Path]:
    return list(prune(Outputs(folder), Retention(reports_days=days), NOW).reports)


def test_reports_of_more_days_go_and_those_of_fewer_stay(tmp_path: Path) -> None:
    days = timedelta(days=30)
    exactly = report(tmp_path / "1" / MONTHS, NOW - days)
    old = report(tmp_path / "1" / "2025-09_2025-11", NOW - days - timedelta(seconds=1))
    alone = report(tmp_path / "2" / MONTHS, NOW - 2 * days)
    variant = report(tmp_path / "3" / "variants" / "abc" / MONTHS, NOW - 2 * days)
    young = report(tmp_path / "3" / MONTHS, NOW)
    assert pruned(tmp_path, 30) == [old, alone, variant]
    assert (exactly / "report.html").exists()
    assert (young / "report.html").exists()
    assert sorted(e.name for e in tmp_path.iterdir() if not e.name.startswith(".")) == ["1", "3"]
    assert [entry.name for entry in (tmp_path / "3").iterdir()] == [MONTHS]
    assert list(tmp_path.glob(".run-*")) == []


def test_what_failed_goes_by_its_own_age_and_leaves_no_empty_folder(tmp_path: Path) -> None:
    old, young = NOW - timedelta(days=31), NOW - timedelta(days=29)
    kept = report(tmp_path / "1" / MONTHS, young)
    gone = [failed(kept, old)]
    good = report(tmp_path / "2" / MONTHS, old)
    stays = failed(good, young)
    variant = tmp_path / "3" / "variants" / "abc" / MONTHS
    gone += [failed(variant, old)]
    assert sorted(pruned(tmp_path, 30)) == sorted([*gone, good])
    assert {entry.name for entry in (tmp_path / "1").iterdir()} == {MONTHS}
    assert {path.name for path in stays.iterdir()} == {"manifest.json", "notebooks"}
    assert not (tmp_path / "3").exists()


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"finished_at": "once"}', None])
def test_a_folder_without_a_readable_manifest_is_left_alone(
    manifest: str | None, tmp_path: Path
) -> None:
    folder = report(tmp_path / "1" / MONTHS, NOW - timedelta(days=99))
    if manifest is None:
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    assert pruned(tmp_path, 1) == []
    assert (folder / "report.html").exists()


def test_nothing_is_pruned_while_a_run_writes(tmp_path: Path) -> None:
    folder = report(tmp_path / "1" / MONTHS, NOW - timedelta(days=99))
    with Outputs(tmp_path).locked(), pytest.raises(ReportError, match="another run"):
        pruned(tmp_path, 1)
    assert (folder / "report.html").exists()


def test_a_report_that_is_pruned_is_never_half_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = report(tmp_path / "1" / MONTHS, NOW - timedelta(days=99))
    seen: list[bool] = []
    remove = shutil.rmtree

    def watched(path: Path, **options: Any) -> None:
        seen.append(folder.exists())
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", watched)
    pruned(tmp_path, 1)
    assert seen == [False]


def test_retention_is_a_setting_of_the_reports_file() -> None:
    usual = validated(ReportsFile, {}, "f").retention
    assert (usual.reports_days, usual.ledger_days) == (30, 90)
    given = validated(ReportsFile, {"retention": {"reports_days": 7}}, "f").retention
    assert (given.reports_days, given.ledger_days) == (7, 90)
    for wrong in ({"reports_days": 0}, {"ledger_days": "1"}, {"days": 3}):
        with pytest.raises(ParameterError, match=r"f: .*(retention|reports_days, ledger_days)"):
            validated(ReportsFile, {"retention": wrong}, "f")


# Forgetting


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store of the example exports."""
    folder = tmp_path_factory.mktemp("ingested")
    write_demo(folder / "exports", 3, 40, 4, 1)
    for file in files_of([folder / "exports"]):
        ingest_file(file, folder / "store")
    return folder


@pytest.fixture
def place(ingested: Path, tmp_path: Path) -> Path:
    """The same with a report of each partner, to change."""
    shutil.copytree(ingested / "store", tmp_path / "store")
    for partner in PARTNERS:
        planned = planned_of(tmp_path, partner)
        assert planned.folder
        sha256 = hashlib.sha256(b"content").hexdigest()
        report(planned.folder, NOW, fingerprint=planned.fingerprint, report_sha256=sha256)
    return tmp_path


def spec_of(place: Path, partner: str) -> ReportSpec:
    return ReportSpec(
        partner=partner, date_range=MONTHS, as_of=date(2026, 1, 31), store=place / "store"
    )


def planned_of(place: Path, partner: str) -> PlannedReport:
    [planned] = plan_reports([spec_of(place, partner)], Outputs(place / "outputs"))
    return planned


def state(place: Path, partner: str) -> tuple[str, str]:
    planned = planned_of(place, partner)
    return planned.status, planned.reason


def current(place: Path, partner: str) -> dict[date, int]:
    data = slice_of(place / "store", MONTHS, partner=partner, as_of=date(2026, 1, 31))
    counted = data.query("SELECT month, count(*) AS n FROM current GROUP BY month ORDER BY month")
    return dict(zip(counted["month"].dt.date, counted["n"].astype(int), strict=True))


def in_store(place: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over all rows in Parquet files, with the account that they are of."""
    files = ", ".join(sql_path(file) for file in (place / "store" / "parts").glob("*/*.parquet"))
    rows = f"""SELECT *, parse_path(filename)[-2] AS account
        FROM read_parquet([{files}], filename = true, union_by_name = true)"""
    with duckdb.connect() as engine:
        return engine.execute(f"WITH stored AS ({rows}) {sql}").fetchall()


def key_of(place: Path, kind: str, partner: str) -> str:
    """A customer of one partner alone that is there in all four months."""
    [(customer,)] = in_store(
        place,
        f"""SELECT customer FROM stored WHERE customer LIKE '{kind}:%' GROUP BY customer
            HAVING list_distinct(list(account)) = ['{partner}']
            AND count(DISTINCT month) FILTER (state = 'Active') = 4 ORDER BY customer LIMIT 1""",
    )
    return str(customer).partition(":")[2]


def files_with(key: str, folder: Path) -> list[str]:
    """Files that hold a text, in their bytes or in the values of a Parquet file."""
    found = []
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        texts = [file.read_bytes()]
        if file.suffix == ".parquet":
            with duckdb.connect() as engine:
                values = engine.execute(f"FROM read_parquet({sql_path(file)})").fetchall()
            texts.append(repr(values).encode())
        if any(key.encode() in text for text in texts):
            found.append(file.name)
    return found


def parts_of(place: Path, *accounts: str) -> dict[str, bytes]:
    files = (f for a in accounts for f in (place / "store" / "parts" / a).glob("*.parquet"))
    return {str(file): file.read_bytes() for file in files}


def catalog(place: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(place / "store" / "catalog.sqlite")) as db:
        return db.execute(sql).fetchall()


def test_a_forgotten_customer_is_nowhere_and_all_others_are_where_they_were(place: Path) -> None:
    key = key_of(place, "tenant", "1234567")
    [(rows,)] = in_store(place, f"SELECT count(*) FROM stored WHERE customer = 'tenant:{key}'")
    [(others,)] = in_store(place, f"SELECT count(*) FROM stored WHERE customer != 'tenant:{key}'")
    accounts = {row[0] for row in in_store(place, "SELECT DISTINCT account FROM stored")}
    untouched = parts_of(place, *accounts - {"1234567"})
    before = {partner: current(place, partner) for partner in PARTNERS}
    for name in ("report.html", "notebooks/01_one.ipynb", "data/summary.csv"):
        (place / "outputs" / "1234567" / MONTHS / name).write_text(key, encoding="utf-8")
    assert {"01_one.ipynb", "report.html", "summary.csv"} < {*files_with(key, place)}

    forgotten = forget(key, place / "store", Outputs(place / "outputs"))

    assert forgotten.rows == {"tenant id": rows}
    assert forgotten.partners == ("1234567",)
    assert forgotten.months == tuple(date(2025, month, 1) for month in range(9, 13))
    assert files_with(key, place) == []
    assert in_store(place, "SELECT count(*) FROM stored") == [(others,)]
    assert catalog(place, "SELECT sum(rows) FROM parts") == [(others,)]
    assert parts_of(place, *accounts - {"1234567"}) == untouched
    after = {partner: current(place, partner) for partner in PARTNERS}
    fewer = {month: n - 1 for month, n in before["1234567"].items()}
    assert after == {**before, "1234567": fewer}


def test_the_reports_of_its_partner_are_emptied_and_stale(place: Path) -> None:
    assert {partner: state(place, partner)[0] for partner in PARTNERS} == dict.fromkeys(
        PARTNERS, "fresh"
    )
    variant = report(place / "outputs" / "1234567" / "variants" / "abc" / MONTHS, NOW)
    key = key_of(place, "tenant", "1234567")
    forgotten = forget(key, place / "store", Outputs(place / "outputs"))
    emptied = place / "outputs" / "1234567" / MONTHS
    assert set(forgotten.reports) == {emptied, variant}
    for folder in (emptied, variant):
        assert [entry.name for entry in folder.iterdir()] == ["manifest.json"]
    assert state(place, "1234567") == ("stale", "changed: data, report.html, which is gone")
    assert state(place, "2345678") == state(place, "3456789") == ("fresh", "")
    assert list((place / "outputs").glob(".run-*")) == []


def test_what_failed_runs_of_its_partner_have_left_is_deleted(place: Path) -> None:
    key = key_of(place, "tenant", "1234567")
    reports = [place / "outputs" / partner / MONTHS for partner in PARTNERS]
    reports += [place / "outputs" / "1234567" / "variants" / "abc" / MONTHS]
    folders = [failed(folder, NOW) for folder in reports]
    for folder in folders:
        (folder / "notebooks" / "01_one.ipynb").write_text(key, encoding="utf-8")
    assert state(place, "1234567")[0] == "failed"
    forgotten = forget(key, place / "store", Outputs(place / "outputs"))
    assert forgotten.reports == (place / "outputs" / "1234567" / MONTHS,)
    assert [folder.exists() for folder in folders] == [False, True, True, False]
    assert state(place, "1234567") == ("stale", "changed: data, report.html, which is gone")
    assert Manifest.read(folders[1])


def test_a_partner_of_which_only_locations_are_known_is_found_through_its_profile(
    place: Path,
) -> None:
    [(key, account)] = in_store(
        place,
        """SELECT any_value(customer), account FROM stored WHERE account LIKE '04%'
           AND customer IN (SELECT customer FROM stored GROUP BY ALL
                            HAVING count(DISTINCT account) = 1)
           GROUP BY account ORDER BY account LIMIT 1""",
    )
    key = key.partition(":")[2]
    forgotten = forget(key, place / "store", Outputs(place / "outputs"))
    assert forgotten.partners == (account, "3456789")
    assert state(place, "3456789")[0] == "stale"
    assert state(place, "1234567")[0] == "fresh"


def test_the_files_it_came_in_are_named_so_that_they_can_be_deleted(
    place: Path, ingested: Path
) -> None:
    key = key_of(place, "tenant", "1234567")
    forgotten = forget(key, place / "store", Outputs(place / "outputs"))
    held = [file.name for file in files_of([ingested / "exports"]) if holds(file, key)]
    assert sorted(forgotten.exports) == sorted(held)
    assert held


def holds(export: Path, key: str) -> bool:
    return key.encode() in export.read_bytes()


def test_previews_are_deleted(place: Path) -> None:
    """By whatever deletes: each is made again in seconds."""
    outputs = Outputs(place / "outputs")
    for delete in (
        lambda: forget(key_of(place, "tenant", "1234567"), place / "store", outputs),
        lambda: prune(outputs, Retention()),
    ):
        outputs.previews.mkdir(parents=True)
        (outputs.previews / "11_seats.html").touch()
        delete()
        assert not outputs.previews.exists()


def test_an_unknown_customer_changes_nothing(place: Path) -> None:
    def everything() -> dict[str, bytes]:
        files = (f for f in place.rglob("*") if f.is_file() and not f.name.endswith(".lock"))
        return {str(file): file.read_bytes() for file in files}

    before = everything()
    for key in ("nobody", "", "%", "tpid:nobody", "name:1000000", "' OR 1 = 1 --"):
        with pytest.raises(StoreError, match="no customer has the key") as refused:
            forget(key, place / "store", Outputs(place / "outputs"))
        assert "\n" not in str(refused.value)
    assert everything() == before


def test_without_a_store_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store is here"):
        forget("a", tmp_path / "store", Outputs(tmp_path / "outputs"))
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_forgotten_while_a_run_writes(place: Path) -> None:
    key = key_of(place, "tenant", "1234567")
    with Outputs(place / "outputs").locked(), pytest.raises(ReportError, match="another run"):
        forget(key, place / "store", Outputs(place / "outputs"))
    assert files_with(key, place)


def test_a_key_is_forgotten_in_all_its_kinds_and_others_with_it_inside_are_not(
    tmp_path: Path,
) -> None:
    rows = [
        seats_row("2025-01", "42"),
        seats_row("2025-01", "", CustomerTenantId="42"),
        seats_row("2025-02", "", CustomerTenantId="42"),
        seats_row("2025-01", "", CustomerName="42"),
        seats_row("2025-01", "142"),
        seats_row("2025-02", "421"),
    ]
    store = fill_store(tmp_path, {"Seats": rows})
    forgotten = forget("42", store, Outputs(tmp_path / "outputs"))
    assert forgotten.rows == {"top parent id": 1, "tenant id": 2, "name": 1}
    assert in_store(tmp_path, "SELECT customer FROM stored ORDER BY 1") == [
        ("tpid:142",),
        ("tpid:421",),
    ]


def test_months_without_the_customer_keep_their_hash_and_those_with_it_do_not(
    tmp_path: Path,
) -> None:
    rows = [seats_row("2025-01", "a"), seats_row("2025-01", "b"), seats_row("2025-02", "a")]
    store = fill_store(tmp_path, {"Seats": rows})
    sql = "SELECT month, rows, subscription_ids, hash FROM parts ORDER BY month"
    [january, february] = catalog(tmp_path, sql)
    forget("b", store, Outputs(tmp_path / "outputs"))
    [changed, same] = catalog(tmp_path, sql)
    assert same == february
    assert changed[:3] == (january[0], 1, 1)
    assert changed[3] != january[3]


def test_a_month_of_which_nobody_is_left_is_not_covered_by_an_earlier_export(
    tmp_path: Path,
) -> None:
    profile = {"PGA_MPNId": "1", "MPNId": "11", "PGA_PartnerName": "One", "Country": "Norway"}
    of_location = [seats_row("2025-03", "old"), seats_row("2025-03", "gone")]
    for row in of_location:
        del row["PGAMpnId"]
    later = [seats_row("2025-02", "stays"), seats_row("2025-03", "gone")]
    store = fill_store(tmp_path, {"1": [profile], "2": of_location, "3": later})
    assert [part.rows for part in partner_parts(store, "1").parts] == [1, 1]
    forget("gone", store, Outputs(tmp_path / "outputs"))
    assert {part.month for part in partner_parts(store, "1").parts} == {date(2025, 2, 1)}


def test_a_key_is_forgotten_as_the_tables_show_it_and_only_in_that_kind(tmp_path: Path) -> None:
    rows = [seats_row("2025-01", "42"), seats_row("2025-01", "", CustomerTenantId="42")]
    store = fill_store(
        tmp_path, {"SeatsSubscriptionsAndRevenue": [*rows, seats_row("2025-01", "a")]}
    )
    forgotten = forget("tpid:42", store, Outputs(tmp_path / "outputs"))
    assert forgotten.rows == {"top parent id": 1}
    left = slice_of(store, "2025-01_2025-01").query("SELECT key FROM details_keys ORDER BY 1")
    assert left["key"].tolist() == ["tenant:42", "tpid:a"]


def test_usage_is_forgotten_too(tmp_path: Path) -> None:
    data = {
        "Seats": [seats_row("2025-01", "a"), seats_row("2025-01", "b")],
        "Office": [usage_row("2025-01", "a"), usage_row("2025-01", "b")],
    }
    store = fill_store(tmp_path, data)
    forgotten = forget("b", store, Outputs(tmp_path / "outputs"))
    assert forgotten.exports == ("Seats.tsv", "Office.tsv")
    sql = "SELECT dataset, rows, subscription_ids FROM parts ORDER BY dataset"
    assert catalog(tmp_path, sql) == [
        ("OfficeUsage", 1, 0),
        ("SeatsSubscriptionsAndRevenue", 1, 1),
    ]


def test_rows_of_earlier_exports_and_of_broken_ingests_go_as_well(tmp_path: Path) -> None:
    store = fill_store(
        tmp_path, {"first": [seats_row("2025-01", "Contoso AB"), seats_row("2025-01", "b")]}
    )
    ingest_file(write_tsv(tmp_path / "second.tsv", [seats_row("2025-01", "b")]), store)
    (store / ".ingest-killed").mkdir()
    (store / ".ingest-killed" / "export.tsv").write_text("Contoso AB", encoding="utf-8")
    assert forget("Contoso AB", store, Outputs(tmp_path / "outputs")).exports == ("first.tsv",)
    assert files_with("Contoso AB", store) == []
    assert in_store(tmp_path, "SELECT customer FROM stored") == [("tpid:b",)]


def test_the_log_does_not_keep_the_name_in_the_names_of_files(tmp_path: Path) -> None:
    other = [seats_row("2025-01", "b")]
    rows = [seats_row("2025-01", "", CustomerName="Contoso"), *other]
    for name in ("Contosolution.tsv", "NeoContoso.tsv", "of Contoso.tsv"):
        ingest_file(write_tsv(tmp_path / name, other), tmp_path / "store")
    ingest_file(write_tsv(tmp_path / "Contoso (2025).tsv", rows), tmp_path / "store")
    forgotten = forget("Contoso", tmp_path / "store", Outputs(tmp_path / "outputs"))
    assert forgotten.exports == ("Contoso (2025).tsv",)
    names = [Path(name).name for (name,) in catalog(tmp_path, "SELECT file FROM exports")]
    assert names == ["Contosolution.tsv", "NeoContoso.tsv", "of ….tsv", "… (2025).tsv"]
    raw = (tmp_path / "store" / "catalog.sqlite").read_bytes()
    assert raw.count(b"Contoso") == 2


def test_what_is_struck_out_of_the_log_is_overwritten_in_its_file(tmp_path: Path) -> None:
    """By itself SQLite would leave the old row where it was, as free space."""
    catalog_file = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(catalog_file)) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("CREATE TABLE exports (id INTEGER PRIMARY KEY, file TEXT)")
        db.execute("INSERT INTO exports (file) VALUES (?)", ["Contoso " * 3])
        db.execute("INSERT INTO exports (file) VALUES ('other.tsv')")
        db.commit()
        retention._strike_out(db, "Contoso")
        db.commit()
    assert b"Contoso" not in catalog_file.read_bytes()


def die_in(place: Path, key: str, point: str, call: int) -> None:
    """Be killed at one call of a function while a customer is being forgotten."""
    calls = 0

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **options)

        return function

    owner: Any = Path if point == "unlink" else retention
    setattr(owner, point, dying(getattr(owner, point)))
    forget(key, place / "store", Outputs(place / "outputs"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "call", "done"),
    [
        ("_rewrite", 1, False),  # the reports are empty, the store is as it was
        ("move_into_store", 3, False),  # some of the new files are there
        ("_strike_out", 1, False),  # all of them are, but the catalog is as it was
        ("unlink", 1, True),  # the catalog names the new files, the old ones are there as well
        ("unlink", 2, True),
    ],
)
def test_what_a_crash_has_left_is_finished_by_the_same_command(
    point: str, call: int, done: bool, place: Path
) -> None:
    key = key_of(place, "tenant", "1234567")
    before = current(place, "1234567")
    fewer = {month: n - 1 for month, n in before.items()}
    child = get_context("spawn").Process(target=die_in, args=(place, key, point, call))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert current(place, "1234567") == (fewer if done else before)
    assert files_with(key, place / "store")
    assert state(place, "1234567")[0] == "stale"
    assert forget(key, place / "store", Outputs(place / "outputs")).partners == ("1234567",)
    assert current(place, "1234567") == fewer
    assert files_with(key, place) == []
    with pytest.raises(StoreError, match="no customer has the key"):
        forget(key, place / "store", Outputs(place / "outputs"))
