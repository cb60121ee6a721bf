"""The page for everybody: accessible, light and dark, on a phone and on paper."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import SCREENSHOTS, axe_violations, card, drawn, report_of
from tests.support.pdf import pages_of
from tests.support.rows import seats_row, usage_row
from tests.support.sweeps import sweep

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
CHARTS = 9


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with more values of everything than charts and tabs show one by one."""
    seats = [
        seats_row(
            month,
            f"{n}",
            CustomerMarket=("Sweden", "Norway", "Chad", "Peru", "Fiji", "Japan")[n % 6],
            Product=f"Product {n % 13}",
            SKU=f"Microsoft 365 Business Plan {n % 29}",
            PartnerLocation=f"Place {n % 12}",
            SalesChannel=("CSP", "EA")[n % 2],
        )
        for m, month in enumerate(MONTHS)
        for n in range(400 + 50 * m)
    ]
    usage = [usage_row(month, f"{n}") for month in MONTHS[:-1] for n in range(100)]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}
    return report_of(tmp_path_factory.mktemp("report"), datasets)


@pytest.mark.parametrize(
    ("width", "scheme"),
    sweep([(390, "dark"), (1280, "light"), (390, "light"), (1280, "dark")]),
)
def test_axe_finds_nothing(scheme: str, width: int, report: Path, reader: Any) -> None:
    tab = reader.open(report, "#sales_channel=CSP", width, color_scheme=scheme, bypass_csp=True)
    tab.locator(".data-table").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    card(tab, "customers").scroll_into_view_if_needed()
    card(tab, "customers").locator("tbody th").first.wait_for()
    overlays = ".tip:last-of-type, details.menu:last-of-type"
    tab.locator(overlays).evaluate_all(
        "all => all.slice(-2).forEach((one) => { one.open = true; })"
    )
    tab.screenshot(path=SCREENSHOTS / f"{scheme}-{width}.png", full_page=True)
    assert axe_violations(tab) == []


@pytest.mark.parametrize("width", sweep([390, 1280]))
def test_axe_finds_nothing_in_an_open_list(width: int, report: Path, reader: Any) -> None:
    tab = reader.open(report, "#list=current&list.months=2025-06", width, bypass_csp=True)
    tab.locator("dialog[open] tbody th").first.wait_for()
    tab.screenshot(path=SCREENSHOTS / f"list-{width}.png")
    assert axe_violations(tab) == []


def test_each_chart_has_a_name_and_a_sentence_of_its_data(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    charts = tab.locator(".plots").all()
    assert len(charts) == CHARTS
    for chart in charts:
        assert chart.get_attribute("role") == "img"
        assert len(chart.get_attribute("aria-label")) > 5
        described = chart.get_attribute("aria-describedby").split()
        sentence, hint = (tab.locator(f"[id='{name}']").text_content() for name in described)
        assert hint == "Press T for the table."
        assert sentence.endswith(".")
        # These exports tell of neither ends nor seats.
        is_known = "not in these exports" not in sentence
        assert any(character.isdigit() for character in sentence) == is_known


def test_sentences_tell_what_the_charts_show(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    percent = "\N{NO-BREAK SPACE}%"
    expected = {
        # 650 customers in June, of whom each sixth is in a market; one more in the first two.
        "geographical_spread": "Current customers: Norway has the most, 109 "
        f"(16.8{percent}), of 6 countries / regions.",
        "adds_and_churns": "Added: 250; churned: 0; the most were added in Feb 2025, 50.",
        "distribution": f"Place 0 has the most customers, 55 (8.5{percent}), of 12 values.",
        "products": f"Product 0 has the most customers, 50 (7.7{percent}), of 13 values.",
        "active_customers": f"In May 2025, 100 of 600 customers were active (16.7{percent}).",
    }
    for name, sentence in expected.items():
        assert card(tab, name).locator(".sentence").inner_text() == sentence


def test_the_chart_of_skus_tells_how_many_it_shows_and_shows_the_rest(
    report: Path, reader: Any
) -> None:
    tab = reader.open(report, width=390)
    one = card(tab, "products")
    title = one.locator(".plot-title").last
    assert title.inner_text() == "All products · 10 of 377 SKUs"
    names = drawn(tab, "products", plot=1)[0]["y"]
    assert all(re.fullmatch(r"Microsof.* Plan \d+( \(\d+\))?", name) for name in names)
    one.get_by_role("button", name="Show the rest").click()
    assert title.inner_text() == "All products · 60 of 377 SKUs"
    assert len(drawn(tab, "products", plot=1)[0]["y"]) == 60
    ring = "({data: [ring], layout}) => [ring.text[0], layout.annotations[0].text]"
    shown = one.locator(".plot").first.evaluate(ring)
    assert shown == ["50", "<b>650</b><br>Customers"]


def test_colours_mean_something(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    one = card(tab, "distribution")
    assert one.locator(".legend button").count() == 0
    fills = "({data: [bars, trends]}) => [typeof bars.marker.color, trends.xaxis, trends.fill]"
    assert one.locator(".plot").evaluate(fills) == ["string", "x2", "toself"]
    trend = card(tab, "distribution_trend")
    trend.get_by_role("tab", name="Product").click()
    colors = trend.locator(".plot").evaluate("({data}) => data.map(({marker}) => marker.color)")
    assert len(set(colors)) == len(colors) == 8
    assert colors[-1] == "#949290"
    assert trend.locator(".legend button").last.inner_text() == "6 others"


def test_flows_can_be_stacked_on_those_who_stayed(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    one = card(tab, "adds_and_churns")
    one.get_by_role("button", name="Stack on existing customers").click()
    assert [trace["name"] for trace in drawn(tab, "adds_and_churns")] == [
        *("Existing", "Added", "Churned")
    ]
    one.get_by_role("button", name="Added and churned alone").click()
    assert len(drawn(tab, "adds_and_churns")) == 2


def test_every_control_shows_the_focus(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    for _ in range(60):
        tab.keyboard.press("Tab")
        focused = tab.evaluate(
            """() => {
                const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                return [document.activeElement.outerHTML.slice(0, 80), outlineStyle, outlineWidth];
            }"""
        )
        assert focused[1:] == ["solid", "2px"], focused[0]


def test_motion_is_left_out_for_those_who_ask_for_it(report: Path, reader: Any) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert reader.open(report, reduced_motion="reduce").evaluate(behaviour) == "auto"
    assert reader.open(report, reduced_motion="no-preference").evaluate(behaviour) == "smooth"


@pytest.mark.parametrize("scheme", sweep(["light", "dark"]))
def test_paper_shows_everything_but_controls(scheme: str, report: Path, reader: Any) -> None:
    width = {"light": 1280, "dark": 390}[scheme]
    tab = reader.open(report, width=width, color_scheme=scheme)
    file = SCREENSHOTS / f"print-{scheme}.pdf"
    tab.pdf(path=file, prefer_css_page_size=True)
    pages = pages_of(file)
    assert len(pages) <= 7
    titles = tab.locator("section h2").all_inner_texts()
    assert [title for title in titles if not any(title in page for page in pages)] == []
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    for control in (
        "button:not(.legend button):not(table button):not(.opens)",
        "select",
        "input",
        ".tip",
    ):
        assert [one for one in tab.locator(control).all() if one.is_visible()] == []
    ink = card(tab, "distribution").locator(".plot").evaluate("plot => plot.layout.font.color")
    assert ink == "#323130"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    drawn = "plot => plot.querySelector('.main-svg').viewBox.baseVal.width"
    assert card(tab, "adds_and_churns").locator(".plot").evaluate(drawn) > 900
    essentials = card(tab, "distribution").locator(".print-only li").all_inner_texts()
    assert [text.split(" – ")[0] for text in essentials] == [
        *("Partner location", "Customer segment", "Sales channel"),
        *("Pricing model", "Partner attribution"),
    ]
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    tab.emulate_media(media="screen")
    after = {"light": "#323130", "dark": "#f3f2f1"}[scheme]
    ink = card(tab, "distribution").locator(".plot").evaluate("plot => plot.layout.font.color")
    assert ink == after


def test_a_table_on_paper_has_its_head_on_each_sheet(tmp_path: Path, reader: Any) -> None:
    seats = [
        seats_row(MONTHS[-1], str(n), CustomerMarket=f"Land {n:02d}", CustomerName=f"Name {n:02d}")
        for n in range(90)
    ]
    tab = reader.open(report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats}))
    file = tmp_path / "paper.pdf"
    tab.pdf(path=file, prefer_css_page_size=True)
    pages = pages_of(file)
    for head, rows, sheets in (
        ("Market Current customers Active customers New customers", r"Land \d\d 1 1.1", 2),
        ("Customer name", r"Name \d\d", 1),
    ):
        with_rows = [page for page in pages if re.search(rows, page)]
        assert [page for page in with_rows if head not in page] == []
        assert len(with_rows) >= sheets
