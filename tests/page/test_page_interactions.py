"""What a reader can do with the page, by mouse, by touch and by keyboard."""

import codecs
import csv
import io
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from insights_lib.page.sections import read_report
from insights_lib.run.also import write_also
from tests.support.browser import SCREENSHOTS, action, card, downloaded, drawn, ready, report_of
from tests.support.processes import wait_for
from tests.support.rows import seats_row, usage_row
from tests.support.workbooks import NAMES, Sheet, sheets_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
MARKETS = ("Brazil", "Sweden", "Norway", "Atlantis")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 customers and 100 more each month, in three countries and one that no map knows."""
    seats = [
        seats_row(
            month,
            f"{n}",
            CustomerMarket=MARKETS[n % 4],
            Product=("Office 365", "Azure")[n % 3 == 0],
            SKU=("=E3", "E5", "P1")[n % 3],
            PartnerLocation=("Oslo", "Bergen")[n % 2],
        )
        for m, month in enumerate(MONTHS)
        for n in range(600 + 100 * m)
    ]
    usage = [usage_row(month, f"{n}") for month in MONTHS[:-1] for n in range(10)]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}
    return report_of(tmp_path_factory.mktemp("report"), datasets)


@pytest.fixture
def tab(report: Path, reader: Any) -> Page:
    opened: Page = reader.open(report)
    return opened


def press(place: Any, key: str) -> None:
    place.focus()
    place.press(key)


def geo(tab: Page) -> Any:
    """Where the map is: zoom, longitude and latitude."""
    return (
        card(tab, "geographical_spread")
        .locator(".plot")
        .evaluate("({layout: {geo}}) => [geo.projection.scale, geo.center.lon, geo.center.lat]")
    )


def country(tab: Page, code: str) -> tuple[float, float]:
    """A place on the screen within the shape of a country."""
    at = card(tab, "geographical_spread").locator(".plot")
    at.scroll_into_view_if_needed()
    x, y = at.evaluate(
        """(plot, code) => {
            const index = plot.data[0].locations.indexOf(code);
            const shape = plot.querySelectorAll(".choroplethlayer path")[index];
            const box = shape.getBoundingClientRect();
            const back = shape.getScreenCTM().inverse();
            for (let i = 1; i < 400; i++) {
                const x = box.left + (box.width * ((i * 7) % 20)) / 20;
                const y = box.top + (box.height * (i % 20)) / 20;
                if (shape.isPointInFill(new DOMPoint(x, y).matrixTransform(back))) return [x, y];
            }
        }""",
        code,
    )
    return x, y


def test_a_tab_shows_its_own_part_of_the_chart(tab: Page) -> None:
    flows = card(tab, "adds_and_churns")
    assert [t["y"][5] for t in drawn(tab, "adds_and_churns")] == [100, 0]
    flows.get_by_role("tab", name="Azure").click()
    # A third of the customers, 0, 3, 6 … 999 and 0 … 1098.
    assert [t["y"][5] for t in drawn(tab, "adds_and_churns")] == [33, 0]
    assert "33 in Jan 2025" not in flows.locator(".sentence").inner_text()


def test_tabs_are_moved_along_by_arrow_keys(tab: Page) -> None:
    tabs = card(tab, "distribution").get_by_role("tab")
    press(tabs.first, "ArrowRight")
    assert tabs.nth(1).get_attribute("aria-selected") == "true"
    expect(tabs.nth(1)).to_be_focused()
    tabs.nth(1).press("End")
    assert tabs.last.get_attribute("aria-selected") == "true"
    tabs.last.press("ArrowRight")
    assert tabs.first.get_attribute("aria-selected") == "true"
    # Only the chosen one is a stop of the Tab key.
    assert [one.get_attribute("tabindex") for one in tabs.all()] == ["0", *["-1"] * 4]


@pytest.mark.parametrize("how", ["click", "Enter"])
def test_a_legend_entry_takes_its_part_off_the_chart_and_back(how: str, tab: Page) -> None:
    entry = card(tab, "adds_and_churns").locator(".legend button", has_text="Existing")
    # Flows can be seen; those who stayed would dwarf them.
    assert [trace["name"] for trace in drawn(tab, "adds_and_churns")] == ["Added", "Churned"]
    for names in (["Existing", "Added", "Churned"], ["Added", "Churned"]):
        entry.click() if how == "click" else press(entry, how)
        assert [trace["name"] for trace in drawn(tab, "adds_and_churns")] == names
        assert entry.get_attribute("aria-pressed") == str("Existing" in names).lower()


@pytest.mark.parametrize("name", ["adds_and_churns", "distribution_trend", "active_customers"])
def test_the_slider_above_a_time_chart_zooms_to_a_period(name: str, tab: Page) -> None:
    one = card(tab, name)
    first, last = one.locator("input[type=range]").all()
    above, below = one.locator(".period").bounding_box(), one.locator(".plot").bounding_box()
    assert above
    assert below
    assert above["y"] + above["height"] <= below["y"]
    press(first, "ArrowRight")
    press(last, "ArrowLeft")
    last.press("ArrowLeft")
    assert one.locator(".plot").evaluate("plot => plot.layout.xaxis.range") == [0.5, 3.5]
    assert one.locator("output").inner_text() == "Feb 2025 – Apr 2025"
    assert last.get_attribute("aria-valuetext") == "Apr 2025"
    # The table and the other charts still show every month.
    assert card(tab, "summary_trend").locator("tbody tr").count() == 6


def test_the_thumbs_of_the_slider_can_be_dragged(tab: Page) -> None:
    one = card(tab, "adds_and_churns")
    one.locator(".plot").scroll_into_view_if_needed()
    box = one.locator(".thumbs").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 10, y)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.6 * box["width"], y, steps=5)
    tab.mouse.up()
    assert one.locator("output").inner_text() == "Apr 2025 – Jun 2025"


def test_choosing_a_row_zooms_to_its_country_and_home_restores_the_world(tab: Page) -> None:
    one = card(tab, "geographical_spread")
    before = geo(tab)
    row = one.locator("tbody tr", has_text="Sweden")
    press(row.locator("button.pick"), "Enter")
    scale, longitude, latitude = geo(tab)
    assert scale > 3
    assert 10 < longitude < 25
    assert 55 < latitude < 70
    assert row.get_attribute("class") == "chosen"
    assert [trace["locations"] for trace in drawn(tab, "geographical_spread")][1] == ["SWE"]
    expect(row.locator("button.pick")).to_be_focused()
    one.get_by_role("button", name="Home").click()
    assert geo(tab) == before
    assert one.locator("tr.chosen").count() == 0


def test_a_market_that_the_map_does_not_know_can_be_marked_all_the_same(tab: Page) -> None:
    one = card(tab, "geographical_spread")
    before = geo(tab)
    one.locator("tbody button", has_text="Atlantis").click()
    assert one.locator("tr.chosen th").inner_text() == "Atlantis"
    row = one.locator("tr.chosen")
    assert row.evaluate("row => getComputedStyle(row).display") == "table-row"
    edge = "one => one.getBoundingClientRect().right"
    assert row.evaluate(edge) <= one.evaluate(edge)
    assert geo(tab) == before
    assert one.get_by_text("Not on the map").inner_text() == "Not on the map: Atlantis (275)."


def test_choosing_a_country_on_the_map_marks_its_row(tab: Page) -> None:
    tab.mouse.click(*country(tab, "BRA"))
    one = card(tab, "geographical_spread")
    expect(one.locator("tr.chosen th")).to_have_text("Brazil")
    assert geo(tab)[0] > 1


def test_countries_too_small_for_a_shape_are_dots_that_can_be_chosen(
    tmp_path: Path, reader: Any
) -> None:
    markets = ["Brazil", "Singapore", "Hong Kong SAR", "Malta", "Atlantis"]
    seats = [seats_row("2025-06", str(n), CustomerMarket=name) for n, name in enumerate(markets)]
    tab = reader.open(report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats}))
    one = card(tab, "geographical_spread")
    one.scroll_into_view_if_needed()
    assert one.locator(".choroplethlayer path").count() == 1
    dots = one.locator(".scattergeo path.point")
    shown = (
        "plot => plot.data[1].ids.map((id, i) => [id, plot.data[1].lon[i], plot.data[1].lat[i]])"
    )
    places = {code: at for code, *at in one.locator(".plot").evaluate(shown)}
    assert places == {"SGP": [103.8, 1.4], "HKG": [114.1, 22.4], "MLT": [14.4, 35.9]}
    box = dots.nth([*places].index("SGP")).bounding_box()
    assert box
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(one.locator("tr.chosen th")).to_have_text("Singapore")
    scale, longitude, latitude = geo(tab)
    assert scale > 3
    assert [longitude, latitude] == places["SGP"]
    head = one.locator("thead th").all_inner_texts()
    assert head == ["Market", "Current customers", "Active customers", "New customers"]
    assert one.locator("tr.chosen td").first.inner_text().split() == ["1", "20.0", "%"]


def test_a_tap_on_the_map_chooses_too(report: Path, reader: Any) -> None:
    tab = reader.open(report, width=390, has_touch=True, is_mobile=True)
    tab.touchscreen.tap(*country(tab, "BRA"))
    expect(card(tab, "geographical_spread").locator("tr.chosen th")).to_have_text("Brazil")


def test_hovering_over_a_country_shows_current_active_and_new_customers(tab: Page) -> None:
    x, y = country(tab, "BRA")
    tab.mouse.move(x, y)
    hover = card(tab, "geographical_spread").locator(".hoverlayer text").first
    expect(hover).to_contain_text("Brazil")
    lines = hover.locator("tspan").all_text_contents()
    # A quarter of 1,100; 0, 4 and 8 of the 10 who use something; a quarter of the 500 new ones.
    assert lines[-3:] == [
        "Current customers: 275 (25.0\N{NO-BREAK SPACE}%)",
        "Active customers: 3 (30.0\N{NO-BREAK SPACE}%)",
        "New customers: 125 (25.0\N{NO-BREAK SPACE}%)",
    ]


def test_a_shortened_number_is_exact_on_hover(tab: Page) -> None:
    big = tab.locator("[data-metric=current_customers] .big")
    assert (big.inner_text(), big.get_attribute("title")) == ("1.1K", "1,100")


def test_a_column_head_sorts_its_table_both_ways(tab: Page) -> None:
    one = card(tab, "geographical_spread")
    markets = one.locator("tbody th")
    one.locator("thead button").first.click()
    assert markets.all_inner_texts() == sorted(MARKETS)
    one.locator("thead button").first.click()
    assert markets.all_inner_texts() == sorted(MARKETS, reverse=True)
    for column in one.locator("thead button").all():
        column.click()
        assert column.locator("xpath=..").get_attribute("aria-sort")
    assert one.locator("th[aria-sort]").count() == 1


def test_other_months_begin_with_all_of_them_on_the_slider_and_on_the_chart(tab: Page) -> None:
    one = card(tab, "adds_and_churns")
    press(one.locator("input[type=range]").first, "ArrowRight")
    tab.get_by_label("From month", exact=True).select_option("2025-02")
    assert one.locator("output").inner_text() == "Feb 2025 – Jun 2025"
    assert one.locator(".plot").evaluate("plot => plot.layout.xaxis.range") == [-0.5, 4.5]


def test_a_drag_over_a_country_moves_the_map_and_chooses_nothing(tab: Page) -> None:
    x, y = country(tab, "BRA")
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 60, y + 10, steps=4)
    tab.mouse.move(x - 8, y, steps=4)
    tab.mouse.up()
    assert card(tab, "geographical_spread").locator("tr.chosen").count() == 0


def test_a_country_that_is_filtered_away_is_no_longer_on_the_map(tab: Page) -> None:
    card(tab, "geographical_spread").locator("tbody button", has_text="Sweden").click()
    assert geo(tab)[0] > 1
    tab.evaluate("location.hash = 'customer_market=Brazil'")
    ready(tab)
    assert geo(tab)[0] == 1
    # A single country has the colour of the most, at the end of the scale.
    scale = "({data: [map]}) => [map.zmin, map.zmax, map.z[0]]"
    low, high, brazil = card(tab, "geographical_spread").locator(".plot").evaluate(scale)
    assert (low, high) == (0, brazil)


def test_a_country_chosen_on_the_map_is_found_whatever_was_searched(
    tmp_path: Path, reader: Any
) -> None:
    markets = ["Brazil", *(f"Land {n}" for n in range(30))]
    seats = [seats_row("2025-06", str(n), CustomerMarket=name) for n, name in enumerate(markets)]
    tab = reader.open(report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats}))
    one = card(tab, "geographical_spread")
    one.get_by_role("searchbox").fill("land")
    assert one.locator("[role=status]").inner_text() == "30 of 31 rows"
    tab.mouse.click(*country(tab, "BRA"))
    expect(one.locator("tr.chosen th")).to_have_text("Brazil")


def test_the_wheel_scrolls_the_page_over_the_map(tab: Page) -> None:
    tab.mouse.move(*country(tab, "BRA"))
    before = tab.evaluate("scrollY")
    tab.mouse.wheel(0, 300)
    expect(tab.locator("html")).to_have_js_property("scrollTop", before + 300)
    assert geo(tab)[0] == 1


def test_menus_and_tips_close_when_the_reader_goes_elsewhere(tab: Page) -> None:
    overlays = tab.locator(":is(.menu, .tip)[open]")
    for leave in (
        lambda: tab.keyboard.press("Escape"),
        lambda: tab.locator("h1").click(),
        lambda: tab.locator(".theme").focus(),
    ):
        for opener in (".menu > summary", ".tip > summary"):
            tab.locator(opener).first.click()
            assert overlays.count() == 1
            leave()
            assert overlays.count() == 0


def test_menus_stay_within_the_window(tmp_path: Path, reader: Any) -> None:
    long = "A segment with a name that is rather long for a menu"
    seats = [seats_row("2025-06", "1", PartnerLocation=long, CustomerSegment=long)]
    report = report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats})
    for width in (641, 768, 900, 1024):
        tab = reader.open(report, width=width)
        for menu in tab.locator(".filters .menu").all():
            menu.locator("summary").click()
            menu.locator("label").first.wait_for()  # what is listed is listed once it is open
            box = menu.locator(".sheet").bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_the_focus_stays_near_what_was_used(report: Path, reader: Any) -> None:
    tab = reader.open(report, "#product=Azure&sales_channel=CSP")
    press(tab.locator(".chips.applied button").first, "Enter")
    expect(tab.locator(".chips.applied button").first).to_be_focused()
    press(tab.get_by_role("button", name="Clear all"), "Enter")
    expect(tab.get_by_label("From month", exact=True)).to_be_focused()


@pytest.mark.parametrize("width", [390, 660, 800, 1280])
def test_labels_of_months_do_not_run_into_each_other(width: int, report: Path, reader: Any) -> None:
    tab = reader.open(report, width=width)
    overlaps = """texts => texts.slice(1).filter((text, i) => {
        const [a, b] = [texts[i], text].map((one) => one.getBoundingClientRect());
        return a.right > b.left && a.left < b.right && a.bottom > b.top && a.top < b.bottom;
    }).length"""
    for name in ("adds_and_churns", "distribution_trend", "active_customers"):
        assert card(tab, name).locator(".xtick text").evaluate_all(overlaps) == 0


def test_counts_on_an_axis_are_whole_and_different(tmp_path: Path, reader: Any) -> None:
    seats = [seats_row(month, str(n)) for month in MONTHS for n in range(3)]
    tab = reader.open(report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats}))
    card(tab, "adds_and_churns").locator(".legend button", has_text="Existing").click()
    ticks = card(tab, "adds_and_churns").locator(".ytick text").all_text_contents()
    assert ticks == ["0", "1", "2", "3"]


def test_a_grid_is_searched_in_every_column_of_text(tmp_path: Path, reader: Any) -> None:
    seats = [seats_row("2025-06", f"{n}", CustomerMarket=f"Land {n}") for n in range(30)]
    report = report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats})
    tab = reader.open(report)
    one = card(tab, "geographical_spread")
    one.get_by_role("searchbox").fill("land 2")
    assert one.locator("tbody tr").count() == 11
    assert one.locator("[role=status]").inner_text() == "11 of 30 rows"
    one.get_by_role("searchbox").fill("nowhere")
    assert one.locator("tbody").inner_text() == "There is nothing to show."


def sku_names(tab: Page) -> set[str]:
    return set(drawn(tab, "products", plot=1)[0]["y"])


@pytest.mark.parametrize("how", ["click", "Enter"])
def test_choosing_a_product_shows_its_skus_and_choosing_it_again_all(how: str, tab: Page) -> None:
    assert sku_names(tab) == {"=E3", "E5", "P1"}
    entry = card(tab, "products").locator(".legend button", has_text="Azure")
    for names, pressed in (({"=E3"}, "true"), ({"=E3", "E5", "P1"}, "false")):
        entry.click() if how == "click" else press(entry, how)
        assert sku_names(tab) == names
        assert entry.get_attribute("aria-pressed") == pressed


def test_a_slice_of_the_pie_chooses_its_product(tab: Page) -> None:
    one = card(tab, "products")
    one.locator(".plot").first.scroll_into_view_if_needed()
    assert drawn(tab, "products")[0]["labels"] == ["Office 365", "Azure"]
    for names in ({"=E3"}, {"=E3", "E5", "P1"}):
        # Clockwise from the top: Office 365 has the first two thirds, so Azure is on the left.
        box = one.locator(".pielayer .slice").nth(1).locator("path").bounding_box()
        assert box
        tab.mouse.click(box["x"] + 12, box["y"] + box["height"] * 0.6)
        expect(one.locator(".plot-title").last).to_have_text(
            "Azure · 1 of 1 SKU" if names == {"=E3"} else "All products · 3 of 3 SKUs"
        )
        assert sku_names(tab) == names


def test_the_table_of_a_chart_is_one_key_press_away(tab: Page) -> None:
    for chart in tab.locator(".plots:visible").all():
        press(chart, "t")
        table = chart.locator("xpath=ancestor::article").locator(".data-table")
        assert table.get_attribute("open") is not None
        expect(table.locator(".scroll")).to_be_focused()


def test_the_menu_of_a_card_names_what_it_does_and_tells_of_the_key(tab: Page) -> None:
    one = card(tab, "active_customers")
    table = action(one, "Table")
    offered = one.locator(".actions .sheet button").all_inner_texts()
    assert [text.split("\n")[0] for text in offered] == [
        *("Picture (PNG)", "Data (CSV)", "Data (Excel)", "Table")
    ]
    assert one.locator(".actions .icon").count() == 5
    assert table.locator("kbd").inner_text() == "T"
    table.click()
    expect(one.locator(".data-table .scroll")).to_be_focused()
    assert one.locator(".menu[open]").count() == 0
    one.locator(".plots").focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    expect(one.locator(".hint")).to_be_visible()
    names = tab.locator(".actions summary").evaluate_all("all => all.map((one) => one.ariaLabel)")
    assert len(set(names)) == len(names) > 10


def test_links_to_sections_keep_the_selection(report: Path, reader: Any) -> None:
    tab = reader.open(report, "#product=Azure")
    tab.locator(".sections a").last.click()
    expect(tab.locator("[data-section='10_renewals'] h2")).to_be_focused()
    assert tab.evaluate("location.hash") == "#product=Azure"


def top(place: Any) -> float:
    """How far below the upper edge of the window something stands."""
    return float(place.evaluate("one => one.getBoundingClientRect().top"))


@pytest.mark.parametrize(("width", "most"), [(1280, 300), (390, 420)])
def test_the_first_card_is_in_sight_and_filters_stay_in_reach(
    width: int, most: int, report: Path, reader: Any
) -> None:
    tab = reader.open(report, width=width)
    first = tab.locator(".kpi").first
    at = top(first)
    assert at < most
    tab.locator(".filters .menu summary").first.click()
    tab.locator(".filters .menu label input").first.check()
    tab.keyboard.press("Escape")
    assert top(first) == at
    scroll = "one => one.scrollIntoView({ behavior: 'instant', block: 'center' })"
    card(tab, "signals").evaluate(scroll)
    here = tab.locator(".sections a[aria-current]")
    expect(here).to_have_text("Customers")  # until then the links move along
    tab.locator(".sections a").nth(6).click()
    expect(here).to_have_text("Active customers")
    bar = tab.locator(".toolbar")
    assert top(bar) == 0
    assert bar.evaluate("one => one.offsetHeight") < 130
    assert tab.locator(".chips.applied button").first.is_visible()
    heading = tab.locator("[data-section='07_active_customers'] h2")
    bottom = bar.evaluate("one => one.getBoundingClientRect().bottom")
    wait_for(lambda: top(heading) >= bottom)  # it scrolls there smoothly
    tab.screenshot(path=SCREENSHOTS / f"bar-{width}.png")


def test_the_bar_marks_the_section_in_sight_after_several_changes_at_once(
    report: Path, reader: Any
) -> None:
    tab = reader.blank(report)
    tab.add_init_script(
        """window.IntersectionObserver = class extends IntersectionObserver {
            constructor(tell, options) {
                super(tell, options);
                window.tell = tell;
            }
        };"""
    )
    tab.goto((report / "report.html").as_uri())
    ready(tab)
    tab.evaluate(
        """() => {
            const sections = document.querySelectorAll("section[data-section]");
            const changes = [[0, false], [5, true], [6, true], [5, false]];
            tell(changes.map(([i, isIntersecting]) => ({ target: sections[i], isIntersecting })));
        }"""
    )
    expect(tab.locator(".sections a[aria-current]")).to_have_text("Active customers")


def table_of(text: str) -> list[list[str]]:
    """A CSV table with numbers in one spelling: 100.0 is 100."""
    rows = csv.reader(io.StringIO(text, newline=""))
    return [[re.sub(r"^(-?\d+)\.0$", r"\1", value) for value in row] for row in rows]


def test_the_data_of_every_card_is_the_csv_of_the_report(report: Path, reader: Any) -> None:
    for number, file in enumerate((report / "data").glob("*.csv")):
        if number % 8 == 0:  # of one page, Chromium hands out ten files in a row
            tab = reader.open(report)
        place = action(card(tab, file.stem), "CSV")
        name, content = downloaded(tab, place)
        assert name == f"{file.stem}_1_2025-01_2025-06.csv"
        assert table_of(content.decode("utf-8-sig")) == table_of(file.read_bytes().decode())
        assert b"\r\n" in content


def test_a_csv_of_the_page_is_known_as_utf8_by_excel_and_those_of_the_folder_are_plain(
    report: Path, tab: Page
) -> None:
    place = action(card(tab, "summary"), "CSV")
    _, content = downloaded(tab, place)
    assert content.startswith(codecs.BOM_UTF8 + b"metric,")
    assert (report / "data" / "summary.csv").read_bytes().startswith(b"metric,")


def test_downloads_hold_what_is_selected_and_run_no_formula(report: Path, reader: Any) -> None:
    tab = reader.open(report, "#product=Azure&from=2025-02&to=2025-03")
    place = action(card(tab, "products"), "CSV")
    name, content = downloaded(tab, place)
    assert name == "products_1_2025-02_2025-03_Azure.csv"
    assert table_of(content.decode("utf-8-sig"))[1:] == [
        ["Azure", "", "267", "100"],
        ["Azure", "'=E3", "267", "100"],
    ]


def test_all_tables_come_as_the_workbook_that_a_run_writes(
    report: Path, tab: Page, tmp_path: Path
) -> None:
    name, content = downloaded(tab, tab.get_by_role("button", name="Download all"))
    assert name == "report_1_2025-01_2025-06.xlsx"
    assert write_also(["xlsx"], read_report(report / "notebooks"), tmp_path) == {}
    expected = tmp_path / "report.xlsx"
    assert sheets_of(content) == sheets_of(expected)
    for number, table in enumerate(Sheet(content).names, 1):
        own, run = Sheet(content, number), Sheet(expected, number)
        assert own.formats == run.formats, table
        assert own.cells["A1"] == run.cells["A1"]
        about = [str(sheet.cells["A2"])[: -len("2025-01-01 12:00")] for sheet in (own, run)]
        assert about == ["1 · Jan 2025 – Jun 2025 · "] * 2
        for part in ("autoFilter", "sheetViews/m:sheetView/m:pane"):
            attributes = [sheet.xml.find(f"m:{part}", NAMES) for sheet in (own, run)]
            places = [
                one.get("ref") or one.get("topLeftCell") for one in attributes if one is not None
            ]
            assert len(places) == 2
            assert places[0] == places[1]


def test_a_workbook_tells_its_filters_in_it_and_in_its_name(report: Path, reader: Any) -> None:
    tab = reader.open(
        report, "#product=Azure&customer_market=Sweden&customer_market=Norway&to=2025-03"
    )
    name, content = downloaded(tab, tab.get_by_role("button", name="Download all"))
    assert name == "report_1_2025-01_2025-03_Azure_Sweden_Norway.xlsx"
    about = "1 · Jan 2025 – Mar 2025 · Product: Azure · Market: Sweden, Norway · 20"
    assert str(Sheet(content).cells["A2"]).startswith(about)


def test_every_chart_can_be_had_as_a_picture(tab: Page) -> None:
    charts = tab.locator(".card:has(.plots:visible)").all()
    assert len(charts) == 7  # two charts have nothing to show
    for place in charts:
        _, content = downloaded(tab, action(place, "Picture"))
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", content[16:24])
        assert width == 2400
        assert height > 400


def test_charts_follow_the_width_of_the_window(tab: Page) -> None:
    widths = """plots => plots.map((plot) =>
        [plot.querySelector(".main-svg").clientWidth, plot.clientWidth])"""
    for width in (700, 1500):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")
        found = tab.locator(".plot").evaluate_all(widths)
        assert [pair for pair in found if pair[0] != pair[1]] == []


def test_charts_are_as_large_as_before_once_they_were_printed(tab: Page) -> None:
    scales = "all => all.map((drawing) => drawing.getScreenCTM().a)"
    drawings = tab.locator(".plot .main-svg:first-child")
    before = drawings.evaluate_all(scales)
    assert set(before) == {1}
    tab.evaluate("for (const name of ['before', 'after']) dispatchEvent(new Event(`${name}print`))")
    ready(tab)
    assert drawings.evaluate_all(scales) == before


def test_pictures_are_whole_after_the_window_has_changed(tab: Page) -> None:
    tab.set_viewport_size({"width": 1000, "height": 700})
    place = action(card(tab, "adds_and_churns"), "Picture")
    assert downloaded(tab, place)[1][:8] == b"\x89PNG\r\n\x1a\n"


def test_the_theme_follows_the_system_until_it_is_switched(report: Path, reader: Any) -> None:
    tab = reader.open(report, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(ground) == "rgb(27, 26, 25)"
    ink = card(tab, "distribution").locator(".plot").evaluate("plot => plot.layout.font.color")
    assert ink == "#f3f2f1"
    switch = tab.locator(".theme")
    assert switch.inner_text() == "Light theme"
    switch.click()
    assert switch.inner_text() == "Dark theme"
    assert tab.evaluate(ground) == "rgb(245, 245, 244)"
    tab.emulate_media(color_scheme="light")
    switch.click()
    tab.reload()
    ready(tab)
    assert tab.evaluate(ground) == "rgb(27, 26, 25)"
