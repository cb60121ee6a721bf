"""Hostile texts in every column, and more of them than a page can show: text they stay."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import SCREENSHOTS, card, drawn, report_of, unfold
from tests.support.hostile import COLUMNS, HOSTILE, LONG, profile
from tests.support.rows import seats_row, usage_row
from tests.support.sweeps import sweep

pytestmark = pytest.mark.browser

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which every text that data brings is hostile."""
    seats = [
        seats_row(month, str(n), **dict.fromkeys(COLUMNS, name))
        for month in MONTHS
        for n, name in enumerate((*HOSTILE, LONG))
    ]
    datasets = {"Profile": [profile(HOSTILE[1])], "SeatsSubscriptionsAndRevenue": seats}
    return report_of(tmp_path_factory.mktemp("hostile"), datasets)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 10,000 customers who have nothing in common, of a partner with a long name."""
    seats = [
        seats_row(month, str(n), **dict.fromkeys(COLUMNS, f"value {n}"))
        for month in MONTHS[-2:]
        for n in range(10_000)
    ]
    datasets = {
        "Profile": [profile(LONG)],
        "SeatsSubscriptionsAndRevenue": seats,
        "OfficeUsage": [usage_row(MONTHS[-1], "5")],
    }
    return report_of(tmp_path_factory.mktemp("many"), datasets)


def use_everything(tab: Page) -> None:
    """Open every table and menu, and choose every tab."""
    tab.locator(".data-table").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    for menu in tab.locator(".filters details.menu").all():
        menu.locator("summary").click()
        tab.keyboard.press("Escape")
    for tabs in tab.locator("[role=tablist]").all():
        for one in tabs.get_by_role("tab").all():
            one.click()
    for choice in tab.locator(".tab-place select").all():
        for i in range(min(5, choice.locator("option").count())):
            choice.select_option(index=i)
    card(tab, "customers").scroll_into_view_if_needed()
    card(tab, "customers").locator(".long tbody th").first.wait_for()
    for head in card(tab, "customers").locator("thead button").all():
        head.click()
    tab.locator("[data-metric=current_customers] .big button").click()
    tab.locator("dialog[open] tbody th").first.wait_for()
    tab.keyboard.press("Escape")
    expect(tab.locator("dialog[open]")).to_have_count(0)
    tab.evaluate("dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'))")


def test_hostile_names_are_shown_as_they_are(hostile: Path, reader: Any) -> None:
    tab = reader.open(hostile)
    one = card(tab, "distribution")
    unfold(one)
    shown = one.locator("tbody td:nth-child(2)").all_text_contents()
    assert {name: shown.count(name) for name in HOSTILE} == dict.fromkeys(HOSTILE, 5)
    choice = card(tab, "adds_and_churns").locator("select")
    assert set(HOSTILE) <= set(choice.locator("option").all_text_contents())
    tab.locator("details.menu summary", has_text="Products").click()
    for name in HOSTILE:
        tab.locator("details.menu[open] input[type=search]").fill(name)
        assert name in tab.locator("details.menu[open] label").all_text_contents()


def test_hostile_names_stand_on_the_axis_in_legends_and_in_hovers(
    hostile: Path, reader: Any
) -> None:
    tab = reader.open(hostile)
    one = card(tab, "distribution")
    bars = drawn(tab, "distribution")[0]["y"]
    assert len(bars) == 10
    unfold(one)
    names = one.locator("tbody td:nth-child(2)").all_text_contents()[:10]
    for number, name in enumerate(names):
        one.locator(".barlayer .point path").nth(number).hover(force=True)
        expect(one.locator(".hoverlayer text").first).to_contain_text(name)
    ticks = one.locator(".ytick text").all_text_contents()
    assert {text.strip("\u2068\u2069") for text in ticks} == set(names) <= set(HOSTILE)
    legend = card(tab, "products").locator(".legend button").all_text_contents()
    assert len(legend) == 11
    assert set(legend[:10]) <= set(HOSTILE)
    assert legend[10].endswith(" others")


def test_hostile_names_make_no_element_and_do_nothing(hostile: Path, reader: Any) -> None:
    """The reader fixture fails the test on a dialog, a request, or an error."""
    tab = reader.open(hostile)
    use_everything(tab)
    own = "main b, main img, main iframe, main object, main a, svg a, svg image, [onerror]"
    assert tab.locator(own).count() == 0
    assert tab.locator("script").count() == 5  # gate, three blocks of data, the page
    assert HOSTILE[1] in tab.locator(".partner").inner_text()
    assert HOSTILE[1] in tab.title()
    tab.screenshot(path=SCREENSHOTS / "hostile.png", full_page=True)


@pytest.mark.parametrize("name", sweep(HOSTILE))
def test_a_hostile_name_can_be_filtered_for(name: str, hostile: Path, reader: Any) -> None:
    tab = reader.open(hostile)
    tab.locator("details.menu summary", has_text="Products").click()
    tab.locator("details.menu[open] input[type=search]").fill(name)
    tab.locator("details.menu[open] label").first.locator("input").check()
    chip = tab.locator(".chips.applied li").first
    assert name in chip.text_content()
    assert tab.locator("[data-metric=current_customers] .big").inner_text() == "1"
    again = reader.open(hostile, tab.evaluate("location.hash"))
    assert again.locator(".chips.applied li").first.text_content() == chip.text_content()


def test_text_that_turns_the_direction_turns_nothing_beside_it(hostile: Path, reader: Any) -> None:
    tab = reader.open(hostile)
    one = card(tab, "products")
    unfold(one)
    cell = one.locator("tbody th", has_text="txt.exe").first.locator("bdi")
    assert cell.evaluate("bdi => getComputedStyle(bdi).unicodeBidi") == "isolate"
    tab.goto((hostile / "report.html").as_uri() + "#product=%E2%80%AEtxt.exe")
    legend = card(tab, "products").locator(".legend bdi")
    expect(legend).to_have_text("\u202etxt.exe")
    assert drawn(tab, "products")[0]["labels"] == ["\u2068\u202etxt.exe\u2069"]


@pytest.mark.parametrize("width", sweep([390, 1280], 0))
def test_names_of_5000_characters_leave_the_layout_intact(
    width: int, many: Path, hostile: Path, reader: Any
) -> None:
    for report in (many, hostile):
        tab = reader.open(report, width=width)
        use_everything(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tall = "all => Math.max(...all.map((one) => one.getBoundingClientRect().height))"
        assert tab.locator("main tbody:not([aria-hidden]) tr").evaluate_all(tall) < 200
        assert tab.locator(".page-head").evaluate("one => one.getBoundingClientRect().height") < 260


@pytest.mark.slow
def test_ten_thousand_categories_are_counted_listed_and_searched(many: Path, reader: Any) -> None:
    tab = reader.open(many)
    one = card(tab, "geographical_spread")
    assert one.locator("[role=status]").inner_text() == "10,000 countries / regions in total"
    assert one.locator("tbody tr").count() == 100
    one.get_by_role("searchbox").fill("value 9876")
    assert one.locator("tbody tr").count() == 1
    assert card(tab, "adds_and_churns").locator("option").count() == 10_001
    assert len(drawn(tab, "distribution")[0]["y"]) == 10
    tab.locator("details.menu summary", has_text="Markets").click()
    menu = tab.locator("details.menu[open]")
    assert menu.locator("label").count() == 100
    assert menu.locator(".sheet > p").inner_text() == "9,900 more; search to find them"
    menu.get_by_role("searchbox").fill("value 777")
    menu.get_by_label("value 7777", exact=True).check()
    assert tab.locator("[data-metric=current_customers] .big").inner_text() == "1"
