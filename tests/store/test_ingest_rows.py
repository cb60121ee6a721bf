"""Rows are kept or rejected with a reason, and replace the months that they cover."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from insights_lib.store.ingest import ingest_file
from tests.support.ingesting import customers, held, parts_named, parts_on_disk, take, take_text
from tests.support.layouts import LAYOUTS
from tests.support.rows import seats_row, slice_of, stored_rows, usage_row, write_csv

JAN_TO_MAR = "2025-01_2025-03"


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


# What a value becomes in the store


def test_ems_workloads_in_the_office_layout_are_ems_usage(tmp_path: Path) -> None:
    store = tmp_path / "store"
    office = [usage_row("2025-01", "a", WorkloadName=name) for name in ("Teams", "")]
    ems = [usage_row("2025-01", "b", WorkloadName=name) for name in ("Intune", "AIP", "")]
    assert take(store, office).dataset == "OfficeUsage"
    assert take(store, ems).dataset == "EMSUsage"
    assert customers(store, dataset="OfficeUsage") == {"2025-01": ["a", "a"]}
    assert customers(store, dataset="EMSUsage") == {"2025-01": ["b", "b", "b"]}


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
