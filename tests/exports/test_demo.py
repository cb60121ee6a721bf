"""The demo exports tell a story: a report has something to say of seats, use, terms and returns."""

import csv
import gzip
from collections import defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from insights_lib.exports.demo import write_demo
from tests.reference_customers import end_of, renewal, tables, units
from tests.reference_history import Asked, History, Sold, history

Datasets = dict[str, list[dict[str, str]]]
API, HUB, OLD = "1234567", "2345678", "3456789"
AS_OF = date(2026, 1, 1)


def read(file: Path) -> list[dict[str, str]]:
    """The rows of an export, whichever generation wrote it."""
    opened: Any = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
        if file.suffix == ".csv":
            return list(csv.DictReader(lines))
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Datasets]:
    """Rows by partner and dataset."""
    found: dict[str, Datasets] = defaultdict(dict)
    for file in write_demo(tmp_path_factory.mktemp("demo"), customers=60):
        partner, dataset = file.name.split(".")[0].split("_")
        found[partner][dataset] = read(file)
    return found


@pytest.fixture(scope="module")
def known(demo: dict[str, Datasets]) -> dict[str, History]:
    """What is known of each partner's customers in two years."""
    return {partner: history(rows, asked(partner)) for partner, rows in demo.items()}


def asked(partner: str) -> Asked:
    return Asked(partner, "2024-01", "2025-12", {}, ("Active",), AS_OF)


def subscriptions(h: History) -> dict[str, list[Sold]]:
    """The active rows of each subscription, in the order of months."""
    found = defaultdict(list)
    for month in sorted(h.sold):
        for row in h.active_rows(month):
            if not row.duplicate:
                found[row.subscription or ""].append(row)
    return found


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (
        [file.read_bytes() for file in write_demo(tmp_path / name, 3, 9, 4, seed)]
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert first == again
    assert first != other


def test_the_generations_of_exports_tell_of_seats_what_they_knew(
    demo: dict[str, Datasets], known: dict[str, History]
) -> None:
    columns = {
        partner: rows["SeatsSubscriptionsAndRevenue"][0].keys() for partner, rows in demo.items()
    }
    assert {"TotalSoldSeats", "TotalAssignedSeats", "AzureConsumedRevenueUSD"} <= columns[API]
    assert "AvailableSeatsEOP" in columns[HUB]
    assert not {"TotalSoldSeats", "TotalAssignedSeats"} & (columns[HUB] | columns[OLD])
    assert "AvailableSeatsEOP" not in columns[OLD]
    for partner, has_seats in ((API, True), (HUB, True), (OLD, False)):
        rows = [row for rows in known[partner].sold.values() for row in rows]
        assert any(row.seats for row in rows) == has_seats
        assert any(row.assigned for row in rows) == (partner == API)


def test_seats_grow_and_shrink_and_some_are_idle(known: dict[str, History]) -> None:
    held = [[r.seats for r in rows if r.seats] for rows in subscriptions(known[API]).values()]
    steps = [(a, b) for seats in held for a, b in pairwise(seats)]
    assert any(b > a for a, b in steps)
    assert any(b <= a * 8 / 10 for a, b in steps)
    rows = [r for own in known[API].sold.values() for r in own if r.seats is not None]
    assert all(row.assigned is not None and 0 <= row.assigned <= row.seats for row in rows)
    assert any(row.assigned < row.seats for row in rows)
    assert any(row.assigned == row.seats > 0 for row in rows)


@pytest.mark.parametrize("dataset", ["DynamicsUsage", "PowerBIUsage"])
def test_nobody_uses_more_seats_than_are_assigned(dataset: str, demo: dict[str, Datasets]) -> None:
    columns = ("ActiveSeats", "AssignedSeats", "AvailableSeats")
    seats = [[int(row[c]) for c in columns] for rows in demo.values() for row in rows[dataset]]
    assert all(0 <= active <= assigned <= available for active, assigned, available in seats)
    assert any(active == 0 for active, _, _ in seats)
    assert any(0 < active < assigned for active, assigned, _ in seats)


def test_what_azure_consumes_is_the_same_in_both_datasets(demo: dict[str, Datasets]) -> None:
    """Of the customers with any use, in the months that usage data has."""
    used: dict[tuple[str, str], float] = defaultdict(float)
    for row in demo[API]["AzureUsage"]:
        if row["IsACRDuplicateAtPGALevel"] == "0":
            used[row["SubscriptionId"], row["Month"]] += float(row["TotalACR"])
    sold = {
        (row["SubscriptionId"], row["Month"]): float(row["AzureConsumedRevenueUSD"])
        for row in demo[API]["SeatsSubscriptionsAndRevenue"]
    }
    assert max(used.values()) > 1000
    for subscription, amount in used.items():
        assert amount == pytest.approx(sold[subscription], abs=2), subscription


@pytest.mark.parametrize("partner", [API, HUB, OLD])
def test_some_names_are_odd(partner: str, demo: dict[str, Datasets]) -> None:
    rows = demo[partner]["SeatsSubscriptionsAndRevenue"]
    names = {row["CustomerName"] for row in rows}
    assert {'"Blue Fjord Hotels AB', '"Sun" Bakery, Ltd'} <= names
    assert "" in {row["CustomerTpid"] for row in rows}


def test_azure_has_no_seats_and_pay_as_you_go_no_end(known: dict[str, History]) -> None:
    rows = [row for own in known[API].sold.values() for row in own]
    azure = [row for row in rows if row.values["product"] == "Azure"]
    others = [row for row in rows if row.values["product"] != "Azure"]
    assert all(row.seats is None for row in azure)
    assert {row.end for row in azure if row.values["sku"] == "AZURE PLAN"} == {None}
    assert all(row.end for row in others)
    assert any(row.consumed for row in azure)
    assert not any(row.billed for row in azure)


@pytest.mark.parametrize("partner", [API, HUB, OLD])
def test_terms_end_throughout_the_coming_year_some_without_auto_renewal(
    partner: str, known: dict[str, History]
) -> None:
    h = known[partner]
    ends = [(end_of(unit), unit[0].renews) for unit in units(h.active_rows("2025-12"))]
    months = {f"{end:%Y-%m}" for end, _ in ends if end}
    assert len([month for month in months if "2026-01" <= month <= "2026-12"]) >= 9
    assert {renews for end, renews in ends if end} == {True, False}
    assert {renewal(h, customer)[1] for customer in h.now} >= {"yes", "no"}


@pytest.mark.parametrize("partner", [API, HUB, OLD])
def test_who_leaves_has_mostly_not_set_the_subscription_to_renew(
    partner: str, known: dict[str, History]
) -> None:
    last = [rows[-1] for rows in subscriptions(known[partner]).values()]
    left = [row.renews for row in last if row.month < "2025-11"]
    stayed = [row.renews for row in last if row.month == "2025-12"]
    assert left.count(False) > len(left) / 2
    assert stayed.count(False) < len(stayed) / 3


@pytest.mark.parametrize("partner", [API, HUB, OLD])
def test_the_use_of_some_fades_in_the_six_months_before_they_leave(
    partner: str, known: dict[str, History]
) -> None:
    """Against the earlier half of these months, the later half loses 30 % at least."""
    h, falls = known[partner], []
    months = sorted(h.current)
    for leaving, after in pairwise(months[6:]):
        before = months[months.index(leaving) - 5 : months.index(leaving) + 1]
        for customer in h.churned(after):
            if all(customer in h.current[month] for month in before):
                use = [sum(h.use(customer, p, m) for p in h.products) for m in before]
                falls += [sum(use[3:]) <= sum(use[:3]) * 7 / 10] if sum(use[:3]) else []
    assert any(falls)


@pytest.mark.parametrize("partner", [API, HUB, OLD])
def test_customers_come_return_leave_and_show_signals(
    partner: str, demo: dict[str, Datasets]
) -> None:
    found = tables(demo[partner], asked(partner))
    assert {row["status"] for row in found["customers"]} == {
        "existing",
        "new",
        "returned",
        "churned",
    }
    shown = {row["signal"] for row in found["signals"] if row["customers"]}
    assert {"usage_falling", "never_used", "ends_soon"} <= shown
    assert any(row["returning"] for row in found["bridge"])


def test_a_subscription_of_two_locations_is_there_twice_once_as_a_duplicate(
    demo: dict[str, Datasets],
) -> None:
    flags: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for row in demo[API]["SeatsSubscriptionsAndRevenue"]:
        said = (row["IsDuplicateRowForPGA"], row["TotalSoldSeats"])
        flags[row["SubscriptionId"], row["Month"]].add(said)
    twice = [said for said in flags.values() if len(said) > 1]
    assert twice
    assert all({flag for flag, _ in said} == {"0", "1"} for said in twice)
    assert all(len({seats for _, seats in said}) == 1 for said in twice)
    for dataset, flag in [
        ("OfficeUsage", "IsDuplicateRowForPGA"),
        ("AzureUsage", "IsACRDuplicateAtPGALevel"),
    ]:
        assert {row[flag] for row in demo[API][dataset]} == {"0", "1"}
