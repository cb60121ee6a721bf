"""What Partner Center exports contain: the datasets, their columns, and how names changed.

Facts only. Column names are compared without regard to case, blanks and underscores, so one
spelling stands for `PGAMpnId`, `PGA_MPNId` and `pga mpn id` alike.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

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

# The six dimensions that a page filter can name, and the one more that a breakdown can.
FACET_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "product": ("Product", "ProductFamily"),
        "customer_market": ("CustomerMarket",),
        "partner_attribution": ("PartnerAttributionType", "PartnerAttachType"),
        "partner_location": ("PartnerLocation", "PartnerLocationID"),
        "sales_channel": ("SalesChannel", "SalesModel"),
        "customer_segment": ("CustomerSegment",),
    }
)
DIMENSION_COLUMNS = {**FACET_COLUMNS, "sku": ("SKU",), "pricing_model": ("PricingLevel",)}

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

# What a customer's row says beside its dimensions: the store's name of it, and how exports spell it.
# Seats are those sold; exports of the hub have those available at the end of the period instead.
CUSTOMER_NAME = ("CustomerName",)
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
DUPLICATE = ("IsDuplicateRowForPGA", "IsACRDuplicateAtPGALevel")

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
        marks: Whether a header, as a set of folded names, is of this dataset.
        required: Groups of column names; one column of every group must be there.
        measures: Columns of which any above zero makes a usage row; empty if none is counted.
    """

    name: str
    marks: Callable[[frozenset[str]], bool]
    required: tuple[tuple[str, ...], ...]
    measures: tuple[str, ...] = ()


def folded(column: str) -> str:
    """The spelling by which column names are compared."""
    return re.sub(r"[\s_]", "", column).casefold()


def _has(header: frozenset[str], *names: str) -> bool:
    return any(folded(name) in header for name in names)


def _is_seats(header: frozenset[str]) -> bool:
    measured = _has(header, *USERS, *SEATS_IN_USE, "ServiceName", "ServiceLevel")
    return (
        not measured
        and _has(header, *STATE)
        and _has(header, "PartnerLocation", "PartnerLocationID")
    )


_COUNTED = (MONTH, GLOBAL_ACCOUNT + LOCATION_ID, CUSTOMER_KEYS)

# In the order in which a header is held against them: the first that fits is the dataset.
DATASETS = (
    Dataset(
        PROFILE,
        lambda h: _has(h, *GLOBAL_ACCOUNT) and _has(h, "Country") and not _has(h, *MONTH),
        (GLOBAL_ACCOUNT, LOCATION_ID),
    ),
    Dataset(CUSTOMERS, lambda h: _has(h, *STATUS), (*_COUNTED, STATUS)),
    Dataset(
        AZURE,
        lambda h: _has(h, "MeterCategory", "ServiceLevel1"),
        (*_COUNTED, AZURE_MEASURES),
        AZURE_MEASURES,
    ),
    Dataset(EMS, lambda h: _has(h, "AADPPaidAvailableUnits"), (*_COUNTED, USERS), USERS),
    Dataset(OFFICE, lambda h: _has(h, *WORKLOAD) and _has(h, *USERS), (*_COUNTED, USERS), USERS),
    Dataset(
        DYNAMICS,
        lambda h: _has(h, *SEATS_IN_USE) and _has(h, "RevSumDivisionName"),
        (*_COUNTED, SEATS_IN_USE),
        SEATS_IN_USE,
    ),
    Dataset(POWER_BI, lambda h: _has(h, *SEATS_IN_USE), (*_COUNTED, SEATS_IN_USE), SEATS_IN_USE),
    Dataset(SEATS, _is_seats, (*_COUNTED, STATE)),
)
BY_NAME: Mapping[str, Dataset] = MappingProxyType({d.name: d for d in DATASETS})

# Columns that no vintage of a dataset has, so that their absence is no news.
_NEVER_THERE = {(CUSTOMERS, "pricing_model")}

# What a header must hold to be taken for each dataset, in words for an error message.
MARKS: Mapping[str, str] = MappingProxyType(
    {
        SEATS: "SubscriptionState and PartnerLocation",
        CUSTOMERS: "CustomerStatus",
        OFFICE: "WorkloadName and MonthlyActiveUsers",
        EMS: "AADPPaidAvailableUnits, or an OfficeUsage layout with EMS workloads",
        DYNAMICS: "ActiveSeats and RevSumDivisionName",
        POWER_BI: "ActiveSeats",
        AZURE: "MeterCategory or ServiceLevel1",
        PROFILE: "PGA_MPNId and Country, without Month",
    }
)


def fold_product(text: str) -> str:
    """The product family that a spelling names; any other text stays as it is."""
    return _PRODUCTS.get(re.sub(r"\s", "", text).lower(), text)


def recognise(header: list[str]) -> Dataset | None:
    """The dataset whose marks the header bears, or None."""
    names = frozenset(map(folded, header))
    return next((dataset for dataset in DATASETS if dataset.marks(names)), None)


def find(header: list[str], names: tuple[str, ...]) -> int | None:
    """The position of the first of `names` that the header holds, or None."""
    positions = {folded(column): i for i, column in enumerate(header)}
    return next((positions[folded(n)] for n in names if folded(n) in positions), None)


def near_misses(header: list[str]) -> list[tuple[str, str]]:
    """Unknown columns of a header that look like a known one: (as it stands, the known name)."""
    known = {folded(name): name for group in _known_groups() for name in group}
    pairs = []
    for column in header:
        match = get_close_matches(folded(column), known, n=1, cutoff=0.85)
        if match and match[0] != folded(column):
            pairs.append((column, known[match[0]]))
    return pairs


def _known_groups() -> list[tuple[str, ...]]:
    required = [group for dataset in DATASETS for group in dataset.required]
    return [*required, *DIMENSION_COLUMNS.values(), SUBSCRIPTION_ID, WORKLOAD]


def absent_dimensions(dataset: Dataset, header: list[str]) -> list[str]:
    """A note for every dimension that subscription rows of this file cannot show."""
    if dataset.name not in SUBSCRIPTION_DATASETS:
        return []
    near = {known: column for column, known in near_misses(header)}
    return [
        f"no column {names[0]}: {dimension} is shown as Unknown"
        + "".join(f" (nearest: {near[name]!r})" for name in names if name in near)
        for dimension, names in DIMENSION_COLUMNS.items()
        if find(header, names) is None and (dataset.name, dimension) not in _NEVER_THERE
    ]


def missing_columns(dataset: Dataset, header: list[str]) -> list[str]:
    """Required columns the header lacks, each with the nearest name it does hold."""
    spelt = {folded(column): column for column in header}
    lacking = []
    for group in dataset.required:
        if find(header, group) is None:
            wanted = " or ".join(group)
            near = [
                spelt[match]
                for name in group
                for match in get_close_matches(folded(name), spelt, n=1, cutoff=0.75)
            ]
            lacking.append(f"{wanted} (nearest: {near[0]!r})" if near else wanted)
    return lacking


def is_ems_workload(name: str) -> bool:
    """Whether a WorkloadName of the 2020 layout belongs to Enterprise Mobility + Security."""
    return _EMS_WORKLOAD.search(name) is not None
