"""The headers of exports: of every dataset, in each vintage."""

CUSTOMER = "CustomerName CustomerTenantId CustomerTpid CustomerSegment CustomerMarket"

# One header per dataset and vintage, as the documentation of that time lists it.
LAYOUTS = {
    "seats 2020": (
        "SeatsSubscriptionsAndRevenue",
        f"""
        MPNId SubscriptionID SubscriptionStatus Month IsAutoRenew {CUSTOMER} ProductFamily SKU
        PartnerName PartnerLocationID PartnerAttachType SalesModel PricingLevel RevenueUSD
        """,
    ),
    "seats 2021": (
        "SeatsSubscriptionsAndRevenue",
        f"""
        PGAMpnId MpnId SubscriptionId SubscriptionStartDate SubscriptionEndDate
        SubscriptionState Month {CUSTOMER} DUNSNumber TopSegment ReportingProductName Product
        RawProductName SKU RevSumDivisionName PartnerLocation PartnerAttributionType
        SalesChannel PricingLevel IsDuplicateRowForPGA TotalSoldSeats BilledRevenueUSD
        AvailableSeatsEOP AvailableSeats
        """,
    ),
    "seats 2023": (
        "SeatsSubscriptionsAndRevenue",
        f"""
        PGAPartnerID PartnerID SubscriptionId SubscriptionState Month {CUSTOMER} Product SKU
        PartnerLocation PartnerAttributionType SalesChannel PricingLevel ResellerID ResellerName
        """,
    ),
    "customers 2021": (
        "CustomersAndTenants",
        f"""
        PGAMpnId MpnId PartnerName {CUSTOMER} CustomerStatus CustomerTenantName
        CustomerTenantCountry TenantDomainName Product SKU Month PartnerLocation
        PartnerAttributionType SalesChannel IsDuplicateRowForPGA AvailableSeats
        """,
    ),
    "customers 2023": (
        "CustomersAndTenants",
        f"""
        PGAMpnID MPNID {CUSTOMER} CustomerStatus Product SKU Month PartnerLocation
        PartnerAttributionType SalesChannel IndustryName VerticalName EOU SubscriptionGuid
        IsAutoRenew CPORRevenue CPORPaidSeats CPORActiveUsers
        """,
    ),
    "office 2020": (
        "OfficeUsage",
        f"""
        {CUSTOMER} WorkloadName Month PaidAvailableUnits MonthlyActiveUsers MPNId PartnerName
        PartnerLocation PartnerAttributionType
        """,
    ),
    "office 2021": (
        "OfficeUsage",
        f"""
        {CUSTOMER} WorkloadName Month PaidAvailableUnits MonthlyActiveUsers MPNId
        PartnerLocation PartnerAttributionType IsDuplicateRowForPGA PGAMpnId
        """,
    ),
    "ems 2021": (
        "EMSUsage",
        f"""
        SubscriptionId SubscriptionStatus Month SKU SKUId FreeVsPaidSKU SalesModel {CUSTOMER}
        MPNId PartnerName PartnerLocation PartnerAttachType PaidAvailableUnits
        MonthlyActiveUsers AADPPaidAvailableUnits IntunePaidAvailableUnits
        """,
    ),
    "dynamics 2021": (
        "DynamicsUsage",
        f"""
        SubscriptionId SubscriptionStatus Month RevSumDivisionName RevSumCategoryName SKU SKUId
        FreeVsPaidSKU SalesModel DetailedSalesModel {CUSTOMER} MPNId PartnerName PartnerLocation
        PartnerAttachType AvailableSeats AssignedSeats ActiveSeats
        """,
    ),
    "power bi 2021": (
        "PowerBIUsage",
        f"""
        SubscriptionId SubscriptionStatus Month SKU SKUId SalesModel {CUSTOMER} MPNId
        PartnerLocation PartnerAttachType AvailableSeats AssignedSeats ActiveSeats
        """,
    ),
    "azure 2020": (
        "AzureUsage",
        f"""
        SubscriptionId SubscriptionState Month ServiceLevel1 ServiceLevel2 UsageUnits {CUSTOMER}
        MpnId PartnerLocation PartnerAttributionType SalesChannel ACR_USD
        """,
    ),
    "azure 2021": (
        "AzureUsage",
        f"""
        PGAMpnId SubscriptionId SubscriptionState Month ServiceName MeterCategory UsageUnits
        UsageQuantity {CUSTOMER} MpnId PartnerLocation PartnerAttributionType SalesChannel
        IsACRDuplicateAtPGALevel MonthlySubscriptionLevelACR TotalACR
        """,
    ),
    "profile 2020": (
        "Profile",
        """
        MPNId PartnerName PGA_MPNId PGA_PartnerName City Country HierarchyLevel
        """,
    ),
    "profile 2023": (
        "Profile",
        """
        MPNId PartnerName PGA_MPNId PGA_PartnerName City Country AccountType
        """,
    ),
}
