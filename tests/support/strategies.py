"""The tables that are computed, and random rows and filters to compute them for."""

from collections.abc import Callable

import pandas as pd
from hypothesis import strategies as st

from insights_lib import metrics
from insights_lib.store.slice import Slice
from insights_lib.tables import TABLES
from tests.support.rows import seats_row, usage_row

METRICS: dict[str, Callable[[Slice], pd.DataFrame]] = {
    name: getattr(metrics, name) for name in TABLES
}

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
months = st.sampled_from(MONTHS)
customers = st.sampled_from(["1", "2", "3", "4", " 5 "])
text = st.sampled_from(["", "UNKNOWN", " null ", "NA", "a", "A", "b, c", "<b>", "'"])
text_number = st.sampled_from(["", "0", "0.0001", "1e3"])


@st.composite
def seats(draw: st.DrawFn) -> dict[str, str]:
    row = seats_row(
        draw(months),
        draw(customers),
        SubscriptionId=draw(st.sampled_from(["", "s1", "s2", "s3"])),
        SubscriptionState=draw(st.sampled_from(["Active", "active ", "Churned", "Suspended"])),
        Product=draw(st.sampled_from(["O365", "Office 365", "Azure", "X", "x", "", "All"])),
        SKU=draw(text),
        CustomerMarket=draw(text),
        CustomerSegment=draw(text),
        PartnerLocation=draw(text),
        PartnerAttributionType=draw(text),
        SalesChannel=draw(text),
        PricingLevel=draw(text),
    )
    kind = draw(st.sampled_from(["CustomerTpid", "CustomerTenantId", "CustomerName"]))
    key = row["CustomerTpid"]
    return {**row, "CustomerTpid": "", "CustomerTenantId": "", "CustomerName": "", kind: key}


@st.composite
def usage(draw: st.DrawFn) -> dict[str, str]:
    users = draw(st.sampled_from(["0", "1", "", "2.5", "-1"]))
    partner = draw(st.sampled_from(["1", "1", "1", "2"]))
    return usage_row(draw(months), draw(customers), users, PGAMpnId=partner)


@st.composite
def azure(draw: st.DrawFn) -> dict[str, str]:
    row = usage_row(draw(months), draw(customers))
    del row["MonthlyActiveUsers"], row["WorkloadName"]
    return {**row, "MeterCategory": "m", "UsageQuantity": "0", "TotalACR": draw(text_number)}


# Columns that a whole export can lack; without PartnerLocation it would not be recognised.
COLUMNS = {
    "product": "Product",
    "customer_market": "CustomerMarket",
    "partner_attribution": "PartnerAttributionType",
    "sales_channel": "SalesChannel",
    "customer_segment": "CustomerSegment",
    "sku": "SKU",
    "pricing_model": "PricingLevel",
}
absent_dimensions = st.sets(st.sampled_from(list(COLUMNS)), max_size=2)


def without(rows: list[dict[str, str]], absent: set[str]) -> list[dict[str, str]]:
    """Rows of an export that lacks the columns of some dimensions."""
    lacking = {COLUMNS[dimension] for dimension in absent}
    return [{name: v for name, v in row.items() if name not in lacking} for row in rows]


filters = st.fixed_dictionaries(
    {},
    optional={
        "product": st.lists(st.sampled_from(["office 365", "Azure", "X", "Unknown"]), max_size=2),
        "customer_market": st.lists(st.sampled_from(["Unknown", "NA", "a"]), max_size=2),
        "sales_channel": st.just(["A", "b, c"]),
    },
)
