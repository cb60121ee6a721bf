"""Example exports: invented partners, customers and subscriptions in the layouts of Partner Center.

A partner's subscriptions are drawn once, column by column; DuckDB spreads them over the months and
writes every dataset from that one story, so the customers of all files agree.
"""

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from insights_lib.errors import ParameterError

LAST_MONTH = date(2025, 12, 1)
Columns = dict[str, NDArray[Any]]

# Values to draw from, the most frequent first where the draw is not even.
_MARKETS = (
    "United States|United Kingdom|Germany|Canada|Australia|France|Netherlands|Japan|Sweden|India"
    "|Switzerland|Italy|Spain|Brazil|Norway|Belgium|Denmark|UNKNOWN|Mexico|Poland|Austria|Ireland"
    "|New Zealand|Singapore|South Africa|Finland|United Arab Emirates|Portugal|Korea|Saudi Arabia"
    "|Israel|Hong Kong SAR|Czechia|Türkiye|Taiwan|Malaysia|Indonesia|Philippines|Thailand|Chile"
    "|Colombia|Argentina|Greece|Romania|Hungary|Vietnam|Egypt|Nigeria|Kenya|Qatar|Kuwait|Namibia"
    "|Luxembourg|Croatia|Slovakia|Slovenia|Bulgaria|Estonia|Latvia|Lithuania|Serbia|Iceland|Malta"
    "|Cyprus|Peru|Ecuador|Costa Rica|Panama|Morocco|Ghana|Côte d'Ivoire|Trinidad and Tobago"
)
_SEGMENTS = "Small, Medium & Corporate Commercial|Major Commercial|Major Public Sector"
_CHANNELS = "CSP|CSP indirect|EA|Direct|Advisor|Open|Others"
_PRICING = "Commercial|Charity|Education|Government"
_NAMES = (
    "Alder|Amber|Ångström|Arctic|Baltic|Beacon|Cedar|Clover|Copper|Côte d'Or|Cypress|D'Angelo|Élan"
    "|Falcon|Fern|Granite|Harbour|Heron|Indigo|Juniper|Kestrel|Larch|Maple|Meridian|Müller|O'Hara"
    "|Nordlicht|Öresund|Quartz|Ridge|São Bento|Summit|Thistle|Union|Westwind|Willow|Zephyr"
)
_TRADES = (
    " Advisory| Bakery| Biotech| Capital| Clinics| Coffee| Construction| Design| Energy| Steel"
    "| Foods| Freight| Hotels| Insurance| Labs| Legal| Logistics| Media| Schools| Software| Travel"
)
_FORMS = " Ltd|, Inc.| LLC| GmbH| AB| Group| & Sons| S.A.| B.V.| & Co. KG| Pty Ltd| & Partners, LLP"
_SKUS = (
    "MICROSOFT 365 BUSINESS STANDARD|MICROSOFT 365 BUSINESS PREMIUM|OFFICE 365 E3|MICROSOFT 365 E3"
    "|MICROSOFT 365 BUSINESS BASIC|EXCHANGE ONLINE (PLAN 1)|MICROSOFT 365 E5|OFFICE 365 E1;"
    "AZURE PLAN|MICROSOFT AZURE|AZURE RESERVED VM INSTANCES|AZURE SAVINGS PLAN;DYNAMICS 365 SALES"
    "|DYNAMICS 365 BUSINESS CENTRAL ESSENTIALS|DYNAMICS 365 FINANCE|DYNAMICS 365 TEAM MEMBERS;"
    "ENTERPRISE MOBILITY + SECURITY E3|MICROSOFT INTUNE|AZURE ACTIVE DIRECTORY PREMIUM P1"
    "|ENTERPRISE MOBILITY + SECURITY E5|AZURE INFORMATION PROTECTION PREMIUM P1;"
    "POWER BI PRO|POWER BI PREMIUM PER USER|POWER BI PREMIUM P1"
)
# Of each partner in turn: the firm and its locations; then the share of customers there from the
# start, the chance to leave in a month, the chance that one who left returns.
_PARTNERS = (
    "Cloudline|Redmond, United States|London, United Kingdom|Austin, United States|Toronto, Canada",
    "Kontor Digital|Stockholm, Sweden|Munich, Germany|Zürich, Switzerland|Amsterdam, Netherlands",
    "Southern Cross IT|Sydney, Australia|Singapore, Singapore|Auckland, New Zealand|Tokyo, Japan",
)
_TEMPERS = ((0.55, 0.010, 0.25), (0.62, 0.017, 0.30), (0.42, 0.008, 0.20))


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
        columns="Workload= MPNId=\ufeffMpnID PGAMpnId=PGAMpnID",
    ),
    _Vintage(
        ending="tsv.gz",
        copy="DELIMITER '\t', QUOTE '', COMPRESSION gzip",
        dates="%Y%m%d",
        products="O365|Azure|D365|Enterprise Mobility and Security|Power BI",
        attributions="DPOR|DAP|PAL",
        columns="PGAMpnId= IsDuplicateRowForPGA= AvailableSeatsEOP= AADPPaidAvailableUnits="
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
WorkloadName Month PaidAvailableUnits MonthlyActiveUsers;
AzureUsage parts(1,['Storage','Bandwidth','Functions','Backup']) {_PARTNER} {_TERM} {_CUSTOMER}
ServiceName MeterCategory UsageUnits UsageQuantity SalesChannel TotalACR;
DynamicsUsage used(2) {_LICENCE} RevSumDivisionName {_IN_USE};
EMSUsage used(3) {_LICENCE} Workload PaidAvailableUnits AADPPaidAvailableUnits MonthlyActiveUsers;
PowerBIUsage used(4) {_LICENCE} {_IN_USE};
Profile places MPNId PartnerName PGA_MPNId PGA_PartnerName City Country HierarchyLevel"""
# Names in braces are filled per partner; the month `m` is counted from 0, the first of the demo.
_TABLES = """
CREATE MACRO guid(kind, number) AS md5(concat_ws('/', kind, {seed}, '{account}', number))::UUID;
CREATE MACRO mpn_id(i) AS printf('%07d', (404426 + 7919 * (4 * {number} + i)) % 1000000);
CREATE MACRO place(i) AS string_split('{partner}', '|')[i + 1];
CREATE TABLE places AS SELECT unnest([0, 1, 2, 3, 4]) AS i, place(greatest(1, i)) AS seat,
  if(i = 0, '{account}', mpn_id(i)) AS MPNId, '{account}' AS PGA_MPNId, place(0) AS PartnerName,
  PartnerName AS PGA_PartnerName, split_part(seat, ', ', 1) AS City,
  split_part(seat, ', ', 2) AS Country, if(i = 0, 'HeadQuarters', 'Location') AS HierarchyLevel;
CREATE TABLE subscriptions AS SELECT *, '{account}' AS PGAMpnId, place(0) AS PartnerName,
  (home + IsDuplicateRowForPGA - 1) % 4 + 1 AS site, mpn_id(site) AS MPNId,
  place(site) AS PartnerLocation, string_split('{products}', '|')[family + 1] AS Product,
  if(nearby, split_part(place(home), ', ', 2), market) AS CustomerMarket,
  guid('contract', subscription) AS SubscriptionId, guid('tenant', customer) AS CustomerTenantId,
  md5(SKU)::UUID AS SKUId, 'CFQ7TTC0' || upper(left(md5(SKU), 4)) AS ProductPartNumber,
  100000000 + 13 * customer AS DUNSNumber, if(noise % 5 = 0, 'No', 'Yes') AS IsAutoRenew,
  if(family = 1, ['Direct/CSP', 'Indirect/CSP'][1 + noise % 3 // 2], channel) AS SalesChannel,
  SalesChannel AS SalesModel, Product AS RevSumDivisionName, CASE WHEN SKU LIKE '%INTUNE%' THEN
    'Intune' WHEN SKU LIKE '%PROTECTION%' THEN 'AIP' ELSE 'Azure AD Premium' END AS Workload,
  DATE '{last}' + to_months(begins - age - {months} + 1) + to_days(noise % 28) AS started,
  strftime(started, '{dates}') AS SubscriptionStartDate
FROM (SELECT *, unnest(if(noise % 23 = 0, [0, 1], [0])) AS IsDuplicateRowForPGA FROM drawn);
CREATE MACRO level(seats, pace, n) AS greatest(1, seats + seats * (pace % 6 - 1) * n // 100);
CREATE VIEW monthly AS SELECT *, (noise * (m + 7) + 7919 * m) % 1009 AS dice, m > ends AS gone,
  if(gone, 0, level(seats, noise, m - begins)) AS AvailableSeatsEOP,
  if(m + age = begins, 0, level(seats, noise, m - begins - 1)) AS seats_before,
  AvailableSeatsEOP AS AvailableSeats, AvailableSeatsEOP AS TotalSoldSeats,
  AvailableSeatsEOP - AvailableSeatsEOP * (noise % 4) // 10 AS TotalAssignedSeats,
  [12.5, 31, 70, 10.6, 10][family + 1] AS price, AvailableSeatsEOP * price AS worth,
  if(family = 1, 0, worth) AS BilledRevenueUSD, worth - BilledRevenueUSD AS AzureConsumedRevenueUSD,
  CASE WHEN gone THEN 'Churned' WHEN dice > 5 THEN 'Active'
    ELSE ['Suspended', 'In Grace Period', 'Disabled'][1 + dice // 2] END AS SubscriptionState,
  if(SubscriptionState = 'Active', 'Active', 'Inactive') AS CustomerStatus,
  strftime(DATE '{last}' + to_months(m - {months} + 1), '{dates}') AS "Month",
  if(gone, m - begins + age, 12 * ((m - begins + age) // 12 + 1)) AS term,
  strftime(started + to_months(term), '{dates}') AS SubscriptionEndDate
FROM ({each_month});
CREATE VIEW sold AS SELECT * REPLACE (AvailableSeatsEOP - {less} AS AvailableSeats) FROM monthly;
CREATE MACRO used(number) AS TABLE SELECT *, AvailableSeats AS PaidAvailableUnits,
  AvailableSeats AS AADPPaidAvailableUnits, TotalAssignedSeats AS AssignedSeats,
  AvailableSeats - AssignedSeats AS DeploymentOpportunity, if(dice % 23 = 0
    OR m + age < begins + noise % 3, 0, (AvailableSeats * adoption + 99) // 100) AS ActiveSeats,
  ActiveSeats AS MonthlyActiveUsers, 100 * ActiveSeats // AvailableSeats AS ActiveUsagePercent
FROM monthly WHERE family = number AND m < {months} - 1 AND NOT gone AND adoption >= 0;
CREATE MACRO parts(number, names) AS TABLE SELECT *,
  unnest(names[1 + noise % 3:2 + noise % 3]) AS WorkloadName, WorkloadName AS MeterCategory,
  WorkloadName AS ServiceName, '1 Hour' AS UsageUnits, 730 * ActiveSeats AS UsageQuantity,
  ActiveSeats * price // 2 AS TotalACR FROM used(number);
"""
_MONTH = "SELECT *, {0} AS m FROM subscriptions WHERE {0} BETWEEN begins AND ends + 1"


def write_demo(
    to: Path, partners: int = 3, customers: int = 400, months: int = 25, seed: int = 1
) -> list[Path]:
    """Write example exports of every dataset; the same arguments give the same bytes.

    Args:
        to: Folder for the files, made where it is missing; files of the same name are replaced.
        partners: How many partner global accounts; the vintages take turns among them.
        customers: How many customers each partner ever has.
        months: How many months, up to `LAST_MONTH`; usage ends a month earlier.
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
    rng = np.random.default_rng([number, seed % 2**32])
    vintage = _VINTAGES[number % len(_VINTAGES)]
    account = str(1_000_000 + (234_567 + 1_111_111 * number) % 9_000_000)
    story = {"account": account, "number": number, "seed": seed, "months": months}
    tables = _TABLES.format(
        **vintage._asdict() | story,
        last=LAST_MONTH,
        partner=_PARTNERS[number % len(_PARTNERS)],
        less="0" if "AvailableSeatsEOP=" in vintage.columns else "seats_before",
        each_month=" UNION ALL ".join(_MONTH.format(m) for m in range(months)),
    )
    stays = _stays(rng, _TEMPERS[number % len(_TEMPERS)], customers, months)
    # One thread: the rows keep their order without many of them being held in memory.
    with duckdb.connect(config={"threads": "1"}) as db:
        db.register("drawn", _subscriptions(rng, stays, vintage.attributions))
        db.execute(tables)
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


def _pick(rng: Generator, values: str, size: int, steep: float = 1.0) -> NDArray[Any]:
    """Draw from "first|second|…", the n-th with a weight of n to the power of -`steep`."""
    options = np.array(values.split("|"), dtype=object)
    weights = np.arange(1.0, len(options) + 1) ** -steep
    return options[rng.choice(len(options), size, p=weights / weights.sum())]


def _stays(rng: Generator, temper: tuple[float, ...], size: int, months: int) -> Columns:
    """A row per stay of a customer, who may return; `adoption` is the percentage of seats used."""
    there, leave, come_back = temper
    begins = rng.integers(0, months, size) * (rng.random(size) > there)
    ends = begins + rng.geometric(leave, size) - 1
    again = ends + rng.integers(3, 9, size)
    back = np.flatnonzero((rng.random(size) < come_back) & (again < months))
    name = _pick(rng, _NAMES, size, 0) + _pick(rng, _TRADES, size, 0) + _pick(rng, _FORMS, size)
    name[rng.random(size) < 0.015] = "Name masked for compliance"
    name[size // 3], name[size // 2] = '"Blue Fjord Hotels AB', '"Sun" Bakery, Ltd'
    tpid = (1_000_000 + 3 * rng.permutation(size)).astype(str).astype(object)
    tpid[rng.random(size) < 0.03] = None
    customers = {
        "customer": np.arange(size),
        "CustomerName": name,
        "CustomerTpid": tpid,
        "CustomerSegment": _pick(rng, _SEGMENTS, size, 1.5),
        "home": rng.choice((1, 2, 3, 4), size, p=(0.48, 0.27, 0.15, 0.10)),
        "nearby": rng.random(size) < 0.4,
        "market": _pick(rng, _MARKETS, size),
        "adoption": rng.choice((-1, 0, 25, 50, 70, 95), size, p=(0.06, 0.08, 0.15, 0.2, 0.31, 0.2)),
    }
    rows = np.append(np.arange(size), back)
    return {column: values[rows] for column, values in customers.items()} | {
        "begins": np.append(begins, again[back]),
        "ends": np.append(ends, again[back] + rng.geometric(leave, len(back)) - 1),
    }


def _subscriptions(rng: Generator, stays: Columns, attributions: str) -> Columns:
    """What customers hold, a row per subscription; the first of a stay lasts as long as it."""
    held = rng.choice((1, 2, 3, 4), len(stays["customer"]), p=(0.2, 0.27, 0.28, 0.25))
    stay = np.repeat(np.arange(len(held)), held)
    size, extra = len(stay), np.append(False, stay[1:] == stay[:-1])
    drawn = {column: values[stay] for column, values in stays.items()}
    later = extra * (rng.random(size) < 0.4) * rng.integers(1, 15, size)
    begins = np.minimum(drawn["begins"] + later, drawn["ends"])
    ends = np.minimum(drawn["ends"], begins + rng.geometric(0.02, size))
    family = rng.choice(5, size, p=(0.50, 0.17, 0.09, 0.13, 0.11))
    public = drawn["CustomerSegment"] == "Major Public Sector"
    pricing = np.where(public, _pick(rng, _PRICING, size, -1), _pick(rng, _PRICING, size, 4))
    return drawn | {
        "subscription": np.arange(size),
        "begins": begins,
        "ends": np.where(extra, ends, drawn["ends"]),
        "age": np.where(begins == 0, rng.integers(1, 49, size), 0),
        "family": family,
        "SKU": np.choose(family, [_pick(rng, skus, size) for skus in _SKUS.split(";")]),
        "channel": _pick(rng, _CHANNELS, size),
        "PricingLevel": pricing,
        "PartnerAttributionType": _pick(rng, attributions, size),
        "seats": np.ceil(rng.lognormal(2.5, 1.0, size) * np.where(public, 6, 1)).astype(int),
        "noise": rng.integers(0, 1_000_000, size),
    }
