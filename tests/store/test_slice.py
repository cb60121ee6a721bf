"""A slice holds one partner's rows of the range, with the filters applied as defined."""

import sqlite3
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pytest
from pandas.testing import assert_frame_equal

from insights_lib import metrics
from insights_lib.errors import ExportError, StoreError
from insights_lib.notebook import facts_of
from insights_lib.parameters.spec import DateRange
from insights_lib.presentation.language import Language
from insights_lib.run.plan import data_digest
from insights_lib.store import usage
from insights_lib.store.catalog import writing
from insights_lib.store.partners import partner_parts
from insights_lib.store.slice import Slice, open_slice
from insights_lib.store.sql import lower_case, sql_file
from tests.reference import lowered
from tests.support.rows import Rows, fill_store, seats_row, slice_of, usage_row

StoreOf = Callable[[Mapping[str, Rows]], Path]

SIX_MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
SEATS, CUSTOMERS = "SeatsSubscriptionsAndRevenue", "CustomersAndTenants"


def status_row(month: str, customer: str, status: str, **others: str) -> dict[str, str]:
    """A row of CustomersAndTenants of partner `1`, without subscription ids."""
    row = seats_row(month, customer, CustomerStatus=status, **others)
    del row["SubscriptionState"], row["SubscriptionId"], row["PricingLevel"]
    return row


def products_row(month: str, customer: str, measures: dict[str, str]) -> dict[str, str]:
    """A row of another usage dataset than OfficeUsage."""
    row = usage_row(month, customer)
    del row["WorkloadName"], row["MonthlyActiveUsers"]
    return row | measures


def sets(data: Slice, table: str, column: str = "sku") -> dict[str, set[str]]:
    """By month, what a column of the customers' subscriptions holds: here, their names."""
    found: dict[str, set[str]] = {}
    rows = data.query(
        f"""SELECT DISTINCT strftime(t.month, '%Y-%m'), s.{column}
            FROM {table} t JOIN subscriptions s USING (customer)"""
    )
    for month, name in rows.itertuples(index=False):
        found.setdefault(month, set()).add(name)
    return found


def named(month: str, name: str, **others: str) -> dict[str, str]:
    """A seats row of a customer whose SKU is its name, so that `sets` can tell it."""
    return seats_row(month, name, SKU=name, **others)


def months(data: Slice, flag: str) -> list[str]:
    rows = data.query(f"SELECT strftime(month, '%Y-%m') AS m FROM months WHERE {flag} ORDER BY m")
    return rows["m"].tolist()


# Active rows

STATES = ["Active", " active ", "ACTIVE", "Churned", "Suspended", "Inactive", "", "UNKNOWN"]


@pytest.mark.parametrize(
    ("states", "counted"),
    [
        (("Active",), "0 1 2"),
        (("ACTIVE", "suspended"), "0 1 2 4"),
        (("Churned",), "3"),
        ((" Churned ",), "3"),
        (("Unknown",), ""),
    ],
    ids=str,
)
def test_active_rows_are_those_in_an_active_state(
    states: tuple[str, ...], counted: str, store_of: StoreOf
) -> None:
    rows = [named("2025-01", str(i), SubscriptionState=s) for i, s in enumerate(STATES)]
    data = slice_of(store_of({SEATS: rows}), "2025-01_2025-01", active_states=states)
    assert sets(data, "current").get("2025-01", set()) == set(counted.split())


# Filters

VALUES = ["Sweden", "SWEDEN", "Norway", "NA", "", "unknown", "Åland", "ΕΛΛΑΣ", "Türkİye", "a, b"]
FACET_COLUMNS = {
    "customer_market": "CustomerMarket",
    "partner_attribution": "PartnerAttributionType",
    "partner_location": "PartnerLocation",
    "sales_channel": "SalesChannel",
    "customer_segment": "CustomerSegment",
    "product": "Product",
}


@pytest.fixture(scope="module")
def facets_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one customer, named by its number, per value of every facet."""
    rows = [
        named("2025-01", str(i), **dict.fromkeys(FACET_COLUMNS.values(), value))
        for i, value in enumerate(VALUES)
    ]
    return fill_store(tmp_path_factory.mktemp("facets"), {SEATS: rows})


@pytest.mark.parametrize("facet", FACET_COLUMNS)
def test_every_facet_can_be_filtered(facet: str, facets_store: Path) -> None:
    data = slice_of(facets_store, "2025-01_2025-01", filters={facet: ["sweden", "Unknown"]})
    assert sets(data, "current") == {"2025-01": {"0", "1", "4", "5"}}


@pytest.mark.parametrize(
    ("chosen", "passing"),
    [
        ([], "0 1 2 3 4 5 6 7 8 9"),
        (["Sweden"], "0 1"),
        (["sweden", "NORWAY"], "0 1 2"),
        (["na"], "3"),
        (["Unknown"], "4 5"),
        (["åLAND"], "6"),
        (["ΕΛΛΑΣ"], "7"),
        (["Türkİye"], "8"),
        (["a, b"], "9"),
        (["a", "b"], ""),
        (["Swede"], ""),
        (["%", "_"], ""),
    ],
    ids=str,
)
def test_a_row_passes_a_facet_when_it_holds_one_of_its_values(
    chosen: list[str], passing: str, facets_store: Path
) -> None:
    data = slice_of(facets_store, "2025-01_2025-01", filters={"customer_market": chosen})
    assert sets(data, "current").get("2025-01", set()) == set(passing.split())


def test_a_row_must_pass_every_facet_that_has_values(store_of: StoreOf) -> None:
    rows = [
        named("2025-01", "both"),
        named("2025-01", "market only", SalesChannel="EA"),
        named("2025-01", "channel only", CustomerMarket="Norway"),
        # One row passes one facet and another row the other: none passes both.
        named("2025-01", "neither", SalesChannel="EA"),
        named("2025-01", "neither", CustomerMarket="Norway"),
    ]
    data = slice_of(
        store_of({SEATS: rows}),
        "2025-01_2025-01",
        filters={"customer_market": ["Sweden"], "sales_channel": ["CSP", "Open"]},
    )
    assert sets(data, "current") == {"2025-01": {"both"}}


def test_a_filter_value_that_no_active_row_holds_is_told(facets_store: Path) -> None:
    chosen = {"customer_market": ["SWEDEN", "Swden", "Unknown"], "product": ["ΕΛΛΑΣ", "sku"]}
    data = slice_of(facets_store, "2025-01_2025-01", filters=chosen)
    assert data.unmatched_filters == ("product=sku", "customer_market=Swden")


def test_a_product_filter_holds_the_folded_name(store_of: StoreOf) -> None:
    rows = [named("2025-01", "o", Product="O365"), named("2025-01", "a", Product="Azure")]
    store = store_of({SEATS: rows})
    for chosen, found in (("office 365", {"2025-01": {"o"}}), ("O365", {})):
        data = slice_of(store, "2025-01_2025-01", filters={"product": [chosen]})
        assert sets(data, "current") == found


def test_a_missing_value_is_shown_as_unknown_and_na_is_a_value(facets_store: Path) -> None:
    data = slice_of(facets_store, "2025-01_2025-01")
    shown = sets(data, "current", "customer_market")["2025-01"]
    assert {"Unknown", "NA", "SWEDEN"} < shown  # of two spellings the first
    assert not {"", "unknown", "Sweden", None} & shown


# Months, and what is known of them


def test_the_months_are_those_of_the_range_and_all_before_it(store_of: StoreOf) -> None:
    rows = [named(f"2025-0{m}", f"c{m}") for m in range(1, 6)]
    data = slice_of(store_of({SEATS: rows}), "2025-03_2025-04")
    # The page offers the first month with data, too, and then needs the one before it.
    assert months(data, "true") == ["2024-12", "2025-01", "2025-02", "2025-03", "2025-04"]
    assert months(data, "in_range") == ["2025-03", "2025-04"]
    assert months(data, "in_view") == ["2025-02", "2025-03", "2025-04"]
    assert sets(data, "current") == {f"2025-0{m}": {f"c{m}"} for m in range(1, 5)}
    assert {part.month.month for part in data.inputs} == {1, 2, 3, 4}


def test_months_more_than_ten_years_before_the_last_are_not_read(store_of: StoreOf) -> None:
    rows = [named(month, month) for month in ("2015-03", "2015-04", "2025-04")]
    data = slice_of(store_of({SEATS: rows}), "2025-04_2025-04")
    assert sets(data, "current") == {"2015-04": {"2015-04"}, "2025-04": {"2025-04"}}


def test_gaps_are_told_and_leave_flows_unknown(store_of: StoreOf) -> None:
    covered = ["2025-01", "2025-02", "2025-04", "2025-05", "2025-06"]
    store = store_of(
        {
            SEATS: [named(month, "a") for month in covered],
            "OfficeUsage": [usage_row(month, "x") for month in ("2025-02", "2025-03", "2025-05")],
        }
    )
    data = slice_of(store, "2025-01_2025-07")
    assert months(data, "covered") == covered
    assert months(data, "has_flows") == ["2025-02", "2025-05", "2025-06"]
    assert months(data, "has_usage") == ["2025-02", "2025-05"]
    assert data.months_without_subscriptions == ("2025-03", "2025-07")
    assert data.months_without_usage == ("2025-01", "2025-03", "2025-04", "2025-06", "2025-07")


def test_the_month_before_the_range_is_no_gap_of_it(store_of: StoreOf) -> None:
    store = store_of({SEATS: [named("2025-02", "a")], "OfficeUsage": [usage_row("2025-02", "a")]})
    data = slice_of(store, "2025-02_2025-02")
    assert (data.months_without_subscriptions, data.months_without_usage) == ((), ())
    assert months(data, "has_flows") == []


def test_a_month_is_covered_by_rows_that_are_not_active_or_pass_no_filter(
    store_of: StoreOf,
) -> None:
    rows = [
        named("2025-01", "a"),
        named("2025-02", "a", SubscriptionState="Churned"),
        named("2025-03", "a", CustomerMarket="Norway"),
    ]
    data = slice_of(
        store_of({SEATS: rows}), "2025-02_2025-03", filters={"customer_market": ["Sweden"]}
    )
    assert months(data, "covered") == ["2025-01", "2025-02", "2025-03"]
    assert months(data, "has_flows") == ["2025-02", "2025-03"]
    assert sets(data, "current") == {"2025-01": {"a"}}


def test_a_range_without_any_data_is_all_gap(store_of: StoreOf) -> None:
    data = slice_of(store_of({SEATS: [named("2025-01", "a")]}), "2020-01_2020-02")
    assert months(data, "covered") == []
    assert data.inputs == ()
    assert data.months_without_subscriptions == ("2020-01", "2020-02")
    assert data.months_without_usage == ("2020-01", "2020-02")


def test_the_customers_added_are_those_who_were_not_there_the_month_before(
    store_of: StoreOf,
) -> None:
    by_month = {"2025-01": "ab", "2025-02": "bc", "2025-03": "abc", "2025-05": "d"}
    rows = [named(month, c) for month, who in by_month.items() for c in who]
    data = slice_of(store_of({SEATS: rows}), "2025-02_2025-05")
    assert sets(data, "added") == {"2025-02": {"c"}, "2025-03": {"a"}}


def test_subscription_ids_are_known_where_the_month_has_any(store_of: StoreOf) -> None:
    rows = [
        seats_row("2025-01", "a"),
        seats_row("2025-02", "a", SubscriptionId="NULL"),
        seats_row("2025-03", "a", SubscriptionId=""),
        seats_row("2025-03", "b", SubscriptionState="Churned"),
    ]
    data = slice_of(store_of({SEATS: rows}), "2025-01_2025-03")
    assert months(data, "has_ids") == ["2025-01", "2025-03"]


# Usage


def test_active_customers_are_current_ones_with_usage_in_the_month(store_of: StoreOf) -> None:
    store = store_of(
        {
            SEATS: [named(m, c) for m in ("2025-01", "2025-02", "2025-03") for c in "abc"],
            "OfficeUsage": [
                usage_row("2025-01", "a"),
                usage_row("2025-01", "b", "0"),
                usage_row("2025-01", "stranger"),
                usage_row("2025-02", "b", "-1"),
                usage_row("2025-02", "c", ""),
            ],
        }
    )
    data = slice_of(store, "2025-01_2025-03")
    assert sets(data, "active") == {"2025-01": {"a"}}
    assert months(data, "has_usage") == ["2025-01", "2025-02"]


USAGE = {
    "OfficeUsage": (usage_row("2025-01", "o"), "Office 365"),
    "EMSUsage": (
        usage_row("2025-01", "e", WorkloadName="Intune"),
        "Enterprise Mobility + Security",
    ),
    "DynamicsUsage": (
        products_row("2025-01", "d", {"RevSumDivisionName": "x", "ActiveSeats": "1"}),
        "Dynamics 365",
    ),
    "PowerBIUsage": (products_row("2025-01", "p", {"ActiveSeats": "1"}), "Power BI"),
    "AzureUsage": (
        products_row("2025-01", "a", {"MeterCategory": "x", "UsageQuantity": "", "TotalACR": "1"}),
        "Azure",
    ),
}


@pytest.fixture(scope="module")
def usage_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a customer per usage dataset, each with a subscription of each product."""
    products = [product for _, product in USAGE.values()]
    seats = [named("2025-01", c, Product=product) for c in "oedpa" for product in products]
    rows = {name: [row] for name, (row, _) in USAGE.items()}
    return fill_store(tmp_path_factory.mktemp("usage"), {SEATS: seats, **rows})


@pytest.mark.parametrize("dataset", USAGE)
def test_the_product_of_a_usage_row_follows_from_its_dataset(
    dataset: str, usage_store: Path
) -> None:
    row, product = USAGE[dataset]
    data = slice_of(usage_store, "2025-01_2025-01", filters={"product": [product.upper()]})
    assert sets(data, "active") == {"2025-01": {row["CustomerTpid"]}}
    assert data.query("SELECT DISTINCT product FROM usage")["product"].tolist() == [product]
    assert sets(data, "current") == {"2025-01": set("oedpa")}


def test_without_a_product_filter_any_usage_counts(usage_store: Path) -> None:
    assert sets(slice_of(usage_store, "2025-01_2025-01"), "active") == {"2025-01": set("oedpa")}


@pytest.mark.parametrize(
    "measure", ["UsageQuantity", "TotalACR", "ACR_USD", "MonthlySubscriptionLevelACR"]
)
def test_any_measure_of_azure_above_zero_is_usage(measure: str, store_of: StoreOf) -> None:
    zeros = {"MeterCategory": "x", "UsageQuantity": "0", measure: "0"}
    store = store_of(
        {
            SEATS: [named("2025-01", c) for c in "ab"],
            "AzureUsage": [
                products_row("2025-01", "a", zeros | {measure: "0.01"}),
                products_row("2025-01", "b", zeros),
            ],
        }
    )
    assert sets(slice_of(store, "2025-01_2025-01"), "active") == {"2025-01": {"a"}}


def test_usage_is_the_same_however_few_months_are_summed_up_at_a_time(
    store_of: StoreOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(
        {
            SEATS: [seats_row(month, str(n)) for month in SIX_MONTHS for n in range(20)],
            "OfficeUsage": [
                usage_row(month, str(n), str(n * (7 - place)), WorkloadName=workload)
                for place, month in enumerate(SIX_MONTHS)
                for n in range(place, 20)
                for workload in ("Exchange", "Teams")
            ],
        }
    )
    options = {"as_of": date(2025, 8, 1), "role": "executive_report_viewer"}
    names = ("active_customers", "signals", "customers", "geographical_spread")
    at_once = slice_of(store, "2025-01_2025-06", **options)
    asked: list[str] = []
    monkeypatch.setattr(usage, "_MOST_ROWS", 1)
    monkeypatch.setattr(usage, "sql_file", lambda name: asked.append(name) or sql_file(name))
    in_steps = slice_of(store, "2025-01_2025-06", **options)
    assert asked == ["usage_sums"] * 6 + ["usage"]
    for name in names:
        table = getattr(metrics, name)
        assert_frame_equal(table(in_steps), table(at_once))
    assert at_once.query("SELECT count(*) FROM active").iloc[0, 0] == 19 + 19 + 18 + 17 + 16 + 15


def test_usage_is_known_of_a_month_whatever_the_product_filter(store_of: StoreOf) -> None:
    store = store_of({SEATS: [named("2025-01", "a")], "PowerBIUsage": [USAGE["PowerBIUsage"][0]]})
    data = slice_of(store, "2025-01_2025-01", filters={"product": ["Office 365"]})
    assert months(data, "has_usage") == ["2025-01"]
    assert sets(data, "active") == {}


def test_a_key_never_equals_a_key_of_another_kind(store_of: StoreOf) -> None:
    keys = ("CustomerTpid", "CustomerTenantId", "CustomerName")
    nobody = dict.fromkeys(keys, "")
    seats = [seats_row("2025-01", "", **{**nobody, key: "42"}, SKU=key) for key in keys]
    used = usage_row("2025-01", "", **{**nobody, "CustomerTenantId": "42"})
    data = slice_of(store_of({SEATS: seats, "OfficeUsage": [used]}), "2025-01_2025-01")
    assert sets(data, "current") == {"2025-01": set(keys)}
    assert sets(data, "active") == {"2025-01": {"CustomerTenantId"}}


# CustomersAndTenants, where a partner has no SeatsSubscriptionsAndRevenue at all

STATUSES = [
    status_row("2025-01", "a", "Active", SKU="a"),
    status_row("2025-01", "b", " ACTIVE ", SKU="b"),
    status_row("2025-01", "c", "Inactive", SKU="c"),
    status_row("2025-01", "d", "", SKU="d"),
]


@pytest.mark.parametrize("states", [("Active",), ("Inactive",)], ids=str)
def test_without_seats_the_customers_with_an_active_status_count(
    states: tuple[str, ...], store_of: StoreOf
) -> None:
    """The states that may be chosen are those of subscriptions, not of customers."""
    data = slice_of(store_of({CUSTOMERS: STATUSES}), "2025-01_2025-01", active_states=states)
    assert sets(data, "current") == {"2025-01": {"a", "b"}}
    assert months(data, "has_ids") == []
    assert {part.dataset for part in data.inputs} == {CUSTOMERS}


def test_with_any_seats_the_other_dataset_does_not_count_in_any_month(store_of: StoreOf) -> None:
    seats = [
        named("2024-01", "s"),
        named("2025-01", "of another partner", PGAMpnId="2"),
    ]
    data = slice_of(store_of({CUSTOMERS: STATUSES, SEATS: seats}), "2025-01_2025-01")
    assert months(data, "covered") == ["2024-01"]
    assert {part.dataset for part in data.inputs} == {SEATS}


def test_seats_of_another_partner_do_not_matter(store_of: StoreOf) -> None:
    seats = [named("2025-01", "x", PGAMpnId="2")]
    data = slice_of(store_of({CUSTOMERS: STATUSES, SEATS: seats}), "2025-01_2025-01")
    assert sets(data, "current") == {"2025-01": {"a", "b"}}


# Presets and the as-of date


@pytest.mark.parametrize(
    ("as_of", "preset", "expected"),
    [
        (date(2025, 6, 30), "last_3_months", "2025-03_2025-05"),
        (date(2025, 7, 1), "last_3_months", "2025-04_2025-06"),
        (date(2025, 7, 1), "last_6_months", "2025-01_2025-06"),
        (date(2025, 7, 1), "last_12_months", "2024-07_2025-06"),
        (date(2030, 1, 1), "last_3_months", "2025-05_2025-07"),
        (date(2025, 4, 30), "last_3_months", "2025-01_2025-03"),
        (date(2025, 2, 1), "last_3_months", "2024-11_2025-01"),
    ],
)
def test_a_preset_ends_with_the_last_month_that_is_over(
    as_of: date, preset: str, expected: str, tmp_path: Path
) -> None:
    """Subscriptions from January to July 2025 without April; usage does not move the end."""
    rows = [seats_row(f"2025-0{m}", "a") for m in (1, 2, 3, 5, 6, 7)]
    usage = [usage_row("2025-09", "a"), usage_row("2025-04", "a")]
    store = fill_store(tmp_path, {SEATS: rows, "OfficeUsage": usage})
    assert str(slice_of(store, preset, as_of=as_of).date_range) == expected


def test_a_custom_range_does_not_ask_for_complete_months(store_of: StoreOf) -> None:
    store = store_of({SEATS: [named("2025-01", "a")]})
    data = slice_of(store, "2025-01_2025-01", as_of=date(2025, 1, 2))
    assert sets(data, "current") == {"2025-01": {"a"}}


def test_a_preset_without_a_complete_month_is_refused(store_of: StoreOf) -> None:
    store = store_of({SEATS: [named("2025-01", "a")]})
    with pytest.raises(StoreError, match=r"partner 1: no month .* is complete on 2025-01-31"):
        slice_of(store, "last_3_months", as_of=date(2025, 1, 31))


def test_a_month_at_the_end_of_the_calendar_does_not_stop_a_report(store_of: StoreOf) -> None:
    """`9999-12-31` stands for "no end" in many systems, and Python knows no month after it."""
    store = store_of({SEATS: [named("2025-01", "a"), named("9999-12-31", "a")]})
    data = slice_of(store, "last_3_months", as_of=date(2025, 2, 1))
    assert str(data.date_range) == "2024-11_2025-01"


# Who it is about


def test_a_report_calls_the_partner_as_asked_or_as_the_profile_or_by_its_id(
    store_of: StoreOf,
) -> None:
    profile = {"MPNId": "11", "PGA_MPNId": "1", "PGA_PartnerName": "Fabrikam", "Country": "x"}
    seats = [named("2025-01", "a"), named("2025-01", "a", PGAMpnId="2")]
    store = store_of({SEATS: seats, "Profile": [profile]})
    month = "2025-01_2025-01"
    assert slice_of(store, month).partner_name == "Fabrikam"
    assert slice_of(store, month, partner_name="Contoso").partner_name == "Contoso"
    assert slice_of(store, month, partner="2").partner_name == "2"


def test_what_the_filters_exclude_is_out_of_reach(facets_store: Path) -> None:
    data = slice_of(facets_store, "2025-01_2025-01", filters={"customer_market": ["Norway"]})
    tables = data.query("SELECT table_name FROM duckdb_tables()")["table_name"]
    content = "".join(data.query(f"FROM {table}").to_csv() for table in tables)
    assert "Norway" in content
    assert "Sweden" not in content
    views = data.query("SELECT view_name FROM duckdb_views() WHERE NOT internal")
    assert views["view_name"].tolist() == ["subscriptions"]
    assert set(data.query("FROM subscriptions")["customer_market"]) == {"Norway"}


def test_no_row_and_no_name_of_another_partner_is_in_a_slice(store_of: StoreOf) -> None:
    secret = dict.fromkeys(("SKU", "CustomerMarket", "SubscriptionId", "PartnerLocation"), "secret")
    seats = [
        named("2025-01", "a"),
        seats_row("2025-01", "a", PGAMpnId="2", **secret),
        seats_row("2025-01", "b", PGAMpnId="11", **secret),
    ]
    usage = [usage_row("2025-01", "a", PGAMpnId="2")]
    data = slice_of(store_of({SEATS: seats, "OfficeUsage": usage}), "2025-01_2025-01")
    tables = data.query("SELECT table_name FROM duckdb_tables()")["table_name"]
    assert {"months", "usage", "customers", "details_lines"} < set(tables)
    content = "".join(data.query(f"FROM {table}").to_csv() for table in tables)
    assert "secret" not in content
    assert len(data.query("FROM subscriptions")) == 1
    assert sets(data, "active") == {}
    assert months(data, "has_usage") == []


def test_a_query_that_is_asked_again_gives_the_same_rows_whatever_became_of_them(
    store_of: StoreOf,
) -> None:
    data = slice_of(store_of({SEATS: [named("2025-01", "a")]}), "2025-01_2025-01")
    asked = "SELECT month, customer FROM current"
    first = data.query_once(asked)
    first["customer"] = -1
    assert_frame_equal(data.query_once(asked), data.query(asked))
    data.database.execute("CREATE TABLE seen AS SELECT 1 AS n")
    data.query_once("SELECT n FROM seen")
    data.database.execute("DROP TABLE seen")
    assert data.query_once("SELECT n FROM seen")["n"].tolist() == [1]  # not computed again


@pytest.mark.parametrize("threads", [1, 3])
def test_a_slice_has_as_many_threads_as_it_is_given(threads: int, store_of: StoreOf) -> None:
    store = store_of({SEATS: [named("2025-01", "a")]})
    spec = slice_of(store, "2025-01_2025-01").spec
    found = open_slice(spec, threads).query("SELECT current_setting('threads') AS n")
    assert found["n"].tolist() == [threads]


# Spelling

SPELT = [("Copilot", 3), ("COPILOT", 2), ("copilot", 2)]


def test_values_that_differ_only_in_case_are_one_in_the_spelling_of_most_rows(
    store_of: StoreOf,
) -> None:
    """Also of rows that are not active; two equally frequent ones in code point order."""
    rows = [
        *(named("2025-02", f"{n}", CustomerMarket="norway") for n in range(2)),
        *(named("2025-02", f"{n}", CustomerMarket="NORWAY") for n in range(2, 4)),
        *(named("2025-02", f"{n}", SalesChannel="Csp") for n in range(4, 6)),
        *(seats_row("2025-02", "x", SubscriptionState="Churned", SalesChannel="Csp"),) * 10,
    ]
    data = slice_of(store_of({SEATS: rows}), "2025-02_2025-02")
    assert sets(data, "current", "customer_market") == {"2025-02": {"NORWAY", "Sweden"}}
    assert sets(data, "current", "sales_channel") == {"2025-02": {"Csp"}}


def test_the_months_of_the_range_decide_on_the_spelling(store_of: StoreOf) -> None:
    rows = [seats_row("2025-01", str(n), PricingLevel="EDU", SKU="a1") for n in range(9)]
    rows += [seats_row("2025-02", str(n), PricingLevel="edu", SKU="A1") for n in range(2)]
    rows.append(named("2025-01", "before", CustomerSegment="smc"))
    rows.append(named("2025-01", "before", CustomerSegment="SMC"))
    store = store_of({SEATS: rows})
    data = slice_of(store, "2025-02_2025-02")
    assert data.query("SELECT DISTINCT sku FROM subscriptions ORDER BY 1")["sku"].tolist() == [
        "A1",
        "before",
    ]
    assert sets(data, "current", "pricing_model")["2025-02"] == {"edu"}
    assert "SMC" in sets(data, "current", "customer_segment")["2025-01"]
    assert "smc" not in sets(data, "current", "customer_segment")["2025-01"]
    data = slice_of(store, "2025-01_2025-02")
    assert "EDU" in sets(data, "current", "pricing_model")["2025-02"]


def test_filters_do_not_change_the_spelling_and_find_each_one(store_of: StoreOf) -> None:
    rows = [
        named("2025-01", f"{spelling}{n}", Product=spelling, SalesChannel=f"{i % 2}")
        for i, (spelling, times) in enumerate(SPELT)
        for n in range(times)
    ]
    store = store_of({SEATS: rows})
    for chosen in ("copilot", "COPILOT", "CoPilot"):
        data = slice_of(
            store, "2025-01_2025-01", filters={"product": [chosen], "sales_channel": ["1"]}
        )
        assert sets(data, "current", "product") == {"2025-01": {"Copilot"}}
        assert sets(data, "current") == {"2025-01": {"COPILOT0", "COPILOT1"}}
        assert data.unmatched_filters == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ΕΛΛΑΣ", "ελλασ"),
        ("Türkİye", "türkiye"),
        ("GROẞ", "groß"),
        ("ÅLAND", "åland"),
        ("Ǆ", "ǆ"),
        ("ДОМ", "дом"),
    ],
)
def test_case_is_simple_unicode_case(one: str, other: str, store_of: StoreOf) -> None:
    rows = [seats_row("2025-01", f"{n}", SKU=sku) for n, sku in enumerate((one, other, other))]
    data = slice_of(store_of({SEATS: rows}), "2025-01_2025-01")
    assert sets(data, "current") == {"2025-01": {other}}


@pytest.mark.parametrize(("one", "other"), [("ß", "ss"), ("ς", "σ"), ("ﬁ", "fi"), ("ı", "i")])
def test_letters_that_are_no_case_of_each_other_stay_apart(
    one: str, other: str, store_of: StoreOf
) -> None:
    rows = [seats_row("2025-01", "a", SKU=one), seats_row("2025-01", "b", SKU=other)]
    data = slice_of(store_of({SEATS: rows}), "2025-01_2025-01")
    assert sets(data, "current") == {"2025-01": {one, other}}


def test_sql_and_python_write_every_letter_in_the_same_lower_case() -> None:
    letters = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
    known = [c for c in letters if unicodedata.category(c) != "Cn"]  # to this Python
    found = duckdb.execute("SELECT lower(unnest($1))", [known]).fetchall()
    assert [text for (text,) in found] == [lower_case(c) for c in known] == [*map(lowered, known)]


# Absent dimensions


def without_column(rows: Rows, *columns: str) -> Rows:
    return [{name: v for name, v in row.items() if name not in columns} for row in rows]


@pytest.fixture
def partly_absent(tmp_path: Path) -> Path:
    """January has no segment and no channel, February no channel, March has all."""
    for month, lacking in (
        ("2025-01", ("CustomerSegment", "SalesChannel")),
        ("2025-02", ("SalesChannel",)),
        ("2025-03", ()),
    ):
        rows = [named(month, "a"), named(month, "b", CustomerSegment="")]
        fill_store(tmp_path, {month: without_column(rows, *lacking)})
    return tmp_path / "store"


def test_a_dimension_without_a_column_in_any_export_of_the_range_is_absent(
    partly_absent: Path,
) -> None:
    january = slice_of(partly_absent, "2025-01_2025-01")
    assert january.absent_dimensions == ("sales_channel", "customer_segment")
    assert sets(january, "current", "customer_segment") == {"2025-01": {None}}
    # What the month before lacks does not count, and a value that is missing is Unknown.
    february = slice_of(partly_absent, "2025-02_2025-02")
    assert february.absent_dimensions == ("sales_channel",)
    segments = sets(february, "current", "customer_segment")
    assert segments["2025-02"] == {"Unknown", "Small, Medium & Corporate Commercial"}
    assert slice_of(partly_absent, "2025-01_2025-03").absent_dimensions == ()


def test_an_absent_dimension_has_no_rows_in_any_table(partly_absent: Path) -> None:
    data = slice_of(partly_absent, "2025-01_2025-02")
    assert "sales_channel" not in set(metrics.distribution(data)["dimension"])
    assert "sales_channel" not in set(metrics.distribution_trend(data)["dimension"])
    assert "customer_segment" in set(metrics.distribution(data)["dimension"])


def test_without_products_or_markets_or_skus_their_tables_are_empty(store_of: StoreOf) -> None:
    rows = [named(month, "a") for month in ("2025-01", "2025-02")]
    store = store_of({SEATS: without_column(rows, "Product", "CustomerMarket", "SKU")})
    data = slice_of(store, "2025-02_2025-02")
    for table in (metrics.products, metrics.summary_products, metrics.geographical_spread):
        assert table(data).empty
    assert metrics.adds_and_churns(data).to_dict("records") == [
        {"product": "All", "month": "2025-02", "existing": 1, "added": 0, "churned": 0}
    ]


def test_products_are_listed_without_their_absent_skus(store_of: StoreOf) -> None:
    store = store_of({SEATS: without_column([named("2025-01", "a")], "SKU")})
    found = metrics.products(slice_of(store, "2025-01_2025-01"))
    assert found.values.tolist() == [["Office 365", "", 1, 100.0]]


def test_the_pricing_model_of_customers_and_tenants_is_absent(store_of: StoreOf) -> None:
    data = slice_of(store_of({CUSTOMERS: STATUSES}), "2025-01_2025-01")
    assert data.absent_dimensions == ("pricing_model",)


def test_a_filter_on_an_absent_dimension_is_refused(partly_absent: Path) -> None:
    chosen = {"sales_channel": ["CSP"]}
    with pytest.raises(
        StoreError,
        match=r"partner 1: the filter on sales_channel cannot be applied; no export of"
        r" 2025-01_2025-02 has the column SalesChannel or SalesModel\.",
    ):
        slice_of(partly_absent, "2025-01_2025-02", filters=chosen)
    found = slice_of(partly_absent, "2025-02_2025-03", filters=chosen)
    assert sets(found, "current") == {"2025-03": {"a", "b"}}


def test_a_report_says_which_dimensions_are_absent(partly_absent: Path) -> None:
    data = slice_of(partly_absent, "2025-01_2025-02")
    facts = facts_of(data, Language("en"))
    assert facts["absent_dimensions"] == ["sales_channel"]
    assert "No export of these months has a column for: Sales channel." in facts["warnings"]
    swedish = facts_of(data, Language("sv"))["warnings"]
    assert any(text.startswith("Ingen export för dessa månader") for text in swedish)


def test_a_column_that_appears_makes_a_report_stale(tmp_path: Path) -> None:
    """Though the rows say the same: their segments are blank."""
    rows = [named("2025-01", "a", CustomerSegment="")]
    months = DateRange.parse("2025-01_2025-01")
    fill_store(tmp_path, {"without": without_column(rows, "CustomerSegment")})
    before = data_digest(partner_parts(tmp_path / "store", "1"), months)
    fill_store(tmp_path, {"with": rows})
    assert data_digest(partner_parts(tmp_path / "store", "1"), months) != before


def at_version(store: Path, version: int) -> None:
    with closing(sqlite3.connect(store / "catalog.sqlite")) as db:
        db.execute(f"PRAGMA user_version = {version}")


def test_a_store_of_an_earlier_version_is_refused_until_exports_are_ingested_again(
    store_of: StoreOf,
) -> None:
    store = store_of({SEATS: [named("2025-01", "a")]})
    store_of({SEATS: [seats_row("2025-01", "x", PGAMpnId="2")]})
    [old] = (store / "parts" / "2").glob("*.parquet")
    at_version(store, 2)
    with pytest.raises(StoreError, match=r"earlier version .* `insights ingest data/exports`"):
        slice_of(store, "2025-01_2025-01")
    with pytest.raises(StoreError, match="earlier version"), writing(store):
        pass
    store_of({SEATS: [named("2025-02", "b")]})
    data = slice_of(store, "2025-01_2025-02")
    assert data.query("SELECT month::VARCHAR FROM current").values.tolist() == [["2025-02-01"]]
    assert not old.exists()


def test_an_export_that_is_refused_leaves_a_store_of_an_earlier_version_as_it_was(
    store_of: StoreOf,
) -> None:
    store = store_of({SEATS: [named("2025-01", "a")]})
    at_version(store, 2)
    with pytest.raises(ExportError):
        store_of({SEATS: [named("2025-13", "a")]})
    at_version(store, 3)
    assert len(slice_of(store, "2025-01_2025-01").query("FROM current")) == 1


def test_a_store_of_a_later_version_is_refused_by_readers_and_writers(store_of: StoreOf) -> None:
    store = store_of({SEATS: [named("2025-01", "a")]})
    at_version(store, 99)
    with pytest.raises(StoreError, match="later version"):
        slice_of(store, "2025-01_2025-01")
    with pytest.raises(StoreError, match="later version"):
        store_of({SEATS: [named("2025-01", "a")]})
