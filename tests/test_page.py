"""The page as a reader has it: in a real browser, from disk, with the network off."""

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from shutil import which
from typing import Any

import nbformat
import pytest
from conftest import fill_store, seats_row, usage_row
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Browser, Page, expect, sync_playwright

from insights_lib.errors import ReportError
from insights_lib.page import read_report
from insights_lib.parameters import ReportSpec
from insights_lib.runner import Settings, run_reports

SCREENSHOTS = Path(__file__).parent / "screenshots"
SECTIONS = (
    "01_summary",
    "02_geographical_spread",
    "03_adds_and_churns",
    "04_customer_distribution",
    "05_customers_by_products",
    "06_distribution_trend",
    "07_active_customers",
)
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<b>x</b>",
    '<a href="https://example.com">x</a>',
    "{{7*7}}",
    "%{x}",
    "<img src=x onerror=alert(3)>",
    "a &amp; b",
    "=1+1",
)


def report_of(folder: Path, datasets: Any, locale: str) -> Path:
    """Render partner `1` for the first half of 2025 and return the report's folder."""
    store = fill_store(folder, datasets)
    spec = ReportSpec(
        partner="1",
        date_range="2025-01_2025-06",
        as_of=date(2025, 8, 1),
        locale=locale,
        store=store,
    )
    settings = Settings(folder / "outputs", jobs=2, section_timeout=120)
    (outcome,) = run_reports([spec], settings, lambda _: None)
    assert not outcome.failures
    assert outcome.folder
    return outcome.folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with plain names: 2,000 customers who arrive month by month, in three markets."""
    months = [f"2025-{m:02d}" for m in range(1, 7)]
    markets = ("Sweden", "Norway", "Atlantis")
    seats = [
        seats_row(month, f"{n}", CustomerMarket=markets[n % 3], Product=("O365", "Azure")[n % 2])
        for m, month in enumerate(months)
        for n in range(1000 + 200 * m)
    ]
    usage = [usage_row(month, "7") for month in months[:-1]]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}
    return report_of(tmp_path_factory.mktemp("plain"), datasets, "sv")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which every text that data brings is hostile."""
    columns = (
        *("CustomerName", "Product", "SKU", "CustomerMarket", "CustomerSegment"),
        *("PartnerLocation", "PartnerAttributionType", "SalesChannel", "PricingLevel"),
    )
    seats = [
        seats_row(f"2025-{m:02d}", str(n), **dict.fromkeys(columns, name))
        for m in range(1, 7)
        for n, name in enumerate(HOSTILE)
    ]
    profile = [
        {"MPNId": "11", "PGA_MPNId": "1", "PGA_PartnerName": HOSTILE[1], "Country": "Sweden"}
    ]
    datasets = {"Profile": profile, "SeatsSubscriptionsAndRevenue": seats}
    return report_of(tmp_path_factory.mktemp("hostile"), datasets, "en")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(which, names)))
    quiet = ("--disable-background-networking", "--disable-component-update", "--no-first-run")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Any]:
    """A function that opens a report offline; whatever goes wrong in the page fails the test."""
    wrong: list[str] = []
    context = browser.new_context(offline=True, locale="en-GB")

    def open_report(report: Path, width: int = 1280) -> Page:
        tab = context.new_page()
        tab.set_viewport_size({"width": width, "height": 900})
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        tab.on("request", lambda asked: wrong.append(asked.url) if asked.url != uri else None)
        uri = (report / "report.html").as_uri()
        tab.goto(uri)
        return tab

    yield open_report
    context.close()
    assert wrong == []


def draw_all(tab: Page) -> None:
    """Scroll through the page until every chart is drawn, and open every table."""
    for chart in tab.locator("[data-figure]").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for(state="attached")
    for details in tab.locator("article > details").all():
        details.evaluate("element => { element.open = true; }")
    for table in tab.locator("[data-table]").all():
        table.locator("table").wait_for()


def rows_of(report: Path, table: str) -> list[dict[str, str]]:
    with (report / "data" / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_section_shows_its_charts_and_tables_offline(plain: Path, opened: Any) -> None:
    tab = opened(plain)
    draw_all(tab)
    assert [s.get_attribute("id") for s in tab.locator("main > section").all()] == list(SECTIONS)
    assert tab.locator("[data-figure] .main-svg").count() >= 6
    SCREENSHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SCREENSHOTS / "desktop.png", full_page=True)


def test_the_map_draws_the_countries_it_knows(plain: Path, opened: Any) -> None:
    tab = opened(plain)
    draw_all(tab)
    assert tab.locator(".choroplethlayer path").count() == 2
    markets = tab.locator("[data-table=geographical_spread] tbody tr td:first-child")
    assert set(markets.all_inner_texts()) == {"Sweden", "Norway", "Atlantis"}


def test_the_page_fits_a_phone(plain: Path, opened: Any) -> None:
    tab = opened(plain, width=390)
    draw_all(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.screenshot(path=SCREENSHOTS / "phone.png", full_page=True)


def test_the_cards_show_the_numbers_of_the_tables(plain: Path, opened: Any) -> None:
    tab = opened(plain)
    summary = {row["metric"]: row["value"] for row in rows_of(plain, "summary")}
    assert summary["current_customers"] == "2000"
    big = tab.locator("[data-metric=current_customers] .big")
    assert big.inner_text() == "2\N{NO-BREAK SPACE}tn"
    assert big.get_attribute("title") == "2\N{NO-BREAK SPACE}000"
    growth = tab.locator("[data-metric=current_customers] .growth")
    assert growth.inner_text() == "▲ +100,00\N{NO-BREAK SPACE}%"


def test_an_unknown_number_is_a_dash_with_its_reason(plain: Path, opened: Any) -> None:
    tab = opened(plain)
    draw_all(tab)
    last = tab.locator("[data-table=active_customers] tbody tr:last-child td").nth(1)
    assert last.inner_text() == "–"
    assert last.get_attribute("title")


def test_a_column_head_sorts_its_table_both_ways(plain: Path, opened: Any) -> None:
    tab = opened(plain)
    draw_all(tab)
    table = tab.locator("[data-table=geographical_spread]")
    head = table.locator("th button").first
    head.click()
    markets = table.locator("tbody tr td:first-child")
    assert markets.all_inner_texts() == ["Atlantis", "Norway", "Sweden"]
    head.click()
    assert markets.all_inner_texts() == ["Sweden", "Norway", "Atlantis"]


def test_a_tab_shows_its_own_part_of_the_chart(plain: Path, opened: Any) -> None:
    tab = opened(plain)
    draw_all(tab)
    card = tab.locator("[data-card=adds_and_churns]")
    visible = "element => element._fullData.filter(t => t.visible === true).map(t => t.y[5])"
    chart = card.locator("[data-figure]")
    assert chart.evaluate(visible) == [1800, 200, 0]
    card.locator(".tabs button", has_text="Azure").click()
    assert chart.evaluate(visible) == [900, 100, 0]


def test_the_fixed_text_follows_the_locale(plain: Path, opened: Any) -> None:
    tab = opened(plain)
    assert tab.locator("html").get_attribute("lang") == "sv"
    assert tab.locator("h1").inner_text() == "Kunder"
    assert tab.locator("#\\30 1_summary h2").inner_text() == "Sammanfattning"


def test_plotly_is_in_the_file_once_and_nothing_points_outside(plain: Path) -> None:
    text = (plain / "report.html").read_text(encoding="utf-8")
    assert text.count("* plotly.js v") == 1
    markup = text.split('<script type="application/json" id="content">')[0]
    assert "http" not in markup.replace("http-equiv", "")
    assert 'src="' not in markup


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_as_it_is(name: str, hostile: Path, opened: Any) -> None:
    tab = opened(hostile)
    draw_all(tab)
    cells = tab.locator("[data-table=distribution] tbody td").all_inner_texts()
    assert cells.count(name) == 5
    assert name in tab.locator("[data-card=adds_and_churns] .tabs").evaluate(
        "tabs => [...tabs.querySelectorAll('button')].map(button => button.textContent)"
    )
    labels = tab.locator("[data-figure=distribution] .ytick text").all_text_contents()
    legend = tab.locator("[data-figure=distribution] .legendtext").all_text_contents()
    assert name in labels
    assert name in legend


def test_a_hostile_name_in_a_hover_is_shown_as_it_is(hostile: Path, opened: Any) -> None:
    tab = opened(hostile)
    draw_all(tab)
    chart = tab.locator("[data-figure=distribution]")
    for number, name in enumerate(sorted(HOSTILE)):
        point = {"curveNumber": number, "pointNumber": 0}
        chart.evaluate("(element, point) => Plotly.Fx.hover(element, [point])", point)
        expect(chart.locator(".hoverlayer text").first).to_contain_text(name)


def test_hostile_names_make_no_element(hostile: Path, opened: Any) -> None:
    tab = opened(hostile)
    draw_all(tab)
    assert tab.locator("a[href*='example.com'], img, main b, iframe").count() == 0
    assert tab.locator("svg a").count() == 0
    assert HOSTILE[1] in tab.locator(".partner").inner_text()
    assert HOSTILE[1] in tab.title()


def test_csv_cells_that_a_spreadsheet_would_run_are_inert(hostile: Path) -> None:
    values = {row["value"] for row in rows_of(hostile, "distribution")}
    assert values == {*HOSTILE[:-1], "'=1+1"}


def executed(*outputs: Any, count: int | None = 1) -> nbformat.NotebookNode:
    cell = new_code_cell("x", execution_count=count, outputs=list(outputs))
    return new_notebook(cells=[new_markdown_cell("# Title"), cell])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (executed(count=None), "section 01: cell 2 was not run to its end"),
        (executed(new_output("error", ename="SystemExit", evalue="0")), "cell 2 failed with Sys"),
        (executed(), "section 01: it opened no report"),
    ],
)
def test_an_unfinished_notebook_makes_no_page(
    content: nbformat.NotebookNode, reason: str, tmp_path: Path
) -> None:
    nbformat.write(content, tmp_path / "01.ipynb")
    with pytest.raises(ReportError, match=reason):
        read_report(tmp_path)
