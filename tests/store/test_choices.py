"""What a filter can choose, and what a wrong value may have meant."""

from pathlib import Path

import pytest

from insights_lib.parameters.spec import ReportSpec, report_spec
from insights_lib.store.choices import filter_values, hints, nearest
from tests.support.rows import fill_store, seats_row


@pytest.fixture
def spec(tmp_path: Path) -> ReportSpec:
    rows = [
        seats_row("2025-01", "a", CustomerMarket="Sweden"),
        seats_row("2025-01", "b", CustomerMarket=""),
        seats_row("2025-01", "c", CustomerMarket="Norway", SubscriptionState="Churned"),
        seats_row("2024-01", "d", CustomerMarket="Denmark"),
        seats_row("2025-01", "e", CustomerMarket="Finland", PGAMpnId="2"),
    ]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    filters = ["customer_market=Swden"]
    return report_spec(partner="1", date_range="2025-01_2025-01", filters=filters, store=store)


def test_a_filter_can_choose_what_active_rows_up_to_the_last_month_have(
    spec: ReportSpec,
) -> None:
    assert filter_values(spec, "customer_market") == ["Denmark", "Sweden", "Unknown"]


def test_the_nearest_value_is_found_in_any_case() -> None:
    assert nearest("OFFCE 365", ["Azure", "Office 365"]) == "did you mean 'Office 365'?"
    assert nearest("zzz", ["Azure", "Office 365"]) == "there are 'Azure', 'Office 365'."
    assert nearest("zzz", [f"{i}" for i in range(20)]).endswith("'11' and 8 more.")


def test_every_filter_that_matches_nothing_gets_a_hint(spec: ReportSpec) -> None:
    found = hints(spec, ["customer_market=Swden", "product=Ofice 365"])
    assert found == [
        "customer_market=Swden: did you mean 'Sweden'?",
        "product=Ofice 365: did you mean 'Office 365'?",
    ]
