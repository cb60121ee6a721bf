"""The story that example exports tell: invented customers, and what becomes of them by month.

Stays and subscriptions are drawn once, column by column; DuckDB spreads them over the months. All
datasets are read from that one story, so their customers agree, and the columns of one row do:
who is about to leave uses less, buys fewer seats and does not renew.
"""

from datetime import date
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

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


# Names in braces are filled per partner; the month `m` is counted from 0, the first of the demo.
# Seats: they grow or shrink by the quarter; a sixth of the subscriptions are cut once, and half of
# those that end lose seats before. Azure has no licences, hence no seats.
# Terms: a month, a year or three; the last one ends with the subscription, often without
# auto-renewal. Pay-as-you-go has no end.
# Use: it builds up over the first months. Of four customers who leave, one uses less and less for
# half a year, and two have stopped months before. A subscription without which its customer stays
# was often never used. Who is suspended uses nothing in that month.
_TABLES = """
CREATE MACRO guid(kind, number) AS md5(concat_ws('/', kind, {seed}, '{account}', number))::UUID;
CREATE MACRO mpn_id(i) AS printf('%07d', (404426 + 7919 * (4 * {number} + i)) % 1000000);
CREATE MACRO place(i) AS string_split('{partner}', '|')[i + 1];
CREATE TABLE places AS SELECT unnest([0, 1, 2, 3, 4]) AS i, place(greatest(1, i)) AS seat,
  if(i = 0, '{account}', mpn_id(i)) AS MPNId, '{account}' AS PGA_MPNId, place(0) AS PartnerName,
  PartnerName AS PGA_PartnerName, split_part(seat, ', ', 1) AS City,
  split_part(seat, ', ', 2) AS Country, if(i = 0, 'HeadQuarters', 'Location') AS HierarchyLevel;
CREATE TABLE subscriptions AS SELECT *, '{account}' AS PGAMpnId, place(0) AS PartnerName,
  IsDuplicateRowForPGA AS IsACRDuplicateAtPGALevel,
  (home + IsDuplicateRowForPGA - 1) % 4 + 1 AS site, mpn_id(site) AS MPNId,
  place(site) AS PartnerLocation, string_split('{products}', '|')[family + 1] AS Product,
  if(nearby, split_part(place(home), ', ', 2), market) AS CustomerMarket,
  guid('contract', subscription) AS SubscriptionId, guid('tenant', customer) AS CustomerTenantId,
  md5(SKU)::UUID AS SKUId, 'CFQ7TTC0' || upper(left(md5(SKU), 4)) AS ProductPartNumber,
  100000000 + 13 * customer AS DUNSNumber,
  if(family = 1, ['Direct/CSP', 'Indirect/CSP'][1 + noise % 3 // 2], channel) AS SalesChannel,
  SalesChannel AS SalesModel, Product AS RevSumDivisionName, CASE WHEN SKU LIKE '%INTUNE%' THEN
    'Intune' WHEN SKU LIKE '%PROTECTION%' THEN 'AIP' ELSE 'Azure AD Premium' END AS Workload,
  DATE '{last}' + to_months(begins - age - {months} + 1) + to_days(noise % 28) AS started,
  strftime(started, '{dates}') AS SubscriptionStartDate,
  [1, 12, 12, 12, 12, 12, 36][1 + noise % 7] AS length, ends + 1 - begins + age AS lasts,
  if(noise // 7 % 6 > 0, 99, 4 + noise // 42 % 18) AS cut,
  if(adoption < 1, 60, [0, 5, 10, 20, 40][1 + noise % 5]) AS idle, customer % 4 = 1 AS fades,
  if(customer % 4 > 1, greatest(arrives + 3, leaves - 9 - customer % 7), {months}) AS stops
FROM (SELECT * REPLACE (if(ends < leaves AND noise % 2 = 0, least(adoption, 0), adoption)
  AS adoption), unnest(if(noise % 23 = 0, [0, 1], [0])) AS IsDuplicateRowForPGA FROM drawn);
CREATE MACRO level(seats, noise, cut, since, ahead) AS greatest(1, seats
  * (100 + (noise % 6 - 1) * (since // 3 * 3)) * if(since < cut, 20, 12 + noise % 5)
  * if(ahead < 3 AND noise % 4 > 1, 3, 4) // 8000);
CREATE MACRO licences(family, number) AS if(family = 1, NULL, number);
CREATE VIEW monthly AS SELECT *, (noise * (m + 7) + 7919 * m) % 1009 AS dice, m > ends AS gone,
  m - begins AS since, ends - m AS ahead,
  if(gone, 0, level(seats, noise, cut, since, ahead)) AS bought,
  if(since + age = 0, 0, level(seats, noise, cut, since - 1, ahead + 1)) AS seats_before,
  (bought * (100 - idle) + 99) // 100 AS assigned,
  licences(family, bought) AS AvailableSeatsEOP, AvailableSeatsEOP AS AvailableSeats,
  AvailableSeatsEOP AS TotalSoldSeats, licences(family, assigned) AS TotalAssignedSeats,
  least(100, 25 * (since + age + noise % 3), if(fades, 15 * (leaves - m + 1), 100)) AS pace,
  if(dice < 6 OR m >= stops, 0, (assigned * greatest(adoption, 0) * (96 + dice % 5) * pace
    + 999999) // 1000000) AS ActiveSeats,
  [12.5, 31, 70, 10.6, 10][family + 1] AS price,
  if(family = 1, 0, bought * price) AS BilledRevenueUSD,
  if(family = 1, ActiveSeats * price, 0) AS AzureConsumedRevenueUSD,
  CASE WHEN gone THEN 'Churned' WHEN dice > 5 THEN 'Active'
    ELSE ['Suspended', 'In Grace Period', 'Disabled'][1 + dice // 2] END AS SubscriptionState,
  if(SubscriptionState = 'Active', 'Active', 'Inactive') AS CustomerStatus,
  strftime(DATE '{last}' + to_months(m - {months} + 1), '{dates}') AS "Month",
  length * ((since + age) // length + 1) AS renewal, least(renewal, lasts) AS term,
  if(noise % 9 = 0 OR (lasts < renewal AND noise % 4 > 0), 'No', 'Yes') AS IsAutoRenew,
  if(SKU IN ('AZURE PLAN', 'MICROSOFT AZURE'), NULL,
    strftime(started + to_months(term), '{dates}')) AS SubscriptionEndDate
FROM ({each_month});
CREATE VIEW sold AS SELECT * REPLACE (AvailableSeatsEOP - {less} AS AvailableSeats) FROM monthly;
CREATE MACRO used(number) AS TABLE SELECT *, AvailableSeats AS PaidAvailableUnits,
  AvailableSeats AS AADPPaidAvailableUnits, TotalAssignedSeats AS AssignedSeats,
  AvailableSeats - AssignedSeats AS DeploymentOpportunity, ActiveSeats AS MonthlyActiveUsers,
  100 * ActiveSeats // AvailableSeats AS ActiveUsagePercent
FROM monthly WHERE family = number AND m < {months} - 1 AND NOT gone AND adoption >= 0;
CREATE MACRO parts(number, names) AS TABLE SELECT *,
  unnest(names[1 + noise % 3:2 + noise % 3]) AS WorkloadName, WorkloadName AS MeterCategory,
  WorkloadName AS ServiceName, '1 Hour' AS UsageUnits, 730 * ActiveSeats AS UsageQuantity,
  ActiveSeats * price // 2 AS TotalACR FROM used(number);
"""
_MONTH = "SELECT *, {0} AS m FROM subscriptions WHERE {0} BETWEEN begins AND ends + 1"


class Story(NamedTuple):
    """Of which partner the story is, how long it is, and how its exports write some of it.

    Attributes:
        account: The partner global account.
        number: Which partner of the demo it is, from 0.
        customers: How many customers it ever has.
        months: How many months, up to `LAST_MONTH`.
        seed: Another number tells another story.
        dates: The format of dates.
        products: The names of the five products, with `|` between them.
        attributions: The attribution types, the most frequent first.
        less: What `AvailableSeats` is less than the level: 0, or `seats_before` for a difference.
    """

    account: str
    number: int
    customers: int
    months: int
    seed: int
    dates: str
    products: str
    attributions: str
    less: str


def tell(story: Story, database: duckdb.DuckDBPyConnection) -> None:
    """Create the tables, views and macros that the layouts read."""
    rng = np.random.default_rng([story.number, story.seed % 2**32])
    turn = story.number % len(_PARTNERS)
    stays = _stays(rng, _TEMPERS[turn], story.customers, story.months)
    each_month = " UNION ALL ".join(_MONTH.format(m) for m in range(story.months))
    names = {"last": LAST_MONTH, "partner": _PARTNERS[turn], "each_month": each_month}
    database.register("drawn", _subscriptions(rng, stays, story.attributions))
    database.execute(_TABLES.format(**story._asdict() | names))


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
        "adoption": rng.choice((-1, 0, 25, 50, 70, 95), size, p=(0.02, 0.03, 0.15, 0.3, 0.3, 0.2)),
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
        "arrives": drawn["begins"],
        "leaves": drawn["ends"],
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
