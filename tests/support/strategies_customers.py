"""Random exports with the typed columns: seats, dates, revenue, flags, use; vintages and gaps.

A month of a dataset lies in one export, so a store that ingests `exports_of` the rows holds just
these rows. Amounts are few and round, so that sums are exact in any order and limits are met.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from hypothesis import strategies as st

from tests.reference_history import Asked, month_span
from tests.support.rows import Rows, seats_row, usage_row

Row = dict[str, str]

MONTHS = month_span("2025-06", length=14)
AS_OF = date(2025, 7, 15)
months = st.sampled_from(MONTHS)
KEYS = (
    *({"CustomerTpid": "1"}, {"CustomerTpid": "2"}, {"CustomerTpid": " 03 "}),
    *({"CustomerTpid": "4"}, {"CustomerTpid": "5"}),
    *({"CustomerTenantId": "1"}, {"CustomerTenantId": "0000000A-0000-0000-0000-00000000000b"}),
    {"CustomerName": "only a name"},
)
NAMES = ("", "UNKNOWN", "Ängby AB", "Contoso", '"Sun" Bakery', "contoso")
SEATS = ("", "NULL", "0", "4", "5", "8", "10", "1e1", "12.5", "-2")
MONEY = ("", "0", "12.5", "1e2", "-3.25", "0.25")
# On the as-of date, 90 and 91 days after it, the day before; the year's last month and the next.
ENDS = (
    *("", "2025-07-15", "2025-10-13T00:00:00Z", "10/14/2025 12:00:00 AM", "20250714"),
    *("6/30/2026", "2026-07-01", "9999-12-31", "2025-12-01", "2024-02-29"),
)
RENEWS = ("", "Yes", "No", "y", "N", "TRUE", "false", "1", "0")
DUPLICATE = ("", "0", "0", "0", "1", "Yes")
USERS = ("", "0", "0", "2", "4", "6", "10")
STATES = ("Active", "Active", "Active", "active ", "Churned", "Suspended")
TYPED = {
    "SubscriptionState": STATES,
    "IsDuplicateRowForPGA": DUPLICATE,
    "TotalSoldSeats": SEATS,
    "TotalAssignedSeats": SEATS,
    "AvailableSeatsEOP": SEATS,
    "BilledRevenueUSD": MONEY,
    "AzureConsumedRevenueUSD": MONEY,
    "SubscriptionEndDate": ENDS,
    "IsAutoRenew": RENEWS,
}
OFFICE = {
    "MonthlyActiveUsers": USERS,
    "WorkloadName": ("Exchange", "Exchange", "Teams", ""),
    "IsDuplicateRowForPGA": DUPLICATE,
}
AZURE = {
    "SubscriptionId": ("", "a1", "a2"),
    "MeterCategory": ("Storage", "Backup"),
    "UsageQuantity": USERS,
    **dict.fromkeys(("TotalACR", "ACR_USD", "MonthlySubscriptionLevelACR"), MONEY),
    "IsACRDuplicateAtPGALevel": DUPLICATE,
}
# What a vintage calls columns otherwise; with an empty name it lacks them.
VINTAGES: dict[str, Row] = {
    "api": {},
    "hub": {
        **dict.fromkeys(("TotalSoldSeats", "TotalAssignedSeats", "IsACRDuplicateAtPGALevel"), ""),
        **dict.fromkeys(("AzureConsumedRevenueUSD", "IsAutoRenew", "ACR_USD"), ""),
    },
    "2020": {
        **dict.fromkeys(("PGAMpnId", "IsDuplicateRowForPGA", "SubscriptionEndDate"), ""),
        **dict.fromkeys(("TotalSoldSeats", "AvailableSeatsEOP", "TotalACR"), ""),
        **dict.fromkeys(("IsACRDuplicateAtPGALevel", "PricingLevel"), ""),
        **{"SubscriptionId": "SubscriptionID", "SubscriptionState": "SubscriptionStatus"},
        **{"Product": "ProductFamily", "SalesChannel": "SalesModel", "MpnId": "MPNId"},
        **{"BilledRevenueUSD": "RevenueUSD", "AzureConsumedRevenueUSD": "ACR_USD"},
    },
    "plain": {
        **dict.fromkeys(("SubscriptionId", "SKU", "CustomerSegment", "IsAutoRenew"), ""),
        **dict.fromkeys(("BilledRevenueUSD", "AzureConsumedRevenueUSD", "TotalACR", "ACR_USD"), ""),
        **dict.fromkeys(("TotalSoldSeats", "TotalAssignedSeats", "AvailableSeatsEOP"), ""),
    },
}
vintages = st.sampled_from([*VINTAGES, "api", "api"])


def in_vintage(row: Row, vintage: str) -> Row:
    """The row with the columns of a vintage."""
    own = VINTAGES[vintage]
    return {own.get(column, column): text for column, text in row.items() if own.get(column, "x")}


def keyed(row: Row, key: Row, name: str) -> Row:
    """The row as one of a customer."""
    return {**row, "CustomerTpid": "", "CustomerTenantId": "", "CustomerName": name, **key}


@st.composite
def some_months(draw: st.DrawFn) -> list[str]:
    """All months, or one run or two of them: who returns has two."""
    if draw(st.integers(0, 2)) == 0:
        return MONTHS
    ends = sorted(draw(st.lists(st.integers(0, len(MONTHS)), min_size=2, max_size=4)))
    return [m for a, b in zip(ends[::2], ends[1::2], strict=False) for m in MONTHS[a:b]]


def in_turn(options: dict[str, Sequence[str]]) -> st.SearchStrategy[dict[str, list[str]]]:
    """A few of each column's options, which take turns from row to row."""
    few = {
        column: st.lists(st.sampled_from(values), min_size=1, max_size=5)
        for column, values in options.items()
    }
    return st.fixed_dictionaries(few)


def cells(few: dict[str, list[str]], n: int) -> Row:
    """The cells of the n-th row."""
    return {column: values[n % len(values)] for column, values in few.items()}


typed, office, azure = in_turn(TYPED), in_turn(OFFICE), in_turn(AZURE)
runs = some_months()
keys, names = st.sampled_from(KEYS), st.sampled_from(NAMES)
constants = st.fixed_dictionaries(
    {
        "SubscriptionId": st.sampled_from(["", "s1", "s1", "s2", "s3"]),
        "SKU": st.sampled_from(["E3", "e3", "E5", "", "P1"]),
        "Product": st.sampled_from(["O365", "Office 365", "Azure", "Copilot", "COPILOT", ""]),
        "CustomerMarket": st.sampled_from(["Sweden", "SWEDEN", "Namibia", "unknown"]),
        "PartnerLocation": st.sampled_from(["Oslo", "Bergen", "; "]),
    }
)


@st.composite
def subscriptions(draw: st.DrawFn) -> Rows:
    """The rows of one subscription in its months; perhaps two in each."""
    key, name, few, constant = draw(keys), draw(names), draw(typed), draw(constants)
    dates = sorted(draw(runs) * draw(st.integers(1, 2)))
    rows = [seats_row(month, "", **constant, **cells(few, n)) for n, month in enumerate(dates)]
    return [keyed(row, key, name) for row in rows]


@st.composite
def office_use(draw: st.DrawFn) -> Rows:
    """Users of a customer in its months, by workload."""
    key, few = draw(keys), draw(office)
    dates = [(month, cells(few, n // 3)) for n, month in enumerate(draw(runs))]
    return [keyed(usage_row(m, "", MpnId="11", **cell), key, "a name") for m, cell in dates]


@st.composite
def azure_use(draw: st.DrawFn) -> Rows:
    """Consumption of a customer in its months, by meter or as a level of a subscription."""
    key, few = draw(keys), draw(azure)
    constant = {"PGAMpnId": "1", "MpnId": "11"}
    rows = [{"Month": m, **constant, **cells(few, n // 3)} for n, m in enumerate(draw(runs))]
    return [keyed(row, key, "a name") for row in rows]


bought = st.lists(subscriptions(), min_size=2, max_size=9)
used_office, used_azure = st.lists(office_use(), max_size=4), st.lists(azure_use(), max_size=3)
gaps = st.just(frozenset[str]()) | st.frozensets(months, max_size=2)
changes = st.lists(vintages, min_size=3, max_size=3)


@st.composite
def datasets(draw: st.DrawFn) -> dict[str, Rows]:
    """Raw rows of partner `1` by dataset, with months that lack and months of every vintage."""
    missing = draw(gaps)
    found = {"Profile": [{"MPNId": "11", "PGA_MPNId": "1", "Country": "Norway"}]}
    for name, parts in [
        ("SeatsSubscriptionsAndRevenue", draw(bought)),
        ("OfficeUsage", draw(used_office)),
        ("AzureUsage", draw(used_azure)),
    ]:
        vintage = draw(changes)
        rows = [row for part in parts for row in part if row["Month"] not in missing]
        found[name] = [in_vintage(row, vintage[MONTHS.index(row["Month"]) // 5]) for row in rows]
    return found


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """A range within the months, filters, active states, an as-of date."""
    first, last = sorted((draw(months), draw(st.sampled_from(MONTHS[-5:]))))
    filters = st.just({}) | st.fixed_dictionaries(
        {},
        optional={
            "product": st.lists(st.sampled_from(["office 365", "AZURE", "copilot"]), max_size=2),
            "customer_market": st.lists(st.sampled_from(["sweden", "Unknown"]), max_size=1),
            "partner_location": st.just(["Oslo"]),
        },
    )
    states = st.sampled_from([("Active",), ("Active",), ("active", "Suspended")])
    as_of = st.sampled_from([AS_OF, AS_OF, date(2024, 2, 29), date(2025, 12, 31)])
    return Asked("1", first, last, draw(filters), draw(states), draw(as_of))


def exports_of(rows: Rows) -> Iterator[Rows]:
    """The rows of a dataset, an export for each run of rows with the same columns."""
    ordered = sorted(rows, key=lambda row: (sorted(row), row.get("Month", "")))
    for columns, own in groupby(ordered, key=sorted):
        yield [{column: row[column] for column in columns} for row in own]
