"""Values that a chart draws together open who is behind each of them."""

import csv
import io
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import action, card, click_on, downloaded, drawn, report_of
from tests.support.rows import Rows, seats_row

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
# One is called as the ring calls those that it draws together.
PRODUCTS = ["4 others", *(f"Product {n:02d}" for n in range(1, 14))]


@pytest.fixture(scope="module")
def seats() -> Rows:
    """Customers who hold several of fourteen products; the later a product, the rarer."""
    random = Random(3)
    return [
        seats_row(month, str(customer), Product=product)
        for month in MONTHS
        for customer in range(40)
        for number, product in enumerate(PRODUCTS)
        if random.random() < 0.9 - 0.06 * number
    ]


@pytest.fixture(scope="module")
def report(seats: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return report_of(folder, {"SeatsSubscriptionsAndRevenue": seats})


def held(seats: Rows, month: str, apart: list[str]) -> list[tuple[str, str]]:
    """Customers and the products of theirs that are not apart."""
    return sorted(
        (f"tpid:{row['CustomerTpid']}", row["Product"])
        for row in seats
        if row["Month"] == month and row["Product"] not in apart
    )


def listed(tab: Page) -> list[tuple[str, str]]:
    """Customers and values of the open list."""
    drawer = tab.locator("dialog.drawer[open]")
    expect(drawer).to_be_visible()
    _, content = downloaded(tab, action(drawer, "CSV"))
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return sorted((row["customer"], row["value"]) for row in rows)


def test_the_others_of_a_month_open_a_row_for_each_customer_and_value(
    report: Path, seats: Rows, reader: Any
) -> None:
    tab = reader.open(report)
    one = card(tab, "distribution_trend")
    one.get_by_role("tab", name="Product").click()
    *alone, others = drawn(tab, "distribution_trend")
    assert len(alone) == 7
    assert others["name"] == "7 others"
    # What is hidden is still drawn apart.
    one.locator(".legend button").first.click()
    assert len(drawn(tab, "distribution_trend")) == 7
    expected = held(seats, "2025-03", [trace["name"] for trace in alone])
    assert len({customer for customer, _ in expected}) < len(expected) == others["y"][2]
    bar = one.locator(".barlayer .trace").last.locator(".point path").nth(2)
    click_on(tab, bar)
    assert listed(tab) == expected
    words = "current in Mar 2025, Product other than "
    chip = tab.locator("dialog .chip")
    assert chip.inner_text() == words + "; ".join(trace["name"] for trace in alone)
    heads = tab.locator("dialog thead th").all_inner_texts()
    assert [head.strip() for head in heads[:3]] == ["Customer name", "Value", "Status"]
    expect(tab.locator("dialog [role=status]")).to_have_text(
        f"{len(expected)} rows, one for each customer and value"
    )
    again = reader.open(report, tab.evaluate("location.hash"))
    assert listed(again) == expected


def test_the_others_of_the_pie_show_their_skus_and_offer_their_customers(
    report: Path, seats: Rows, reader: Any
) -> None:
    tab = reader.open(report)
    one = card(tab, "products")
    one.locator(".legend button").last.click()
    assert one.locator(".plot-title").last.inner_text() == "4 others \u00b7 4 of 4 SKUs"
    labels, values = one.locator(".plot").first.evaluate(
        "({data: [ring]}) => [ring.labels, ring.values]"
    )
    assert labels[-1] == "4 others (2)"  # the first is a product
    one.locator(".offers button").click()
    expected = held(seats, "2025-06", labels[:-1])
    assert len(expected) == values[-1]
    assert listed(tab) == expected


@pytest.mark.parametrize(
    "link",
    [
        "list=others&list.months=2025-03&list.dimension=product",
        "list=others&list.months=2025-03&list.apart=Product+01",
        "list=others&list.dimension=product&list.apart=Product+01",
    ],
)
def test_a_link_that_does_not_say_which_others_opens_nothing(
    link: str, report: Path, reader: Any
) -> None:
    assert reader.open(report, f"#{link}").locator("dialog.drawer[open]").count() == 0
