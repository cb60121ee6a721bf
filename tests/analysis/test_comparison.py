"""Two partners, or two periods, side by side."""

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from insights_lib import compare, open_partner, partners
from insights_lib.analysis.comparison import COMPARED
from insights_lib.errors import ParameterError
from tests.support.mailing import insights
from tests.support.rows import fill_store, seats_row

SEATS = "SeatsSubscriptionsAndRevenue"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Partner 1 has a in all months, b in the last; partner 2 has three customers in the last."""
    rows = [seats_row(f"2025-0{month}", "a") for month in (1, 2, 3, 4)]
    rows += [seats_row("2025-04", "b", Product="Azure")]
    rows += [seats_row("2025-04", name, PGAMpnId="2") for name in "xyz"]
    rows += [seats_row("2025-03", name, PGAMpnId="2") for name in "wx"]
    return fill_store(tmp_path, {SEATS: rows})


def row_of(table: pd.DataFrame, **keys: object) -> list[object]:
    for column, value in keys.items():
        table = table[table[column] == value]
    [row] = table[["a", "b", "difference", "change_pct"]].astype(object).to_numpy().tolist()
    return [None if pd.isna(value) else value for value in row]


def test_two_partners_are_compared_value_by_value(store: Path) -> None:
    months = "2025-04_2025-04"
    both = compare(open_partner("1", months, store=store), open_partner("2", months, store=store))
    assert row_of(both.table(), metric="current_customers") == [2, 3, 1, 50]
    assert row_of(both.table("summary_products"), product="Azure") == [1, None, None, None]
    assert row_of(both.table("adds_and_churns"), product="All", measure="churned") == [
        0,
        1,
        1,
        None,
    ]


def test_two_periods_are_compared_month_by_month(store: Path) -> None:
    before = open_partner("1", "2025-01_2025-02", store=store)
    now = open_partner("1", "2025-03_2025-04", store=store)
    table = compare(before, now).table("active_customers")
    assert row_of(table, month_number=2, measure="current_customers") == [1, 2, 1, 100]
    assert "month" not in table
    same = compare(now, now).table("active_customers")
    assert sorted(set(same["month"])) == ["2025-03", "2025-04"]
    assert set(same["difference"].dropna()) == {0}


def test_every_table_of_counts_can_be_compared_and_drawn(store: Path) -> None:
    a, b = open_partner("1", "2025-03_2025-04", store=store), open_partner("2", store=store)
    for name in COMPARED:
        table = compare(a, b).table(name)
        assert list(table)[-5:] == ["measure", "a", "b", "difference", "change_pct"]
        figure = compare(a, b).chart(name)
        assert [len(trace.x) for trace in figure.data] == [len(figure.data[0].x)] * 2
        assert go.Figure(figure.to_dict()).to_dict() == figure.to_dict()


def test_the_chart_tells_the_two_apart(store: Path) -> None:
    a, b = (
        open_partner("1", "2025-04_2025-04", product=p, store=store)
        for p in ("Azure", "Office 365")
    )
    figure = compare(a, b).chart("summary_products")
    assert [trace.name for trace in figure.data] == [
        "Apr 2025 – Apr 2025, product=Azure",
        "Apr 2025 – Apr 2025, product=Office 365",
    ]
    with pytest.raises(ParameterError, match="did you mean 'customers'"):
        compare(a, b).chart("summary_products", "customer")
    with pytest.raises(ParameterError, match="'customers' is none of"):
        compare(a, b).table("customers")


def test_a_comparison_is_one_workbook_and_one_look(store: Path, tmp_path: Path) -> None:
    both = compare(open_partner("1", store=store), open_partner("2", store=store))
    assert both.to_excel(tmp_path / "c.xlsx").read_bytes()[:2] == b"PK"
    assert "<b>b</b>: 2, " in both._repr_html_()
    assert "Current customers" in both._repr_html_()
    assert len(repr(both)) < 2000


def test_all_partners_come_with_their_key_figures(store: Path) -> None:
    table = partners(store)
    assert table.drop(columns="latest_export").to_dict("records") == [
        {"partner": "1", "name": "", "first": "2025-01", "last": "2025-04", "customers": 2,
         "added": 1, "churned": 0},
        {"partner": "2", "name": "", "first": "2025-03", "last": "2025-04", "customers": 3,
         "added": 2, "churned": 1},
    ]  # fmt: skip
    assert table["latest_export"].str.match(r"\d{4}-\d\d-\d\dT").all()


def test_what_cannot_be_known_of_a_partner_is_null(tmp_path: Path) -> None:
    rows = [seats_row(month, "a") for month in ("2025-01", "2025-03")]
    table = partners(fill_store(tmp_path, {SEATS: rows}))
    assert table["customers"].tolist() == [1]
    assert table["added"].isna().all()
    assert table["churned"].isna().all()


def test_the_command_lists_the_same(store: Path) -> None:
    shown = insights("partners", "--store", str(store))
    assert shown.exit_code == 0
    assert "2025-03  2025-04  3" in shown.stdout
    assert '"customers": 3' in insights("partners", "--store", str(store), "--json").stdout
    gone = insights("partners", "--store", str(store / "none"))
    assert (gone.exit_code, gone.stdout) == (2, "")
    assert "no store is here" in gone.stderr
