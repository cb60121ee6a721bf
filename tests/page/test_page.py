"""The page as a reader has it: in a real browser, from disk, with the network off."""

import base64
import csv
import gzip
import json
import re
from itertools import cycle
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import expect

from insights_lib import tables
from insights_lib.errors import ReportError
from insights_lib.page import write
from insights_lib.page.rows import compact_rows
from insights_lib.page.sections import Card, Report, Section, read_report
from insights_lib.page.write import write_page
from insights_lib.presentation.offline import BUNDLED_TRACES
from insights_lib.tables import TABLES, Table
from tests.support.browser import SCREENSHOTS, card, drawn, ready, report_of, unfold
from tests.support.rows import fill_store, seats_row, slice_of, usage_row

pytestmark = pytest.mark.browser

SECTIONS = (
    "01_summary",
    "02_geographical_spread",
    "03_adds_and_churns",
    "04_customer_distribution",
    "05_customers_by_products",
    "06_distribution_trend",
    "07_active_customers",
    "08_customers",
    "09_cohorts",
    "10_renewals",
)
MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Swedish report: 2,000 customers who arrive month by month, in three markets."""
    markets = ("Sweden", "Norway", "Atlantis")
    seats = [
        seats_row(month, f"{n}", CustomerMarket=markets[n % 3], Product=("O365", "Azure")[n % 2])
        for m, month in enumerate(MONTHS)
        for n in range(1000 + 200 * m)
    ]
    usage = [usage_row(month, "7") for month in MONTHS[:-1]]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}
    return report_of(tmp_path_factory.mktemp("plain"), datasets, "sv")


def rows_of(report: Path, table: str) -> list[dict[str, str]]:
    with (report / "data" / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def source(report: Path) -> str:
    return (report / "report.html").read_text(encoding="utf-8")


def unpacked(report: Path, block: str) -> str:
    (text,) = re.findall(f'id="{block}">([^<]*)<', source(report))
    return gzip.decompress(base64.b64decode(text)).decode()


def test_every_section_shows_its_charts_offline(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    assert [s.get_attribute("data-section") for s in tab.locator("main > section").all()] == list(
        SECTIONS
    )
    assert tab.locator(".plot .main-svg").count() >= 7
    assert tab.locator(".plain").is_hidden()
    SCREENSHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SCREENSHOTS / "desktop.png", full_page=True)


def test_the_map_draws_the_countries_it_knows(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    assert tab.locator(".choroplethlayer path").count() == 2
    markets = card(tab, "geographical_spread").locator("tbody th")
    assert set(markets.all_inner_texts()) == {"Sweden", "Norway", "Atlantis"}


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
def test_nothing_scrolls_sideways(width: int, plain: Path, reader: Any) -> None:
    tab = reader.open(plain, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    clipped = """charts => charts.filter(chart =>
        chart.getBoundingClientRect().right > innerWidth
        || chart.querySelector('.main-svg').getBoundingClientRect().width
            > chart.getBoundingClientRect().width + 1).length"""
    assert tab.locator(".plot").evaluate_all(clipped) == 0
    if width >= 1280:
        bar = tab.locator(".sections").evaluate("one => one.scrollWidth - one.clientWidth")
        assert bar == 0
    if width == 390:
        tab.screenshot(path=SCREENSHOTS / "phone.png", full_page=True)


def test_the_cards_show_the_numbers_of_the_tables(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    summary = {row["metric"]: row["value"] for row in rows_of(plain, "summary")}
    assert summary["current_customers"] == "2000"
    big = tab.locator("[data-metric=current_customers] .big")
    assert big.inner_text() == f"2{SPACE}tn"
    assert big.get_attribute("title") == f"2{SPACE}000"
    growth, change = tab.locator("[data-metric=current_customers] .versus p").all_inner_texts()
    assert growth == f"▲ +100,0{SPACE}% tillväxt"
    # Nothing is known of the six months before.
    assert change == "inga data för dec. 2024"
    versus = tab.locator("[data-metric=customers_added] .versus").inner_text()
    assert versus == "inga fullständiga data för juli–dec. 2024"


def test_a_flow_is_compared_with_the_period_before(tmp_path: Path, reader: Any) -> None:
    # Of 2 customers in September 2024, one leaves; 3 of 5 who come later leave in 2025.
    held = {
        **{f"2024-{m:02d}": [0, 1] for m in (6, 7, 8)},
        **{f"2024-{m:02d}": [0] for m in (9, 10, 11)},
        "2024-12": [0, 1, 2, 3, 4],
        **{f"2025-{m:02d}": [0, 1, 2, 3, 4] for m in (1, 2)},
        **{f"2025-{m:02d}": [0, 4] for m in (3, 4, 5, 6)},
    }
    seats = [seats_row(month, str(n)) for month, numbers in held.items() for n in numbers]
    tab = reader.open(report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats}))
    churned = tab.locator("[data-metric=customers_churned]")
    assert churned.locator(".versus .growth.bad").inner_text() == f"▲ +200.0{SPACE}% worse"
    assert churned.locator(".versus").inner_text().endswith("vs Jul – Dec 2024")
    current = tab.locator("[data-metric=current_customers] .versus p").all_inner_texts()
    # From 5 in January, and from 5 in December.
    fall = f"▼ \N{MINUS SIGN}60.0{SPACE}%"
    assert current == [f"{fall} growth", f"{fall} vs Dec 2024"]
    # One month in which nobody came, after one in which four did; then one after such a month.
    for month, added in (("2025-01", f"▼ \N{MINUS SIGN}100.0{SPACE}% "), ("2025-02", "0 in ")):
        tab.goto(tab.url.partition("#")[0] + f"#from={month}&to={month}")
        ready(tab)
        told = tab.locator("[data-metric=customers_added] .versus").inner_text()
        assert told.startswith(added)
        told = tab.locator("[data-metric=current_customers] .versus p").first.inner_text()
        assert told == "growth needs two months"


def test_fewer_customers_are_bad_news(tmp_path: Path, reader: Any) -> None:
    left = {"2025-01": 4, "2025-02": 3, "2025-03": 1, "2025-04": 1, "2025-05": 1, "2025-06": 1}
    seats = [seats_row(month, str(n)) for month, count in left.items() for n in range(count)]
    tab = reader.open(report_of(tmp_path, {"SeatsSubscriptionsAndRevenue": seats}))
    churn = tab.locator("[data-metric=customers_churned]")
    assert churn.locator(".big").inner_text() == "3"
    assert tab.locator("[data-metric=current_customers] .growth.bad").count() == 1


def test_an_unknown_number_is_a_dash_with_its_reason(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    table = card(tab, "active_customers").locator(".data-table")
    table.locator("summary").click()
    last = table.locator("tbody tr").last.locator("td").first
    assert last.inner_text() == "–"
    assert last.get_attribute("title") == "okänt: uppgifter saknas"


# What a card far below says when the page calls itself ready, and when it calls itself whole.
FOLLOWED = """(selection) => new Promise((resolve) => {
    const said = {};
    const far = document.querySelector("[data-card=distribution_trend] .sentence");
    const observer = new MutationObserver((changes) => {
        for (const { attributeName } of changes) said[attributeName] ??= far.textContent;
        if ("data-whole" in said) resolve(said);
    });
    const attributeFilter = ["data-ready", "data-whole"];
    observer.observe(document.querySelector("[data-whole]"), { attributeFilter });
    location.hash = selection;
})"""


def test_what_is_in_sight_follows_first_and_all_else_at_once_after_it(
    plain: Path, reader: Any
) -> None:
    tab = reader.open(plain)
    before = card(tab, "distribution_trend").locator(".sentence").inner_text()
    said = tab.evaluate(FOLLOWED, "product=Azure")
    assert said["data-ready"] == before != said["data-whole"]
    assert card(tab, "summary").locator(".big").first.inner_text() == f"1{SPACE}tn"


def test_a_closed_table_has_its_rows_when_it_opens(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    lines = card(tab, "adds_and_churns").locator(".data-table tbody tr")
    assert lines.count() == 0
    tab.evaluate("location.hash = 'product=Azure'")
    card(tab, "adds_and_churns").locator(".data-table summary").click()
    expect(lines).to_have_count(2 * len(MONTHS))  # of all, and of Azure
    tab.evaluate("location.hash = ''")
    ready(tab)
    assert lines.count() == 3 * len(MONTHS)


def test_every_card_tells_what_it_means(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    for one in tab.locator(".card").all():
        one.locator(".tip > summary").first.click()
        assert len(one.locator(".tip > div").first.inner_text()) > 40
        one.locator(".tip > summary").first.click()


def test_the_fixed_text_follows_the_locale(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    assert tab.locator("html").get_attribute("lang") == "sv"
    assert tab.locator("h1").inner_text() == "Kunder"
    assert tab.locator("[data-section='01_summary'] h2").inner_text() == "Sammanfattning"
    sentence = card(tab, "distribution").locator(".sentence").inner_text()
    assert sentence == f"Oslo har flest kunder, 2{SPACE}000 (100,0{SPACE}%), av 1 värde."


def test_the_page_runs_no_script_but_its_own(plain: Path, reader: Any) -> None:
    tab = reader.blank(plain)
    tab.goto((plain / "report.html").as_uri())
    tab.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.injected = true";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<p onclick='window.injected = true'>x");
            document.body.lastElementChild.click();
        }"""
    )
    assert tab.evaluate("window.injected") is None
    assert len(reader.wrong) == 2
    assert all("Content Security Policy" in text for text in reader.wrong)
    reader.wrong.clear()


def test_the_policy_allows_no_network_and_no_eval(plain: Path) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', source(plain))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.replace("&#39;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[\w+/=]+' ?){3}", rules["script-src"])
    assert rules["img-src"] == "data: blob:"
    assert rules.keys() == {
        *("default-src", "script-src", "style-src", "img-src", "base-uri", "form-action")
    }


def test_nothing_in_the_page_points_outside(plain: Path) -> None:
    markup = source(plain).split('<script type="text/plain"')[0]
    assert "http" not in markup.replace("http-equiv", "")
    assert 'src="' not in markup
    assert source(plain).count('id="plotly"') == 1


def test_a_report_for_5000_customers_stays_below_2_megabytes(plain: Path, tmp_path: Path) -> None:
    markets, channels = cycle(["Sweden", "Norway", "Chad", "Peru", "Fiji"]), cycle(["a", "b", "c"])
    skus = cycle([f"SKU {n}" for n in range(17)])
    seats = [
        seats_row(month, f"{n}", CustomerMarket=next(markets), SKU=next(skus), SalesChannel=channel)
        for m, month in enumerate(MONTHS)
        for n, channel in zip(range(5000 - 97 * m), channels, strict=False)
    ]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": seats})
    rows = compact_rows(slice_of(store, "2025-01_2025-06"))
    write_page(read_report(plain / "notebooks"), rows, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def test_the_file_names_no_customer_and_nothing_that_was_filtered_out(tmp_path: Path) -> None:
    seats = [
        seats_row("2025-06", "secret-key", SubscriptionId="secret-id", CustomerName="secret-name"),
        seats_row("2025-06", "other", Product="Visio", SKU="secret-sku", PartnerLocation="Rome"),
    ]
    usage = [usage_row("2025-06", "secret-key")]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}
    options = {"filters": ["product=Office 365"], "role": "report_viewer"}
    report = report_of(tmp_path, datasets, **options)
    content = unpacked(report, "content")
    assert "E3" in content
    for text in (content, source(report)):
        assert "secret" not in text
        assert "Rome" not in text
        assert "Visio" not in text
    rows = json.loads(content)["rows"]
    assert (rows["rows"]["customer"], rows["rows"]["subscription"]) == ([0], [1])


@pytest.mark.parametrize("old", ["no scripts", "no DecompressionStream"])
def test_an_older_browser_sees_the_tables(old: str, plain: Path, reader: Any) -> None:
    tab = reader.blank(plain, java_script_enabled=old != "no scripts")
    if old != "no scripts":
        tab.add_init_script("delete window.DecompressionStream")
    tab.goto((plain / "report.html").as_uri())
    assert tab.locator("main").is_hidden()
    assert "Firefox 121" in tab.locator(".plain > p").inner_text()
    assert tab.locator(".plain table").count() == len(TABLES)
    row = tab.locator(".plain table").first.locator("tr", has_text="Nuvarande kunder")
    assert row.locator("td").nth(1).inner_text() == f"2{SPACE}000"


FIGURE = {"data": [{"type": "bar", "x": ["a"], "y": [7]}], "layout": {}}


def with_own_card(report: Path, figure: dict[str, Any]) -> Report:
    """A report with a section of its user's own."""
    read = read_report(report / "notebooks")
    table = {"columns": ["region", "seats"], "rows": [["north", 7]]}
    own = Section("11_own", "My own", "Why?", [Card("own", "Seats", "Of mine.", figure, table)])
    return Report(read.facts, [*read.sections, own])


def test_a_notebook_of_ones_own_becomes_a_section(plain: Path, tmp_path: Path, reader: Any) -> None:
    rows = json.loads(unpacked(plain, "content"))["rows"]
    write_page(with_own_card(plain, FIGURE), rows, tmp_path / "report.html")
    tab = reader.open(tmp_path)
    assert drawn(tab, "own")[0]["y"] == [7]
    own = card(tab, "own")
    unfold(own)
    assert own.locator("tbody tr").inner_text().split() == ["north", "7"]
    note = own.get_by_text("följer inte sidans filter")
    assert note.is_hidden()
    tab.goto((tmp_path / "report.html").as_uri() + "#product=Azure")
    note.wait_for()


def test_a_declared_table_that_the_page_does_not_count_is_shown_by_its_kinds(
    plain: Path, tmp_path: Path, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Table("own", {"region": "name", "seats": "percent"})
    monkeypatch.setattr(tables, "TABLES", {**TABLES, "own": own})
    monkeypatch.setattr(write, "TABLES", {**TABLES, "own": own})
    rows = json.loads(unpacked(plain, "content"))["rows"]
    write_page(with_own_card(plain, FIGURE), rows, tmp_path / "report.html")
    tab = reader.open(tmp_path)
    unfold(card(tab, "own"))
    cells = card(tab, "own").locator("tbody :is(th, td)").all_inner_texts()
    assert cells == ["North", f"7,0{SPACE}%"]


def test_a_chart_of_another_kind_brings_the_whole_of_plotly(plain: Path, tmp_path: Path) -> None:
    rows = json.loads(unpacked(plain, "content"))["rows"]
    figure = {"data": [{"type": "histogram", "x": [1, 2]}], "layout": {}}
    assert "histogram" not in BUNDLED_TRACES
    write_page(with_own_card(plain, figure), rows, tmp_path / "report.html")
    assert len(unpacked(tmp_path, "plotly")) > 2 * len(unpacked(plain, "plotly"))


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
