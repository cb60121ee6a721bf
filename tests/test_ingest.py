"""An export changes the store as a whole or not at all, and only what it speaks of."""

import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Rows, seats_row, slice_of, stored_rows, usage_row, write_csv, write_tsv
from test_datasets import LAYOUTS

from insights_lib import ingest as ingest_module
from insights_lib import store as store_module
from insights_lib.errors import ExportError, StoreError
from insights_lib.ingest import Ingested, files_of, ingest_file
from insights_lib.store import holdings, writing

JAN_TO_MAR = "2025-01_2025-03"


def take(store: Path, rows: Rows, name: str = "export.tsv") -> Ingested:
    """Ingest rows as a TSV that lies beside the store."""
    return ingest_file(write_tsv(store.parent / name, rows), store)


def take_text(store: Path, text: str) -> Ingested:
    file = store.parent / "export"
    file.write_text(text, encoding="utf-8")
    return ingest_file(file, store)


def profile_row(location: str, account: str, **others: str) -> dict[str, str]:
    row = {"MPNId": location, "PartnerName": f"Office {location}", "PGA_MPNId": account}
    return {**row, "PGA_PartnerName": f"Partner {account}", "Country": "Sweden", **others}


def located_row(month: str, customer: str, location: str, **others: str) -> dict[str, str]:
    """A row of an export of 2020, which names the partner's location only."""
    row = seats_row(month, customer, MpnId=location, **others)
    del row["PGAMpnId"]
    return row


def held(store: Path, partner: str = "1") -> set[tuple[object, ...]]:
    """What the store holds of a partner, whatever its files are called."""
    parts = holdings(store, partner).parts
    return {(p.dataset, p.month, p.rows, p.subscription_ids, p.hash) for p in parts}


def customers(store: Path, partner: str = "1", dataset: str = "") -> dict[str, list[str]]:
    """The customers of a partner by month."""
    found: dict[str, list[str]] = {}
    for row in sorted(stored_rows(store, partner, dataset), key=lambda row: row["customer"]):
        key = row["customer"].removeprefix("tpid:")
        found.setdefault(f"{row['month']:%Y-%m}", []).append(key)
    return found


def tree(store: Path) -> dict[str, bytes]:
    """Every file of the store with its content, and every folder."""
    return {
        str(path.relative_to(store)): path.read_bytes() if path.is_file() else b""
        for path in store.rglob("*")
    }


def parts_on_disk(store: Path) -> set[Path]:
    return set((store / "parts").rglob("*.parquet"))


def parts_named(store: Path, *partners: str) -> set[Path]:
    return {part.file for partner in partners for part in holdings(store, partner).parts}


# Rows in = kept + rejected


def test_rows_are_kept_or_rejected_with_their_lines(tmp_path: Path) -> None:
    nobody = {"CustomerTpid": " unknown ", "CustomerName": "NULL"}
    rows = [
        seats_row("2025-01", "a"),
        seats_row("2025-01", "b", **nobody),
        seats_row("2025-02", "c", PGAMpnId=" "),
        seats_row("2025-03", "d"),
        seats_row("2025-04", "e", **nobody),
    ]
    result = take(tmp_path / "store", rows)
    assert (result.rows_in, result.rows_kept, result.rows_rejected) == (5, 2, 3)
    assert result.rejects == (
        (3, "no customer id and no customer name"),
        (4, "no partner id"),
        (6, "no customer id and no customer name"),
    )
    assert (result.first, result.last) == (date(2025, 1, 1), date(2025, 3, 1))
    assert customers(tmp_path / "store") == {"2025-01": ["a"], "2025-03": ["d"]}


def test_a_rejected_row_of_a_csv_is_told_with_the_line_it_begins_on(tmp_path: Path) -> None:
    rows = [
        seats_row("2025-01", "a", CustomerName='two\nlines, "quoted"'),
        seats_row("2025-01", "", CustomerName="\n"),
        seats_row("2025-01", "", CustomerName=""),
    ]
    result = ingest_file(write_csv(tmp_path / "export.csv", rows), tmp_path / "store")
    assert [line for line, _ in result.rejects] == [4, 6]


def test_the_log_of_the_store_tells_rows_and_rejects(tmp_path: Path) -> None:
    take(tmp_path / "store", [seats_row("2025-01", "a"), seats_row("2025-01", "", CustomerName="")])
    with closing(sqlite3.connect(tmp_path / "store" / "catalog.sqlite")) as db:
        logged = db.execute("SELECT file, dataset, rows_in, rows_kept, rows_rejected FROM exports")
        file = str(tmp_path / "export.tsv")
        assert logged.fetchall() == [(file, "SeatsSubscriptionsAndRevenue", 2, 1, 1)]
        rejects = db.execute("SELECT export, line, reason FROM rejects").fetchall()
        assert rejects == [(1, 3, "no customer id and no customer name")]


def test_all_rejects_are_counted_and_the_first_thousand_listed(tmp_path: Path) -> None:
    rows = [seats_row("2025-01", "", CustomerName="")] * 1100
    result = take(tmp_path / "store", rows)
    assert (result.rows_rejected, len(result.rejects)) == (1100, 1000)
    assert result.rejects[-1][0] == 1001


def test_equal_rows_are_all_kept(tmp_path: Path) -> None:
    result = take(tmp_path / "store", [seats_row("2025-01", "a")] * 3)
    assert result.rows_kept == len(stored_rows(tmp_path / "store")) == 3


def test_a_header_alone_is_zero_rows_and_changes_nothing(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    before = held(store)
    for dataset, columns in dict(LAYOUTS.values()).items():
        with subtests.test(dataset):
            result = take_text(store, "\t".join(columns.split()) + "\n")
            assert (result.dataset, result.rows_in, result.rows_kept) == (dataset, 0, 0)
            assert (result.first, result.last, result.rejects) == (None, None, ())
            assert held(store) == before


# A later export replaces the months it covers


def test_ingesting_twice_changes_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    datasets = {
        "seats": [seats_row(f"2025-0{m}", c) for m in (1, 2, 3) for c in "abc"],
        "office": [usage_row("2025-02", "a"), usage_row("2025-02", "b", "0")],
    }

    def state() -> tuple[object, ...]:
        data = slice_of(store, JAN_TO_MAR)
        tables = ("months", "subscriptions", "usage", "current", "active", "added")
        return held(store), [sorted(data.query(f"FROM {t}").values.tolist()) for t in tables]

    for name, rows in datasets.items():
        take(store, rows, name)
    once = state()
    for name, rows in datasets.items():
        take(store, rows, name)
    assert state() == once


def test_a_later_export_replaces_only_its_months_of_its_partners_and_dataset(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    both = [
        seats_row(month, f"old{partner}", PGAMpnId=partner)
        for month in ("2025-01", "2025-02")
        for partner in "12"
    ]
    take(store, both)
    take(store, [usage_row("2025-02", "user")])
    take(store, [seats_row("2025-02", "new"), seats_row("2025-03", "new")])
    seats, office = "SeatsSubscriptionsAndRevenue", "OfficeUsage"
    replaced = {"2025-01": ["old1"], "2025-02": ["new"], "2025-03": ["new"]}
    assert customers(store, dataset=seats) == replaced
    assert customers(store, dataset=office) == {"2025-02": ["user"]}
    assert customers(store, "2") == {"2025-01": ["old2"], "2025-02": ["old2"]}


def test_a_month_with_rejected_rows_only_is_not_covered(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    take(store, [seats_row("2025-01", "", CustomerName="")])
    assert customers(store) == {"2025-01": ["a"]}


def test_the_spelling_of_a_month_does_not_matter(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "old")])
    take(store, [seats_row("1/1/2025", "a"), seats_row("20250101", "b"), seats_row("202501", "c")])
    assert customers(store) == {"2025-01": ["a", "b", "c"]}


def test_replaced_files_go_with_the_next_export_but_not_at_once(tmp_path: Path) -> None:
    """A report that is being rendered may still read what has just been replaced."""
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    first = parts_named(store, "1")
    take(store, [seats_row("2025-01", "b")])
    second = parts_named(store, "1")
    assert parts_on_disk(store) == first | second
    take(store, [seats_row("2025-01", "c")])
    assert parts_on_disk(store) == second | parts_named(store, "1")


# Office and EMS workloads share a layout in 2020


def test_ems_workloads_in_the_office_layout_are_ems_usage(tmp_path: Path) -> None:
    store = tmp_path / "store"
    office = [usage_row("2025-01", "a", WorkloadName=name) for name in ("Teams", "")]
    ems = [usage_row("2025-01", "b", WorkloadName=name) for name in ("Intune", "AIP", "")]
    assert take(store, office).dataset == "OfficeUsage"
    assert take(store, ems).dataset == "EMSUsage"
    assert customers(store, dataset="OfficeUsage") == {"2025-01": ["a", "a"]}
    assert customers(store, dataset="EMSUsage") == {"2025-01": ["b", "b", "b"]}


# A refused file leaves the store as it was

UNSAFE_IDS = [
    *("..", ".", "../1", "a/b", "a\\b", "/etc", ".hidden", "-rf", "a b", "a.", "a:b", "*"),
    *("ledger.sqlite", "schedule.sqlite-wal", "run.log", "Mail.LOG", "ledger.sqlite.lock"),
    *("con", "NUL.txt", "１", "x" * 65, "account=1", "%2e%2e"),
]
SAFE_IDS = ["1", "log", "a.logs", "0012345", "A-b_c.9", "x" * 64, "console", "1.2"]


def test_unsafe_partner_ids_are_refused_with_their_line(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    store = tmp_path / "deep" / "store"
    store.parent.mkdir()
    take(store, [seats_row("2025-01", "a")])
    for unsafe in UNSAFE_IDS:
        with subtests.test(unsafe):
            rows = [seats_row("2025-01", "b"), seats_row("2025-01", "c", PGAMpnId=unsafe)]
            before = tree(tmp_path / "deep" / "store")
            with pytest.raises(
                ExportError, match=r"line 3: the partner id .* cannot name a folder"
            ):
                take(store, rows)
            assert tree(store) == before
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}


def test_a_file_that_is_written_to_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    before = tree(store)
    file = write_tsv(tmp_path / "half.tsv", [seats_row("2025-01", "b")])
    staged = ingest_module.Staged

    def slowly(*given: Any) -> Any:
        result = staged(*given)
        with file.open("a", encoding="utf-8") as growing:
            growing.write("more")
        return result

    monkeypatch.setattr(ingest_module, "Staged", slowly)
    with pytest.raises(ExportError, match=r"half\.tsv: was being written; ingest it when"):
        ingest_file(file, store)
    assert tree(store) == before


def test_who_the_customers_are_is_for_the_owner_and_the_group(tmp_path: Path) -> None:
    take(tmp_path / "store", [seats_row("2025-01", "a")])
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) & 0o007 == 0


def test_safe_partner_ids_keep_every_character(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", f"of {i}", PGAMpnId=i) for i in SAFE_IDS])
    for partner in SAFE_IDS:
        assert customers(store, partner) == {"2025-01": [f"of {partner}"]}
    with pytest.raises(StoreError, match="holds nothing of it"):
        holdings(store, "12345")


SEATS_TEXT = "".join(
    "\t".join(line) + "\n" for line in (seats_row("", ""), seats_row("2025-01", "b").values())
)
USAGE_TEXT = "".join(
    "\t".join(line) + "\n" for line in (usage_row("", ""), usage_row("2025-01", "b").values())
)
REFUSED = {
    "no export": "a\tb\n",
    "cut": SEATS_TEXT[:-40],
    "long and short line": SEATS_TEXT
    + "2025-01\t1\n"
    + SEATS_TEXT.split("\n")[1]
    + "\t" * 14
    + "\n",
    "wrong month": SEATS_TEXT.replace("2025-01", "13/1/2025"),
    "wrong measure": USAGE_TEXT.replace("\t5\n", "\tfive\n"),
    "two datasets": USAGE_TEXT + USAGE_TEXT.split("\n")[1].replace("Exchange", "Intune") + "\n",
    "unsafe profile": "MPNId\tPGA_MPNId\tCountry\n11\t../1\tSweden\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
def test_a_refused_file_leaves_every_byte_of_the_store(text: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    take(store, [seats_row("2025-01", "a")])  # leaves a replaced file for the next to sweep
    before = tree(store)
    with pytest.raises(ExportError, match=f"^{re.escape(str(tmp_path))}/export[,:]"):
        take_text(store, text)
    assert tree(store) == before


def test_a_refused_first_file_leaves_no_store(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no known dataset"):
        take_text(tmp_path / "store", REFUSED["no export"])
    with pytest.raises(StoreError, match="no store is here"):
        holdings(tmp_path / "store", "1")


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000], ids=["only just begun", "damaged"])
def test_a_catalog_that_cannot_be_read_is_told_in_a_sentence(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(content)
    with pytest.raises(StoreError):
        holdings(tmp_path, "1")


def test_workloads_of_two_datasets_are_refused_with_the_line(tmp_path: Path) -> None:
    names = ["Intune", "", "Intune", "Teams", "AIP"]
    rows = [usage_row("2025-01", "a", WorkloadName=name) for name in names]
    with pytest.raises(ExportError, match=r"line 5: the workload 'Teams' and 'Intune' of an"):
        take(tmp_path / "store", rows)


def test_an_error_while_files_are_moved_leaves_the_old_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "old", PGAMpnId=partner) for partner in "12"])
    before = held(store), held(store, "2")
    moved: list[Path] = []

    def move_one_only(file: Path, target: Path) -> None:
        if moved:
            raise OSError(28, "No space left on device")
        moved.append(file.rename(target))

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "move_into_store", move_one_only)
        with pytest.raises(ExportError, match="No space left"):
            take(store, [seats_row("2025-01", "new", PGAMpnId=partner) for partner in "12"])
    assert len(moved) == 1
    assert (held(store), held(store, "2")) == before
    assert customers(store) == {"2025-01": ["old"]}


# Crashes and other processes

# Ingests a file, and kills itself without any chance to clean up when it comes to a point.
DYING = """
import os, signal, sqlite3, sys
from pathlib import Path
from insights_lib import ingest, store

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Catalog(sqlite3.Connection):
    def execute(self, sql, *values):
        if sql == "BEGIN IMMEDIATE" and point == "catalog half written":
            super().execute("PRAGMA cache_size = 1")  # so that changes go to the file early
        if sql == "COMMIT":
            if point == "after the commit":
                super().execute(sql)
            die()
        return super().execute(sql, *values)

def connect(*args, **options):
    return real_connect(*args, factory=Catalog, **options)

def move_one(file, target):
    real_move(file, target)
    store.move_into_store = die

point, file, folder = sys.argv[1:]
real_connect, real_move = sqlite3.connect, store.move_into_store
if point == "parts written":
    ingest._log = die
elif point == "one part moved":
    store.move_into_store = move_one
else:
    store.sqlite3.connect = connect
ingest.ingest_file(Path(file), Path(folder))
"""


def killed(point: str, file: Path, store: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DYING, point, file, store], check=False)
    assert done.returncode == -9


@pytest.mark.parametrize(
    "point",
    ["parts written", "one part moved", "before the commit", "catalog half written"],
)
def test_after_a_kill_the_old_rows_are_read_and_the_next_ingest_cleans_up(
    point: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "old", PGAMpnId=p) for p in "12"])
    before = {p: held(store, p) for p in "12"}
    nobody = [seats_row("2025-01", "", CustomerName="")] * 1000  # many rejects: a large commit
    new = [seats_row(m, "new", PGAMpnId=p) for p in "12" for m in ("2025-01", "2025-02")]
    file = write_tsv(tmp_path / "new.tsv", nobody + new)

    killed(point, file, store)
    assert {p: held(store, p) for p in "12"} == before
    assert customers(store) == {"2025-01": ["old"]}

    old_parts = parts_named(store, "1", "2")
    ingest_file(file, store)
    assert customers(store, "2") == {"2025-01": ["new"], "2025-02": ["new"]}
    assert parts_on_disk(store) == old_parts | parts_named(store, "1", "2")
    assert {path.name for path in store.iterdir()} == {"catalog.sqlite", "parts"}


def test_after_a_kill_behind_the_commit_the_new_rows_are_read(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "old")])
    file = write_tsv(tmp_path / "new.tsv", [seats_row("2025-01", "new")])
    killed("after the commit", file, store)
    assert customers(store) == {"2025-01": ["new"]}
    take(store, [seats_row("2025-02", "new")])
    assert not list(store.glob(".ingest-*"))


def test_the_old_rows_are_read_while_another_process_writes_and_after_it_is_interrupted(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])

    def interrupted() -> None:
        with writing(store) as db:
            db.execute("DELETE FROM parts")
            assert customers(store) == {"2025-01": ["a"]}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert customers(store) == {"2025-01": ["a"]}


INGEST = """
import sys
from pathlib import Path
from insights_lib.ingest import ingest_file
print("ready", flush=True)
sys.stdin.readline()
ingest_file(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def started(file: Path, store: Path) -> subprocess.Popen[str]:
    """A process that ingests the file as soon as it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", INGEST, file, store],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("in_use", [False, True], ids=["new store", "store in use"])
def test_processes_that_ingest_at_the_same_time_wait_for_each_other(
    in_use: bool, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    if in_use:
        take(store, [seats_row("2025-01", "old"), seats_row("2025-04", "old")])
    months = ["2025-01", "2025-02"]
    files = [write_tsv(tmp_path / f"{m}.tsv", [seats_row(m, m)]) for m in months]
    processes = [started(file, store) for file in files]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    expected = {m: [m] for m in months} | ({"2025-04": ["old"]} if in_use else {})
    assert dict(sorted(customers(store).items())) == expected


# Names of files and folders

FILE_NAMES = [
    *("a[1].tsv", "a*?.tsv", 'it\'s "quoted".tsv', " blank .tsv", "{a,b}.tsv", "back\\slash.tsv"),
    *("%41 é 名#?&.tsv", "a\nb.tsv", "c0=7", "-rf", "export.tsv.gz"),
]
STORE_NAMES = [
    *("a[1]*?", 'it\'s "quoted"', " {a,b}%41 é 名#?&", "account=9", "product=Azure"),
    *("CustomerTpid=7", "state=Churned", "c0=7"),
]


@pytest.mark.parametrize("name", FILE_NAMES)
def test_any_name_of_a_file_or_its_folder_is_fine(name: str, tmp_path: Path) -> None:
    """DuckDB takes globs, `key=value` folders and endings of names for instructions."""
    folder = tmp_path / name
    folder.mkdir()
    file = write_tsv(folder / name, [seats_row("2025-01", "a"), seats_row("2025-01", "b")])
    write_tsv(folder / "a1.tsv", [seats_row("2025-01", "a neighbour that a glob would match")])
    assert ingest_file(file, tmp_path / "store").file == file
    assert customers(tmp_path / "store") == {"2025-01": ["a", "b"]}


@pytest.mark.parametrize("name", STORE_NAMES)
def test_any_name_of_the_stores_folder_is_fine(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    store = tmp_path / name / "store"
    take(store, [seats_row("2025-01", "a"), seats_row("2025-01", "b")])
    take(store, [usage_row("2025-01", "a"), usage_row("2025-01", "b", "0")])
    data = slice_of(store, "2025-01_2025-01")
    assert data.query("SELECT month, count(*) FROM current GROUP BY 1").values.tolist()[0][1] == 2
    assert len(data.query("FROM active")) == 1
    found = data.query("SELECT DISTINCT product, sku FROM subscriptions").values.tolist()
    assert found == [["Office 365", "E3"]]


def test_a_store_can_be_named_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    take(Path("store"), [seats_row("2025-01", "a")])
    assert customers(Path("store")) == {"2025-01": ["a"]}


def test_a_folder_means_its_visible_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.tsv", "a.tsv", ".hidden", "C.tsv"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert [f.name for f in files_of([tmp_path])] == ["C.tsv", "a.tsv", "b.tsv"]
    named = [tmp_path / "b.tsv", tmp_path / ".hidden"]
    assert files_of(named) == named


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nowhere: no such file or folder"):
        files_of([tmp_path / "nowhere"])
    with pytest.raises(ExportError, match="the folder holds no file"):
        files_of([tmp_path])


# One partner never sees another


def test_a_slice_reads_only_files_below_the_partners_own_folder(tmp_path: Path) -> None:
    store = tmp_path / "store"
    partners = [str(p) for p in range(1, 121)]  # more than are written at a time
    take(store, [seats_row("2025-01", f"c{p}", PGAMpnId=p) for p in partners])
    take(store, [usage_row("2025-01", f"c{p}", PGAMpnId=p) for p in ("1", "12")])
    assert customers(store, "120") == {"2025-01": ["c120"]}
    for partner in ("1", "12"):
        inputs = slice_of(store, "2025-01_2025-01", partner=partner).inputs
        assert {part.file.parent for part in inputs} == {store / "parts" / partner}
        assert len(inputs) == 2
        assert customers(store, partner) == {"2025-01": [f"c{partner}"] * 2}
    for file in parts_on_disk(store) - parts_named(store, "1"):
        file.unlink()
    assert len(slice_of(store, "2025-01_2025-01").query("FROM active")) == 1


def test_a_partner_of_whom_nothing_is_held_is_named_with_those_that_are(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(StoreError, match="no store is here"):
        holdings(store, "1")
    take(store, [seats_row("2025-01", "a", PGAMpnId=p) for p in ("20", "10")])
    with pytest.raises(StoreError, match=r"partner 1: .* holds nothing of it. It holds: 10, 20\."):
        holdings(store, "1")


# Exports that name locations only, and the Profile that maps these to partners

LOCATED = [
    located_row("2025-01", "a", "11"),
    located_row("2025-01", "b", "12"),
    located_row("2025-01", "c", "21"),
]
PROFILE = [profile_row("11", "10"), profile_row("12", "10"), profile_row("21", "20")]


@pytest.mark.parametrize("order", [(PROFILE, LOCATED), (LOCATED, PROFILE)], ids=["before", "after"])
def test_a_profile_maps_locations_whenever_it_comes(
    order: tuple[Rows, Rows], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for rows in order:
        take(store, rows)
    assert customers(store, "10") == {"2025-01": ["a", "b"]}
    assert customers(store, "20") == {"2025-01": ["c"]}
    assert holdings(store, "10").name == "Partner 10"
    inputs = slice_of(store, "2025-01_2025-01", partner="10").inputs
    assert {part.file.parent.name for part in inputs} == {"11", "12"}
    with pytest.raises(StoreError, match="It holds: 10, 20"):
        holdings(store, "11")


def test_a_location_that_no_profile_maps_is_a_partner_of_its_own(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, LOCATED)
    take(store, PROFILE[:1])
    assert customers(store, "10") == {"2025-01": ["a"]}
    assert customers(store, "12") == {"2025-01": ["b"]}
    assert holdings(store, "12").name == ""


def test_a_later_profile_moves_a_location(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, LOCATED)
    take(store, PROFILE)
    take(store, [profile_row("11", "20"), profile_row("21", "20")])
    assert customers(store, "20") == {"2025-01": ["a", "c"]}
    assert customers(store, "10") == {"2025-01": ["b"]}


def test_a_profile_row_without_an_id_is_rejected(tmp_path: Path) -> None:
    result = take(tmp_path / "store", [profile_row("11", "10"), profile_row("NULL", "10")])
    assert (result.dataset, result.rows_in, result.rows_kept) == ("Profile", 2, 1)
    assert result.rejects == ((3, "no partner id"),)


def test_the_account_counts_and_not_the_location_where_both_are_told(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, PROFILE)
    take(store, [seats_row("2025-01", "a", PGAMpnId="30", MpnId="11")])
    assert customers(store, "30") == {"2025-01": ["a"]}
    with pytest.raises(StoreError, match="holds nothing"):
        holdings(store, "10")


def test_a_later_export_by_account_replaces_months_of_one_by_location(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, PROFILE)
    take(store, [*LOCATED, located_row("2025-02", "d", "12")])
    take(store, [seats_row("2025-01", "new", PGAMpnId="10")])
    assert customers(store, "10") == {"2025-01": ["new"], "2025-02": ["d"]}
    assert customers(store, "20") == {"2025-01": ["c"]}


def test_products_fold_on_their_way_into_the_store(tmp_path: Path) -> None:
    names: Mapping[str, str | None] = {
        "O365": "Office 365",
        " microsoft azure ": "Azure",
        "Windows 365": "Windows 365",
        "UNKNOWN": None,
    }
    rows = [seats_row("2025-01", str(i), Product=name) for i, name in enumerate(names)]
    take(tmp_path / "store", rows)
    found = sorted(stored_rows(tmp_path / "store"), key=lambda row: row["customer"])
    assert [row["product"] for row in found] == list(names.values())


def test_a_customer_is_the_first_key_that_is_not_missing(tmp_path: Path) -> None:
    keys = {
        ("7", "7", "7"): "tpid:7",
        ("UNKNOWN", "7", "7"): "tenant:7",
        ("", "00000000-0000-0000-0000-000000000000", " 7 "): "name:7",
        ("0", "", ""): "tpid:0",
        (" NA ", "x", ""): "tpid:NA",
        ("null", "", "Unknown Ltd"): "name:Unknown Ltd",
    }
    rows = [
        seats_row("2025-01", tpid, CustomerTenantId=tenant, CustomerName=name)
        for tpid, tenant, name in keys
    ]
    take(tmp_path / "store", rows)
    assert [row["customer"] for row in stored_rows(tmp_path / "store")] == list(keys.values())
