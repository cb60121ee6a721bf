"""The report as a widget, in a document that is a notebook's front end in small."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from insights_lib.analysis.explorer import Explorer, explore
from tests.page.test_bundle import bundled
from tests.support.browser import click_on
from tests.support.rows import fill_store, seats_row, usage_row

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
BIG = "[data-metric=current_customers] .big"
DARK, LIGHT = "rgb(27, 26, 25)", "rgb(245, 245, 244)"
GROUND = "one => getComputedStyle(one).backgroundColor"


def store_in(folder: Path) -> Path:
    """Two partners: of partner 1, every third of ninety customers has Azure; in nine segments."""
    seats = [
        seats_row(
            month, str(n), Product=("Office 365", "Azure")[n % 3 == 0], CustomerSegment=str(n % 9)
        )
        for month in MONTHS
        for n in range(90)
    ]
    seats += [seats_row(month, "z", PGAMpnId="2", PartnerLocation="Oslo") for month in MONTHS]
    usage = [usage_row(month, "7") for month in MONTHS]
    return fill_store(folder, {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage})


def told(explorer: Explorer) -> dict[str, Any]:
    content = base64.b64encode(explorer._content).decode()
    return {"content": content, "asked": explorer._asked}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a document with two empty cells, in which widgets can be shown."""
    folder = tmp_path_factory.mktemp("document")
    options = {"months": "last_6_months", "as_of": "2025-08-01", "store": store_in(folder)}
    one = explore("1", **options)
    reports = {
        "one": told(one),
        "two": told(explore("2", **options)),
        "counts": told(explore("1", role="report_viewer", **options)),
    }
    library = base64.b64encode(one._library).decode()
    state = json.dumps({"library": library, "reports": reports}).replace("<", "\\u003c")
    (folder / "report.html").write_text(
        f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>A notebook</title>
        <style>body * {{ color: rgb(255, 0, 0); font-size: 40px; display: block }}
        .menu, h1 {{ display: none }}</style>
        <body data-jp-theme-light="true"><p id="outside">A cell</p>
        <div id="a"></div><div id="b"></div>
        <script type="text/plain" id="state">{state}</script>
        <script type="module">{bundled(Path(__file__).parent / "widgeted.js")}</script></html>""",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def tab(document: Path, reader: Any) -> Page:
    opened: Page = reader.tests(document)
    return opened


def show(tab: Page, cell: str = "a", report: str = "one") -> Any:
    tab.evaluate("([cell, report]) => tests.show(cell, report)", [cell, report])
    place = tab.locator(f"#{cell}")
    place.locator(".insights[data-whole]").wait_for()
    return place


def choose_azure(place: Any) -> None:
    place.locator(".menu summary").first.click()
    place.get_by_label("Azure", exact=True).check()


def select(tab: Page, selection: dict[str, Any]) -> None:
    """Python sets the selection."""
    tab.evaluate("selection => tests.models.a.set('selection', selection)", selection)


def test_what_a_reader_chooses_is_the_selection(tab: Page) -> None:
    place = show(tab)
    choose_azure(place)
    place.get_by_label("From month").nth(1).select_option("2025-03")
    assert place.locator(BIG).inner_text() == "30"
    chosen = {"product": ["Azure"], "from": "2025-03", "to": "2025-06"}
    assert tab.evaluate("tests.models.a.saved") == [{"product": ["Azure"]}, chosen]


def test_the_page_follows_the_selection_and_says_nothing_back(tab: Page) -> None:
    place = show(tab)
    select(tab, {"product": ["Azure"], "from": "2025-02", "to": "2025-04"})
    assert place.locator(BIG).inner_text() == "30"
    chips = place.locator(".chips.applied li").all_inner_texts()
    assert chips[:2] == ["Feb 2025 – Apr 2025 ✕", "Product: Azure ✕"]
    select(tab, {})
    assert place.locator(BIG).inner_text() == "90"
    assert tab.evaluate("tests.models.a.saved") == []


def test_a_number_that_is_opened_tells_who_is_behind_it(tab: Page) -> None:
    place = show(tab)
    choose_azure(place)
    tab.keyboard.press("Escape")
    place.locator(f"{BIG} button").click()
    [said] = tab.evaluate("tests.models.a.sent")
    assert said["picked"]["what"] == "current in Jun 2025"
    assert said["picked"]["mark"] == {"what": "current", "months": ["2025-06"]}
    assert len(set(said["picked"]["customers"])) == 30
    assert said["picked"]["beside"] == {}
    assert place.locator("dialog[open] .drawer-what").inner_text().startswith("current in Jun 2025")
    place.get_by_role("button", name="Back to the report").click()
    assert tab.evaluate("tests.models.a.saved") == [{"product": ["Azure"]}]


def test_flows_tell_the_month_of_each_customer(tab: Page) -> None:
    place = show(tab)
    place.locator("[data-card=adds_and_churns] summary", has_text="Table").click()
    place.locator("[data-card=adds_and_churns] .opens").first.click()
    [said] = tab.evaluate("tests.models.a.sent")
    assert said["picked"]["mark"] == {"what": "existing", "months": ["2025-02"]}
    assert said["picked"]["beside"] == {"month": ["2025-02"] * 90}


def test_values_drawn_together_tell_the_value_of_each_customer(tab: Page) -> None:
    card = show(tab).locator("[data-card=distribution_trend]")
    card.get_by_role("tab", name="Customer segment").click()
    bar = card.locator(".barlayer .trace").last.locator(".point path").first
    click_on(tab, bar)
    [said] = tab.evaluate("tests.models.a.sent")
    assert said["picked"]["mark"]["what"] == "others"
    assert sorted(said["picked"]["beside"]["value"]) == ["7"] * 10 + ["8"] * 10
    assert len(said["picked"]["customers"]) == 20


def test_who_sees_counts_only_can_open_nothing(tab: Page) -> None:
    place = show(tab, report="counts")
    assert place.locator(BIG).inner_text() == "90"
    assert place.locator(".opens").count() == 0
    assert place.locator("[data-card=signals] tbody tr").count() == 6


def test_another_partner_is_asked_for_and_shown(tab: Page) -> None:
    place = show(tab)
    place.get_by_label("Partner", exact=True).and_(place.locator("select")).select_option("2")
    assert tab.evaluate("tests.models.a.sent") == [
        {"open": {"partner": "2", "date_range": "last_6_months"}}
    ]
    assert place.locator(".said").inner_text() == "Opening …"
    sentence = "partner 2: the store holds nothing of it."
    tab.evaluate("answer => tests.models.a.tell('msg:custom', { answer })", sentence)
    assert place.locator(".said").inner_text() == sentence
    tab.evaluate("tests.change('a', 'two')")
    expect(place.locator(BIG)).to_have_text("1")
    expect(place.locator(".said")).to_be_hidden()
    assert place.locator(".insights:not(.bar)").count() == 1


def test_months_of_ones_own_are_asked_for_once_they_are_others(tab: Page) -> None:
    place = show(tab)
    place.get_by_label("Period").and_(place.locator("select")).select_option("Other months")
    assert tab.evaluate("tests.models.a.sent") == []
    place.locator(".bar").get_by_label("To month").select_option("2025-04")
    assert tab.evaluate("tests.models.a.sent") == [
        {"open": {"partner": "1", "date_range": "2025-01_2025-04"}}
    ]


def test_style_leaks_neither_in_nor_out(tab: Page) -> None:
    outside = tab.locator("#outside")
    look = """one => [getComputedStyle(one).color, getComputedStyle(one).fontSize,
        one.getBoundingClientRect().height, getComputedStyle(document.body).backgroundColor]"""
    before = outside.evaluate(look)
    place = show(tab)
    assert outside.evaluate(look) == before
    title = place.locator("h1")
    assert title.evaluate("one => getComputedStyle(one).display") == "block"
    assert title.evaluate("one => getComputedStyle(one).color") == "rgb(50, 49, 48)"
    assert place.locator(".menu").first.is_visible()


def test_the_theme_around_is_followed_and_ends_the_readers_choice(tab: Page) -> None:
    place = show(tab)
    report, bar = place.locator(".insights").nth(1), place.locator(".bar")
    assert report.evaluate(GROUND) == LIGHT
    tab.evaluate("document.body.dataset.jpThemeLight = 'false'")
    expect(report).to_have_attribute("data-theme", "dark")
    assert report.evaluate(GROUND) == DARK
    assert bar.evaluate(GROUND) == "rgb(37, 36, 35)"
    inks = "plots => [...new Set(plots.map((plot) => plot.layout.font.color))]"
    assert place.locator(".plot").evaluate_all(inks) == ["#f3f2f1"]
    place.locator(".theme").click()
    assert report.evaluate(GROUND) == LIGHT
    tab.evaluate("document.body.dataset.jpThemeLight = 'true'")
    tab.evaluate("document.body.dataset.jpThemeLight = 'false'")
    expect(report).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize(("name", "theme"), [("vscode-dark", "dark"), ("vscode-light", "light")])
def test_the_theme_of_vs_code_is_that_of_the_report(tab: Page, name: str, theme: str) -> None:
    tab.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    tab.evaluate("delete document.body.dataset.jpThemeLight")
    tab.evaluate("name => { document.body.className = name; }", name)
    place = show(tab)
    expect(place.locator(".insights").nth(1)).to_have_attribute("data-theme", theme)


def test_two_widgets_are_filtered_each_by_itself(tab: Page) -> None:
    first, second = show(tab, "a"), show(tab, "b", "two")
    choose_azure(first)
    assert first.locator(BIG).inner_text() == "30"
    assert second.locator(BIG).inner_text() == "1"
    assert tab.evaluate("tests.models.b.saved") == []


def test_a_widget_goes_without_a_trace(tab: Page) -> None:
    before = tab.evaluate("tests.traces()")
    place = show(tab)
    assert tab.evaluate("tests.traces()")["observers"] == 2  # of its width, and of the theme
    choose_azure(place)
    tab.evaluate("tests.change('a', 'two')")
    expect(place.locator(BIG)).to_have_text("1")
    assert tab.evaluate("tests.remove('a')") == 0
    assert tab.evaluate("tests.traces()") == before


def test_a_widget_that_goes_at_once_leaves_nothing(tab: Page) -> None:
    before = tab.evaluate("tests.traces()")
    assert tab.evaluate("tests.show('a', 'one'), tests.remove('a')") == 0
    show(tab, "b")
    tab.evaluate("tests.remove('b')")
    assert tab.evaluate("tests.traces()") == before


def test_what_is_typed_is_no_shortcut_of_the_notebook(tab: Page) -> None:
    place = show(tab)
    assert place.get_attribute("data-lm-suppress-shortcuts") == "true"
