"""The page counts as the definitions say: its JavaScript against the plain implementation."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from insights_lib.tables import TABLES
from tests.reference import published_example, tables
from tests.support.counting import PageCounter, Tables
from tests.support.rows import fill_store, seats_row, slice_of, usage_row
from tests.support.strategies import MONTHS, azure, filters, months, seats, usage
from tests.support.sweeps import sweep


def assert_same(counted: Tables, expected: Tables) -> None:
    """The tables that the reference has; test_counting_people.py compares the others."""
    assert counted.keys() == {n for n, t in TABLES.items() if t.counted} > expected.keys()
    for name, rows in counted.items():
        assert all(row.keys() == TABLES[name].columns.keys() for row in rows), name
    for row in counted["geographical_spread"]:
        del row["country_code"]
    for row in counted["summary"]:
        del row["previous_value"], row["change_pct"]
    for name, rows in expected.items():
        assert counted[name] == rows, name


@pytest.mark.parametrize("_round", sweep(range(4)))
@settings(
    max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    seats=st.lists(seats(), max_size=40),
    usage=st.lists(usage(), max_size=20),
    azure=st.lists(azure(), max_size=8),
    filters=filters,
    ends=st.tuples(months, months).map(sorted),
    first=months,
)
def test_a_selection_in_the_page_counts_like_the_filters_of_a_run(
    _round: int,
    seats: Any,
    usage: Any,
    azure: Any,
    filters: Any,
    ends: Any,
    first: str,
    counter: PageCounter,
) -> None:
    """Whichever months it is of: those of the report, or before."""
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage, "AzureUsage": azure}
    if not any(row["PGAMpnId"] == "1" for rows in datasets.values() for row in rows):
        return
    chosen = {facet: values for facet, values in filters.items() if values}
    with TemporaryDirectory() as folder:
        report = (first, MONTHS[-1])
        data = slice_of(fill_store(Path(folder), datasets), "_".join(report))
        counter.open(data)
        offered = data.query("SELECT strftime(month, '%Y-%m') AS m FROM months")["m"].sort_values()
        ends = [max(end, offered.iloc[1]) for end in ends]
        expected = tables(datasets, "1", *ends, chosen, report=report)
        assert_same(counter.count(chosen, *ends), expected)


@pytest.mark.parametrize("ends", [("2020-01", "2024-12"), ("2022-08", "2022-10"), ("2024-12",) * 2])
def test_ranges_longer_than_the_bits_of_a_number_are_counted_in_windows(
    ends: tuple[str, str], tmp_path: Path, counter: PageCounter
) -> None:
    """31 months are counted at a time, so flows must be right where one window meets the next."""
    months = ["2014-12", *(f"{year}-{m:02d}" for year in range(2015, 2025) for m in range(1, 13))]
    seats = [
        seats_row(month, str(n), PartnerLocation=f"place {(i + n) % 3}")
        for i, month in enumerate(months)
        for n in range(6)
        if (i + n) % (n + 2)
    ]
    used = [usage_row(month, str(i % 6)) for i, month in enumerate(months)]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": used}
    counter.open(slice_of(fill_store(tmp_path, datasets), "2020-01_2024-12"))
    for chosen in ({}, {"partner_location": ["place 1"]}):
        assert_same(counter.count(chosen, *ends), tables(datasets, "1", *ends, chosen))


def test_the_published_example_comes_out_in_the_page_too(
    tmp_path: Path, counter: PageCounter
) -> None:
    datasets, partner, first, last = published_example()
    counter.open(slice_of(fill_store(tmp_path, datasets), f"{first}_{last}", partner=partner))
    counted = counter.count({}, first, last)["adds_and_churns"]
    flows = [row for row in counted if row["product"] == "All"]
    assert [row["existing"] for row in flows] == [2, 2, 3, 4, 4, 4, 4, 6, 7]
    assert [row["added"] for row in flows] == [0, 1, 3, 0, 1, 0, 2, 3, 0]
    assert [row["churned"] for row in flows] == [0, 0, 0, 2, 0, 1, 0, 0, 2]
