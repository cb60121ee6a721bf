"""The page of very many rows: a worker counts, and the page goes on answering."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from insights_lib.page.sections import read_report
from insights_lib.page.write import MANY_ROWS, write_page
from tests.support.browser import downloaded, drawn, packed_rows, ready, report_of
from tests.support.rows import Rows, seats_row, usage_row
from tests.support.workbooks import sheets_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = ["2024-12", *(f"2025-{m:02d}" for m in range(1, 7))]
CHARTS = ("adds_and_churns", "distribution", "products", "distribution_trend", "active_customers")
IN_WORKER = " data-worker"
BUSY = "main[aria-busy=true]"
# Questions to the worker can be held back.
HELD = """
    const post = Worker.prototype.postMessage;
    const held = [];
    let isOpen = true;
    Worker.prototype.postMessage = function (question) {
        if (isOpen) post.call(this, question);
        else held.push(() => post.call(this, question));
    };
    window.hold = () => { isOpen = false; };
    window.fail = () => {
        Worker.prototype.postMessage = function () {
            this.onmessage({ data: { failure: "out of memory" } });
        };
    };
    window.release = () => { isOpen = true; for (const one of held.splice(0)) one(); };
"""


@pytest.fixture(scope="module")
def datasets() -> dict[str, Rows]:
    """Slightly more subscriptions than the page counts itself; each has three months."""
    seats = [
        seats_row(
            month,
            str(n),
            Product=("Azure", "Office 365", "Power BI")[n % 3],
            CustomerMarket=("Chad", "Peru", "Oman", "Fiji")[n % 4],
            SKU=f"Plan {n % 5}",
        )
        for n in range(MANY_ROWS + 1)
        for month in MONTHS[n % 5 : n % 5 + 3]
    ]
    usage = [usage_row(month, str(n)) for month in MONTHS for n in range(0, 1000, 7)]
    return {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}


@pytest.fixture(scope="module")
def large(datasets: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("large"), datasets, role="report_viewer")


@pytest.fixture(scope="module")
def alone(large: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same report, in which the page counts."""
    page = (large / "report.html").read_text(encoding="utf-8")
    assert page.count(IN_WORKER) == 1
    folder = tmp_path_factory.mktemp("alone")
    (folder / "report.html").write_text(page.replace(IN_WORKER, ""), encoding="utf-8")
    return folder


def open_held(reader: Any, report: Path) -> Page:
    """A report whose worker can be held back."""
    tab: Page = reader.blank(report)
    tab.add_init_script(HELD)
    tab.goto((report / "report.html").as_uri())
    ready(tab)
    return tab


def choose(tab: Page, fragment: str) -> None:
    tab.evaluate("text => { location.hash = text; }", fragment)


def expect_customers(tab: Page, number: int) -> None:
    """In full, they stand in the title of the shortened number."""
    big = tab.locator("[data-metric=current_customers] .big")
    expect(big).to_have_attribute("title", f"{number:,}")


@pytest.mark.parametrize(
    "fragment",
    [
        "",
        "#product=Azure",
        "#customer_market=Chad&customer_market=Peru&from=2025-02&to=2025-04",
        "#product=Office+365&from=2025-05",
        "#product=Nothing",
    ],
)
def test_a_worker_counts_what_the_page_counts(
    fragment: str, alone: Path, large: Path, reader: Any
) -> None:
    here, there = reader.open(alone, fragment), reader.open(large, fragment)
    assert len(here.workers) == 0
    assert len(there.workers) == 1
    for tab in (here, there):
        tab.locator(".data-table").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    texts = [tab.locator("main").inner_text() for tab in (here, there)]
    assert texts[0] == texts[1]
    assert "Key figures" in texts[0]
    if fragment != "#product=Nothing":
        for name in CHARTS:
            assert drawn(here, name) == drawn(there, name), name
    options = [tab.locator(".filters").inner_text() for tab in (here, there)]
    assert options[0] == options[1]


def test_the_last_of_several_choices_is_shown_and_until_then_the_page_says_that_it_counts(
    large: Path, datasets: dict[str, Rows], reader: Any
) -> None:
    tab = open_held(reader, large)
    expect_customers(tab, held(datasets, "Azure", "Office 365", "Power BI"))
    tab.evaluate("hold()")
    for product in ("Azure", "Power+BI", "Office+365"):
        choose(tab, f"product={product}")
        expect(tab.locator(".chips.applied")).to_contain_text(product.replace("+", " "))
    expect(tab.locator(BUSY)).to_have_css("opacity", "0.4")
    expect(tab.locator(".found")).to_have_text("Counting …")
    # The page answers meanwhile, but for the numbers of another selection.
    tab.get_by_role("button", name="Dark theme").click()
    expect(tab.locator("#report .insights")).to_have_attribute("data-theme", "dark")
    assert tab.locator("main").evaluate("one => one.inert")
    expect(tab.locator("[data-whole='']")).to_have_count(1)
    tab.emulate_media(media="print")
    expect(tab.locator("main")).to_be_hidden()
    expect(tab.locator(".found")).to_be_visible()
    tab.emulate_media(media="screen")
    tab.evaluate("release()")
    ready(tab)
    expect(tab.locator(BUSY)).to_have_count(0)
    number = held(datasets, "Office 365")
    expect_customers(tab, number)
    expect(tab.locator(".found")).to_have_text(f"Current customers selected: {number:,}")
    expect(tab.locator(".heard")).to_contain_text(f"Current customers selected: {number:,}.")


def held(datasets: dict[str, Rows], *products: str) -> int:
    """Customers who hold one of some products in the last month."""
    seats = datasets["SeatsSubscriptionsAndRevenue"]
    rows = [row for row in seats if row["Month"] == MONTHS[-1] and row["Product"] in products]
    return len({row["CustomerTpid"] for row in rows})


def test_a_file_that_is_asked_for_while_it_counts_has_what_is_selected(
    large: Path, datasets: dict[str, Rows], reader: Any
) -> None:
    tab = open_held(reader, large)
    tab.evaluate("hold()")
    choose(tab, "product=Azure")
    expect(tab.locator(BUSY)).to_have_count(1)
    tab.evaluate("setTimeout(() => release(), 0)")
    name, content = downloaded(tab, tab.get_by_role("button", name="Download all (Excel)"))
    assert name == "report_1_2025-01_2025-06_Azure.xlsx"
    _, *rows = sheets_of(content)["summary_products"]
    assert [row[:2] for row in rows] == [["Azure", held(datasets, "Azure")]]


def test_a_worker_that_fails_is_replaced_by_the_page(
    large: Path, datasets: dict[str, Rows], reader: Any
) -> None:
    tab = open_held(reader, large)
    tab.evaluate("fail()")
    for product in ("Azure", "Power BI"):
        choose(tab, urlencode({"product": product}))
        ready(tab)
        expect_customers(tab, held(datasets, product))
        expect(tab.locator(BUSY)).to_have_count(0)
    (warning,) = reader.wrong
    assert warning.startswith("Error: out of memory")
    reader.wrong.clear()


def test_where_no_worker_is_allowed_the_page_counts(
    large: Path, datasets: dict[str, Rows], reader: Any
) -> None:
    tab = reader.blank(large)
    tab.add_init_script("delete window.Worker;")
    tab.goto((large / "report.html").as_uri() + "#product=Azure")
    ready(tab)
    assert tab.workers == []
    expect_customers(tab, held(datasets, "Azure"))
    (warning,) = reader.wrong
    assert warning.startswith("ReferenceError: Worker is not defined")
    reader.wrong.clear()


def test_only_a_page_of_many_rows_without_people_makes_a_worker(
    large: Path, tmp_path: Path
) -> None:
    """The lists of customers need the rows in the page itself."""
    report, rows = read_report(large / "notebooks"), packed_rows(large)
    fewer = {**rows["rows"], "customer": rows["rows"]["customer"][:MANY_ROWS]}
    given = {"many": rows, "few": {**rows, "rows": fewer}, "people": {**rows, "people": {}}}
    found = {}
    for name, one in given.items():
        write_page(report, one, tmp_path / name)
        text = (tmp_path / name).read_text(encoding="utf-8")
        found[name] = (IN_WORKER in text, "worker-src blob:" in text)
    assert found == {"many": (True, True), "few": (False, False), "people": (False, False)}
