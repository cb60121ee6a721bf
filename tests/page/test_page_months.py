"""The months of the page: which can be chosen, and how those look that are not whole."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import card, ready, report_of
from tests.support.rows import seats_row, usage_row

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = [*(f"2024-{m:02d}" for m in range(7, 13)), *(f"2025-{m:02d}" for m in range(1, 7))]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of January to June 2025, with data from July 2024 on; June is neither final nor used."""
    seats = [
        seats_row(month, str(n), CustomerMarket="Norway" if n < 2 else "Sweden")
        for i, month in enumerate(MONTHS)
        for n in range(i % 4, i + 3)
    ]
    seats.append(seats_row("2024-08", "early", CustomerMarket="Peru"))
    used = [usage_row(month, str(i + 1)) for i, month in enumerate(MONTHS[:-1])]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": used}
    return report_of(tmp_path_factory.mktemp("report"), datasets, as_of=date(2025, 7, 19))


def shown(tab: Page) -> str:
    return tab.locator(".page-head .months").inner_text()


def preset(tab: Page, months: int) -> Any:
    return tab.get_by_role("button", name=f"Past {months} months", exact=True)


def test_the_last_months_are_one_click_away(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    assert shown(tab) == "Jan 2025 – Jun 2025"
    assert preset(tab, 6).get_attribute("aria-pressed") == "true"
    assert tab.locator(".chips.applied li").count() == 0
    preset(tab, 12).click()
    assert shown(tab) == "Jul 2024 – Jun 2025"
    assert tab.evaluate("location.hash") == "#from=2024-07&to=2025-06"
    assert preset(tab, 6).get_attribute("aria-pressed") == "false"
    assert card(tab, "summary_trend").locator("tbody tr").count() == 12
    preset(tab, 3).click()
    assert shown(tab) == "Apr 2025 – Jun 2025"
    tab.get_by_role("button", name="Clear all").click()
    assert shown(tab) == "Jan 2025 – Jun 2025"


def test_a_preset_of_months_that_the_page_does_not_hold_says_so(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    reason = "Past 24 months: the data begins in Jul 2024"
    assert preset(tab, 24).get_attribute("aria-disabled") == "true"
    assert preset(tab, 24).get_attribute("title") == reason
    preset(tab, 24).click(force=True)
    assert tab.locator(".range-note").inner_text() == reason
    assert tab.locator(".heard").inner_text() == f"{reason}."
    assert shown(tab) == "Jan 2025 – Jun 2025"


def test_months_in_the_wrong_order_are_corrected_visibly(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    first, last = (tab.get_by_label(f"{name} month", exact=True) for name in ("From", "To"))
    note = tab.locator(".range-note")
    last.select_option("2024-11")
    assert note.inner_text() == "From was after To: it is now Nov 2024."
    expect(first).to_have_class("corrected")
    assert shown(tab) == "Nov 2024 – Nov 2024"
    first.select_option("2025-02")
    assert note.inner_text() == "To was before From: it is now Feb 2025."
    expect(last).to_have_class("corrected")
    last.select_option("2025-04")
    assert note.inner_text() == ""
    assert tab.locator(".corrected").count() == 0
    assert shown(tab) == "Feb 2025 – Apr 2025"


def test_menus_offer_what_the_chosen_months_hold(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    tab.locator("details.menu summary", has_text="Markets").click()
    markets = tab.locator("details.menu[open] label")
    expect(markets).to_have_text(["Norway", "Sweden"])
    tab.keyboard.press("Escape")
    preset(tab, 12).click()
    tab.locator("details.menu summary", has_text="Markets").click()
    expect(markets).to_have_text(["Norway", "Peru", "Sweden"])


def test_months_that_are_not_whole_look_so_and_are_named(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    named = {
        name: card(tab, name).locator(".unfinished li").all_inner_texts()
        for name in ("adds_and_churns", "active_customers")
    }
    assert named == {
        "adds_and_churns": ["Jun 2025: not final"],
        "active_customers": ["Jun 2025: no usage data"],
    }
    hatched = "plot => plot.data.map(({ marker }) => marker.pattern?.shape)"
    shapes = card(tab, "adds_and_churns").locator(".plot").evaluate(hatched)
    assert shapes == [["", "", "", "", "", "/"]] * 2
    band = "plot => plot.layout.shapes.map(({ x0, x1 }) => [x0, x1])"
    assert card(tab, "active_customers").locator(".plot").evaluate(band) == [[4.5, 5.5]]
    notes = tab.locator(".notes li")
    assert notes.all_inner_texts() == [
        "No usage data for Jun 2025.",
        "Not final, the numbers may still change: Jun 2025.",
    ]
    current = tab.locator("[data-metric=current_customers]")
    assert current.locator(".aside").inner_text() == "Jun 2025 · not final"
    assert current.locator(".micro rect").count() == 1
    # What is said is of the months that are shown.
    tab.goto(tab.url + "#from=2024-07&to=2025-05")
    ready(tab)
    assert notes.count() == 0
    assert current.locator(".micro rect").count() == 0
    named = card(tab, "adds_and_churns").locator(".unfinished li").all_inner_texts()
    assert named == ["Jul 2024: no data for the month before"]


def test_a_card_without_anything_is_small_and_says_why(report: Path, reader: Any) -> None:
    tab = reader.open(report, "#customer_market=Peru")
    for name in ("adds_and_churns", "distribution", "active_customers", "bridge"):
        place = card(tab, name)
        assert place.locator(".sentence").inner_text() == "No customer passes the filters."
        assert place.bounding_box()["height"] < 200, name
        expect(place.locator(".plots")).to_be_hidden()
