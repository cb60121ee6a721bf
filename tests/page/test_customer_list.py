"""The list of customers: search, order, choice, files, and only what is in sight is drawn."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import action, card, downloaded, report_of
from tests.support.rows import Rows, seats_row
from tests.support.workbooks import sheets_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
NAMES = ["Åkerö <b>AB</b>", "=HYPERLINK(1)", "Ökna", "zebra", "Zorn; Co", "Ähre"]
MANY = 600


def rows_of(n: int) -> Rows:
    """The rows of a customer: every tenth one leaves in May, every tenth one comes in March."""
    months = {1: MONTHS[:4], 2: MONTHS[2:]}.get(n % 10, MONTHS)
    extra = {
        "CustomerName": NAMES[n] if n < len(NAMES) else f"Customer {n:03d}",
        "TotalSoldSeats": str(10 + n) if n % 7 else "",
        "SubscriptionEndDate": "2025-09-01" if n % 5 == 0 else "2026-05-01",
        "IsAutoRenew": "No",
    }
    return [seats_row(month, str(n), **extra) for month in months]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seats = [row for n in range(MANY) for row in rows_of(n)]
    return report_of(tmp_path_factory.mktemp("report"), {"SeatsSubscriptionsAndRevenue": seats})


@pytest.fixture
def tab(report: Path, reader: Any) -> Page:
    opened: Page = reader.open(report)
    card(opened, "customers").scroll_into_view_if_needed()
    return opened


def column(one: Locator, name: str) -> list[str]:
    """What the drawn rows have in a column."""
    heads = one.locator("thead th").all_inner_texts()
    cells = one.locator("tbody tr[aria-rowindex]").all()
    return [cell.locator("th, td").nth(heads.index(name)).inner_text() for cell in cells]


def status(one: Locator) -> str:
    return one.locator("[role=status]").inner_text()


def choose(one: Locator, menu: str, *names: str) -> None:
    place = one.locator("details.menu", has=one.page.locator("summary", has_text=menu))
    place.locator("summary").click()
    for name in names:
        place.get_by_label(name).click()
    place.locator("summary").click()


def test_only_rows_in_sight_are_in_the_page_and_all_can_be_scrolled_to(tab: Page) -> None:
    one = card(tab, "customers")
    assert status(one) == f"{MANY} customers"
    assert one.locator("table").get_attribute("aria-rowcount") == str(MANY + 1)
    rows = one.locator("tbody tr[aria-rowindex]")
    assert rows.count() < 60
    one.locator(".scroll").evaluate("place => { place.scrollTop = place.scrollHeight; }")
    last = one.locator(f"tr[aria-rowindex='{MANY + 1}']")
    expect(last).to_be_visible()
    assert rows.count() < 60
    bottoms = "one => one.getBoundingClientRect().bottom"
    place = one.locator(".scroll")
    assert last.evaluate(bottoms) == pytest.approx(
        place.evaluate("one => one.getBoundingClientRect().top + one.clientHeight"), abs=2
    )
    # Those who churned stand at the end.
    assert set(column(one, "Status")[-10:]) == {"Churned"}


def test_nothing_moves_once_all_of_the_page_is_shown(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    places = """() => [...document.querySelectorAll("[data-card]")]
        .map((one) => [one.dataset.card, one.offsetTop, one.offsetHeight])"""
    before = tab.evaluate(places)
    tab.evaluate(
        """async () => {
            for (let y = 0; y < document.documentElement.scrollHeight; y += 200) {
                scrollTo({ top: y, behavior: "instant" });
                await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
                await new Promise((resolve) => requestIdleCallback(resolve, { timeout: 500 }));
            }
        }"""
    )
    assert tab.evaluate(places) == before


def test_the_list_follows_the_selection_where_it_is_out_of_sight(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    tab.evaluate("location.hash = 'from=2025-05&to=2025-05'")
    one = card(tab, "customers")
    # Whoever left in May was still there the month before.
    assert status(one) == f"{MANY} customers"
    assert one.locator(".chooser details.menu").first.locator("label").all_text_contents() == [
        "Existing540",
        "New0",
        "Returned0",
        "Churned60",
    ]


def test_a_search_finds_names_and_keys(tab: Page) -> None:
    one = card(tab, "customers")
    box = one.get_by_role("searchbox")
    box.fill("ÅKERÖ")
    assert column(one, "Customer name") == ["Åkerö <b>AB</b>"]
    assert status(one) == f"1 of {MANY} rows"
    box.fill("tpid:59")
    assert sorted(column(one, "Customer")) == [
        "tpid:59",
        *(f"tpid:{n}" for n in range(590, 600)),
    ]
    box.fill("nobody")
    assert status(one) == f"0 of {MANY} rows"
    assert one.locator("tbody tr[aria-rowindex]").count() == 0
    assert one.get_by_text("There is nothing to show.").is_visible()
    box.fill("")
    assert one.get_by_text("There is nothing to show.").is_hidden()
    assert status(one) == f"{MANY} customers"


def test_columns_sort_both_ways_and_what_is_unknown_stays_last(tab: Page) -> None:
    one = card(tab, "customers")
    head = one.get_by_role("button", name="Customer name")
    head.click()
    assert column(one, "Customer name")[:3] == ["=HYPERLINK(1)", "Ähre", "Åkerö <b>AB</b>"]
    head.click()
    assert column(one, "Customer name")[:3] == ["Zorn; Co", "zebra", "Ökna"]
    seats = one.locator("thead button", has_text=re.compile("^Seats$"))
    seats.click()
    assert column(one, "Seats")[:3] == ["609", "608", "607"]
    assert one.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    seats.click()
    assert column(one, "Seats")[:3] == ["11", "12", "13"]
    for _ in range(2):
        one.locator(".scroll").evaluate("place => { place.scrollTop = place.scrollHeight; }")
        expect(one.locator(f"tr[aria-rowindex='{MANY + 1}']")).to_be_visible()
        assert column(one, "Seats")[-5:] == ["–"] * 5
        seats.click()


def test_rows_are_chosen_by_status_and_by_signal(tab: Page) -> None:
    one = card(tab, "customers")
    choose(one, "Status", "Churned")
    assert status(one) == f"60 of {MANY} rows"
    choose(one, "Status", "New")
    assert status(one) == f"120 of {MANY} rows"
    assert set(column(one, "Status")) == {"New"}  # those who churned come after them
    choose(one, "Signals", "Ends soon")
    # Those with n % 10 == 2 end in September if n % 5 == 0: none of them.
    assert status(one) == f"0 of {MANY} rows"
    choose(one, "Status", "Churned", "New")
    assert status(one) == f"120 of {MANY} rows"
    assert set(column(one, "Signals")) == {"Ends soon"}


def test_files_hold_what_is_chosen_in_its_order_and_run_no_formula(tab: Page) -> None:
    one = card(tab, "customers")
    one.get_by_role("button", name="Customer name").click()
    choose(one, "Status", "Churned")
    name, content = downloaded(tab, action(one, "CSV"))
    assert name == "customers_1_2025-01_2025-06.csv"
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    expected = [n for n in range(MANY) if n % 10 == 1]
    names = [NAMES[n] if n < len(NAMES) else f"Customer {n:03d}" for n in expected]
    assert [row["customer_name"] for row in rows] == [
        f"'{name}" if name.startswith("=") else name for name in names
    ]
    assert [row["customer"] for row in rows] == [f"tpid:{n}" for n in expected]
    assert {row["churned_month"] for row in rows} == {"2025-05"}
    name, content = downloaded(tab, action(one, "Excel"))
    assert name == "customers_1_2025-01_2025-06.xlsx"
    sheet = sheets_of(content)["customers"]
    assert len(sheet) == 61
    assert sheet[1][sheet[0].index("Customer name")] == "=HYPERLINK(1)"


def test_what_exports_do_not_have_is_said_and_no_column(tab: Page) -> None:
    one = card(tab, "customers")
    note = one.locator(".list .note").inner_text()
    assert note.endswith("not in these exports.")
    assert "Assigned seats" in note
    heads = one.locator("thead th").all_inner_texts()
    assert "Assigned seats" not in heads
    assert "Seats" in heads
    assert "Next end" in heads


def test_signals_that_cannot_be_known_say_why(tab: Page) -> None:
    rows = card(tab, "signals").locator("tbody tr")
    texts = [row.locator("td").first.inner_text() for row in rows.all()]
    missing = "not in these exports"
    assert texts == [missing, missing, missing, "0", "0", "120"]
    assert rows.nth(0).locator("th p").inner_text().startswith("Use of a product fell by 30 %")


def test_the_name_stays_in_sight_and_a_phone_scrolls_only_the_list(
    report: Path, reader: Any
) -> None:
    tab = reader.open(report, width=390, has_touch=True, is_mobile=True)
    one = card(tab, "customers")
    name = one.locator("tbody th").first
    before = name.bounding_box()
    one.locator(".scroll").evaluate("place => { place.scrollLeft = 400; }")
    assert name.bounding_box() == before
    box = one.get_by_role("searchbox")
    assert box.bounding_box()["width"] > 200  # for all of what it says to be searched
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_paper_shows_the_first_rows_and_how_many_there_are_more(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    one = card(tab, "customers")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    assert one.locator("tbody tr[aria-rowindex]").count() == 40
    assert one.locator(".rest").inner_text() == f"and {MANY - 40} more, in the interactive report"
    assert one.locator("thead th:visible").count() == 7
    edge = one.evaluate("one => one.getBoundingClientRect().right")
    assert one.locator("table").evaluate("one => one.getBoundingClientRect().right") <= edge
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    tab.emulate_media(media="screen")
    assert one.locator(".rest").is_hidden()
    assert status(one) == f"{MANY} customers"
