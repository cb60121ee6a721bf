"""Example exports: invented partners, customers and subscriptions in the layouts of Partner Center.

What happens is in `demo_story`; here it is written as each generation of exports writes it.
"""

from pathlib import Path
from typing import NamedTuple

import duckdb

from insights_lib.errors import ParameterError
from insights_lib.exports.demo_story import Story, tell


class _Vintage(NamedTuple):
    """How one generation of exports writes the facts; `columns` renames, or drops with nothing."""

    ending: str
    copy: str
    dates: str
    products: str
    attributions: str
    columns: str


# Without a quote character DuckDB writes a quote like any other character, as the hub did. Every
# layout begins with MPNId, so that its name can carry the byte order mark.
_VINTAGES = (
    _Vintage(
        ending="csv",
        copy="DELIMITER ','",
        dates="%Y-%m-%dT00:00:00Z",
        products="Microsoft 365|Azure|Dynamics 365|Enterprise Mobility + Security|Power BI",
        attributions="CSP Tier 1|Partner admin link|CSP Tier 2|Partner of record|CPOR",
        columns="Workload=",
    ),
    _Vintage(
        ending="tsv",
        copy="DELIMITER '\t', QUOTE ''",
        dates="%-m/%-d/%Y 12:00:00 AM",
        products="Office 365|Microsoft Azure|Dynamics 365|EMS|Power BI",
        attributions="CSP Tier 1|CSP Tier 2|Partner of record|Partner admin link|Advisor",
        columns="Workload= MPNId=\ufeffMpnID PGAMpnId=PGAMpnID TotalSoldSeats= TotalAssignedSeats="
        " AzureConsumedRevenueUSD=",
    ),
    _Vintage(
        ending="tsv.gz",
        copy="DELIMITER '\t', QUOTE '', COMPRESSION gzip",
        dates="%Y%m%d",
        products="O365|Azure|D365|Enterprise Mobility and Security|Power BI",
        attributions="DPOR|DAP|PAL",
        columns="PGAMpnId= IsDuplicateRowForPGA= IsACRDuplicateAtPGALevel= AvailableSeatsEOP="
        " TotalSoldSeats= TotalAssignedSeats= AADPPaidAvailableUnits="
        " Workload=WorkloadName SubscriptionId=SubscriptionID HierarchyLevel=AccountType"
        " SubscriptionState=SubscriptionStatus PartnerAttributionType=PartnerAttachType"
        " PartnerLocation=PartnerLocationID SalesChannel=SalesModel MeterCategory=ServiceLevel1"
        " BilledRevenueUSD=RevenueUSD AzureConsumedRevenueUSD=ACR_USD TotalACR=ACR_USD",
    ),
)

_CUSTOMER = "CustomerName CustomerTenantId CustomerTpid CustomerSegment CustomerMarket"
_PARTNER = "MPNId PGAMpnId PartnerName PartnerLocation PartnerAttributionType"
_TERM = "SubscriptionId SubscriptionStartDate SubscriptionEndDate SubscriptionState Month"
_LICENCE = f"{_PARTNER} {_TERM} SKU SKUId SalesModel {_CUSTOMER}"
_IN_USE = "AvailableSeats AssignedSeats ActiveSeats DeploymentOpportunity ActiveUsagePercent"
# Dataset; the table, view or macro below that holds its rows; its columns by the names of 2023.
_LAYOUTS = f"""
SeatsSubscriptionsAndRevenue sold {_PARTNER} {_TERM} IsAutoRenew {_CUSTOMER} DUNSNumber Product
ProductPartNumber SKU SalesChannel PricingLevel IsDuplicateRowForPGA TotalSoldSeats
TotalAssignedSeats BilledRevenueUSD AzureConsumedRevenueUSD AvailableSeatsEOP AvailableSeats;
CustomersAndTenants monthly {_PARTNER} {_CUSTOMER} CustomerStatus DUNSNumber Product SKU Month
SalesChannel IsDuplicateRowForPGA AvailableSeats BilledRevenueUSD AzureConsumedRevenueUSD;
OfficeUsage parts(0,['Exchange','Teams','OneDrive','SharePoint']) {_PARTNER} {_CUSTOMER}
WorkloadName Month PaidAvailableUnits MonthlyActiveUsers IsDuplicateRowForPGA;
AzureUsage parts(1,['Storage','Bandwidth','Functions','Backup']) {_PARTNER} {_TERM} {_CUSTOMER}
ServiceName MeterCategory UsageUnits UsageQuantity SalesChannel IsACRDuplicateAtPGALevel TotalACR;
DynamicsUsage used(2) {_LICENCE} RevSumDivisionName {_IN_USE};
EMSUsage used(3) {_LICENCE} Workload PaidAvailableUnits AADPPaidAvailableUnits MonthlyActiveUsers;
PowerBIUsage used(4) {_LICENCE} {_IN_USE};
Profile places MPNId PartnerName PGA_MPNId PGA_PartnerName City Country HierarchyLevel"""


def write_demo(
    to: Path, partners: int = 3, customers: int = 400, months: int = 25, seed: int = 1
) -> list[Path]:
    """Write example exports of every dataset; the same arguments give the same bytes.

    Args:
        to: Folder for the files, made where it is missing; files of the same name are replaced.
        partners: How many partner global accounts; the vintages take turns among them.
        customers: How many customers each partner ever has.
        months: How many months, up to December 2025; usage ends a month earlier.
        seed: Another number tells another story.

    Returns:
        The files written, in name order.

    Raises:
        ParameterError: There is to be no partner, no customer or no month.
    """
    for name, number in {"partners": partners, "customers": customers, "months": months}.items():
        if number < 1:
            raise ParameterError(f"The demo needs 1 or more {name}, not {number}.")
    to.mkdir(parents=True, exist_ok=True)
    return sorted(f for n in range(partners) for f in _exports(to, n, customers, months, seed))


def _exports(to: Path, number: int, customers: int, months: int, seed: int) -> list[Path]:
    """Write the datasets of one partner."""
    vintage = _VINTAGES[number % len(_VINTAGES)]
    account = str(1_000_000 + (234_567 + 1_111_111 * number) % 9_000_000)
    less = "0" if "AvailableSeatsEOP=" in vintage.columns else "seats_before"
    words = (vintage.dates, vintage.products, vintage.attributions)
    story = Story(account, number, customers, months, seed, *words, less)
    # One thread: the rows keep their order without many of them being held in memory.
    with duckdb.connect(config={"threads": "1"}) as db:
        tell(story, db)
        return [_write(db, to / account, layout, vintage) for layout in _LAYOUTS.split(";")]


def _write(db: duckdb.DuckDBPyConnection, stem: Path, layout: str, vintage: _Vintage) -> Path:
    """Write one dataset under a temporary name and rename the file when it is complete."""
    dataset, rows, *columns = layout.split()
    own = dict(pair.split("=") for pair in vintage.columns.split())
    chosen = ", ".join(f'"{c}" AS "{own.get(c, c)}"' for c in columns if own.get(c, c))
    file = stem.with_name(f"{stem.name}_{dataset}.{vintage.ending}")
    part = file.with_name(f".{file.name}.part")
    target, style = str(part).replace("'", "''"), f"FORMAT csv, HEADER, {vintage.copy}"
    try:
        db.execute(f"COPY (SELECT {chosen} FROM {rows}) TO '{target}' ({style})")
        return part.replace(file)
    finally:
        part.unlink(missing_ok=True)
