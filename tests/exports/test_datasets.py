"""Every dataset is known by its columns, in each vintage, however the columns are spelt."""

import pytest

from insights_lib.exports import datasets
from insights_lib.exports.datasets import (
    DATASETS,
    DIMENSION_COLUMNS,
    absent_dimensions,
    find,
    fold_product,
    is_ems_workload,
    missing_columns,
    misspelt_identities,
    nearest,
    notes_on_absence,
    recognise,
)
from insights_lib.tables import DIMENSIONS, FACETS
from tests.support.layouts import LAYOUTS

BY_NAME = {dataset.name: dataset for dataset in DATASETS}
SEATS = BY_NAME["SeatsSubscriptionsAndRevenue"]
layouts = pytest.mark.parametrize(
    ("dataset", "columns"),
    [(name, columns.split()) for name, columns in LAYOUTS.values()],
    ids=list(LAYOUTS),
)


@layouts
def test_each_vintage_is_recognised_and_lacks_nothing(dataset: str, columns: list[str]) -> None:
    found = recognise(columns)
    assert found is not None
    assert found.name == dataset
    assert missing_columns(found, columns) == []
    assert misspelt_identities(found, columns) == {}
    assert notes_on_absence(found, columns) == []


def test_every_dimension_of_the_report_has_its_columns() -> None:
    assert tuple(DIMENSION_COLUMNS) == DIMENSIONS
    assert DIMENSIONS[: len(FACETS)] == FACETS


@layouts
@pytest.mark.parametrize(
    "spelt",
    [
        str.upper,
        str.lower,
        "_".join,
        lambda name: f" {name[:3]} {name[3:]}\u00a0",
        lambda name: f"\ufeff{name[:3]}\u200b{name[3:]}\u200e\u00ad",
        lambda name: f"{name[:3]}\ufe0f{name[3:]}\u0301",
        lambda name: "".join(
            chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in name
        ),
    ],
    ids=["upper", "lower", "underscores", "blanks", "invisible", "marks", "wide"],
)
def test_case_blanks_and_what_nobody_sees_do_not_matter(
    dataset: str, columns: list[str], spelt
) -> None:
    header = [spelt(name) for name in columns]
    found = recognise(header)
    assert found is not None
    assert found.name == dataset
    assert missing_columns(found, header) == []


@layouts
def test_the_order_of_columns_does_not_matter(dataset: str, columns: list[str]) -> None:
    found = recognise(columns[::-1])
    assert found is not None
    assert found.name == dataset


@pytest.mark.parametrize(
    ("group", "spellings"),
    [
        (datasets.LOCATION_ID, "MPNId MpnId MPNID MpnID PartnerID"),
        (datasets.GLOBAL_ACCOUNT, "PGAMpnId PGAMpnID PGAPartnerID PGA_MPNId"),
        (datasets.DIMENSION_COLUMNS["partner_location"], "PartnerLocation PartnerLocationID"),
        (
            datasets.DIMENSION_COLUMNS["partner_attribution"],
            "PartnerAttributionType PartnerAttachType",
        ),
        (datasets.DIMENSION_COLUMNS["sales_channel"], "SalesChannel SalesModel"),
        (datasets.DIMENSION_COLUMNS["product"], "Product ProductFamily"),
        (datasets.STATE, "SubscriptionState SubscriptionStatus"),
        (datasets.SUBSCRIPTION_ID, "SubscriptionId SubscriptionID SubscriptionGuid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_renamed_column_is_found_under_every_name(group: tuple[str, ...], spellings: str) -> None:
    for spelling in spellings.split():
        assert find(["Other", spelling], group) == 1


def test_a_column_that_is_not_there_has_no_position() -> None:
    assert find(["Month", "CustomerNames"], ("CustomerName",)) is None


@pytest.mark.parametrize(
    "columns",
    [
        "",
        "Month",
        "PGAMpnId CustomerTpid SubscriptionState",
        "WorkloadName PaidAvailableUnits Month",
        "PGA_MPNId PartnerName",
        "name email",
    ],
)
def test_columns_of_no_dataset_are_not_recognised(columns: str) -> None:
    assert recognise(columns.split()) is None


@pytest.mark.parametrize(
    ("lost", "misspelt"),
    [
        *(("PGAMpnId", name) for name in ("PGAMpnld", "PGAMpnId*", "PGA-MpnId", "PGAMpn", "PGA")),
        *(("PGAMpnId", name) for name in ("РGAMpnId", "Global Account", "PGA_PartnerIDs")),
        *(("CustomerTpid", name) for name in ("CustomerTpld", "CustomersTpid", "Tpid")),
        *(("CustomerTenantId", name) for name in ("CustomerTenentId", "Tenant Id")),
        *(("CustomerName", name) for name in ("CustomerNames", "Customer.Name")),
        *(("SubscriptionId", name) for name in ("SubscriptionlD", "Subscription-Id")),
    ],
)
def test_a_column_that_is_nearly_one_that_says_whose_a_row_is_is_told(
    lost: str, misspelt: str
) -> None:
    """Without it the rows would be filed under a location, or as those of another customer."""
    header = [misspelt if name == lost else name for name in LAYOUTS["seats 2021"][1].split()]
    assert recognise(header) == SEATS
    assert misspelt_identities(SEATS, header) == {misspelt: lost}


@pytest.mark.parametrize(
    "name", ["PartnerID", "PGA_PartnerName", "IsDuplicateRowForPGA", "CustomerTenantName", "State"]
)
def test_a_column_of_another_meaning_is_not_taken_for_a_misspelling(name: str) -> None:
    header = LAYOUTS["seats 2020"][1].split()
    assert misspelt_identities(SEATS, [*header, name]) == {}


@pytest.mark.parametrize(
    ("dataset", "lost", "wanted"),
    [
        ("seats 2021", "Month", "Month"),
        ("seats 2021", "PGAMpnId MpnId", "PGAMpnId or PGAPartnerID or MpnId or PartnerID"),
        ("seats 2021", "CustomerTpid CustomerTenantId CustomerName", "CustomerTpid or"),
        ("customers 2021", "Month", "Month"),
        ("ems 2021", "MonthlyActiveUsers", "MonthlyActiveUsers"),
        ("azure 2021", "UsageQuantity TotalACR MonthlySubscriptionLevelACR", "UsageQuantity or"),
        ("profile 2020", "MPNId", "MpnId or PartnerID"),
    ],
)
def test_a_missing_required_column_is_listed(dataset: str, lost: str, wanted: str) -> None:
    name, columns = LAYOUTS[dataset]
    header = [column for column in columns.split() if column not in lost.split()]
    (listed,) = missing_columns(BY_NAME[name], header)
    assert listed.startswith(wanted)


def test_one_column_of_a_required_group_is_enough() -> None:
    header = ["MPNId", "Month", "CustomerTenantId", "SubscriptionState", "PartnerLocation"]
    assert missing_columns(SEATS, header) == []


@pytest.mark.parametrize("typo", ["Mont", "Monthh", "Mnoth"])
def test_a_missing_column_comes_with_the_nearest_name(typo: str) -> None:
    header = f"MPNId {typo} CustomerTpid SubscriptionState PartnerLocation".split()
    missing = missing_columns(SEATS, header)
    assert missing == [f"Month (nearest: {typo!r})"]


def test_a_misspelt_mark_is_a_near_miss() -> None:
    header = ["Month", "SubscriptionStat", "Partner_Locations", "State", "Something"]
    assert nearest(header) == {
        "SubscriptionStat": "SubscriptionState",
        "Partner_Locations": "PartnerLocation",
        "State": "SubscriptionState",
    }


def test_an_absent_dimension_is_noted_with_the_nearest_name() -> None:
    columns = LAYOUTS["seats 2021"][1].replace("CustomerMarket", "CustomersMarket").split()
    assert absent_dimensions(SEATS, columns) == ["customer_market"]
    (note,) = notes_on_absence(SEATS, columns)
    assert note.startswith("no column CustomerMarket (nearest: 'CustomersMarket'): customer_market")


def test_an_absence_that_is_always_so_is_not_noted() -> None:
    customers = BY_NAME["CustomersAndTenants"]
    columns = LAYOUTS["customers 2021"][1].split()
    assert absent_dimensions(customers, columns) == ["pricing_model"]
    assert notes_on_absence(customers, columns) == []
    assert absent_dimensions(BY_NAME["OfficeUsage"], LAYOUTS["office 2021"][1].split()) == []


@pytest.mark.parametrize(
    ("family", "spellings"),
    [
        ("Office 365", "Office 365|O365|Microsoft 365|microsoft365|OFFICE\u00a0365|M365"),
        ("Azure", "Azure|Microsoft Azure|AZURE"),
        ("Dynamics 365", "Dynamics 365|D365|Microsoft Dynamics 365|dynamics365"),
        (
            "Enterprise Mobility + Security",
            (
                "Enterprise Mobility + Security|EMS|Enterprise Mobility and Security|EM+S"
                "|enterprise mobility+security"
            ),
        ),
        ("Power BI", "Power BI|PowerBI|POWER BI|Microsoft Power BI"),
    ],
)
def test_spellings_fold_into_one_product(family: str, spellings: str) -> None:
    assert {fold_product(text) for text in spellings.split("|")} == {family}


@pytest.mark.parametrize(
    "text",
    ["Windows 365", "Office 2019", "Azure DevOps", "Microsoft 365 Business Basic", "na", "Éms"],
)
def test_any_other_product_stays_as_it_is(text: str) -> None:
    assert fold_product(text) == text


@pytest.mark.parametrize(
    "workload",
    [
        "Intune",
        "Microsoft Intune",
        "Azure AD Premium",
        "AzureAD Premium P2",
        "Azure Active Directory Premium",
        "AADP",
        "AIP",
        "Azure Information Protection",
        "MCAS",
        # How the column names of EMSUsage abbreviate two of its workloads.
        "AATP",
        "Azip",
    ],
)
def test_an_ems_workload_is_known_by_its_name(workload: str) -> None:
    assert is_ems_workload(workload)


@pytest.mark.parametrize(
    "workload",
    [
        "Exchange Online",
        "SharePoint Online",
        "OneDrive for Business",
        "Microsoft Teams",
        "Skype for Business",
        "Yammer",
        "Office 365 ProPlus",
        "Claims and Forms",
    ],
)
def test_an_office_workload_is_not_of_ems(workload: str) -> None:
    assert not is_ems_workload(workload)
