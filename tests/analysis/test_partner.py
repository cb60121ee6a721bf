"""An open partner: who is behind its numbers, as an analyst asks."""

from pathlib import Path

import pandas as pd
import pytest

from insights_lib import open_partner
from insights_lib.analysis.partner import Partner
from insights_lib.errors import ParameterError, StoreError
from insights_lib.tables import TABLES
from tests.support.rows import fill_store, seats_row

# a stays; b leaves in March; c comes in March; d leaves in February and comes back in March.
MONTHS_OF = {"a": (1, 2, 3, 4), "b": (1, 2), "c": (3, 4), "d": (1, 3, 4)}
ENDS = {"a": "2025-07-30", "c": "2025-05-10", "d": "2025-06-09"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rows = [
        seats_row(
            f"2025-{month:02d}",
            customer,
            Product="Azure" if customer == "a" else "Office 365",
            SubscriptionEndDate=ENDS.get(customer, ""),
        )
        for customer, months in MONTHS_OF.items()
        for month in months
    ]
    return fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})


@pytest.fixture
def partner(store: Path) -> Partner:
    return open_partner("1", "2025-02_2025-04", as_of="2025-05-10", store=store)


def names(table: pd.DataFrame) -> list[str]:
    return [name.removeprefix("Name of ") for name in table["customer_name"]]


def test_those_who_left_in_a_month_are_there_even_if_they_came_back(partner: Partner) -> None:
    assert names(partner.churned("2025-02")) == ["d"]
    assert names(partner.churned("2025-03")) == ["b"]
    assert names(partner.added("2025-03")) == ["c", "d"]
    assert names(partner.churned("2025-04")) == []


def test_customers_are_chosen_by_what_became_of_them(partner: Partner) -> None:
    found = {s: names(partner.customers(s)) for s in ("existing", "new", "returned", "churned")}
    assert found == {"existing": ["a"], "new": ["c"], "returned": ["d"], "churned": ["b"]}
    assert names(partner.customers()) == ["a", "c", "d", "b"]


def test_an_end_is_near_up_to_the_last_of_the_days(partner: Partner) -> None:
    assert names(partner.expiring(days=29)) == ["c"]
    assert names(partner.expiring(days=30)) == ["c", "d"]
    assert names(partner.expiring()) == ["c", "d", "a"]


def test_a_signal_finds_those_who_show_it(store: Path) -> None:
    partner = open_partner("1", "2025-02_2025-04", as_of="2025-05-10", store=store)
    assert names(partner.signal("ends_soon")) == ["a", "c", "d"]
    assert names(partner.signal("seats_falling")) == []


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda p: p.churned("2024-12"), "is not one of 2025-02 to 2025-04"),
        (lambda p: p.customers("gone"), "'gone' is none of: existing, new, returned, churned"),
        (lambda p: p.signal("usage_faling"), "did you mean 'usage_falling'?"),
        (lambda p: p.table("sumary"), "did you mean 'summary'?"),
        (lambda p: p.table("summary", months="years"), "'years' is none of: text, period, date"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_right(
    partner: Partner, ask: object, said: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        ask(partner)  # type: ignore[operator]
    assert said in str(refused.value)


def test_who_left_is_not_known_without_the_month_before(tmp_path: Path) -> None:
    rows = [seats_row(month, "a") for month in ("2025-01", "2025-03")]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    partner = open_partner("1", "2025-01_2025-03", store=store)
    for month in ("2025-01", "2025-03"):
        with pytest.raises(ParameterError, match="cannot be known"):
            partner.churned(month)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"product": "Offce 365"}, "product=Offce 365: did you mean 'Office 365'?"),
        ({"product": ["Azure", "AZUR"]}, "product=AZUR: did you mean 'Azure'?"),
        ({"customer_market": "xyzzy"}, "customer_market=xyzzy: there are 'Sweden'."),
        ({"role": "viewer"}, "report_viewer"),
        ({"months": "last_9_months"}, "last_6_months"),
    ],
)
def test_a_wrong_value_is_answered_with_the_nearest_right_one(
    store: Path, wrong: dict[str, str], said: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        open_partner("1", **{"months": "2025-02_2025-04", "store": store, **wrong})  # type: ignore[arg-type]
    assert said in str(refused.value)


def test_an_unknown_partner_is_answered_with_those_there_are(store: Path) -> None:
    with pytest.raises(StoreError, match="It holds: 1"):
        open_partner("2", store=store)


def test_a_filter_excludes_customers_everywhere(store: Path) -> None:
    partner = open_partner("1", "2025-02_2025-04", product="azure", store=store)
    assert names(partner.customers()) == ["a"]
    assert names(partner.added("2025-03")) == []
    assert partner.table("summary").set_index("metric")["value"]["current_customers"] == 1


def test_a_report_viewer_is_shown_no_customer(store: Path) -> None:
    partner = open_partner("1", "2025-02_2025-04", role="report_viewer", store=store)
    for ask in (partner.customers, partner.expiring, lambda: partner.churned("2025-03")):
        with pytest.raises(ParameterError, match="sees counts only"):
            ask()
    assert "customers" not in partner.names()
    assert "churned" not in repr(partner)


def test_months_are_periods_or_dates_on_request(partner: Partner) -> None:
    assert partner.table("bridge")["month"].tolist() == ["2025-02", "2025-03", "2025-04"]
    periods = partner.table("bridge", months="period")["month"]
    assert periods.tolist() == [pd.Period(f"2025-0{i}") for i in (2, 3, 4)]
    days = partner.customers(months="date").set_index("customer_name")
    assert days["next_end"]["Name of c"] == pd.Timestamp("2025-05-10")
    assert days["churned_month"]["Name of b"] == pd.Timestamp("2025-03-01")
    assert days["churned_month"].isna()["Name of a"]


def test_a_column_of_months_stays_text_where_it_holds_more(store: Path) -> None:
    partner = open_partner("1", "2025-02_2025-04", as_of="2025-06-01", store=store)
    months = partner.table("renewals", months="period")["month"]
    assert set(months) == {"past", "2025-06", "2025-07"}


def test_numbers_can_be_sorted_and_added(partner: Partner) -> None:
    for name in partner.names():
        table, kinds = partner.table(name), TABLES[name].columns
        for column in table:
            if kinds[str(column)] in {"count", "number", "money", "percent"}:
                assert pd.api.types.is_numeric_dtype(table[column]), (name, column)


def test_a_partner_shows_who_it_is_in_short(store: Path) -> None:
    rows = [seats_row("2025-04", f"{i}", Product=f"<b>{i}</b>" + 200 * "x") for i in range(50)]
    folder = store.parent / "second"
    folder.mkdir()
    hostile = fill_store(folder, {"SeatsSubscriptionsAndRevenue": rows})
    products = [row["Product"] for row in rows]
    partner = open_partner("1", "2025-04_2025-04", product=products, store=hostile)
    assert len(repr(partner)) < 2000
    assert "50 customers" in repr(partner)
    assert "<b>" not in partner._repr_html_()
    assert "Apr 2025" in partner._repr_html_()
