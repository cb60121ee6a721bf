"""The double of the customer tables: examples worked by hand, and what must hold for any rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests import reference
from tests.reference_customers import SIGNALS, tables
from tests.reference_history import Asked, history, month_span
from tests.support.rows import Rows, seats_row, usage_row
from tests.support.strategies_customers import datasets, questions

Tables = dict[str, list[dict[str, Any]]]
SEATS = "SeatsSubscriptionsAndRevenue"


def asked(first: str, last: str, as_of: date = date(2030, 1, 1), **filters: list[str]) -> Asked:
    return Asked("1", first, last, filters, ("Active",), as_of)


def present(**months: str) -> Rows:
    """Active rows of 2025: `a="1 2"` is customer `a` in January and February."""
    return [
        seats_row(f"2025-{int(month):02d}", customer)
        for customer, held in months.items()
        for month in held.split()
    ]


def one_customer(found: Tables) -> dict[str, Any]:
    (row,) = found["customers"]
    return row


def columns(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


COMING_AND_GOING = {
    SEATS: present(a="1 2 3 4 5 6", b="1 2 4 5 6", c="3 4", d="5 6"),
}


def test_who_comes_returns_and_leaves_makes_the_bridge_and_the_cohorts() -> None:
    found = tables(COMING_AND_GOING, asked("2025-03", "2025-06"))
    names = ("month", "start", "new", "returning", "churned", "end")
    assert columns(found["bridge"], *names) == [
        ("2025-03", 2, 1, 0, 1, 2),
        ("2025-04", 2, 0, 1, 0, 3),
        ("2025-05", 3, 1, 0, 1, 3),
        ("2025-06", 3, 0, 0, 0, 3),
    ]
    assert columns(found["cohorts"], "cohort", "months_since", "customers", "share_pct") == [
        ("2025-03", 0, 1, 100.0),
        ("2025-03", 1, 1, 100.0),
        ("2025-03", 2, 0, 0.0),
        ("2025-03", 3, 0, 0.0),
        ("2025-05", 0, 1, 100.0),
        ("2025-05", 1, 1, 100.0),
    ]


def test_each_customer_has_its_months_and_its_status() -> None:
    found = tables(COMING_AND_GOING, asked("2025-03", "2025-06"))
    names = ("customer", "status", "first_month", "last_month", "added_month", "churned_month")
    assert columns(found["customers"], *names) == [
        ("tpid:a", "existing", None, "2025-06", None, None),
        ("tpid:b", "returned", None, "2025-06", "2025-04", None),
        ("tpid:d", "new", "2025-05", "2025-06", "2025-05", None),
        ("tpid:c", "churned", "2025-03", "2025-04", "2025-03", "2025-05"),
    ]


def test_who_left_before_the_range_is_not_listed_but_is_known_when_coming_back() -> None:
    rows = {SEATS: present(a="1 2 3 4 5 6", b="2 6", c="3")}
    found = tables(rows, asked("2025-05", "2025-06"))
    names = ("customer", "status", "first_month")
    assert columns(found["customers"], *names) == [
        ("tpid:a", "existing", None),
        ("tpid:b", "returned", "2025-02"),
    ]


def test_the_period_before_is_as_long_as_the_range() -> None:
    """Against March and April: added 1 for 2, churned 1 for 1, a rate of 1 in 3 for 1 in 2."""
    found = tables(COMING_AND_GOING, asked("2025-05", "2025-06"))
    names = ("metric", "value", "previous_value", "change_pct")
    third = 100 / 3
    assert columns(found["summary"], *names) == [
        ("current_customers", 3, 3, 0.0),
        ("active_customers", None, None, None),
        ("subscriptions", 3, 3, 0.0),
        ("customers_added", 1, 2, -50.0),
        ("customers_churned", 1, 1, 0.0),
        ("net_customers_added", 0, 1, -100.0),
        ("last_month_churn", 0, 0, None),
        ("churn_rate_pct", pytest.approx(third), 50.0, pytest.approx(-third)),
    ]


def test_a_flow_has_no_value_before_unless_every_month_there_has_flows() -> None:
    """Of the four months before March only February has flows; its level is known all the same."""
    found = tables(COMING_AND_GOING, asked("2025-03", "2025-06"))
    before = {row["metric"]: row["previous_value"] for row in found["summary"]}
    change = {row["metric"]: row["change_pct"] for row in found["summary"]}
    assert (before["current_customers"], change["current_customers"]) == (2, 50.0)
    assert (before["last_month_churn"], change["last_month_churn"]) == (0, None)
    for flow in ("customers_added", "customers_churned", "net_customers_added", "churn_rate_pct"):
        assert (before[flow], change[flow]) == (None, None)


def test_a_flow_does_not_change_when_a_month_of_the_range_has_none() -> None:
    """May is missing: its flows and June's are unknown, so July's alone are not compared."""
    rows = {SEATS: present(a="1 2 3 4 6 7", b="3 4 6", c="2 3")}
    found = tables(rows, asked("2025-05", "2025-07"))
    summary = {row["metric"]: row for row in found["summary"]}
    assert summary["customers_churned"]["value"] == 1
    assert summary["customers_churned"]["previous_value"] == 1
    assert summary["customers_churned"]["change_pct"] is None
    assert summary["current_customers"]["change_pct"] == -50.0


def test_across_a_gap_nobody_is_added_or_churned() -> None:
    rows = {SEATS: present(a="1 2 4 5", e="1 2", f="4 5")}
    found = tables(rows, asked("2025-02", "2025-05"))
    names = ("start", "new", "returning", "churned", "end")
    assert columns(found["bridge"], *names) == [
        (2, 0, 0, 0, 2),
        (None, None, None, None, None),
        (None, None, None, None, 2),
        (2, 0, 0, 0, 2),
    ]
    names = ("customer", "status", "first_month", "added_month", "churned_month")
    assert columns(found["customers"], *names) == [
        ("tpid:a", "existing", None, None, None),
        ("tpid:f", "existing", None, None, None),
        ("tpid:e", "churned", None, None, None),
    ]
    assert found["cohorts"] == []


def test_a_cohort_is_unknown_in_a_month_that_is_not_covered() -> None:
    rows = {SEATS: present(a="1 2 4 5", b="2 4", c="2")}
    found = tables(rows, asked("2025-02", "2025-05"))
    assert columns(found["cohorts"], "cohort", "months_since", "customers", "share_pct") == [
        ("2025-02", 0, 2, 100.0),
        ("2025-02", 1, None, None),
        ("2025-02", 2, 1, 50.0),
        ("2025-02", 3, 0, 0.0),
    ]


def test_only_the_last_121_months_are_read() -> None:
    rows = {
        SEATS: [
            *(seats_row("2014-12", customer) for customer in "ab"),
            *(seats_row("2015-01", customer) for customer in "ac"),
            *(seats_row(f"{m}", "a") for m in ("2015-02", "2024-11", "2024-12", "2025-01")),
            *(seats_row("2025-01", customer) for customer in "bc"),
        ]
    }
    found = tables(rows, asked("2024-12", "2025-01"))
    statuses = {row["customer"]: row["status"] for row in found["customers"]}
    assert statuses == {"tpid:a": "existing", "tpid:b": "new", "tpid:c": "returned"}


def test_seats_are_the_largest_of_each_subscription_added_up() -> None:
    """s1 E3: 10 (its rows say 10 and 7); s1 E5: 5; without an id 3, not the duplicate's 3."""
    rows = [
        seats_row("2025-01", "1", SubscriptionId=i, SKU=sku, TotalSoldSeats=seats, **more)
        for i, sku, seats, more in [
            ("s1", "E3", "7", {"IsDuplicateRowForPGA": "0", "TotalAssignedSeats": "6"}),
            ("s1", "e3", "10", {"IsDuplicateRowForPGA": "1", "TotalAssignedSeats": "4"}),
            ("s1", "E5", "5", {"IsDuplicateRowForPGA": "0", "TotalAssignedSeats": ""}),
            ("", "E3", "3", {"IsDuplicateRowForPGA": "0", "TotalAssignedSeats": "1"}),
            ("", "E3", "3", {"IsDuplicateRowForPGA": "1", "TotalAssignedSeats": "1"}),
        ]
    ]
    row = one_customer(tables({SEATS: rows}, asked("2025-01", "2025-01")))
    assert (row["seats"], row["assigned_seats"], row["subscriptions"]) == (18, 7, 1)


@pytest.mark.parametrize(
    ("cells", "seats"),
    [
        ({"AvailableSeatsEOP": "9"}, 9),
        ({"AvailableSeatsEOP": "9", "TotalSoldSeats": ""}, None),
        ({"AvailableSeatsEOP": "9", "TotalSoldSeats": "0"}, 0),
        ({"AvailableSeats": "9"}, None),
        ({"Total_Sold Seats": " 1e1 "}, 10),
    ],
)
def test_available_seats_stand_in_only_where_the_export_has_no_sold_seats(
    cells: dict[str, str], seats: float | None
) -> None:
    rows = {SEATS: [seats_row("2025-01", "1", **cells)]}
    assert one_customer(tables(rows, asked("2025-01", "2025-01")))["seats"] == seats


def test_seats_and_texts_are_those_of_the_last_month_and_money_of_the_whole_range() -> None:
    """The suspended March counts for money only: 100 + 20 (the largest of two) + 5 = 125."""
    rows = [
        seats_row("2025-01", "1", TotalSoldSeats="4", BilledRevenueUSD="100", SKU="E1"),
        seats_row("2025-02", "1", TotalSoldSeats="6", BilledRevenueUSD="20", SKU="E3"),
        seats_row("2025-02", "1", TotalSoldSeats="5", BilledRevenueUSD="12", SKU="E3"),
        seats_row(
            "2025-03",
            "1",
            SubscriptionState="Suspended",
            TotalSoldSeats="9",
            BilledRevenueUSD="5",
        ),
        seats_row("2025-03", "2", TotalSoldSeats="", BilledRevenueUSD=""),
    ]
    found = tables({SEATS: rows}, asked("2025-01", "2025-03"))
    names = ("customer", "last_month", "skus", "seats", "billed_revenue_usd", "azure_consumed_usd")
    assert columns(found["customers"], *names) == [
        ("tpid:2", "2025-03", "E3", None, None, None),
        ("tpid:1", "2025-02", "E3", 6, 125, None),
    ]


def test_older_names_of_revenue_and_consumption_are_read() -> None:
    rows = {SEATS: [seats_row("2025-01", "1", RevenueUSD="7.25", ACR_USD="-1")]}
    row = one_customer(tables(rows, asked("2025-01", "2025-01")))
    assert (row["billed_revenue_usd"], row["azure_consumed_usd"]) == (7.25, -1)


def test_several_values_are_joined_and_the_name_is_the_first_that_is_known() -> None:
    rows = [
        seats_row("2025-01", "1", CustomerName="UNKNOWN", CustomerMarket="Sweden", SKU="b"),
        seats_row("2025-01", "1", CustomerName="Zebra", CustomerMarket="", SKU="B"),
        seats_row("2025-01", "1", CustomerName="Ape", CustomerMarket="Åland", SKU="B"),
    ]
    for row in rows:
        del row["SalesChannel"]
    row = one_customer(tables({SEATS: rows}, asked("2025-01", "2025-01")))
    assert row["customer_name"] == "Ape"
    assert row["customer_market"] == "Sweden; Unknown; Åland"
    assert (row["skus"], row["sales_channel"]) == ("B", None)


def test_current_customers_come_first_then_names_then_keys() -> None:
    tenant = "abcdef01-0000-0000-0000-00000000000a"
    rows = [
        seats_row("2025-01", "9", CustomerName="A"),
        *(seats_row(m, "2", CustomerName="B") for m in ("2025-01", "2025-02")),
        *(seats_row(m, "10", CustomerName="B") for m in ("2025-01", "2025-02")),
        seats_row("2025-02", "", CustomerName="C", CustomerTenantId=tenant.upper()),
    ]
    found = tables({SEATS: rows}, asked("2025-01", "2025-02"))
    assert columns(found["customers"], "customer", "customer_name") == [
        ("tpid:10", "B"),
        ("tpid:2", "B"),
        (f"tenant:{tenant}", "C"),
        ("tpid:9", "A"),
    ]


def test_subscriptions_are_unknown_only_where_the_last_month_has_no_ids() -> None:
    rows = present(a="1 2", b="2")
    rows[-1]["SubscriptionId"] = ""
    found = tables({SEATS: rows}, asked("2025-02", "2025-02"))
    assert columns(found["customers"], "customer", "subscriptions") == [
        ("tpid:a", 1),
        ("tpid:b", 0),
    ]
    for row in rows:
        row["SubscriptionId"] = ""
    found = tables({SEATS: rows}, asked("2025-02", "2025-02"))
    assert [row["subscriptions"] for row in found["customers"]] == [None, None]


def ending(*cells: tuple[str, str, str]) -> dict[str, Rows]:
    """One customer in January: id, end date and auto-renew of each row."""
    return {
        SEATS: [
            seats_row("2025-01", "1", SubscriptionId=i, SubscriptionEndDate=end, IsAutoRenew=renews)
            for i, end, renews in cells
        ]
    }


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # A subscription ends on its latest date; of several, the earliest not yet past counts.
        ([("s1", "2025-02-01", "No"), ("s1", "3/1/2025", "No")], ("2025-03-01", "no", True)),
        ([("s1", "20250131", "Yes"), ("s2", "2025-02-09", "No")], ("2025-02-09", "no", True)),
        ([("s1", "2025-02-01", "Yes"), ("s2", "2025-02-02", "No")], ("2025-02-01", "yes", False)),
        ([("s1", "2025-02-01", "Y"), ("s2", "2025-02-01", "0")], ("2025-02-01", "mixed", True)),
        ([("s1", "2025-02-01", "Y"), ("s2", "2025-02-01", "")], ("2025-02-01", "yes", False)),
        ([("s1", "2025-02-01", "")], ("2025-02-01", None, True)),
        # 90 days after 1 February 2025 is 2 May.
        ([("s1", "2025-05-02", "No")], ("2025-05-02", "no", True)),
        ([("s1", "2025-05-03", "No")], ("2025-05-03", "no", False)),
        ([("s1", "9999-12-31", "No")], ("9999-12-31", "no", False)),
        ([("s1", "2025-01-31", "No"), ("s2", "", "No")], (None, None, False)),
        ([("", "2025-03-01", "Yes"), ("", "2025-03-01", "No")], ("2025-03-01", "mixed", True)),
    ],
)
def test_the_next_end_and_whether_it_renews(
    cells: list[tuple[str, str, str]], expected: tuple[str | None, str | None, bool]
) -> None:
    found = tables(ending(*cells), asked("2025-01", "2025-01", date(2025, 2, 1)))
    row = one_customer(found)
    assert (row["next_end"], row["auto_renew"]) == expected[:2]
    assert (row["signals"] == "ends_soon") == expected[2]


def test_renewals_count_subscriptions_by_the_month_in_which_they_end() -> None:
    as_of = date(2025, 2, 15)
    rows = [
        seats_row("2025-01", customer, SubscriptionId=i, SKU=sku, SubscriptionEndDate=end, **more)
        for customer, i, sku, end, more in [
            ("1", "s1", "E3", "2025-02-14", {"TotalSoldSeats": "4", "IsAutoRenew": "Yes"}),
            ("1", "s2", "E3", "2025-02-15", {"TotalSoldSeats": "5", "IsAutoRenew": "No"}),
            ("1", "s2", "E5", "2025-02-28", {"TotalSoldSeats": "6", "IsAutoRenew": ""}),
            ("2", "s3", "E3", "2025-02-20", {"TotalSoldSeats": "", "IsAutoRenew": "Yes"}),
            ("2", "s3", "E3", "2025-02-20", {"TotalSoldSeats": "", "IsAutoRenew": "No"}),
            ("2", "s4", "E3", "2026-01-31", {"TotalSoldSeats": "", "IsAutoRenew": ""}),
            ("2", "s5", "E3", "2026-02-01", {"TotalSoldSeats": "1", "IsAutoRenew": "Yes"}),
            ("2", "", "E3", "2025-03-01", {"TotalSoldSeats": "7", "IsAutoRenew": "No"}),
            ("2", "s6", "E3", "", {"TotalSoldSeats": "7", "IsAutoRenew": "No"}),
            *[("3", "a1", "P", "9999-12-31", {"Product": "Azure", "TotalSoldSeats": "1"})],
        ]
    ]
    found = tables({SEATS: rows}, asked("2025-01", "2025-01", as_of))
    assert [tuple(row.values()) for row in found["renewals"]] == [
        ("Azure", "later", 1, 1, 1, 0),
        ("Office 365", "past", 1, 1, 4, 0),
        ("Office 365", "2025-02", 3, 2, 11, 2),
        ("Office 365", "2026-01", 1, 1, None, 0),
        ("Office 365", "later", 1, 1, 1, 0),
    ]


MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]


def used(customer: str, *amounts: str, **more: str) -> Rows:
    """Users of a customer from January on; an empty amount is a month without a row."""
    months = zip(MONTHS, amounts, strict=False)
    return [usage_row(month, customer, users, **more) for month, users in months if users]


def signals_of(found: Tables) -> dict[str, str | None]:
    return {row["customer"]: row["signals"] for row in found["customers"]}


def use_of(office: Rows, **others: Rows) -> Tables:
    rows = {SEATS: present(a="1 2 3 4 5 6", b="1 2 3 4 5 6"), "OfficeUsage": office, **others}
    return tables(rows, asked("2025-01", "2025-06"))


def test_use_that_falls_by_thirty_per_cent_is_falling() -> None:
    """For a 7 + 7 + 7 after 10 + 10 + 10, for b 7 + 7 + 8."""
    ten, seven = ["10"] * 3, ["7"] * 3
    rows = used("a", *ten, *seven) + used("b", *ten, "7", "7", "8")
    found = use_of(rows)
    assert signals_of(found) == {"tpid:a": "usage_falling", "tpid:b": None}
    assert columns(found["customers"], "usage_change_pct", "last_usage_month") == [
        (-30, "2025-06"),
        (pytest.approx(-80 / 3), "2025-06"),
    ]


def test_use_is_that_of_the_largest_workload_without_duplicates() -> None:
    """January: Exchange 4 + 3, Teams 6, a duplicate of 9. June: Teams 14, twice as much."""
    rows = [
        usage_row("2025-01", "a", users, WorkloadName=workload, IsDuplicateRowForPGA=flag)
        for workload, users, flag in [
            ("Exchange", "4", "0"),
            ("Exchange", "3", "0"),
            ("Teams", "6", "0"),
            ("Teams", "9", "1"),
        ]
    ]
    rows += [usage_row(m, "b", "1", IsDuplicateRowForPGA="0") for m in MONTHS]
    rows.append(usage_row("2025-06", "a", "14", WorkloadName="Teams", IsDuplicateRowForPGA="0"))
    changes = columns(use_of(rows)["customers"], "customer", "usage_change_pct")
    assert changes == [("tpid:a", 100), ("tpid:b", 0)]


def test_use_stops_when_the_last_two_months_are_empty_for_every_product() -> None:
    """Only b uses Power BI in May; Office falls for both, from 9 in three months to 1."""
    office = used("a", "3", "3", "3", "1", "0") + used("b", "3", "3", "3", "1", "", "1")
    office[-1]["MonthlyActiveUsers"] = "0"
    bi = [
        {**usage_row(month, "b"), "ActiveSeats": "1"} for month in ("2025-03", "2025-04", "2025-05")
    ]
    for row in bi:
        del row["MonthlyActiveUsers"], row["WorkloadName"]
    found = use_of(office, PowerBIUsage=bi)
    assert signals_of(found) == {
        "tpid:a": "usage_falling; usage_stopped",
        "tpid:b": "usage_falling",
    }
    names = ("usage_change_pct", "usage_change_product", "last_usage_month")
    assert columns(found["customers"], *names) == [
        (pytest.approx(-800 / 9), "Office 365", "2025-04"),
        (pytest.approx(-800 / 9), "Office 365", "2025-05"),
    ]


def azure_row(month: str, customer: str, **cells: str) -> dict[str, str]:
    row = {**usage_row(month, customer), "MeterCategory": "Storage", **cells}
    del row["MonthlyActiveUsers"], row["WorkloadName"]
    return row


@pytest.mark.parametrize(
    ("january", "june", "change"),
    [
        # Sums of TotalACR, also where another column would say more: 3 + 2 against 10.
        ([{"TotalACR": "3"}, {"TotalACR": "2"}], [{"TotalACR": "10", "ACR_USD": "99"}], 100),
        ([{"ACR_USD": "5", "MonthlySubscriptionLevelACR": "9"}], [{"ACR_USD": "4"}], -20),
        # A level is the largest of its subscription: 4 + 6 against 5.
        (
            [
                {"SubscriptionId": "x", "MonthlySubscriptionLevelACR": "4"},
                {"SubscriptionId": "x", "MonthlySubscriptionLevelACR": "3"},
                {"SubscriptionId": "y", "MonthlySubscriptionLevelACR": "6"},
            ],
            [{"SubscriptionId": "x", "MonthlySubscriptionLevelACR": "5"}],
            -50,
        ),
        ([{"TotalACR": "", "ACR_USD": "5"}], [{"TotalACR": "4"}], None),
        ([{"UsageQuantity": "5"}], [{"UsageQuantity": "4"}], None),
    ],
)
def test_use_of_azure_is_what_was_consumed(
    january: list[dict[str, str]], june: list[dict[str, str]], change: float | None
) -> None:
    azure = [azure_row("2025-01", "a", **cells) for cells in january]
    azure += [azure_row("2025-06", "a", **cells) for cells in june]
    azure += [azure_row(month, "other", TotalACR="1") for month in MONTHS]
    row = use_of([], AzureUsage=azure)["customers"][0]
    product = None if change is None else "Azure"
    assert (row["usage_change_pct"], row["usage_change_product"]) == (change, product)


def test_the_last_six_months_are_those_in_which_the_partner_has_rows_of_the_dataset() -> None:
    """Seven months, March without any row: January to March's neighbours make three and three."""
    rows = {
        SEATS: present(a="1 2 3 4 5 6 7"),
        "OfficeUsage": [
            usage_row(f"2025-0{m}", "a", users)
            for m, users in [(1, "4"), (2, "4"), (4, "4"), (5, "1"), (6, "1"), (7, "1")]
        ],
    }
    row = one_customer(tables(rows, asked("2025-01", "2025-07")))
    assert row["usage_change_pct"] == -75
    row = one_customer(tables(rows, asked("2025-02", "2025-07")))
    assert row["usage_change_pct"] is None


def test_who_never_used_what_it_holds_has_three_months_to_show_it() -> None:
    """Customer b has no use; in the two months of the shorter range that says nothing yet."""
    office = used("a", "1", "1", "1", "1", "1", "1") + used("b", "0", "0")
    assert signals_of(use_of(office)) == {"tpid:a": None, "tpid:b": "never_used"}
    rows = {SEATS: present(a="1 2 3 4 5 6", b="1 2 3 4 5 6"), "OfficeUsage": office}
    assert signals_of(tables(rows, asked("2025-05", "2025-06")))["tpid:b"] is None
    held = [{**row, "Product": "Copilot"} for row in rows[SEATS] if row["CustomerTpid"] == "b"]
    others = {SEATS: present(a="1 2 3 4 5 6") + held, "OfficeUsage": office}
    assert signals_of(tables(others, asked("2025-01", "2025-06")))["tpid:b"] is None


@pytest.mark.parametrize(
    ("then", "now", "falls"),
    [
        ("10", "8", True),
        ("10", "8.1", False),
        ("0", "-1", False),
        ("", "1", False),
        ("5", "", False),
    ],
)
def test_seats_fall_by_a_fifth_within_three_months(then: str, now: str, falls: bool) -> None:
    rows = [
        *(seats_row(m, "a", TotalSoldSeats="99") for m in ("2025-01", "2025-03", "2025-04")),
        seats_row("2025-02", "a", TotalSoldSeats=then),
        seats_row("2025-05", "a", TotalSoldSeats=now),
    ]
    found = tables({SEATS: rows}, asked("2025-05", "2025-05"))
    assert (one_customer(found)["signals"] == "seats_falling") == falls


def test_a_product_is_dropped_for_three_months() -> None:
    """Azure was held in March by a, in February by b: three and four months before June."""
    rows = present(a="1 2 3 4 5 6", b="1 2 3 4 5 6")
    rows += [seats_row("2025-03", "a", Product="Azure"), seats_row("2025-02", "b", Product="Azure")]
    found = tables({SEATS: rows}, asked("2025-06", "2025-06"))
    assert signals_of(found) == {"tpid:a": "product_dropped", "tpid:b": None}
    found = tables({SEATS: rows}, asked("2025-06", "2025-06", product=["office 365"]))
    assert signals_of(found) == {"tpid:a": None, "tpid:b": None}


def test_of_the_filters_only_the_product_touches_use() -> None:
    """A market filter keeps a's Azure use, a product filter leaves only what it names."""
    azure = [azure_row(m, "a", TotalACR=t) for m, t in zip(MONTHS, "999111", strict=True)]
    rows = {
        SEATS: present(a="1 2 3 4 5 6"),
        "OfficeUsage": used("a", *"111111", CustomerMarket="Norway"),
        "AzureUsage": azure,
    }
    sweden = one_customer(tables(rows, asked("2025-01", "2025-06", customer_market=["sweden"])))
    office = one_customer(tables(rows, asked("2025-01", "2025-06", product=["Office 365"])))
    assert sweden["usage_change_product"] == "Azure"
    assert sweden["usage_change_pct"] == pytest.approx(-800 / 9)
    assert (office["usage_change_pct"], office["usage_change_product"]) == (0, "Office 365")


def test_without_a_covered_month_there_is_no_number_but_the_list_of_who_was_there() -> None:
    found = tables({SEATS: present(a="1")}, asked("2025-02", "2025-03"))
    assert all(row["value"] is None for row in found["summary"])
    assert columns(found["signals"], "customers", "share_pct") == [(None, None)] * 6
    assert columns(found["customers"], "status", "last_month") == [("churned", "2025-01")]
    assert found["renewals"] == found["cohorts"] == []


any_rows: Callable[..., Any] = settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck)
)


@any_rows
@given(rows=datasets(), question=questions())
def test_the_new_tables_agree_with_the_old_ones(rows: dict[str, Rows], question: Asked) -> None:
    """The bridge adds up, and its flows are those of adds_and_churns; so are the summary's."""
    found = tables(rows, question)
    old = reference.tables(
        *(rows, "1", question.first, question.last, question.filters, question.active_states)
    )
    flows = [row for row in old["adds_and_churns"] if row["product"] == "All"]
    for bridge, flow, trend in zip(found["bridge"], flows, old["summary_trend"], strict=True):
        assert bridge["end"] == trend["current_customers"]
        if flow["added"] is None:
            assert {bridge[name] for name in ("start", "new", "returning", "churned")} == {None}
            continue
        assert bridge["new"] + bridge["returning"] == flow["added"]
        assert bridge["churned"] == flow["churned"]
        came = bridge["start"] + bridge["new"] + bridge["returning"]
        assert came - bridge["churned"] == bridge["end"]


@any_rows
@given(rows=datasets(), question=questions())
def test_the_values_against_the_period_before_are_those_of_a_report_of_it(
    rows: dict[str, Rows], question: Asked
) -> None:
    found = {row["metric"]: row for row in tables(rows, question)["summary"]}
    h = history(rows, question)
    before = month_span(reference.previous(h.months[0]), length=len(h.months))
    one = replace(question, first=before[0], last=before[-1])
    old = {row["metric"]: row["value"] for row in tables(rows, one)["summary"]}
    for metric in ("current_customers", "active_customers", "subscriptions", "last_month_churn"):
        assert found[metric]["previous_value"] == old[metric]
    for metric in ("customers_added", "customers_churned", "net_customers_added"):
        whole = all(h.has_flows(month) for month in before)
        assert found[metric]["previous_value"] == (old[metric] if whole else None)


@any_rows
@given(rows=datasets(), question=questions())
def test_the_list_holds_as_many_customers_as_the_numbers_say(
    rows: dict[str, Rows], question: Asked
) -> None:
    found, h = tables(rows, question), history(rows, question)
    listed = found["customers"]
    current = [row for row in listed if row["status"] != "churned"]
    assert {row["customer"] for row in current} == h.now
    assert len({row["customer"] for row in listed}) == len(listed)
    assert all(row["last_month"] == h.last_known for row in current)
    assert all(row["signals"] is None for row in listed if row["status"] == "churned")
    for month in h.months:
        last_added = {row["customer"] for row in listed if row["added_month"] == month}
        last_churned = {row["customer"] for row in listed if row["churned_month"] == month}
        assert last_added <= h.added(month)
        assert last_churned <= h.churned(month)
        new = {row["customer"] for row in listed if row["status"] == "new"}
        assert new & last_added <= h.new(month)
    for row in listed:
        if row["status"] == "returned":
            assert row["first_month"] is None or row["first_month"] < row["added_month"]
        if row["status"] == "new":
            assert row["first_month"] == row["added_month"]


@any_rows
@given(rows=datasets(), question=questions())
def test_signals_are_as_many_as_the_customers_that_show_them(
    rows: dict[str, Rows], question: Asked
) -> None:
    found = tables(rows, question)
    shown = [s for row in found["customers"] for s in (row["signals"] or "").split("; ") if s]
    size = sum(row["status"] != "churned" for row in found["customers"])
    assert tuple(row["signal"] for row in found["signals"]) == SIGNALS
    for row in found["signals"]:
        assert (row["customers"] or 0) == shown.count(row["signal"])
        assert row["share_pct"] == (None if not size else 100 * row["customers"] / size)


@any_rows
@given(rows=datasets(), question=questions())
def test_cohorts_begin_whole_and_are_the_new_customers_of_the_bridge(
    rows: dict[str, Rows], question: Asked
) -> None:
    found = tables(rows, question)
    new = {row["month"]: row["new"] for row in found["bridge"] if row["new"]}
    starts = [row for row in found["cohorts"] if row["months_since"] == 0]
    assert {row["cohort"]: row["customers"] for row in starts} == new
    assert all(row["share_pct"] == 100 for row in starts)
    assert all((row["customers"] or 0) <= new[row["cohort"]] for row in found["cohorts"])


@any_rows
@given(rows=datasets(), question=questions())
def test_renewals_add_up_to_the_subscriptions_that_have_an_end(
    rows: dict[str, Rows], question: Asked
) -> None:
    found, h = tables(rows, question), history(rows, question)
    with_end = {
        (row.customer, row.values.get("product"), row.subscription, row.values.get("sku"))
        for row in h.active_rows(h.last_known)
        if row.subscription and row.end and "product" in row.values
    }
    assert sum(row["subscriptions"] for row in found["renewals"]) == len(with_end)
    for row in found["renewals"]:
        assert 1 <= row["customers"] <= row["subscriptions"]
        assert 0 <= row["without_auto_renew"] <= row["subscriptions"]


@any_rows
@given(rows=datasets(), question=questions())
def test_what_rows_come_first_changes_nothing(rows: dict[str, Rows], question: Asked) -> None:
    backwards = {name: own[::-1] for name, own in rows.items()}
    assert tables(rows, question) == tables(backwards, question)
