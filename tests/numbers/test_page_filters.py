"""The filters of the page: what they select, and that it counts like a run with those filters."""

from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from insights_lib.analysis.workbook import write_workbook
from insights_lib.presentation.language import Language
from insights_lib.tables import FACETS, TABLES
from tests.support.browser import card, downloaded, drawn, ready, report_of
from tests.support.rows import seats_row, slice_of, usage_row
from tests.support.strategies import METRICS
from tests.support.sweeps import sweep
from tests.support.workbooks import sheets_of

pytestmark = pytest.mark.browser

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
BEFORE = [f"2024-{m:02d}" for m in range(8, 13)]
REPORT = (MONTHS[0], MONTHS[-1])
OF_THE_REPORT = ("signals", "renewals", "seats")
COLUMNS = {
    "product": "Product",
    "customer_market": "CustomerMarket",
    "partner_attribution": "PartnerAttributionType",
    "partner_location": "PartnerLocation",
    "sales_channel": "SalesChannel",
    "customer_segment": "CustomerSegment",
}
VALUES = {
    "product": ["Office 365", "Azure", "azure", "Visio & Co", "All", "Unknown"],
    "customer_market": ["Sweden", "Norway", "NA", "Atlantis", "=1+1", "Åland"],
    "partner_attribution": ["CSP Tier 1", "DPOR", "csp tier 1"],
    "partner_location": ["Oslo", "Bergen", "a=b&c=d"],
    "sales_channel": ["CSP", "EA", "Unknown"],
    "customer_segment": ["SMC", "Major+Public", "a,b"],
}


def one_of(values: list[str], random: Random) -> str:
    """One of these, other spellings seldom: months alone would choose them as the report does."""
    return random.choices(
        values, [1 if value in {"azure", "csp tier 1"} else 6 for value in values]
    )[0]


def made_up(random: Random) -> dict[str, list[dict[str, str]]]:
    """Rows in which customers come, go, and hold several values of everything."""
    seats = []
    for month in (*BEFORE, *MONTHS):
        for _ in range(250):
            values = {COLUMNS[facet]: one_of(VALUES[facet], random) for facet in FACETS}
            row = seats_row(month, str(random.randrange(90)), **values)
            row["SubscriptionId"] = random.choice(["", f"s{random.randrange(200)}"])
            row["SubscriptionState"] = random.choice(["Active", "Active", "Churned"])
            row["SKU"] = random.choice(["E3", "E5", "=P1"])
            seats.append(row)
    usage = [
        usage_row(month, str(random.randrange(90)), WorkloadName=workload)
        for month in (*BEFORE[1:], *MONTHS[:-1])
        for workload in ("Exchange", "Teams")
        for _ in range(20)
    ]
    return {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("report"), made_up(Random(1)))


def store_of_report(report: Path) -> Path:
    return report.parents[2] / "store"


def fragment(selection: dict[str, list[str]], months: tuple[str, str] | None = None) -> str:
    asked = [(facet, value) for facet, values in selection.items() for value in values]
    if months:
        asked += [("from", months[0]), ("to", months[1])]
    return f"#{urlencode(asked)}"


def counted_by_python(
    report: Path, selection: Any, months: tuple[str, str]
) -> dict[str, list[list[Any]]]:
    """The workbook of a run with these filters and months, without notebooks around its tables.

    Signals, ends and seats keep the months of the report, whatever months its reader chooses.
    """
    store = store_of_report(report)
    data = slice_of(store, "_".join(months), filters=selection)
    whole = slice_of(store, "_".join(REPORT), filters=selection)
    frames = {
        name: compute(whole if name in OF_THE_REPORT else data) for name, compute in METRICS.items()
    }
    file = report.parent / "expected.xlsx"
    return sheets_of(write_workbook(file, frames, "", Language("en")))


def counted_by_page(tab: Page) -> dict[str, list[list[Any]]]:
    """What the page hands out as its data."""
    _, workbook = downloaded(tab, tab.get_by_role("button", name="Download all"))
    return sheets_of(workbook)


def that_follow(
    tables: dict[str, list[list[Any]]], months: tuple[str, str]
) -> dict[str, list[list[Any]]]:
    """The tables without what customers.csv tells of the months of the report."""
    if months == REPORT:
        return tables
    columns = list(TABLES["customers"].columns).index("seats")
    return {**tables, "customers": [row[:columns] for row in tables["customers"]]}


def random_selection(random: Random) -> tuple[dict[str, list[str]], tuple[str, str]]:
    facets = [facet for facet in FACETS if random.random() < 0.35]
    selection = {f: random.sample(VALUES[f], random.randint(1, 3)) for f in facets}
    if random.random() < 0.4:
        return selection, REPORT
    first, last = sorted(random.choices([*BEFORE, *MONTHS], k=2))
    return selection, (first, last)


@pytest.mark.parametrize("seed", sweep(range(8)))
def test_every_table_equals_that_of_a_run_with_the_same_filters(
    seed: int, report: Path, reader: Any
) -> None:
    tab = reader.open(report)
    random = Random(seed)
    for _ in range(4):
        selection, months = random_selection(random)
        tab.goto((report / "report.html").as_uri() + fragment(selection, months))
        ready(tab)
        expected = counted_by_python(report, selection, months)
        found = counted_by_page(tab)
        assert that_follow(found, months) == that_follow(expected, months), (selection, months)


def choose(tab: Page, facet: str, *values: str) -> None:
    menu = tab.locator("details.menu", has=tab.locator("summary", has_text=facet))
    menu.locator("summary").click()
    for value in values:
        menu.get_by_label(value, exact=True).check()
    tab.keyboard.press("Escape")


def test_what_is_chosen_in_the_menus_is_counted_shown_as_chips_and_kept_in_the_address(
    report: Path, reader: Any
) -> None:
    tab = reader.open(report)
    choose(tab, "Products", "Azure", "Visio & Co")
    choose(tab, "Locations", "a=b&c=d")
    tab.get_by_label("From month", exact=True).select_option("2025-03")
    ready(tab)
    chips = tab.locator(".chips.applied li").all_inner_texts()
    assert chips == [
        "Mar 2025 – Jun 2025 ✕",
        "2 Products ✕",
        "Partner location: a=b&c=d ✕",
        "Clear all",
    ]
    selection = {"product": ["Azure", "Visio & Co"], "partner_location": ["a=b&c=d"]}
    months = ("2025-03", "2025-06")
    expected = that_follow(counted_by_python(report, selection, months), months)
    assert that_follow(counted_by_page(tab), months) == expected
    address = tab.url
    again = reader.open(report, address[address.index("#") :])
    assert again.locator(".chips.applied li").all_inner_texts() == chips
    assert that_follow(counted_by_page(again), months) == expected


def test_everything_that_is_shown_follows_the_selection(report: Path, reader: Any) -> None:
    """Cards, charts, sentences and tables of every section, and the head of the page."""

    def shown() -> list[str]:
        # These exports tell of no seats and ends; tests/page has those and the list of customers.
        left_out = ("signals", "customers", "renewals", "seats")
        charts = [
            name
            for name in METRICS
            if name not in left_out and card(tab, name).locator(".plot").count()
        ]
        cards = ".card" + "".join(f":not([data-card={name}])" for name in left_out)
        texts = tab.locator(f":is({cards}) :is(.sentence, .kpi, tbody)").all()
        return [*(text.inner_text() for text in texts), *(str(drawn(tab, n)) for n in charts)]

    tab = reader.open(report)
    tab.locator(".data-table").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    before = shown()
    tab.goto((report / "report.html").as_uri() + fragment({"customer_market": ["Sweden"]}))
    ready(tab)
    after = shown()
    assert len(before) == len(after) == 5 + 8 + 12 + 7  # cards, sentences, tables, charts
    assert [text for text, other in zip(before, after, strict=True) if text == other] == []
    tab.goto((report / "report.html").as_uri() + fragment({}, ("2025-02", "2025-05")))
    ready(tab)
    assert tab.locator(".months").inner_text() == "Feb 2025 – May 2025"
    assert tab.locator(".as-of").inner_text() == "Data as of May 2025"
    assert card(tab, "summary_trend").locator("tbody tr").count() == 4


def test_chips_take_their_filter_away_and_clear_all_takes_all(report: Path, reader: Any) -> None:
    tab = reader.open(report, fragment({"product": ["Azure"], "sales_channel": ["CSP"]}))
    before = tab.locator(".found").inner_text()
    tab.locator(".chips.applied li button").first.click()
    assert tab.locator(".chips.applied li").all_inner_texts() == [
        "Sales channel: CSP ✕",
        "Clear all",
    ]
    assert tab.locator(".found").inner_text() != before
    tab.get_by_role("button", name="Clear all").click()
    assert tab.locator(".chips.applied li").count() == 0
    assert tab.evaluate("location.hash") == ""
    assert tab.locator(".found").inner_text() == "No filters chosen"


def test_values_that_are_one_to_a_filter_are_offered_once(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    tab.locator("details.menu summary", has_text="Products").click()
    offered = tab.locator("details.menu[open] label").all_inner_texts()
    assert sorted(text.casefold() for text in offered) == sorted(
        ["office 365", "azure", "visio & co", "all", "unknown"]
    )


def test_a_link_with_a_value_that_no_row_holds_counts_nothing_and_says_so(
    report: Path, reader: Any
) -> None:
    tab = reader.open(report, fragment({"product": ["Paradox"]}))
    assert tab.locator("[data-metric=current_customers] .big").inner_text() == "0"
    note = "No subscription matches the filter Product: Paradox."
    assert tab.locator(".notes li").last.inner_text() == note
    assert tab.locator(".chips.applied li").first.inner_text() == "Product: Paradox ✕"


def test_the_menus_are_used_by_keyboard(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    menu = tab.locator("details.menu summary", has_text="Channels")
    menu.focus()
    menu.press("Enter")
    expect(tab.locator("details.menu[open] input[type=checkbox]").first).to_be_visible()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    assert tab.locator(".chips.applied li").first.inner_text() == "Sales channel: CSP ✕"
    tab.keyboard.press("Escape")
    expect(menu).to_be_focused()
    assert tab.locator("details.menu[open]").count() == 0


def test_filters_of_the_run_are_the_outer_limit(tmp_path: Path, reader: Any) -> None:
    report = report_of(tmp_path, made_up(Random(2)), filters=["customer_market=Sweden"])
    tab = reader.open(report, fragment({"product": ["Azure"]}))
    assert tab.locator(".chips.outer").inner_text() == "Market: Sweden"
    tab.locator("details.menu summary", has_text="Markets").click()
    assert tab.locator("details.menu[open] label").all_inner_texts() == ["Sweden"]
    selection = {"product": ["Azure"], "customer_market": ["Sweden"]}
    expected = counted_by_python(report, selection, (MONTHS[0], MONTHS[-1]))
    assert counted_by_page(tab) == expected
