"""The tables say what docs/definitions.md says: held against a second, plain implementation."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insights_lib import metrics
from insights_lib.store.slice import Slice
from tests.reference import published_example, tables
from tests.support.rows import fill_store, seats_row, slice_of
from tests.support.strategies import (
    METRICS,
    absent_dimensions,
    azure,
    customers,
    filters,
    months,
    seats,
    usage,
    without,
)
from tests.support.sweeps import sweep


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as plain rows, null as None."""
    return [
        {k: None if pd.isna(v) else v for k, v in row.items()}
        for row in table.astype(object).to_dict("records")
    ]


def assert_same_tables(data: Slice, expected: dict[str, list[dict[str, Any]]]) -> None:
    """The tables and columns that the reference has; test_customers.py compares the others."""
    for name, wanted in expected.items():
        actual = rows_of(METRICS[name](data))
        assert len(actual) == len(wanted), name
        for ours, theirs in zip(actual, wanted, strict=True):
            assert {column: ours[column] for column in theirs} == theirs, name


def test_the_published_example_comes_out_exactly(tmp_path: Path) -> None:
    datasets, partner, first, last = published_example()
    store = fill_store(tmp_path, datasets)
    data = slice_of(store, f"{first}_{last}", partner=partner)
    flows = metrics.adds_and_churns(data).query("product == 'All'")
    assert flows["existing"].tolist() == [2, 2, 3, 4, 4, 4, 4, 6, 7]
    assert flows["added"].tolist() == [0, 1, 3, 0, 1, 0, 2, 3, 0]
    assert flows["churned"].tolist() == [0, 0, 0, 2, 0, 1, 0, 0, 2]
    trend = metrics.summary_trend(data)
    assert trend["current_customers"].tolist() == [2, 3, 6, 4, 5, 4, 6, 9, 7]


@pytest.mark.parametrize("_round", sweep(range(4)))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seats=st.lists(seats(), max_size=40),
    status=st.lists(
        st.tuples(months, customers, st.sampled_from(["Active", "Inactive"])), max_size=6
    ),
    usage=st.lists(usage(), max_size=20),
    azure=st.lists(azure(), max_size=8),
    filters=filters,
    absent=absent_dimensions,
    ends=st.tuples(months, months).map(sorted),
)
def test_every_table_equals_the_plain_implementation(
    _round: int,
    seats: Any,
    status: Any,
    usage: Any,
    azure: Any,
    filters: Any,
    absent: Any,
    ends: Any,
) -> None:
    base = seats_row("", "")
    del base["SubscriptionState"]
    fallback = [{**base, "Month": m, "CustomerTpid": c, "CustomerStatus": s} for m, c, s in status]
    datasets = {
        "SeatsSubscriptionsAndRevenue": without(seats, absent),
        "CustomersAndTenants": without(fallback, absent),
        "OfficeUsage": usage,
        "AzureUsage": azure,
    }
    if not any(row["PGAMpnId"] == "1" for rows in datasets.values() for row in rows):
        return
    filters = {facet: values for facet, values in filters.items() if facet not in absent}
    with TemporaryDirectory() as folder:
        store = fill_store(Path(folder), datasets)
        data = slice_of(store, "_".join(ends), filters=filters)
        assert_same_tables(data, tables(datasets, "1", *ends, filters))


def test_the_longest_range_counts_its_first_and_its_last_month(tmp_path: Path) -> None:
    """A subscription's months are bits of one number, which must have room for all of them."""
    ends = ("2020-01", "2024-12")
    rows = [seats_row(month, "1") for month in ("2014-12", "2019-12", *ends)] + [
        seats_row(ends[1], "2")
    ]
    datasets = {"SeatsSubscriptionsAndRevenue": rows, "OfficeUsage": []}
    data = slice_of(fill_store(tmp_path, datasets), "_".join(ends))
    assert_same_tables(data, tables(datasets, "1", *ends))
    trend = metrics.summary_trend(data).set_index("month")["current_customers"]
    assert (trend[ends[0]], trend[ends[1]]) == (1, 2)
