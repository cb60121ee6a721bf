"""What is declared of a table holds: for its metric, its chart, its notebook and the page."""

import json
import re
from collections.abc import Iterator
from datetime import date
from inspect import getmembers, isfunction
from types import ModuleType
from typing import get_args

import pandas as pd
import plotly.graph_objects as go
import pytest

from insights_lib import charts, metrics
from insights_lib.parameters.spec import Filters
from insights_lib.presentation.language import Language
from insights_lib.run.plan import notebooks
from insights_lib.store.slice import Slice
from insights_lib.tables import ALL, DIMENSIONS, FACETS, TABLES, Kind, declarations
from tests import reference, reference_customers
from tests.support.rows import fill_store, seats_row, slice_of, usage_row

# What a value of each kind is. None of them is ever a number that pandas has made a float of.
KINDS = {
    "text": lambda value: isinstance(value, str),
    "name": lambda value: isinstance(value, str) and re.fullmatch("[a-z_]+", value),
    "count": lambda value: type(value) is int and value >= 0,
    "percent": lambda value: type(value) is float,
    "number": lambda value: type(value) in {int, float},
    "money": lambda value: type(value) in {int, float},
    "month": lambda value: isinstance(value, str) and re.fullmatch(MONTH, value),
    "date": lambda value: isinstance(value, str) and date.fromisoformat(value),
    "names": lambda value: isinstance(value, str) and re.fullmatch("[a-z_]+(; [a-z_]+)*", value),
}
MONTH = r"\d{4}-(0\d|1[012])|past|later"
# A customer can be without any of them.
NEVER_NULL = {"text", "name"}

each_table = pytest.mark.parametrize("name", TABLES)
each_chart = pytest.mark.parametrize("name", [t.name for t in TABLES.values() if t.chart])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Slice:
    """A slice with everything: several values, a month without data, and one without usage."""
    months = ("2025-01", "2025-02", "2025-03", "2025-05", "2025-06")
    typed = {
        "TotalSoldSeats": "10",
        "TotalAssignedSeats": "7",
        "BilledRevenueUSD": "12.5",
        "AzureConsumedRevenueUSD": "1",
        "SubscriptionEndDate": "2030-02-01",
        "IsAutoRenew": "No",
    }
    rows = [seats_row(month, customer, **typed) for month in months for customer in "ab"]
    rows += [
        seats_row(month, "c", Product=product, SKU=product, CustomerMarket="Atlantis", **typed)
        for month in months[1:4]
        for product in ("Azure", "Power BI")
    ]
    usage = [usage_row(month, "a") for month in months[:-1]]
    datasets = {"SeatsSubscriptionsAndRevenue": rows, "OfficeUsage": usage}
    return slice_of(fill_store(tmp_path_factory.mktemp("data"), datasets), "2025-02_2025-06")


@pytest.fixture(scope="module")
def tables(data: Slice) -> dict[str, pd.DataFrame]:
    return {name: getattr(metrics, name)(data) for name in TABLES}


def values_of(column: "pd.Series[object]") -> list[object]:
    values = zip(column.astype(object), column.isna(), strict=True)
    return [None if missing else value for value, missing in values]


def own_functions(module: ModuleType) -> set[str]:
    """The functions that a module offers, without those that it imports."""
    found = getmembers(module, isfunction)
    homes = {module.__name__, module.__name__.replace("insights_lib.", "insights_lib.customer_")}
    own = {name for name, function in found if function.__module__ in homes}
    return {name for name in own if not name.startswith("_")}


def drawn(name: str, *taken: pd.DataFrame) -> str:
    return str(getattr(charts, str(TABLES[name].chart))(*taken, Language("en")).to_json())


def changed_tables(name: str, tables: dict[str, pd.DataFrame]) -> Iterator[list[pd.DataFrame]]:
    """What a chart takes, each time with other numbers in one of the tables."""
    taken = [name, *TABLES[name].drawn_with]
    for changed in taken:
        numbers = [c for c, kind in TABLES[changed].columns.items() if kind in {"count", "number"}]
        more = tables[changed].copy()
        more[numbers] = more[numbers] + 1
        yield [more if other == changed else tables[other] for other in taken]


@each_table
def test_a_table_has_the_columns_that_are_declared(
    name: str, tables: dict[str, pd.DataFrame]
) -> None:
    assert len(tables[name]), "there is something to look at"
    assert list(tables[name].columns) == list(TABLES[name].columns)


@each_table
def test_every_value_is_of_the_kind_of_its_column(
    name: str, tables: dict[str, pd.DataFrame]
) -> None:
    for column, kind in TABLES[name].columns.items():
        values = values_of(tables[name][column])
        known = [value for value in values if value is not None]
        assert known == values or kind not in NEVER_NULL or TABLES[name].personal, column
        assert all(KINDS[kind](value) for value in known), (column, kind, known)


def test_kinds_are_looked_at_where_numbers_are_unknown_too(tables: dict[str, pd.DataFrame]) -> None:
    """April has no data and June no usage; a numpy column would turn such counts into floats."""
    trend = tables["summary_trend"].set_index("month").astype(object)
    assert trend.loc["2025-04"].isna().all()
    assert pd.isna(trend.loc["2025-06", "active_customers"])


def test_every_kind_is_looked_at() -> None:
    assert set(KINDS) == set(get_args(Kind))
    assert {kind for table in TABLES.values() for kind in table.columns.values()} <= set(KINDS)


@each_table
def test_a_table_by_dimension_has_the_dimensions_that_are_declared(
    name: str, tables: dict[str, pd.DataFrame]
) -> None:
    found = list(tables[name]["dimension"].unique()) if "dimension" in tables[name] else []
    assert tuple(found) == TABLES[name].dimensions
    assert set(found) <= set(DIMENSIONS)


def test_metrics_and_charts_are_just_those_that_are_declared() -> None:
    assert own_functions(metrics) == set(TABLES)
    assert own_functions(charts) == {table.chart for table in TABLES.values() if table.chart}


def test_every_table_has_a_plain_implementation_that_names_its_columns() -> None:
    """Country codes are left to the library."""
    both = {**reference.TABLES, **reference_customers.TABLES}
    plain = {table.__name__: names.split() for table, names in both.items()}
    plain["summary"] += ["previous_value", "change_pct"]  # in `reference_customers.tables`
    declared = {name: [*table.columns] for name, table in TABLES.items()}
    declared["geographical_spread"].remove("country_code")
    assert plain == declared


@each_chart
def test_a_chart_draws_its_table_and_those_it_is_drawn_with(
    name: str, tables: dict[str, pd.DataFrame]
) -> None:
    usual = drawn(name, *(tables[other] for other in (name, *TABLES[name].drawn_with)))
    for taken in changed_tables(name, tables):
        assert drawn(name, *taken) != usual


@each_chart
def test_plotly_takes_a_chart_as_it_is(name: str, tables: dict[str, pd.DataFrame]) -> None:
    """Charts are made without its checks."""
    chart = drawn(name, *(tables[other] for other in (name, *TABLES[name].drawn_with)))
    assert json.loads(go.Figure(json.loads(chart)).to_json()) == json.loads(chart)


def test_every_table_is_shown_by_one_notebook() -> None:
    cells = [cell for file in notebooks() for cell in json.loads(file.read_text("utf-8"))["cells"]]
    sources = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    shown = re.findall(r'^report\.show\("(\w+)"\)', sources, re.MULTILINE)
    assert sorted(shown) == sorted(TABLES)


def test_a_table_is_called_what_its_file_can_be_called() -> None:
    assert all(re.fullmatch("[a-z_]+", name) for name in TABLES)
    assert all(name == table.name for name, table in TABLES.items())
    drawn_with = {other for table in TABLES.values() for other in table.drawn_with}
    assert drawn_with <= set(TABLES)


def test_the_facets_are_the_filters_that_a_report_takes() -> None:
    assert tuple(Filters.model_fields) == FACETS
    assert set(FACETS) <= set(DIMENSIONS)


def test_the_page_gets_the_declarations_as_data() -> None:
    told = json.loads(json.dumps(declarations()))
    assert (told["facets"], told["dimensions"], told["all"]) == ([*FACETS], [*DIMENSIONS], ALL)
    assert list(told["tables"]) == list(TABLES)
    for name, table in told["tables"].items():
        assert list(table["columns"].items()) == list(TABLES[name].columns.items())
