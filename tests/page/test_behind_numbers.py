"""Every number opens the customers behind it: as many as it says, and those that it counts."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import (
    action,
    card,
    centred,
    click_on,
    downloaded,
    drawn,
    ready,
    report_of,
)
from tests.support.rows import Rows, seats_row, slice_of, usage_row
from tests.support.strategies import METRICS
from tests.support.sweeps import sweep

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READ = ["2024-11", "2024-12", *(f"2025-{m:02d}" for m in range(1, 7))]
MONTHS = READ[2:]
ENDS = ["2025-07-15", "2025-08-20", "2025-08-31", "2025-12-01", "2026-12-01", ""]
FACETS = {
    "product": ("Product", ["Office 365", "Azure", "Visio & Co", "All"]),
    "customer_market": ("CustomerMarket", ["Sweden", "Brazil", "Atlantis", "Unknown"]),
    "sales_channel": ("SalesChannel", ["CSP", "EA"]),
}
COLUMNS = {name: column for name, (column, _) in FACETS.items()} | {
    "sku": "SKU",
    "customer_segment": "CustomerSegment",
    "partner_location": "PartnerLocation",
    "partner_attribution": "PartnerAttributionType",
    "pricing_model": "PricingLevel",
}


def made_up(random: Random) -> dict[str, Rows]:
    """Rows in which customers come, go and return, and hold several values of everything."""
    seats = []
    for month in READ:
        for n in range(70):
            if random.random() < 0.35:
                continue
            for product in random.sample(FACETS["product"][1], random.randint(1, 2)):
                values = {c: random.choice(v) for c, v in FACETS.values() if c != "Product"}
                row = seats_row(month, str(n), Product=product, **values)
                sold = random.randint(1, 40)
                extra = {
                    "SKU": random.choice(["E3", "E5"]),
                    "SubscriptionId": random.choice(["", f"s{n}-{product}"]),
                    "TotalSoldSeats": str(sold),
                    "TotalAssignedSeats": str(random.randint(0, sold)),
                    "SubscriptionEndDate": random.choice(ENDS),
                    "IsAutoRenew": random.choice(["Yes", "No", ""]),
                }
                seats.append({**row, **extra})
    usage = [
        usage_row(month, str(n), str(random.randint(0, 9)))
        for month in READ[:-1]
        for n in range(0, 70, 3)
    ]
    return {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}


class Facts:
    """The sets of the definitions, from the rows themselves: keys of customers by month."""

    def __init__(self, datasets: dict[str, Rows], selection: dict[str, list[str]]) -> None:
        self.rows = [
            row
            for row in datasets["SeatsSubscriptionsAndRevenue"]
            if all(row[COLUMNS[facet]] in values for facet, values in selection.items() if values)
        ]
        products = selection.get("product")
        self.used = {
            (row["Month"], f"tpid:{row['CustomerTpid']}")
            for row in datasets["OfficeUsage"]
            if float(row["MonthlyActiveUsers"]) > 0 and (not products or "Office 365" in products)
        }

    def held(self, month: str, where: dict[str, str]) -> set[str]:
        return {
            f"tpid:{row['CustomerTpid']}"
            for row in self.rows
            if row["Month"] == month
            and all(row[COLUMNS[name]] == value for name, value in where.items())
        }

    def current(self, month: str) -> set[str]:
        return self.held(month, {})

    def active(self, month: str) -> set[str]:
        return {key for key in self.current(month) if (month, key) in self.used}

    def flow(self, kind: str, month: str) -> set[str]:
        now, then = self.current(month), self.current(READ[READ.index(month) - 1])
        if kind in {"new", "returning"}:
            known = set().union(*(self.current(m) for m in READ if m < month))
            return now - known if kind == "new" else (now - then) & known
        return {"added": now - then, "churned": then - now, "existing": now & then}[kind]

    def subscriptions(self, month: str) -> list[str]:
        ids = {(r["SubscriptionId"], r["CustomerTpid"]) for r in self.rows if r["Month"] == month}
        return [f"tpid:{customer}" for identity, customer in ids if identity]


Expected = Callable[[Facts, dict[str, Any], str, list[str]], list[str] | None]


def series(facts: Facts, row: dict[str, Any], column: str, _: list[str]) -> list[str] | None:
    kinds = {"customers_added": "added", "customers_churned": "churned"}
    if column in kinds:
        return list(facts.flow(kinds[column], row["month"]))
    if column == "subscriptions":
        return facts.subscriptions(row["month"])
    return list(getattr(facts, column.removesuffix("_customers"))(row["month"]))


def spread(facts: Facts, row: dict[str, Any], column: str, months: list[str]) -> list[str]:
    market = {"customer_market": row["customer_market"]}
    if column == "new_customers":
        return [k for m in months for k in facts.flow("added", m) & facts.held(m, market)]
    if column == "current_customers":
        return list(facts.held(months[-1], market))
    month = max(m for m in months if m != READ[-1])
    return list(facts.active(month) & facts.held(month, market))


def bridged(facts: Facts, row: dict[str, Any], column: str, _: list[str]) -> list[str]:
    month = row["month"]
    if column == "start":
        return list(facts.current(READ[READ.index(month) - 1]))
    return list(facts.current(month) if column == "end" else facts.flow(column, month))


def cohort(facts: Facts, row: dict[str, Any], _: str, __: list[str]) -> list[str]:
    later = READ[READ.index(row["cohort"]) + int(row["months_since"])]
    return list(facts.flow("new", row["cohort"]) & facts.current(later))


def level(*dimensions: str) -> Expected:
    """Customers of the last month, or of the row's, who hold what the row says."""

    def keys(facts: Facts, row: dict[str, Any], _: str, months: list[str]) -> list[str]:
        where = {name: row[name] for name in dimensions if row[name]}
        if "dimension" in row:
            where = {row["dimension"]: row["value"]}
        return list(facts.held(row.get("month", months[-1]), where))

    return keys


# Of each table the columns of numbers that open something, and what each opens.
BEHIND: dict[str, tuple[tuple[str, ...], Expected]] = {
    "summary_trend": (
        ("current_customers", "subscriptions", "customers_added", "customers_churned"),
        series,
    ),
    "active_customers": (("active_customers", "current_customers"), series),
    "summary_products": (("customers",), level("product")),
    "products": (("customers",), level("product", "sku")),
    "distribution": (("customers",), level()),
    "distribution_trend": (("customers",), level()),
    "geographical_spread": (("current_customers", "active_customers", "new_customers"), spread),
    "bridge": (("start", "new", "returning", "churned", "end"), bridged),
    "cohorts": (("customers",), cohort),
}


@pytest.fixture(scope="module")
def datasets() -> dict[str, Rows]:
    return made_up(Random(5))


@pytest.fixture(scope="module")
def report(datasets: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("report"), datasets)


def fragment(selection: dict[str, list[str]], months: list[str]) -> str:
    asked = [(facet, value) for facet, values in selection.items() for value in values]
    return f"#{urlencode([*asked, ('from', months[0]), ('to', months[-1])])}"


def random_selection(random: Random) -> tuple[dict[str, list[str]], list[str]]:
    chosen = [facet for facet in FACETS if random.random() < 0.4]
    selection = {f: random.sample(FACETS[f][1], random.randint(1, 2)) for f in chosen}
    first = random.choice([0, 0, 1, 2])
    return selection, MONTHS[first : random.choice([4, 6, 6])]


def table_of(report: Path, name: str, selection: Any, months: list[str]) -> list[dict[str, Any]]:
    """The rows of a table as Python computes it for the same filters and months."""
    store = report.parents[2] / "store"
    months_asked = f"{months[0]}_{months[-1]}"
    data = slice_of(store, months_asked, filters=selection, as_of=date(2025, 8, 1))
    table = METRICS[name](data).astype(object)
    rows: list[dict[str, Any]] = table.where(table.notna(), None).to_dict("records")
    return rows


def drawer(tab: Page) -> Locator:
    return tab.locator("dialog.drawer[open]")


def listed(tab: Page) -> list[str]:
    """The customers of the open list, by their keys, as its file has them."""
    expect(drawer(tab)).to_be_visible()
    _, content = downloaded(tab, action(drawer(tab), "CSV"))
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert drawer(tab).locator("table").get_attribute("aria-rowcount") == str(len(rows) + 1)
    return sorted(row["customer"] for row in rows)


def back(tab: Page) -> None:
    tab.keyboard.press("Escape")
    expect(drawer(tab)).to_have_count(0)
    ready(tab)


def cells_of(
    tab: Page, name: str, rows: list[dict[str, Any]], columns: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], str, Locator]]:
    """Each number of a card's table that is not zero, with its row and column."""
    lines = card(tab, name).locator("table:not(.heat) tbody tr")
    assert lines.count() == len(rows)
    beside = {
        "country_code",
        "current_pct",
        "active_pct",
        "new_pct",
    }  # of the map, not in its table
    for i, row in enumerate(rows):
        shown = [one for one in row if one not in beside]
        for column in columns:
            place = lines.nth(i).locator("th, td").nth(shown.index(column))
            if row[column]:
                yield row, column, place.locator("button.opens")
            else:
                assert place.locator("button").count() == 0


@pytest.mark.parametrize("seed", sweep(range(1)))
def test_every_number_of_a_table_opens_as_many_customers_and_those_it_counts(
    seed: int, report: Path, datasets: Any, reader: Any
) -> None:
    random = Random(seed)
    selection, months = random_selection(random)
    tab = reader.open(report, fragment(selection, months))
    tab.locator(".data-table").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    tab.get_by_role("button", name="Show all").evaluate_all("all => all.forEach(o => o.click())")
    facts = Facts(datasets, selection)
    for name, (columns, expected) in BEHIND.items():
        found = [*cells_of(tab, name, table_of(report, name, selection, months), columns)]
        for row, column, place in random.sample(found, min(4, len(found))):
            place.click()
            keys = expected(facts, row, column, months)
            assert keys is not None
            assert len(keys) == row[column], (name, row, column)
            assert listed(tab) == sorted(keys), (name, row, column, selection)
            back(tab)


def test_flows_of_a_product_open_who_came_to_it_and_left_it(
    report: Path, datasets: Any, reader: Any
) -> None:
    tab = reader.open(report)
    tab.locator(".data-table").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    rows = table_of(report, "adds_and_churns", {}, MONTHS)
    columns = ("existing", "added", "churned")
    found = [*cells_of(tab, "adds_and_churns", rows, columns)]
    for number, (row, column, place) in enumerate(found):
        if number % 9 == 0:
            # A product is called like all of them together, whose rows come first.
            is_whole = rows.index(row) < len(MONTHS)
            facts = Facts(datasets, {} if is_whole else {"product": [row["product"]]})
            place.click()
            assert listed(tab) == sorted(facts.flow(column, row["month"])), (row, column)
            back(tab)


def test_the_key_figures_open_what_they_count(report: Path, datasets: Any, reader: Any) -> None:
    selection, months = {"sales_channel": ["CSP"]}, MONTHS[1:5]
    tab = reader.open(report, fragment(selection, months))
    facts = Facts(datasets, selection)
    expected = {
        "current_customers": facts.current(months[-1]),
        "active_customers": facts.active(months[-1]),
        "subscriptions": facts.subscriptions(months[-1]),
        "customers_added": [key for m in months for key in facts.flow("added", m)],
        "customers_churned": [key for m in months for key in facts.flow("churned", m)],
    }
    for metric, keys in expected.items():
        number = tab.locator(f"[data-metric={metric}] .big button")
        assert number.inner_text() == str(len(keys))
        number.click()
        assert listed(tab) == sorted(keys)
        back(tab)
    tab.locator("[data-metric=customers_churned] .aside button").click()
    assert listed(tab) == sorted(facts.flow("churned", months[-1]))


def test_signals_and_renewals_open_what_they_count_in_the_months_of_the_report(
    report: Path, datasets: Any, reader: Any
) -> None:
    selection = {"sales_channel": ["CSP"]}
    tab = reader.open(report, fragment(selection, MONTHS[:3]))
    listing = table_of(report, "customers", selection, MONTHS)
    for i, row in enumerate(table_of(report, "signals", selection, MONTHS)):
        line = card(tab, "signals").locator("tbody tr").nth(i)
        if row["customers"]:
            line.locator("button").click()
            own = [one for one in listing if row["signal"] in (one["signals"] or "").split("; ")]
            assert len(own) == row["customers"]
            assert listed(tab) == sorted(one["customer"] for one in own)
            back(tab)
        else:
            assert line.locator("button").count() == 0
    rows = table_of(report, "renewals", selection, MONTHS)
    card(tab, "renewals").locator(".data-table").evaluate("one => { one.open = true; }")
    columns = ("subscriptions", "customers", "without_auto_renew")
    for row, column, place in cells_of(tab, "renewals", rows, columns):
        place.click()
        assert len(listed(tab)) == row[column], (row, column)
        back(tab)


CHARTS = {
    "adds_and_churns": 0,
    "distribution": 0,
    "products": 1,
    "distribution_trend": 0,
    "active_customers": 0,
    "bridge": 0,
    "renewals": 0,
}


@pytest.mark.parametrize("name", sweep(CHARTS, 3))
def test_a_part_of_a_chart_opens_as_many_as_it_shows(name: str, report: Path, reader: Any) -> None:
    random = Random(name)
    selection, months = random_selection(random)
    tab = reader.open(report, fragment({**selection, "product": []}, months))
    plot = CHARTS[name]
    bars = [trace for trace in drawn(tab, name, plot) if not is_line(trace)]
    assert bars
    for place, trace in enumerate(bars):
        counts = trace["x"] if name in {"distribution", "products"} else trace["y"]
        drawn_counts = [(i, abs(count)) for i, count in enumerate(counts) if count]
        for i, count in random.sample(drawn_counts, min(2, len(drawn_counts))):
            shapes = card(tab, name).locator(".plot").nth(plot).locator(".barlayer .trace")
            click_on(tab, shapes.nth(place).locator(".point path").nth(i))
            assert len(listed(tab)) == count, (trace["name"], i)
            back(tab)


def is_line(trace: dict[str, Any]) -> bool:
    return trace["type"] == "scatter" or trace["name"] in {"Start", "End"}


def test_a_point_of_a_line_opens_its_month(report: Path, datasets: Any, reader: Any) -> None:
    tab = reader.open(report)
    points = card(tab, "active_customers").locator(".scatterlayer .point")
    click_on(tab, points.nth(2))
    expect(drawer(tab).locator(".chip")).to_have_text("current in Mar 2025")
    assert listed(tab) == sorted(Facts(datasets, {}).current("2025-03"))


def test_a_cell_of_the_cohorts_opens_who_stayed(report: Path, datasets: Any, reader: Any) -> None:
    tab = reader.open(report)
    rows = [r for r in table_of(report, "cohorts", {}, MONTHS) if r["customers"]]
    facts = Facts(datasets, {})
    for row in rows[:: max(1, len(rows) // 5)]:
        line = card(tab, "cohorts").locator(".heat tbody tr", has_text=month_text(row["cohort"]))
        cell = line.locator("td").nth(1 + row["months_since"]).locator("button")
        assert cell.inner_text() == f"{row['share_pct'] + 1e-9:.1f}\N{NO-BREAK SPACE}%"
        cell.click()
        assert listed(tab) == sorted(cohort(facts, row, "customers", MONTHS))
        back(tab)


def month_text(month: str) -> str:
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun")
    return f"{names[int(month[5:]) - 1]} {month[:4]}"


def test_a_country_still_zooms_and_then_offers_its_customers(
    report: Path, datasets: Any, reader: Any
) -> None:
    tab = reader.open(report)
    one = card(tab, "geographical_spread")
    one.locator("tbody button.pick", has_text="Brazil").click()
    assert one.locator("tr.chosen th").inner_text() == "Brazil"
    one.locator(".offers button").click()
    expect(drawer(tab).locator(".chip")).to_have_text("current in Jun 2025, Brazil")
    facts = Facts(datasets, {})
    assert listed(tab) == sorted(facts.held("2025-06", {"customer_market": "Brazil"}))
    back(tab)
    one.get_by_role("tab", name="New customers").click()
    one.locator(".offers button").click()
    assert listed(tab) == sorted(
        spread(facts, {"customer_market": "Brazil"}, "new_customers", MONTHS)
    )
    back(tab)
    one.get_by_role("button", name="Home").click()
    assert one.locator(".offers button").count() == 0


def test_a_product_of_the_pie_still_shows_its_skus_and_then_offers_its_customers(
    report: Path, datasets: Any, reader: Any
) -> None:
    tab = reader.open(report)
    one = card(tab, "products")
    one.locator(".legend button", has_text="Azure").click()
    assert one.locator(".plot-title").last.inner_text() == "Azure · 2 of 2 SKUs"
    one.locator(".offers button").click()
    assert listed(tab) == sorted(Facts(datasets, {}).held("2025-06", {"product": "Azure"}))


def test_a_link_reopens_the_list_and_back_leaves_it(
    report: Path, datasets: Any, reader: Any
) -> None:
    selection = {"sales_channel": ["EA"]}
    start = fragment(selection, MONTHS[1:4])
    tab = reader.open(report, start)
    tab.locator("[data-metric=customers_churned] .big button").click()
    keys = listed(tab)
    facts = Facts(datasets, selection)
    assert keys == sorted(key for m in MONTHS[1:4] for key in facts.flow("churned", m))
    expect(drawer(tab).locator(".chip")).to_have_text("churned in Feb – Apr 2025")
    link = tab.evaluate("location.hash")
    again = reader.open(report, link)
    assert listed(again) == keys
    again.get_by_role("button", name="Back to the report").click()
    expect(drawer(again)).to_have_count(0)
    again.wait_for_function("start => location.hash === start", arg=start)
    tab.go_back()
    expect(drawer(tab)).to_have_count(0)
    assert tab.evaluate("location.hash") == start
    tab.go_forward()
    assert listed(tab) == keys


@pytest.mark.parametrize(
    "text",
    sweep(
        [
            "list=toString&list.months=2025-01",
            "list=churned&list.months=1999-01",
            "list=churned",
            "list=signal&list.signal=none",
            "list=cohort&list.cohort=2025-02&list.since=-1",
            "list=renewals&list.end=never",
            "list=others&list.months=2025-01&list.dimension=toString",
        ],
        2,
    ),
)
def test_a_link_that_means_nothing_opens_nothing(text: str, report: Path, reader: Any) -> None:
    assert drawer(reader.open(report, f"#{text}")).count() == 0


def test_numbers_are_opened_and_left_by_keyboard(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    number = tab.locator("[data-metric=current_customers] .big button")
    number.focus()
    tab.keyboard.press("Enter")
    expect(drawer(tab).get_by_role("button", name="Back to the report")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(drawer(tab)).to_have_count(0)
    expect(number).to_be_focused()
    # From a chart its table is one key away, and there are its numbers.
    card(tab, "bridge").locator(".plots").focus()
    tab.keyboard.press("t")
    for _ in range(8):  # past the six heads of the columns
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(drawer(tab).locator(".chip")).to_contain_text("in ")


def test_cells_of_the_cohorts_are_reached_by_arrow_keys(report: Path, reader: Any) -> None:
    tab = reader.open(report)
    heat = card(tab, "cohorts").locator(".heat")
    assert heat.locator("[tabindex='0']").count() == 1
    heat.locator("[tabindex='0']").focus()
    expect(card(tab, "cohorts").locator(".told")).to_be_visible()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowRight")
    name = heat.locator(":focus").get_attribute("aria-label")
    assert name.endswith("new in Feb 2025, current in Mar 2025")
    assert card(tab, "cohorts").locator(".told").inner_text() == name
    tab.keyboard.press("Enter")
    assert len(listed(tab)) == int(name.split(": ")[1].split()[0])


def test_a_tap_opens_too(report: Path, reader: Any) -> None:
    tab = reader.open(report, width=390, has_touch=True, is_mobile=True)
    tab.locator("[data-metric=current_customers] .big button").tap()
    expect(drawer(tab)).to_be_visible()
    tab.get_by_role("button", name="Back to the report").tap()
    expect(drawer(tab)).to_have_count(0)
    box = centred(card(tab, "distribution").locator(".barlayer .point path").first)
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(drawer(tab).locator(".chip")).to_contain_text("current in Jun 2025")


def test_a_report_viewer_has_no_list_and_nothing_opens_one(
    datasets: dict[str, Rows], tmp_path: Path, reader: Any
) -> None:
    report = report_of(tmp_path, datasets, role="report_viewer")
    tab = reader.open(report, "#list=current&list.months=2025-06")
    for place in ("dialog", ".opens", ".list", "[data-card=customers]", ".heat button"):
        assert tab.locator(place).count() == 0, place
    click_on(tab, card(tab, "bridge").locator(".barlayer .point path").nth(1))
    card(tab, "geographical_spread").locator("tbody button.pick", has_text="Brazil").click()
    assert tab.locator("dialog, .offers button").count() == 0
    kept = "This part keeps the filters and the months of the report, Jan – Jun 2025."
    for name in ("signals", "renewals", "seats"):
        assert card(tab, name).locator(".note").inner_text() == kept
    assert card(tab, "signals").locator("tbody tr").count() == 6
