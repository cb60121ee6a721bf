"""The tables behind the numbers, customer by customer, held against their plain double."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from insights_lib import metrics
from insights_lib.store.ingest import ingest_file
from tests.reference_customers import tables
from tests.reference_history import Asked
from tests.support.rows import Rows, fill_store, seats_row, slice_of, write_tsv
from tests.support.strategies_customers import datasets, exports_of, questions
from tests.support.sweeps import sweep

TABLES = ("summary", "bridge", "cohorts", "renewals", "seats", "signals", "customers")


class Raw(dict[str, Rows]):
    """Rows by dataset, which a failing example shows as their number only."""

    def __repr__(self) -> str:
        return f"<{sum(map(len, self.values()))} rows>"


def same(found: object, expected: object) -> bool:
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return math.isclose(found, expected, rel_tol=1e-12)
    return found == expected


def rows_of(name: str, data: object) -> list[dict[str, object]]:
    table = getattr(metrics, name)(data).astype(object)
    return table.where(table.notna(), None).to_dict("records")


@pytest.mark.parametrize("_round", sweep(range(4)))
@given(raw=datasets().map(Raw), asked=questions())
@settings(
    max_examples=10, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
def test_every_table_of_customers_is_what_the_definitions_say(
    _round: int, raw: Raw, asked: Asked
) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        for name, rows in raw.items():
            for number, export in enumerate(exports_of(rows)):
                ingest_file(write_tsv(place / f"{name}-{number}.tsv", export), place / "store")
        if not raw["SeatsSubscriptionsAndRevenue"]:
            return
        data = slice_of(
            place / "store",
            f"{asked.first}_{asked.last}",
            filters=asked.filters,
            active_states=asked.active_states,
            as_of=asked.as_of,
        )
        expected = tables(raw, asked)
        for name in TABLES:
            found = rows_of(name, data)
            assert len(found) == len(expected[name]), (name, found, expected[name])
            for own, other in zip(found, expected[name], strict=True):
                for column, value in other.items():
                    assert same(own[column], value), (name, column, own, other)


@pytest.mark.parametrize(("last_amount", "stopped"), [("0", 1), ("-3.25", 0), ("2", 0)])
def test_use_has_not_stopped_where_the_last_months_have_a_credit(
    last_amount: str, stopped: int, tmp_path: Path
) -> None:
    amounts = {"2025-01": "5", "2025-02": "0", "2025-03": last_amount}
    azure = {"MeterCategory": "m", "UsageQuantity": "1"}
    usage = [
        {"Month": month, "PGAMpnId": "1", "CustomerTpid": "1", "TotalACR": amount, **azure}
        for month, amount in amounts.items()
    ]
    seats = [seats_row(month, "1", Product="Azure") for month in amounts]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": seats, "AzureUsage": usage})
    counts = metrics.signals(slice_of(store, "2025-01_2025-03")).set_index("signal")["customers"]
    assert counts["usage_stopped"] == stopped


@pytest.mark.parametrize(
    ("money", "expected"),
    [
        (("5", ""), (5, None)),
        (("", "7"), (None, 7)),
        (("5", "7"), (5, 7)),
        (("", ""), (None, None)),
    ],
)
def test_money_of_a_subscription_that_never_was_active_counts(
    money: tuple[str, str], expected: tuple[float | None, float | None], tmp_path: Path
) -> None:
    nothing = {"BilledRevenueUSD": "", "AzureConsumedRevenueUSD": ""}
    billed, consumed = money
    suspended = {"SubscriptionId": "b", "SKU": "E5", "SubscriptionState": "Suspended"}
    seats = [
        seats_row("2025-01", "1", SubscriptionId="a", **nothing),
        seats_row(
            "2025-01", "1", BilledRevenueUSD=billed, AzureConsumedRevenueUSD=consumed, **suspended
        ),
    ]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": seats})
    [row] = rows_of("customers", slice_of(store, "2025-01_2025-01"))
    assert (row["billed_revenue_usd"], row["azure_consumed_usd"]) == expected
    assert row["skus"] != "E5"
