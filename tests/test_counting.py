"""The page counts as the definitions say: its JavaScript against the plain implementation."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conftest import fill_store, seats_row, slice_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import published_example, tables
from test_metrics import MONTHS, azure, filters, months, rows_of, seats, usage

from insights_lib.parameters import DateRange
from insights_lib.rows import compact_rows

Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def count() -> Iterator[Callable[..., Tables]]:
    """A function that counts a slice in JavaScript: slice, filters, first month, last month."""
    program = ["node", str(Path(__file__).parent / "count_lines.mjs")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        def counted(rows: Any, facets: Any, first: str, last: str) -> Tables:
            assert node.stdin
            assert node.stdout
            asked = {"rows": rows, "facets": facets, "from": first, "to": last}
            node.stdin.write(json.dumps(asked) + "\n")
            node.stdin.flush()
            found = json.loads(node.stdout.readline())
            return {
                name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
                for name, table in found.items()
            }

        yield counted


def assert_same(counted: Tables, expected: Tables) -> None:
    assert counted.keys() == expected.keys()
    for row in counted["geographical_spread"]:
        del row["country_code"]
    for name, rows in expected.items():
        assert counted[name] == rows, name


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seats=st.lists(seats(), max_size=40),
    usage=st.lists(usage(), max_size=20),
    azure=st.lists(azure(), max_size=8),
    filters=filters,
    ends=st.tuples(months, months).map(sorted),
)
def test_a_selection_in_the_page_counts_like_the_filters_of_a_run(
    seats: Any, usage: Any, azure: Any, filters: Any, ends: Any, count: Any
) -> None:
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage, "AzureUsage": azure}
    if not any(row["PGAMpnId"] == "1" for rows in datasets.values() for row in rows):
        return
    chosen = {facet: values for facet, values in filters.items() if values}
    with TemporaryDirectory() as folder:
        data = slice_of(fill_store(Path(folder), datasets), f"{MONTHS[0]}_{MONTHS[-1]}")
        assert_same(count(compact_rows(data), chosen, *ends), tables(datasets, "1", *ends, chosen))
