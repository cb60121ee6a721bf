"""Rows are kept or rejected with a reason, and replace the months that they cover."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from insights_lib import metrics
from insights_lib.data_retention.forget import forget
from insights_lib.errors import ExportError
from insights_lib.outputs import Outputs
from insights_lib.store.ingest import Ingested, ingest_file
from insights_lib.store.partners import partner_parts
from tests.support.ingesting import (
    customers,
    held,
    parts_named,
    parts_on_disk,
    take,
    take_text,
    taken,
    tree,
)
from tests.support.layouts import LAYOUTS
from tests.support.rows import Rows, seats_row, slice_of, stored_rows, usage_row, write_csv

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
    (result,) = ingest_file(write_csv(tmp_path / "export.csv", rows), tmp_path / "store")
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
        seats_row(month, customer, PGAMpnId=partner)
        for customer in ("old", "stays")
        for month in ("2025-01", "2025-02")
        for partner in "12"
    ]
    take(store, both)
    take(store, [usage_row("2025-02", "user")])
    result = take(store, [seats_row("2025-02", c) for c in ("new", "stays")], "new")
    assert result.notes == ("replaces 2 rows of 2025-02 from export.tsv",)
    take(store, [seats_row("2025-03", "new")])
    seats, office = "SeatsSubscriptionsAndRevenue", "OfficeUsage"
    replaced = {"2025-01": ["old", "stays"], "2025-02": ["new", "stays"], "2025-03": ["new"]}
    assert customers(store, dataset=seats) == replaced
    assert customers(store, dataset=office) == {"2025-02": ["user"]}
    assert customers(store, "2") == {month: ["old", "stays"] for month in ("2025-01", "2025-02")}


def test_a_month_with_rejected_rows_only_is_not_covered(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    take(store, [seats_row("2025-01", "", CustomerName="")])
    assert customers(store) == {"2025-01": ["a"]}


def test_the_spelling_of_a_month_does_not_matter(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "old"), seats_row("2025-01", "a")])
    take(store, [seats_row("1/1/2025", "a"), seats_row("20250101", "b"), seats_row("202501", "c")])
    assert customers(store) == {"2025-01": ["a", "b", "c"]}


def test_replaced_files_go_with_the_next_export_but_not_at_once(tmp_path: Path) -> None:
    """A report that is being rendered may still read what has just been replaced."""
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    first = parts_named(store, "1")
    take(store, [seats_row("2025-01", "a", SKU="b")])
    second = parts_named(store, "1")
    assert parts_on_disk(store) == first | second
    take(store, [seats_row("2025-01", "a", SKU="c")])
    assert parts_on_disk(store) == second | parts_named(store, "1")


# Parts of one export, and exports that are taken together


def parts_of(*customers: str, **others: str) -> Rows:
    return [seats_row("2025-01", customer, **others) for customer in customers]


def test_a_file_with_none_of_the_customers_that_it_would_replace_is_refused(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    first, second = taken(store, parts_of("a", "b", "c"), parts_of("d", "e", "f"))
    assert isinstance(first, Ingested)
    assert f"{tmp_path}/2.tsv: would replace 3 rows of 2025-01 from 1.tsv, but has none" in str(
        second
    )
    assert "name them all in one call with --parts" in str(second)
    assert customers(store) == {"2025-01": ["a", "b", "c"]}


def test_the_files_of_one_call_can_be_parts_of_one_export(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [*parts_of("a", "gone"), seats_row("2024-12", "gone")])
    results = taken(store, parts_of("a", "b", "c"), parts_of("d", "e", "f"), parts=True)
    assert [r.rows_kept for r in results if isinstance(r, Ingested)] == [3, 3]
    assert customers(store) == {"2025-01": ["a", "b", "c", "d", "e", "f"], "2024-12": ["gone"]}
    assert {part.export for part in partner_parts(store, "1").parts} == {1, 2}
    assert (
        len(slice_of(store, "2025-01_2025-01").query("FROM current WHERE month >= '2025-01-01'"))
        == 6
    )
    again = taken(store, parts_of("a"), parts_of("d"), parts=True)
    notes = [result.notes for result in again if isinstance(result, Ingested)]
    assert notes[0] == (
        "replaces 3 rows of 2025-01 from 1.tsv",
        "replaces 3 rows of 2025-01 from 2.tsv",
    )
    assert customers(store)["2025-01"] == ["a", "d"]


def test_parts_can_be_of_several_datasets_and_of_a_profile(tmp_path: Path) -> None:
    store = tmp_path / "store"
    profiles = [
        [{"MPNId": location, "PGA_MPNId": "1", "PGA_PartnerName": "One", "Country": "Sweden"}]
        for location in ("11", "12")
    ]
    used = [[usage_row("2025-01", customer)] for customer in "ab"]
    taken(
        store, parts_of("a"), used[0], profiles[0], parts_of("b"), used[1], profiles[1], parts=True
    )
    assert customers(store, dataset="SeatsSubscriptionsAndRevenue") == {"2025-01": ["a", "b"]}
    assert customers(store, dataset="OfficeUsage") == {"2025-01": ["a", "b"]}
    with closing(sqlite3.connect(store / "catalog.sqlite")) as db:
        assert db.execute("SELECT location FROM accounts ORDER BY 1").fetchall() == [
            ("11",),
            ("12",),
        ]


def test_a_part_that_is_refused_refuses_all_of_them_and_leaves_the_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, parts_of("a"))
    take(store, parts_of("a"))
    before = tree(store)
    results = taken(store, parts_of("a", "b"), [seats_row("13/1/2025", "c")], parts=True)
    assert [type(result) for result in results] == [ExportError]
    assert tree(store) == before


def test_a_single_file_given_as_all_parts_replaces_other_customers(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, parts_of("wrong"))
    taken(store, parts_of("right"), parts=True)
    assert customers(store) == {"2025-01": ["right"]}


def test_what_is_replaced_is_told_by_file(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row(m, "a") for m in ("2025-01", "2025-02", "2025-03")], "first.tsv")
    take(store, [seats_row("2025-02", c) for c in "ab"], "second.tsv")
    result = take(
        store, [seats_row(m, "a") for m in ("2025-01", "2025-02", "2025-03")], "third.tsv"
    )
    assert result.notes == (
        "replaces 2 rows of 2025-01 to 2025-03 from first.tsv",
        "replaces 2 rows of 2025-02 from second.tsv",
    )
    assert "  note: replaces 2 rows of 2025-02 from second.tsv" in list(result.lines())


def test_a_damaged_store_is_mended_by_ingesting_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, parts_of("a"))
    for part in parts_on_disk(store):
        part.unlink()
    take(store, parts_of("b"))
    assert customers(store) == {"2025-01": ["b"]}


# What a value becomes in the store


def test_a_tenant_is_forgotten_in_whatever_case_it_is_named(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "", CustomerTenantId="AB-Cd"), seats_row("2025-01", "x")])
    assert forget("aB-CD", store, Outputs(tmp_path / "outputs")).rows == {"tenant id": 1}
    assert customers(store) == {"2025-01": ["x"]}


def test_ids_that_are_guids_are_compared_without_case(tmp_path: Path) -> None:
    """Seats in lower case and usage in upper case are of the same customers."""
    guids = [f"{n}b3f0c2a-6d1e-4c55-9e0a-7f2d0c9b1ae{n}" for n in range(4)]
    months = ("2025-01", "2025-02")
    seats = [
        seats_row(
            m,
            "",
            CustomerTenantId=guid.upper() if m == months[1] else guid,
            SubscriptionId=guid if m == months[1] else guid.upper(),
        )
        for m in months
        for guid in guids
    ]
    used = [usage_row("2025-02", "", CustomerTenantId=guid.upper()) for guid in guids]
    store = tmp_path / "store"
    take(store, seats)
    take(store, used)
    table = metrics.summary(slice_of(store, "2025-02_2025-02")).set_index("metric")["value"]
    assert (table["current_customers"], table["active_customers"], table["subscriptions"]) == (
        4,
        4,
        4,
    )
    assert (table["customers_churned"], table["customers_added"]) == (0, 0)


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
    keys[("", "AB-Cd", "")] = "tenant:ab-cd"
    keys[("AB-Cd", "", "")] = "tpid:AB-Cd"
    rows = [
        seats_row("2025-01", tpid, CustomerTenantId=tenant, CustomerName=name)
        for tpid, tenant, name in keys
    ]
    take(tmp_path / "store", rows)
    assert [row["customer"] for row in stored_rows(tmp_path / "store")] == list(keys.values())
