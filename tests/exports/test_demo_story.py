"""The report of a demo partner is believable: nothing in it is empty, nothing holds for most.

Any seed tells a story like this one; the numbers here are those of the default, seed 1.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from insights_lib import metrics
from insights_lib.exports.demo import write_demo
from insights_lib.parameters.spec import ReportSpec
from insights_lib.store.ingest import Ingested, ingest_files
from insights_lib.store.slice import Slice, open_slice
from insights_lib.tables import SIGNALS

API, HUB, OLD = PARTNERS = ("1234567", "2345678", "3456789")
AS_OF = date(2026, 1, 15)

each_partner = pytest.mark.parametrize("partner", PARTNERS)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Slice]]:
    """The last twelve months of each partner, from the demo's exports of subscriptions and use."""
    folder = tmp_path_factory.mktemp("demo")
    files = [f for f in write_demo(folder) if "CustomersAndTenants" not in f.name]
    assert all(isinstance(result, Ingested) for result in ingest_files(files, folder / "store"))
    found = {
        partner: open_slice(
            ReportSpec(
                partner=partner,
                date_range="last_12_months",
                as_of=AS_OF,
                role="executive_report_viewer",
                store=folder / "store",
            )
        )
        for partner in PARTNERS
    }
    yield found
    for own in found.values():
        own.database.close()


def test_an_export_of_every_layout_is_kept_row_by_row(tmp_path: Path) -> None:
    files = write_demo(tmp_path / "exports", partners=3, customers=60, months=4)
    results = list(ingest_files(files, tmp_path / "store"))
    assert len(results) == 3 * 8
    for result in results:
        assert isinstance(result, Ingested), result
        assert result.rows_in == result.rows_kept > 0
        assert not result.rejects
        assert result.dataset in result.file.name


@each_partner
def test_every_signal_holds_for_a_few_percent(partner: str, slices: dict[str, Slice]) -> None:
    shares = metrics.signals(slices[partner]).set_index("signal")["share_pct"]
    assert [*shares.index] == [*SIGNALS]
    if partner == OLD:  # its exports tell of no seats
        assert shares.pop("seats_falling") == 0
    assert shares.between(2, 12).all(), shares


@each_partner
def test_terms_end_in_every_month_of_a_year_and_beyond(
    partner: str, slices: dict[str, Slice]
) -> None:
    table = metrics.renewals(slices[partner]).groupby("month")
    ends = table["subscriptions"].sum()
    months = [f"{month:%Y-%m}" for month in pd.date_range("2026-01", "2026-12", freq="MS")]
    assert [*ends.index] == [*months, "later", "past"]
    assert (ends / ends.sum()).between(0.03, 0.16).all(), ends
    not_renewed = table["without_auto_renew"].sum()
    assert (not_renewed > 0).all()
    assert 0.1 < not_renewed.sum() / ends.sum() < 0.3


@each_partner
def test_who_is_new_stays_or_leaves_one_after_the_other(
    partner: str, slices: dict[str, Slice]
) -> None:
    """Between half a year and a year after a cohort was new, some are gone, and most are there."""
    table = metrics.cohorts(slices[partner])
    sizes = table[table["months_since"] == 0].set_index("cohort")["customers"]
    assert len(sizes) == 12
    table["of"] = table["cohort"].map(sizes)
    by_age = table.groupby("months_since")[["customers", "of"]].sum()
    stayed = by_age["customers"] / by_age["of"]
    assert stayed[1] > 0.95
    assert stayed.loc[2:5].between(0.85, 1).all(), stayed
    assert stayed.loc[6:10].between(0.75, 0.98).all(), stayed
    assert stayed.loc[6:10].mean() < stayed.loc[1:5].mean()


@each_partner
def test_customers_come_return_and_leave(partner: str, slices: dict[str, Slice]) -> None:
    table = metrics.customers(slices[partner])
    assert 360 <= len(table) <= 400
    shares = table["status"].value_counts(normalize=True)
    assert set(shares.index) == {"existing", "new", "returned", "churned"}
    assert shares["existing"] > 0.5
    assert shares.min() > 0.03
    assert (metrics.bridge(slices[partner])["returning"] > 0).sum() >= 6


@each_partner
def test_most_customers_use_what_they_have(partner: str, slices: dict[str, Slice]) -> None:
    table = metrics.active_customers(slices[partner])
    assert [*table["active_customers"].isna()] == [False] * 11 + [True]
    shares = (table["active_customers"] / table["current_customers"]).dropna()
    assert shares.between(0.8, 0.95).all(), shares


def test_a_fifth_of_the_seats_is_idle(slices: dict[str, Slice]) -> None:
    table = metrics.seats(slices[API]).set_index("product")
    assert "Azure" not in table.index
    assert (table["idle_seats"] / table["seats"]).astype(float).between(0.1, 0.4).all()


def test_what_an_older_export_does_not_tell_is_unknown(slices: dict[str, Slice]) -> None:
    told = {
        partner: metrics.customers(slices[partner])[
            ["seats", "assigned_seats", "billed_revenue_usd", "azure_consumed_usd"]
        ]
        .notna()
        .any()
        .tolist()
        for partner in PARTNERS
    }
    assert told == {
        API: [True, True, True, True],
        HUB: [True, False, True, False],
        OLD: [False, False, True, True],
    }
    assert metrics.seats(slices[HUB])["idle_seats"].isna().all()
    assert metrics.seats(slices[OLD]).empty
