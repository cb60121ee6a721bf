"""What a reader can ask of the page beside its tables: what a link marks, what a menu offers."""

from pathlib import Path

from insights_lib import metrics
from tests.support.counting import PageCounter
from tests.support.rows import fill_store, seats_row, slice_of


def test_a_mark_that_names_no_number_opens_nothing(tmp_path: Path, counter: PageCounter) -> None:
    """A link can say anything."""
    rows = [seats_row(f"2024-{m:02d}", str(n)) for m in range(1, 13) for n in range(m)]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    counter.open(slice_of(store, "2024-02_2024-12"))
    counter.count({}, "2024-03", "2024-06")
    odd = [
        *(None, "churned", {}, {"what": "toString"}, {"what": "current", "months": "2024-03"}),
        {"what": "current", "months": ["2024-03"], "where": {"constructor": "x"}},
        {"what": "others", "months": ["2024-03"], "dimension": "product", "apart": "Azure"},
        {"what": "others", "months": ["2024-03"], "dimension": "constructor"},
        {"what": "others", "months": ["2024-03"]},
    ]
    assert counter.behind(odd) == [None] * len(odd)
    empty = [
        {"what": "current"},
        {"what": "current", "months": ["2024-07"]},
        {"what": "churned", "months": ["2024-02", "2030-01", 7]},
        {"what": "added", "months": ["2024-03"], "where": {"product": "nothing"}},
        {"what": "active", "months": ["2024-03"], "where": {"sku": None}},
        {"what": "subscriptions", "months": []},
        {"what": "cohort", "cohort": "2024-03", "since": "soon"},
        {"what": "cohort", "cohort": "2024-03", "since": 10**9},
        {"what": "signal", "signal": "unheard_of"},
        {"what": "renewals", "product": "nothing"},
        {"what": "others", "months": ["2024-07"], "dimension": "product"},
        {"what": "others", "months": ["2024-03"], "dimension": "product", "apart": ["Office 365"]},
    ]
    assert [found["rows"] for found in counter.behind(empty)] == [[] for _ in empty]


def test_seats_open_the_subscriptions_that_have_some_of_them(
    tmp_path: Path, counter: PageCounter
) -> None:
    numbers = {"all": ("10", "10"), "some": ("10", "4"), "untold": ("10", ""), "none": ("", "")}
    rows = [
        seats_row("2024-02", name, TotalSoldSeats=sold, TotalAssignedSeats=assigned)
        for name, (sold, assigned) in numbers.items()
    ]
    counter.open(
        slice_of(fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows}), "2024-02_2024-02")
    )
    counter.count({}, "2024-02", "2024-02")
    expected = {
        "seats": ["all", "some", "untold"],
        "assigned_seats": ["all", "some"],
        "idle_seats": ["some"],
        "assignment_unknown": ["untold"],
        "constructor": [],
    }
    marks = [{"what": "seats", "product": "Office 365", "part": part} for part in expected]
    found = [[row["customer"] for row in one["rows"]] for one in counter.behind(marks)]
    assert found == [[f"tpid:{name}" for name in names] for names in expected.values()]
    assert counter.behind([{**marks[0], "product": "nothing"}])[0]["rows"] == []


def test_menus_offer_what_the_months_of_the_report_hold(
    tmp_path: Path, counter: PageCounter
) -> None:
    held = {"2024-01": "Peru", "2024-03": "Chad", "2024-04": "Fiji", "2024-05": "Oman"}
    rows = [
        *(seats_row(month, "1", CustomerMarket=market) for month, market in held.items()),
        seats_row("2024-04", "2", CustomerMarket="Mali", SubscriptionState="Churned"),
    ]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    counter.open(slice_of(store, "2024-04_2024-05"))
    assert counter.offered("customer_market") == ["Chad", "Fiji", "Oman"]


def test_revenue_is_rounded_to_six_decimals_in_the_page_and_in_python(
    tmp_path: Path, counter: PageCounter
) -> None:
    """In another order the same fractions have another sum; 0.1 + 0.2 is not 0.3."""
    rows = [
        seats_row("2024-02", "1", SubscriptionId=name, BilledRevenueUSD=revenue)
        for name, revenue in (("a", "0.1"), ("b", "0.2"))
    ]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    data = slice_of(store, "2024-02_2024-02")
    counter.open(data)
    (row,) = counter.count({}, "2024-02", "2024-02")["customers"]
    assert row["billed_revenue_usd"] == 0.3
    assert metrics.customers(data)["billed_revenue_usd"].tolist() == [0.3]
