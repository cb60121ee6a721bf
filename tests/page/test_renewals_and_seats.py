"""Renewals and seats say what exports tell, and not more."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import card, drawn, report_of
from tests.support.rows import Rows, seats_row

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
ENDS = ["2025-07-15", *(f"2025-{m:02d}-20" for m in range(8, 13)), "2026-07-01", "2027-01-01"]


def rows_of(**columns: str) -> Rows:
    """Customers whose subscriptions end one after the other; of every other one seats are told."""
    return [
        {
            **seats_row(month, str(n)),
            "TotalSoldSeats": "2000000",
            "TotalAssignedSeats": "500000" if n % 2 else "",
            "SubscriptionEndDate": ENDS[n % len(ENDS)],
            **columns,
        }
        for n in range(16)
        for month in MONTHS[(n == 0) :]
    ]


def opened(folder: Path, reader: Any, rows: Rows, width: int = 1280, **options: Any) -> Page:
    report = report_of(folder, {"SeatsSubscriptionsAndRevenue": rows}, **options)
    tab: Page = reader.open(report, width=width)
    return tab


def sentence(tab: Page, name: str) -> str:
    return str(card(tab, name).locator(".sentence").inner_text())


def click_first_bar(tab: Page, name: str, plot: int = 0) -> None:
    bar = card(tab, name).locator(".plot").nth(plot).locator(".barlayer .point path").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_auto_renewal_that_is_not_exported_is_neither_on_nor_off(
    tmp_path: Path, reader: Any
) -> None:
    tab = opened(tmp_path, reader, rows_of())
    assert sentence(tab, "renewals") == (
        "6 of 16 subscriptions end in the first three months shown. "
        "Auto-renewal is not in these exports."
    )
    assert [trace["name"] for trace in drawn(tab, "renewals")] == ["Subscriptions"]
    assert card(tab, "renewals").locator(".legend button").count() == 0
    click_first_bar(tab, "renewals")
    expect(tab.locator("dialog .chip")).to_have_text("ended before the report was made")


def test_auto_renewal_that_some_rows_lack_is_on_or_unknown(tmp_path: Path, reader: Any) -> None:
    rows = [
        {**row, "IsAutoRenew": ("No", "Yes", "")[int(row["CustomerTpid"]) % 3]} for row in rows_of()
    ]
    tab = opened(tmp_path, reader, rows)
    assert sentence(tab, "renewals").endswith("Known to be without auto-renewal: 2.")
    parts = [trace["name"] for trace in drawn(tab, "renewals")]
    assert parts == ["Auto-renewal on or unknown", "Without auto-renewal"]
    click_first_bar(tab, "renewals")
    chip = "ended before the report was made, auto-renewal on or unknown"
    expect(tab.locator("dialog .chip")).to_have_text(chip)


def test_idle_seats_are_a_share_of_those_whose_assignment_is_known(
    tmp_path: Path, reader: Any
) -> None:
    tab = opened(tmp_path, reader, rows_of())
    assert sentence(tab, "seats").replace("\xa0", " ") == (
        "Idle are 12,000,000 of 16,000,000 seats (75.0 %). "
        "Of another 16,000,000 seats it is not known how many are assigned."
    )
    bars = {trace["name"]: trace["x"] for trace in drawn(tab, "seats")}
    assert bars == {
        "Assigned seats": [4_000_000],
        "Idle seats": [12_000_000],
        "Assignment unknown": [16_000_000],
    }
    click_first_bar(tab, "seats")
    expect(tab.locator("dialog .chip")).to_have_text("Assigned seats, Office 365")
    assert tab.locator("dialog [role=status]").inner_text() == "8 subscriptions"


def test_seats_of_renewals_open_their_subscriptions(tmp_path: Path, reader: Any) -> None:
    tab = opened(tmp_path, reader, rows_of())
    click_first_bar(tab, "renewals", plot=1)
    assert tab.locator("dialog [role=status]").inner_text() == "2 subscriptions"


def test_a_phone_names_every_end_and_its_numbers_stand_apart(tmp_path: Path, reader: Any) -> None:
    tab = opened(tmp_path, reader, rows_of(), width=390)
    plots = card(tab, "renewals").locator(".plot")
    for plot in plots.all():
        names = plot.locator(".xtick text").all_text_contents()
        assert len(names) == 14
        assert (names[0], names[-1]) == ("Past", "Later")
    assert plots.count() == 2
    edges = """ticks => ticks.map((one) => one.getBoundingClientRect())
        .map(({ left, right }) => [left, right])"""
    numbers = card(tab, "seats").locator(".xtick text").evaluate_all(edges)
    assert len(numbers) >= 2
    for (_, right), (left, _) in pairwise(numbers):
        assert right + 4 < left, json.dumps(numbers)


@pytest.mark.parametrize("role", ["executive_report_viewer", "report_viewer"])
def test_without_ids_of_subscriptions_renewals_say_so(
    role: str, tmp_path: Path, reader: Any
) -> None:
    tab = opened(tmp_path, reader, rows_of(SubscriptionId=""), role=role)
    reason = "Ids of subscriptions, by which their ends are counted, are not in these exports."
    assert sentence(tab, "renewals") == reason


def test_customers_without_names_are_listed_by_their_keys(tmp_path: Path, reader: Any) -> None:
    tab = opened(tmp_path, reader, rows_of(CustomerName=""))
    names = card(tab, "customers").locator("tbody th").all_inner_texts()
    assert sorted(names) == sorted(f"tpid:{n}" for n in range(16))
    assert (
        "Billed revenue, USD; Azure" in card(tab, "customers").locator(".list .note").inner_text()
    )


def test_one_customer_at_the_start_is_one(tmp_path: Path, reader: Any) -> None:
    rows = [seats_row("2024-12", "1"), *(seats_row(m, n) for m in MONTHS for n in ("1", "2", "3"))]
    tab = opened(tmp_path, reader, rows)
    expected = "From 1 customer to 3: 2 new, 0 returning and 0 churned."
    assert sentence(tab, "bridge") == expected
