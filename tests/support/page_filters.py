"""Reports of made-up rows, and what Python counts of them for the filters of the page."""

from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from insights_lib.analysis.workbook import write_workbook
from insights_lib.presentation.language import Language
from insights_lib.tables import FACETS, TABLES
from tests.support.rows import seats_row, slice_of, usage_row
from tests.support.strategies import METRICS
from tests.support.workbooks import sheets_of

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
BEFORE = [f"2024-{m:02d}" for m in range(8, 13)]
REPORT = (MONTHS[0], MONTHS[-1])
OF_THE_REPORT = ("signals", "renewals", "seats")
COLUMNS = {
    "product": "Product",
    "customer_market": "CustomerMarket",
    "partner_attribution": "PartnerAttributionType",
    "partner_location": "PartnerLocation",
    "sales_channel": "SalesChannel",
    "customer_segment": "CustomerSegment",
}
VALUES = {
    "product": ["Office 365", "Azure", "azure", "Visio & Co", "All", "Unknown"],
    "customer_market": ["Sweden", "Norway", "NA", "Atlantis", "=1+1", "Åland"],
    "partner_attribution": ["CSP Tier 1", "DPOR", "csp tier 1"],
    "partner_location": ["Oslo", "Bergen", "a=b&c=d"],
    "sales_channel": ["CSP", "EA", "Unknown"],
    "customer_segment": ["SMC", "Major+Public", "a,b"],
}


def one_of(values: list[str], random: Random) -> str:
    """One of these, other spellings seldom: months alone would choose them as the report does."""
    return random.choices(
        values, [1 if value in {"azure", "csp tier 1"} else 6 for value in values]
    )[0]


def made_up(random: Random) -> dict[str, list[dict[str, str]]]:
    """Rows in which customers come, go, and hold several values of everything."""
    seats = []
    for month in (*BEFORE, *MONTHS):
        for _ in range(250):
            values = {COLUMNS[facet]: one_of(VALUES[facet], random) for facet in FACETS}
            row = seats_row(month, str(random.randrange(90)), **values)
            row["SubscriptionId"] = random.choice(["", f"s{random.randrange(200)}"])
            row["SubscriptionState"] = random.choice(["Active", "Active", "Churned"])
            row["SKU"] = random.choice(["E3", "E5", "=P1"])
            seats.append(row)
    usage = [
        usage_row(month, str(random.randrange(90)), WorkloadName=workload)
        for month in (*BEFORE[1:], *MONTHS[:-1])
        for workload in ("Exchange", "Teams")
        for _ in range(20)
    ]
    return {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}


def store_of_report(report: Path) -> Path:
    return report.parents[2] / "store"


def fragment(selection: dict[str, list[str]], months: tuple[str, str] | None = None) -> str:
    asked = [(facet, value) for facet, values in selection.items() for value in values]
    if months:
        asked += [("from", months[0]), ("to", months[1])]
    return f"#{urlencode(asked)}"


def counted_by_python(
    report: Path, selection: Any, months: tuple[str, str]
) -> dict[str, list[list[Any]]]:
    """The workbook of a run with these filters and months, without notebooks around its tables.

    Signals, ends and seats keep the months of the report, whatever months its reader chooses.
    """
    store = store_of_report(report)
    data = slice_of(store, "_".join(months), filters=selection)
    whole = slice_of(store, "_".join(REPORT), filters=selection)
    frames = {
        name: compute(whole if name in OF_THE_REPORT else data) for name, compute in METRICS.items()
    }
    file = report.parent / "expected.xlsx"
    return sheets_of(write_workbook(file, frames, "", Language("en")))


def that_follow(
    tables: dict[str, list[list[Any]]], months: tuple[str, str]
) -> dict[str, list[list[Any]]]:
    """The tables without what customers.csv tells of the months of the report."""
    if months == REPORT:
        return tables
    columns = list(TABLES["customers"].columns).index("seats")
    return {**tables, "customers": [row[:columns] for row in tables["customers"]]}


def random_selection(random: Random) -> tuple[dict[str, list[str]], tuple[str, str]]:
    facets = [facet for facet in FACETS if random.random() < 0.35]
    selection = {f: random.sample(VALUES[f], random.randint(1, 3)) for f in facets}
    if random.random() < 0.4:
        return selection, REPORT
    first, last = sorted(random.choices([*BEFORE, *MONTHS], k=2))
    return selection, (first, last)
