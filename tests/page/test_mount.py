"""A report is mounted into any element, as often as one likes, and goes without a trace."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from insights_lib.page.assets import packed, plotly, text_of
from insights_lib.presentation.language import Language
from insights_lib.presentation.offline import BUNDLED_TRACES
from insights_lib.presentation.world import world_shapes
from tests.page.test_bundle import bundled
from tests.support.browser import report_of
from tests.support.rows import seats_row, usage_row

pytestmark = pytest.mark.browser

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
BIG = "[data-metric=current_customers] .big"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a document with two empty elements, in which a report can be mounted."""
    folder = tmp_path_factory.mktemp("document")
    seats = [
        seats_row(month, str(n), Product=("Office 365", "Azure")[n % 3 == 0])
        for month in MONTHS
        for n in range(90)
    ]
    usage = [usage_row(month, "7") for month in MONTHS]
    report = report_of(folder, {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage})
    page = (report / "report.html").read_text(encoding="utf-8")
    (content,) = re.findall('id="content">([^<]*)<', page)
    blocks = {
        "content": content,
        "world": packed(world_shapes()),
        "plotly": packed(plotly(BUNDLED_TRACES)),
        "style": packed(text_of("page.min.css")),
    }
    script = bundled(Path(__file__).parent / "mounted.js")
    data = [
        f'<script type="text/plain" id="{name}">{text}</script>' for name, text in blocks.items()
    ]
    (folder / "report.html").write_text(
        f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Two reports</title>
        <style>{text_of("page.min.css")}</style><div id="one"></div><div id="two"></div>
        {"".join(data)}<script type="module">{script}</script></html>""",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def tab(document: Path, reader: Any) -> Page:
    opened: Page = reader.tests(document)
    return opened


def mount(tab: Page, place: str, content: dict[str, Any] | None = None) -> None:
    tab.evaluate("([place, content]) => tests.mount(place, content)", [place, content or {}])


def choose_azure(tab: Page, place: str) -> None:
    one = tab.locator(f"#{place}")
    one.locator(".menu summary").first.click()
    one.get_by_label("Azure", exact=True).check()


def test_two_reports_in_one_document_are_filtered_each_by_itself(tab: Page) -> None:
    mount(tab, "one")
    mount(tab, "two", {"locale": "sv", "texts": Language("sv").texts})
    before = tab.locator("#two").inner_html()
    choose_azure(tab, "one")
    assert tab.locator(f"#one {BIG}").inner_text() == "30"
    assert tab.locator("#one .chips.applied li").first.inner_text() == "Product: Azure ✕"
    assert tab.locator("#two").inner_html() == before
    assert tab.locator(f"#two {BIG}").inner_text() == "90"
    assert tab.locator("#two h1").inner_text() == "Kunder"
    assert tab.evaluate("location.hash") == ""


def test_two_reports_share_neither_theme_nor_plotly_nor_ids(tab: Page) -> None:
    mount(tab, "one")
    mount(tab, "two")
    tab.locator("#one .theme").click()
    ground = "one => getComputedStyle(one).backgroundColor"
    assert tab.locator("#one .insights").evaluate(ground) == "rgb(27, 26, 25)"
    assert tab.locator("#two .insights").evaluate(ground) == "rgb(245, 245, 244)"
    inks = "plots => [...new Set(plots.map((plot) => plot.layout.font.color))]"
    assert tab.locator("#one .plot").evaluate_all(inks) == ["#f3f2f1"]
    assert tab.locator("#two .plot").evaluate_all(inks) == ["#323130"]
    ids = tab.locator("[id]").evaluate_all("all => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert tab.locator("svg[id$=tester]").count() == 2
    assert tab.evaluate("[typeof Plotly, typeof PlotlyGeoAssets]") == ["undefined"] * 2


def test_a_report_goes_without_a_trace(tab: Page) -> None:
    before = tab.evaluate("tests.traces()")
    mount(tab, "one")
    during = tab.evaluate("tests.traces()")
    assert during["globals"] == before["globals"]
    assert {"beforeprint", "afterprint", "change", "keydown"} <= set(during["listeners"])
    assert during["observers"] == 1
    choose_azure(tab, "one")
    tab.locator("#one .theme").click()
    tab.locator("#one .plot").first.hover()
    tab.locator("#one tbody button.pick").first.click()
    tab.evaluate("dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'))")
    tab.evaluate("tests.destroy('one')")
    assert tab.evaluate("tests.traces()") == before


def test_what_is_left_in_the_document_works_on_when_another_goes(tab: Page) -> None:
    mount(tab, "one")
    mount(tab, "two")
    tab.evaluate("tests.destroy('one')")
    choose_azure(tab, "two")
    assert tab.locator(f"#two {BIG}").inner_text() == "30"
    flows = tab.locator("#two [data-card=adds_and_churns]")
    flows.locator(".legend button", has_text="Existing").click()
    assert flows.locator(".plot").evaluate("plot => plot.data[0].y") == [None, *[30] * 5]
    tab.set_viewport_size({"width": 700, "height": 900})
    tab.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")
    widths = "plot => plot.querySelector('.main-svg').clientWidth - plot.clientWidth"
    assert flows.locator(".plot").evaluate(widths) == 0


def test_a_report_that_goes_before_its_charts_are_drawn_draws_none(tab: Page) -> None:
    before = tab.evaluate("tests.traces()")
    tab.evaluate("() => { const ready = tests.mount('one'); tests.destroy('one'); return ready; }")
    assert tab.evaluate("tests.traces()") == before


def test_a_report_works_in_a_shadow_root(tab: Page) -> None:
    tab.evaluate("tests.addShadow('one')")
    before = tab.evaluate("document.body.childElementCount")
    mount(tab, "one")
    choose_azure(tab, "one")
    assert tab.locator("#one details.menu[open]").count() == 1  # a click within leaves it open
    assert tab.locator(f"#one {BIG}").inner_text() == "30"
    tab.keyboard.press("Escape")
    expect(tab.locator("#one .menu summary").first).to_be_focused()
    assert tab.locator("#one details.menu[open]").count() == 0
    # Plotly's rules are those of the report's style sheet, not of the document's head.
    drawing = tab.locator("#one .plot .main-svg").first
    assert drawing.evaluate("one => getComputedStyle(one).position") == "absolute"
    assert tab.locator("head style").count() == 1
    tabs = tab.locator("#one [data-card=distribution] [role=tab]")
    tabs.first.focus()
    tabs.first.press("ArrowRight")
    expect(tabs.nth(1)).to_be_focused()
    tab.evaluate("tests.destroy('one')")
    assert tab.locator("#one .insights").count() == 0
    assert tab.evaluate("document.body.childElementCount") == before
