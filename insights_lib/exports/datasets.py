"""What Partner Center exports contain: the datasets, their columns, and how names changed.

Facts only. Column names are compared without regard to case, blanks, underscores and characters
that nobody sees, so one spelling stands for `PGAMpnId`, `PGA_MPNId` and `pga mpn id` alike.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from types import MappingProxyType
from unicodedata import category, normalize

SEATS = "SeatsSubscriptionsAndRevenue"
CUSTOMERS = "CustomersAndTenants"
OFFICE, EMS, DYNAMICS = "OfficeUsage", "EMSUsage", "DynamicsUsage"
POWER_BI, AZURE, PROFILE = "PowerBIUsage", "AzureUsage", "Profile"

SUBSCRIPTION_DATASETS = (SEATS, CUSTOMERS)

# The product of a usage row follows from its dataset.
USAGE_PRODUCTS: Mapping[str, str] = MappingProxyType(
    {
        OFFICE: "Office 365",
        EMS: "Enterprise Mobility + Security",
        DYNAMICS: "Dynamics 365",
        POWER_BI: "Power BI",
        AZURE: "Azure",
    }
)

# Spellings that fold into one product family, lower case and without blanks.
PRODUCT_SPELLINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Office 365": ("office365", "o365", "microsoft365", "m365", "microsoftoffice365"),
        "Azure": ("azure", "microsoftazure", "windowsazure"),
        "Dynamics 365": (
            *("dynamics365", "d365", "microsoftdynamics365"),
            *("dynamics", "microsoftdynamics"),
        ),
        "Enterprise Mobility + Security": (
            *("ems", "em+s", "enterprisemobility+security", "enterprisemobilityandsecurity"),
            *("enterprisemobility&security", "enterprisemobilitysuite"),
        ),
        "Power BI": ("powerbi", "microsoftpowerbi", "pbi"),
    }
)

_PRODUCTS = {spelt: name for name, spellings in PRODUCT_SPELLINGS.items() for spelt in spellings}

# By the names of `tables.DIMENSIONS`: of several columns the first that an export has counts.
DIMENSION_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "product": ("Product", "ProductFamily"),
        "customer_market": ("CustomerMarket",),
        "partner_attribution": ("PartnerAttributionType", "PartnerAttachType"),
        "partner_location": ("PartnerLocation", "PartnerLocationID"),
        "sales_channel": ("SalesChannel", "SalesModel"),
        "customer_segment": ("CustomerSegment",),
        "sku": ("SKU",),
        "pricing_model": ("PricingLevel",),
    }
)

MONTH = ("Month",)
GLOBAL_ACCOUNT = ("PGAMpnId", "PGAPartnerID")
LOCATION_ID = ("MpnId", "PartnerID")
CUSTOMER_KEYS = ("CustomerTpid", "CustomerTenantId", "CustomerName")
SUBSCRIPTION_ID = ("SubscriptionId", "SubscriptionGuid")
STATE = ("SubscriptionState", "SubscriptionStatus")
STATUS = ("CustomerStatus",)
WORKLOAD = ("WorkloadName",)
USERS, SEATS_IN_USE = ("MonthlyActiveUsers",), ("ActiveSeats",)
# The amount of a row of AzureUsage is the first of these that its export has.
AZURE_AMOUNTS = ("TotalACR", "ACR_USD", "MonthlySubscriptionLevelACR")
AZURE_MEASURES = ("UsageQuantity", "TotalACR", "ACR_USD", "MonthlySubscriptionLevelACR")

# What a row says beside its dimensions, by the store's name of it, and how exports spell it.
# Seats are those sold; exports of the hub have those available at the end of the period instead.
SEATS_SOLD, SEATS_AVAILABLE = ("TotalSoldSeats",), ("AvailableSeatsEOP",)
NUMBER_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "assigned_seats": ("TotalAssignedSeats",),
        "billed_revenue": ("BilledRevenueUSD", "RevenueUSD"),
        "azure_consumed": ("AzureConsumedRevenueUSD", "ACR_USD", "TotalACR"),
    }
)
DATE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"start_date": ("SubscriptionStartDate",), "end_date": ("SubscriptionEndDate",)}
)
AUTO_RENEW = ("IsAutoRenew",)
DUPLICATE, ACR_DUPLICATE = ("IsDuplicateRowForPGA",), ("IsACRDuplicateAtPGALevel",)

_UNSEEN = {"Cc", "Cf", "Mn", "Zl", "Zp", "Zs"}  # controls, invisible characters, marks, blanks
_SHORTEST = 4  # letters of a name that is taken for part of another

_EMS_WORKLOAD = re.compile(
    r"intune|azure ?ad|azure active directory|entra|\baadp?\b|\baz?ip\b|information protection"
    r"|\baatp\b|azure (atp|advanced threat)|cloud app security|\bmcas\b|\bems\b"
    r"|rights management",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dataset:
    """One kind of export.

    Attributes:
        name: The name Partner Center gives it.
        marks: Groups of column names that tell it; one column of every group must be there.
        others: Columns that tell another dataset.
        required: Groups of columns that it must have besides, like the marks.
        measures: Columns of which any above zero makes a usage row; empty if none is counted.
    """

    name: str
    marks: tuple[tuple[str, ...], ...]
    others: tuple[str, ...] = ()
    required: tuple[tuple[str, ...], ...] = (MONTH, GLOBAL_ACCOUNT + LOCATION_ID, CUSTOMER_KEYS)
    measures: tuple[str, ...] = ()

    def fits(self, names: Collection[str]) -> bool:
        """Whether a header, as folded names, has the marks of this dataset."""
        return all(_has(names, group) for group in self.marks) and not _has(names, self.others)


def folded(column: str) -> str:
    """The spelling by which column names are compared: nobody sees what it leaves out."""
    text = normalize("NFKD", column).casefold()
    return "".join(c for c in text if c != "_" and category(c) not in _UNSEEN)


def _has(names: Collection[str], columns: Iterable[str]) -> bool:
    return any(folded(column) in names for column in columns)


# In the order in which a header is held against them: the first that fits is the dataset.
DATASETS = (
    Dataset(PROFILE, (GLOBAL_ACCOUNT, ("Country",)), MONTH, (GLOBAL_ACCOUNT, LOCATION_ID)),
    Dataset(CUSTOMERS, (STATUS,)),
    Dataset(AZURE, (("MeterCategory", "ServiceLevel1"),), measures=AZURE_MEASURES),
    Dataset(EMS, (("AADPPaidAvailableUnits",),), measures=USERS),
    Dataset(OFFICE, (WORKLOAD, USERS), measures=USERS),
    Dataset(DYNAMICS, (SEATS_IN_USE, ("RevSumDivisionName",)), measures=SEATS_IN_USE),
    Dataset(POWER_BI, (SEATS_IN_USE,), measures=SEATS_IN_USE),
    Dataset(
        SEATS,
        (STATE, DIMENSION_COLUMNS["partner_location"]),
        (*USERS, *SEATS_IN_USE, "ServiceName", "ServiceLevel"),
    ),
)

# Columns that no vintage of a dataset has; ingest does not report their absence.
_NEVER_THERE = {(CUSTOMERS, "pricing_model")}
# All columns that are read.
KNOWN = (
    *chain.from_iterable(
        chain(*dataset.marks, *dataset.required, dataset.measures) for dataset in DATASETS
    ),
    *chain(*DIMENSION_COLUMNS.values(), SUBSCRIPTION_ID),
)


def fold_product(text: str) -> str:
    """The product family that a spelling names; any other text stays as it is."""
    return _PRODUCTS.get(re.sub(r"\s", "", text).lower(), text)


def recognise(header: list[str]) -> Dataset | None:
    """The dataset whose marks the header bears, or None."""
    names = set(map(folded, header))
    return next((dataset for dataset in DATASETS if dataset.fits(names)), None)


def find(header: list[str], names: tuple[str, ...]) -> int | None:
    """The position of the first of `names` that the header holds, or None."""
    positions = {folded(column): i for i, column in enumerate(header)}
    return next((positions[folded(n)] for n in names if folded(n) in positions), None)


def near_misses(header: list[str], known: Iterable[str], cutoff: float = 0.8) -> dict[str, str]:
    """Columns of a header that nobody knows but that look like a known one.

    Args:
        header: The column names as they stand in the file.
        known: The names that they are compared with.
        cutoff: How alike two names must be, from 0 to 1; also what ends another is like it.

    Returns:
        The known name by the name in the header.
    """
    spelt = {folded(name): name for name in known}
    all_known = set(map(folded, KNOWN))
    found = {}
    for column in header:
        name = folded(column)
        if name in all_known or len(name) < _SHORTEST:
            continue
        ends = [k for k in spelt if k.endswith(name) or name.endswith(k)]
        match = get_close_matches(name, spelt, n=1, cutoff=cutoff) or ends
        if match:
            found[column] = spelt[match[0]]
    return found


def nearest(header: list[str]) -> dict[str, str]:
    """Unknown columns of a header that look like a known one: what they may stand for."""
    return near_misses(header, KNOWN)


def absent_dimensions(dataset: Dataset, header: list[str]) -> list[str]:
    """The dimensions that no row of this file can have a value of."""
    if dataset.name not in SUBSCRIPTION_DATASETS:
        return []
    return [name for name, columns in DIMENSION_COLUMNS.items() if find(header, columns) is None]


def notes_on_absence(dataset: Dataset, header: list[str]) -> list[str]:
    """What to tell of the dimensions that are absent, unless no such export has them."""
    notes = []
    for name in absent_dimensions(dataset, header):
        if (dataset.name, name) not in _NEVER_THERE:
            columns = DIMENSION_COLUMNS[name]
            near = "".join(f" (nearest: {c!r})" for c in near_misses(header, columns))
            notes.append(f"no column {columns[0]}{near}: {name} is not known of these rows")
    return notes


def missing_columns(dataset: Dataset, header: list[str]) -> list[str]:
    """Required columns the header lacks, each with the nearest name it does hold."""
    lacking = []
    for group in (*dataset.required, *filter(None, (dataset.measures,))):
        if find(header, group) is None:
            near = "".join(f" (nearest: {c!r})" for c in [*near_misses(header, group, 0.75)][:1])
            lacking.append(f"{' or '.join(group)}{near}")
    return lacking


def misspelt_identities(dataset: Dataset, header: list[str]) -> dict[str, str]:
    """Columns that look like one that says whose a row is, which the header lacks.

    Without it the rows would be taken for those of a location, or of another customer.

    Returns:
        The known name by the name in the header.
    """
    groups: list[tuple[str, ...]] = [GLOBAL_ACCOUNT]
    if dataset.name != PROFILE:
        groups += [(key,) for key in CUSTOMER_KEYS]
    if dataset.name in SUBSCRIPTION_DATASETS:
        groups.append(SUBSCRIPTION_ID)
    found: dict[str, str] = {}
    for group in groups:
        if find(header, group) is None:
            found |= near_misses(header, group, cutoff=0.85)
    if find(header, GLOBAL_ACCOUNT) is None:
        of_account = (c for c in header if re.match("pga|.*globalaccount", folded(c)))
        found |= {c: GLOBAL_ACCOUNT[0] for c in of_account if folded(c) != "pgapartnername"}
    return found


def is_ems_workload(name: str) -> bool:
    """Whether a WorkloadName of the 2020 layout belongs to Enterprise Mobility + Security."""
    return _EMS_WORKLOAD.search(name) is not None
