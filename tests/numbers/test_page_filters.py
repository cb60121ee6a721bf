"""The filters of the page: what they select, and that it counts like a run with those filters."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import card, downloaded, drawn, ready, report_of
from tests.support.page_filters import (
    MONTHS,
    counted_by_python,
    fragment,
    made_up,
    random_selection,
    that_follow,
)
from tests.support.strategies import METRICS
from tests.support.sweeps import sweep
from tests.support.workbooks import sheets_of

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("report"), made_up(Random(1)))


def counted_by_page(tab: Page) -> dict[str, list[list[Any]]]:
    """What the page hands out as its data."""
    _, workbook = downloaded(tab, tab.get_by_role("button", name="Download all"))
    return sheets_of(workbook)


@pytest.mark.parametrize("seed", sweep(range(8)))
def test_every_table_equals_that_of_a_run_with_the_same_filters(
    seed: int, report: Path, reader: Any
) -> None:
    tab = reader.open(report)
    random = Random(seed)
    for _ in range(4):
        selection, months = random_selection(random)
        tab.goto((report / "report.html").as_uri() + fragment(selection, months))
        ready(tab)
        expected = counted_by_python(report, selection, months)
        found = counted_by_page(tab)
        assert that_follow(found, months) == that_follow(expected, months), (selection, months)


def choose(tab: Page, facet: str, *values: str) -> None:
    menu = tab.locator("details.menu", has=tab.locator("summary", has_text=facet))
    menu.locator("summary").click()
    for value in values:
        menu.get_by_label(value, exact=True).check()
    tab.keyboard.press("Escape")


def test_what_is_chosen_in_the_menus_is_counted_shown_as_chips_and_kept_in_the_address(
    report: Path, reader: Any
) -> None:
    tab = reader.open(report)
    choose(tab, "Products", "Azure", "Visio & Co")
    choose(tab, "Locations", "a=b&c=d")
    tab.get_by_label("From month", exact=True).select_option("2025-03")
    ready(tab)
    chips = tab.locator(".chips.applied li").all_inner_texts()
    assert chips == [
        "Mar 2025 – Jun 2025 ✕",
        "2 Products ✕",
        "Partner location: a=b&c=d ✕",
        "Clear all",
    ]
    selection = {"product": ["Azure", "Visio & Co"], "partner_location": ["a=b&c=d"]}
    months = ("2025-03", "2025-06")
    expected = that_follow(counted_by_python(report, selection, months), months)
    assert that_follow(counted_by_page(tab), months) == expected
    address = tab.url
    again = reader.open(report, address[address.index("#") :])
    assert again.locator(".chips.applied li").all_inner_texts() == chips
    assert that_follow(counted_by_page(again), months) == expected


def test_everything_that_is_shown_follows_the_selection(report: Path, reader: Any) -> None:
    """Cards, charts, sentences and tables of every section, and the head of the page."""

    def shown() -> list[str]:
        # These exports tell of no seats and ends; tests/page has those and the list of customers.
        left_out = ("signals", "customers", "renewals", "seats")
        charts = [
            name
            for name in METRICS
            if name not in left_out and card(tab, name).locator(".plot").count()
        ]
        cards = ".card" + "".join(f":not([data-card={name}])" for name in left_out)
        texts = tab.locator(f":is({cards}) :is(.sentence, .kpi, tbody)").all()
        return [*(text.inner_text() for text in texts), *(str(drawn(tab, n)) for n in charts)]

    tab = reader.open(report)
    tab.locator(".data-table").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    before = shown()
    tab.goto((report / "report.html").as_uri() + fragment({"customer_market": ["Sweden"]}))
    ready(tab)
    after = shown()
    assert len(before) == len(after) == 5 + 8 + 12 + 7  # cards, sentences, tables, charts
    assert [text for text, other in zip(before, after, strict=True) if text == other] == []
    tab.goto((report / "report.html").as_uri() + fragment({}, ("2025-02", "2025-05")))
    ready(tab)
    assert tab.locator(".months").inner_text() == "Feb 2025 – May 2025"
    assert tab.locator(".as-of").inner_text() == "Data as of May 2025"
    assert card(tab, "summary_trend").locator("tbody tr").count() == 4


def test_chips_take_their_filter_away_and_clear_all_takes_all(report: Path, reader: Any) -> None:
    tab = reader.open(report, fragment({"product": ["Azure"], "sales_channel": ["CSP"]}))
    before = tab.locator(".found").inner_text()
    tab.locator(".chips.applied li button").first.click()
    assert tab.locator(".chips.applied li").all_inner_texts() == [
        "Sales channel: CSP ✕",
        "Clear all",
    ]
    assert tab.locator(".found").inner_text() != before
    tab.get_by_role("button", name="Clear all").click()
    assert tab.locator(".chips.applied li").count() == 0
    assert tab.evaluate("location.hash") == ""
    assert tab.locator(".found").inner_text() == "No filters chosen"


def test_values_that_are_one_to_a_filter_are_offered_once(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    tab.locator("details.menu summary", has_text="Products").click()
    offered = tab.locator("details.menu[open] label").all_inner_texts()
    assert sorted(text.casefold() for text in offered) == sorted(
        ["office 365", "azure", "visio & co", "all", "unknown"]
    )


def test_a_link_with_a_value_that_no_row_holds_counts_nothing_and_says_so(
    report: Path, reader: Any
) -> None:
    tab = reader.open(report, fragment({"product": ["Paradox"]}))
    assert tab.locator("[data-metric=current_customers] .big").inner_text() == "0"
    note = "No subscription matches the filter Product: Paradox."
    assert tab.locator(".notes li").last.inner_text() == note
    assert tab.locator(".chips.applied li").first.inner_text() == "Product: Paradox ✕"


def test_the_menus_are_used_by_keyboard(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    menu = tab.locator("details.menu summary", has_text="Channels")
    menu.focus()
    menu.press("Enter")
    expect(tab.locator("details.menu[open] input[type=checkbox]").first).to_be_visible()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    assert tab.locator(".chips.applied li").first.inner_text() == "Sales channel: CSP ✕"
    tab.keyboard.press("Escape")
    expect(menu).to_be_focused()
    assert tab.locator("details.menu[open]").count() == 0


def test_filters_of_the_run_are_the_outer_limit(tmp_path: Path, reader: Any) -> None:
    report = report_of(tmp_path, made_up(Random(2)), filters=["customer_market=Sweden"])
    tab = reader.open(report, fragment({"product": ["Azure"]}))
    assert tab.locator(".chips.outer").inner_text() == "Market: Sweden"
    tab.locator("details.menu summary", has_text="Markets").click()
    assert tab.locator("details.menu[open] label").all_inner_texts() == ["Sweden"]
    selection = {"product": ["Azure"], "customer_market": ["Sweden"]}
    expected = counted_by_python(report, selection, (MONTHS[0], MONTHS[-1]))
    assert counted_by_page(tab) == expected
