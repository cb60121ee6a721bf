"""What a slice holds for each role: a report viewer's has no value of a single customer."""

from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from insights_lib import metrics
from insights_lib.errors import ParameterError
from tests.support.rows import fill_store, seats_row, slice_of, usage_row

SECRETS = {
    "CustomerTpid": "7770001",
    "CustomerTenantId": "77777777-0000-4000-8000-000000000001",
    "CustomerName": "Canary AB",
    "SubscriptionId": "88888888-0000-4000-8000-000000000002",
    "TotalSoldSeats": "7773",
    "TotalAssignedSeats": "7774",
    "BilledRevenueUSD": "7775.5",
    "AzureConsumedRevenueUSD": "7776.5",
    "SubscriptionStartDate": "2017-07-17",
    "SubscriptionEndDate": "2027-07-17",
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    row = seats_row("2025-01", "7770001", **SECRETS)
    used = usage_row("2025-01", "7770001", MonthlyActiveUsers="7779")
    return fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": [row], "OfficeUsage": [used]})


def content(store: Path, role: str) -> str:
    data = slice_of(store, "2025-01_2025-01", role=role)
    tables = data.query("SELECT schema_name || '.' || table_name AS name FROM duckdb_tables()")[
        "name"
    ]
    return "".join(data.query(f"FROM {table}").to_csv() for table in tables)


def test_an_executive_report_viewer_has_the_customers_and_their_values(store: Path) -> None:
    found = content(store, "executive_report_viewer")
    told = ("7770001", "Canary AB", "7773", "7774", "7775.5", "7776.5", "2027-07-17", "7779")
    assert [text for text in told if text not in found] == []


def test_a_report_viewer_has_sums_and_counts_alone(store: Path) -> None:
    """Sums of the tables are the only place where one customer's number can be seen."""
    found = content(store, "report_viewer")
    assert [
        s for s in ("7770001", "Canary", "77777777", "88888888", "7775", "7776") if s in found
    ] == []
    data = slice_of(store, "2025-01_2025-01", role="report_viewer")
    assert data.query("SELECT seats FROM renewals").values.tolist() == [[7773]]
    with pytest.raises(ParameterError, match="a report viewer sees counts only"):
        metrics.customers(data)


def test_both_roles_have_the_same_counts(tmp_path: Path) -> None:
    """Seats fall, customers leave, terms end, use stops: each of it is counted for both."""
    months = [f"2025-{m:02d}" for m in range(1, 7)]
    seats = [
        seats_row(
            month,
            str(n),
            SubscriptionId=f"s{n}",
            TotalSoldSeats=str(40 - 6 * place if n % 2 else 10),
            SubscriptionEndDate=f"2025-0{7 + n % 3}-01",
        )
        for place, month in enumerate(months)
        for n in range(12)
        if n % 4 or place < 3
    ]
    usage = [usage_row(month, str(n)) for month in months[:3] for n in range(0, 12, 3)]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage})
    roles = ("report_viewer", "executive_report_viewer")
    one, other = (slice_of(store, "2025-02_2025-06", role=role) for role in roles)
    for name in ("signals", "renewals", "seats", "bridge", "active_customers"):
        assert_frame_equal(getattr(metrics, name)(one), getattr(metrics, name)(other))
    counts = metrics.signals(one).set_index("signal")["customers"].to_dict()
    assert counts["seats_falling"] == 6  # those with an odd number
