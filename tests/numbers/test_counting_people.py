"""What executive report viewers see: the page's JavaScript against the metrics of a run."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from insights_lib import metrics
from insights_lib.store.ingest import ingest_file
from insights_lib.store.slice import Slice
from insights_lib.tables import TABLES
from tests.reference_history import Asked, month_span
from tests.support.busy_partner import AS_OF, MARKETS, MONTHS, RANGE, busy_partner
from tests.support.counting import Mark, PageCounter, Tables
from tests.support.marks import marks_of
from tests.support.rows import Rows, fill_store, seats_row, slice_of, usage_row, write_tsv
from tests.support.strategies_customers import datasets, exports_of, questions
from tests.support.sweeps import sweep

COUNTED = [name for name, table in TABLES.items() if table.counted]
# What follows the months that a reader picks; all else is of the report's own range.
OF_MONTHS = ("summary", "bridge", "cohorts")
STAYS = ("customer", "status", "first_month", "last_month", "added_month", "churned_month")
JOINED = {"customer_market": "customer_market", "products": "product", "skus": "sku"}


def table(name: str, data: Slice) -> list[dict[str, Any]]:
    found = getattr(metrics, name)(data).astype(object)
    rows: list[dict[str, Any]] = found.where(found.notna(), None).to_dict("records")
    return rows


def store_of(raw: Any, place: Path) -> Path:
    for name, rows in raw.items():
        for number, export in enumerate(exports_of(rows)):
            ingest_file(write_tsv(place / f"{name}-{number}.tsv", export), place / "store")
    return place / "store"


def opened(store: Path, asked: Asked, filters: Any, first: str, last: str) -> Slice:
    options = {"active_states": asked.active_states, "as_of": asked.as_of}
    return slice_of(store, f"{first}_{last}", filters=filters, **options)


def assert_same(counted: Tables, data: Slice, names: Any) -> None:
    for name in names:
        expected = table(name, data)
        assert len(counted[name]) == len(expected), (name, counted[name], expected)
        for own, other in zip(counted[name], expected, strict=True):
            assert own == other, name


def members(data: Slice, sets: str, month: str, where: str = "true") -> set[str]:
    """The keys of the customers of a set in a month."""
    found = data.query(
        f"""SELECT DISTINCT customers.customer FROM {sets} s
            JOIN customers ON number = s.customer
            WHERE strftime(s.month, '%Y-%m') = '{month}' AND {where}"""
    )
    return set(found["customer"])


def assert_behind(counter: PageCounter, tables: Tables) -> list[tuple[Mark, list[Any]]]:
    """Every number opens as many rows as it says; gives what was opened."""
    known = marks_of(tables)
    marks = [mark for _, mark in known]
    listed = {row["customer"]: row for row in tables["customers"]}
    opened = []
    for (number, mark), behind in zip(known, counter.behind(marks), strict=True):
        rows = behind["rows"]
        assert len(rows) == number, (mark, number, rows)
        opened.append((mark, rows))
        if behind["kind"] == "subscriptions" or mark["what"] in {"signal", "renewals"}:
            continue
        ids = [(row["customer"], row.get("month")) for row in rows]
        assert len(set(ids)) == len(ids), mark
        for row in rows:
            month = {"month": row["month"]} if behind["kind"] == "flows" else {}
            assert row == listed[row["customer"]] | month, mark
    assert_others(counter, tables)
    return opened


def assert_others(counter: PageCounter, tables: Tables) -> None:
    """Values drawn together open who is behind each of them, with the value."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for row in tables["distribution_trend"]:
        counts.setdefault((row["dimension"], row["month"]), {})[row["value"]] = row["customers"]
    for (dimension, month), values in counts.items():
        apart, others = list(values)[:1], list(values)[1:]
        mark = {"what": "others", "months": [month], "dimension": dimension, "apart": apart}
        alone = [{"what": "current", "months": [month], "where": {dimension: v}} for v in others]
        found, *each = counter.behind([mark, *alone])
        assert len(found["rows"]) == sum(values[value] for value in others), mark
        for value, one in zip(others, each, strict=True):
            own = [row for row in found["rows"] if row["value"] == value]
            assert own == [row | {"value": value} for row in one["rows"]], mark


def assert_people(data: Slice, tables: Tables, behind: list[tuple[Mark, list[Any]]]) -> None:
    """What is of the report's own range is as in its slice, with the same filters."""
    assert_same(tables, data, ("signals", "renewals", "seats"))
    customers = table("customers", data)
    for mark, rows in behind:
        if mark["what"] == "signal":
            signal = mark["signal"]
            assert rows == [row for row in customers if signal in (row["signals"] or "")], mark
        elif mark["what"] == "renewals":
            cell = {"product": mark["product"], "month": mark["end"]}
            (told,) = [row for row in tables["renewals"] if row | cell == row]
            if "customers" in mark:
                keys = {row["customer"] for row in rows}
                assert rows == [row for row in customers if row["customer"] in keys], mark
                continue
            assert {row["product"] for row in rows} <= {mark["product"]}
            if "without_auto_renew" not in mark:
                seats = [row["seats"] for row in rows if row["seats"] is not None]
                assert (sum(seats) if seats else None) == told["seats"], mark
                assert len({row["customer"] for row in rows}) == told["customers"], mark


def assert_members(data: Slice, behind: list[tuple[Mark, list[Any]]]) -> None:
    """Who is opened is who the sets of a run say."""
    tables = {"current": "current", "active": "active", "added": "added", "churned": "churned"}
    for mark, rows in behind:
        if mark["what"] in tables and "where" not in mark:
            for month in mark["months"]:
                ids = {row["customer"] for row in rows if row.get("month", month) == month}
                assert ids == members(data, tables[mark["what"]], month), mark


def assert_churned_of_markets(counter: PageCounter, data: Slice, month: str) -> None:
    """Who churned has the market of the month before."""
    for market in MARKETS:
        mark = {"what": "churned", "months": [month], "where": {"customer_market": market}}
        (found,) = counter.behind([mark])
        held = f"""s.customer IN (
            SELECT customer FROM subscriptions WHERE customer_market = '{market}'
            AND strftime(month + INTERVAL 1 MONTH, '%Y-%m') = '{month}')"""
        assert {row["customer"] for row in found["rows"]} == members(data, "churned", month, held)


def without(absent: tuple[str, ...], filters: Any) -> dict[str, Any]:
    """The filters that a run accepts."""
    return {facet: values for facet, values in filters.items() if values and facet not in absent}


def assert_stays(counted: Tables, data: Slice, absent: tuple[str, ...]) -> None:
    """What of the customers follows the reader's months; values may be spelt in another way."""

    def told(row: dict[str, Any]) -> dict[str, Any]:
        held = {
            name: sorted(set((row[name] or "").lower().split("; ")))
            for name, dimension in JOINED.items()
            if dimension not in absent
        }
        return {name: row[name] for name in (*STAYS, "subscriptions")} | held

    own, other = (
        {row["customer"]: told(row) for row in rows}
        for rows in (counted["customers"], table("customers", data))
    )
    assert own == other


def assert_whole(counter: PageCounter, store: Path, asked: Asked, filters: Any) -> None:
    """Filters over all months of the report."""
    counted = counter.count(filters, asked.first, asked.last)
    data = opened(store, asked, filters, asked.first, asked.last)
    assert_same(counted, data, COUNTED)
    behind = assert_behind(counter, counted)
    assert_members(data, behind)
    assert_people(data, counted, behind)


def assert_part(
    counter: PageCounter, store: Path, asked: Asked, filters: Any, part: tuple[str, str]
) -> None:
    """Filters over some of the months of the report."""
    counted = counter.count(filters, *part)
    data = opened(store, asked, filters, *part)
    whole = opened(store, asked, filters, asked.first, asked.last)
    assert_same(counted, data, OF_MONTHS)
    assert_stays(counted, data, (*whole.absent_dimensions, *data.absent_dimensions))
    behind = assert_behind(counter, counted)
    assert_members(data, behind)
    assert_people(whole, counted, behind)


class Raw(dict[str, Rows]):
    """Rows by dataset, which a failing example shows as their number only."""

    def __repr__(self) -> str:
        return f"<{sum(map(len, self.values()))} rows>"


@pytest.mark.parametrize("_round", sweep(range(3)))
@settings(
    max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    raw=datasets().map(Raw),
    asked=questions(),
    other=questions(),
    ends=st.tuples(st.integers(0, 13), st.integers(0, 13)),
)
def test_the_page_counts_customers_like_a_run_with_the_same_filters(
    _round: int,
    raw: Raw,
    asked: Asked,
    other: Asked,
    ends: tuple[int, int],
    counter: PageCounter,
) -> None:
    if not raw["SeatsSubscriptionsAndRevenue"]:
        return
    with TemporaryDirectory() as folder:
        store = store_of(raw, Path(folder))
        whole = opened(store, asked, {}, asked.first, asked.last)
        months = whole.query("SELECT strftime(month, '%Y-%m') AS m FROM months ORDER BY 1")["m"][1:]
        first, last = sorted(months.iloc[end % len(months)] for end in ends)
        absent = (
            *whole.absent_dimensions,
            *opened(store, asked, {}, first, last).absent_dimensions,
        )
        counter.open(whole)
        assert_whole(counter, store, asked, without(absent, asked.filters))
        assert_part(counter, store, asked, without(absent, other.filters), (first, last))


@pytest.mark.parametrize(("seed", "gap"), sweep([(2, MONTHS[-5]), (1, "")]))
def test_a_partner_with_a_bit_of_everything_is_counted_like_a_run(
    seed: int, gap: str, tmp_path: Path, counter: PageCounter
) -> None:
    store = fill_store(tmp_path, busy_partner(seed, gap))
    asked = Asked("1", *RANGE, {}, ("Active",), AS_OF)
    counter.open(opened(store, asked, {}, *RANGE))
    assert_whole(counter, store, asked, {})
    assert_churned_of_markets(counter, opened(store, asked, {}, *RANGE), MONTHS[-2])
    for value in ("Azure", "Office 365", "Power BI"):
        assert_whole(counter, store, asked, {"product": [value]})
    assert_whole(counter, store, asked, {"partner_location": ["Oslo"]})
    both = {"product": ["Azure", "Copilot"], "customer_market": ["Peru", "Norway"]}
    assert_part(counter, store, asked, both, (MONTHS[8], MONTHS[-4]))
    assert_part(counter, store, asked, {}, (MONTHS[-3], MONTHS[-3]))
    assert_part(counter, store, asked, {}, (MONTHS[-5], MONTHS[-5]))


def test_who_left_before_the_report_has_a_name_there(tmp_path: Path, counter: PageCounter) -> None:
    rows = [
        seats_row("2024-03", "1", CustomerName="Early", TotalSoldSeats="9"),
        seats_row("2024-04", "1", CustomerName="Later", TotalSoldSeats="9"),
        *(seats_row(month, "2", TotalSoldSeats="5") for month in month_span("2024-12", "2024-03")),
    ]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    counter.open(slice_of(store, "2024-10_2024-12"))
    own = counter.count({}, "2024-10", "2024-12")["customers"]
    assert [row["customer_name"] for row in own] == ["Name of 2"]
    before = counter.count({}, "2024-03", "2024-06")["customers"]
    told = [(row["customer_name"], row["status"], row["seats"]) for row in before]
    # Seats are those of the report's own months, in which the other has none.
    assert told == [("Name of 2", "existing", 5), ("Later", "churned", None)]


def test_a_dimension_counts_in_the_months_whose_exports_have_it(
    tmp_path: Path, counter: PageCounter
) -> None:
    for month in ("2024-01", "2024-02", "2024-03"):
        row = seats_row(month, "1")
        if month == "2024-01":
            del row["SalesChannel"], row["SKU"]
        ingest_file(write_tsv(tmp_path / f"{month}.tsv", [row]), tmp_path / "store")
    counter.open(slice_of(tmp_path / "store", "2024-03_2024-03"))
    for first, last in (("2024-01", "2024-01"), ("2024-01", "2024-02"), ("2024-02", "2024-02")):
        data = slice_of(tmp_path / "store", f"{first}_{last}")
        counted = counter.count({}, first, last)
        names = ("products", "distribution", "distribution_trend", "summary_products")
        assert_same(counted, data, names)
        joined = ("sales_channel", "skus", "products")
        (own,), (other,) = counted["customers"], table("customers", data)
        assert [own[name] for name in joined] == [other[name] for name in joined]


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Ten years of customers who come, go and return, some of them with names of rare letters."""
    months = month_span("2024-12", length=121)
    names = ("\U0001f600 first plane", "\uff21 before it", "Unknown", "a", "", "a")
    rows = [
        seats_row(
            month,
            str(n),
            CustomerName=names[n % len(names)],
            CustomerMarket=("Sweden", "Norway")[(i // 7 + n) % 2],
            TotalSoldSeats=str(n + i % 9),
            SubscriptionEndDate=f"2025-{1 + (i + n) % 12:02d}-15",
        )
        for i, month in enumerate(months)
        for n in range(20)
        if (i // (n % 5 + 2) + n) % 4 and i % 50 != 49 and i > 6 * n
    ]
    used = [usage_row(month, str(i % 20)) for i, month in enumerate(months)]
    return fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows, "OfficeUsage": used})


AS_OF_YEAR = date(2025, 1, 10)


@pytest.mark.parametrize("ends", [("2020-01", "2024-12"), ("2022-08", "2022-10"), ("2024-12",) * 2])
def test_what_was_ever_before_is_known_across_windows_of_months(
    ends: tuple[str, str], long: Path, counter: PageCounter
) -> None:
    """31 months are counted at a time; who is new, though, was in none of all that were read."""
    for chosen in ({}, {"customer_market": ["Norway"]}):
        whole = ("2020-01", "2024-12") if ends[0] != ends[1] else ends
        counter.open(slice_of(long, "_".join(whole), as_of=AS_OF_YEAR))
        counted = counter.count(chosen, *ends)
        data = slice_of(long, "_".join(ends), filters=chosen, as_of=AS_OF_YEAR)
        assert_same(counted, data, COUNTED if whole == ends else OF_MONTHS)
        assert_stays(counted, data, ())
        assert_members(data, assert_behind(counter, counted))
        assert len({row["status"] for row in counted["customers"]}) > 1


def test_the_page_of_a_report_viewer_counts_what_needs_no_single_customer(
    long: Path, counter: PageCounter
) -> None:
    counter.open(slice_of(long, "2024-01_2024-12", role="report_viewer"))
    counted = counter.count({}, "2024-01", "2024-12")
    assert counted.keys() == {n for n, t in TABLES.items() if t.counted_for("report_viewer")}
    assert "customers" not in counted
    assert counted["bridge"]
