"""Every figure of the report once more, in plain Python, written straight from the definitions.

This is the yardstick the tests hold against the library. It shares no code with it, knows no SQL,
and is meant to be read beside the page of definitions, term by term, not to be fast.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

Row = dict[str, str]
Datasets = Mapping[str, list[Row]]
Customer = tuple[str, str]
Series = dict[str, int | None]
Rows = Iterator[tuple[object, ...]]

CUSTOMER_KEYS = ("customertpid", "customertenantid", "customername")
MISSING = {"", "null", "unknown", "00000000-0000-0000-0000-000000000000"}
ALIASES = {
    "global_account": ("pgampnid", "pgapartnerid"),
    "location_id": ("mpnid", "partnerid"),
    "state": ("subscriptionstate", "subscriptionstatus"),
    "customer_status": ("customerstatus",),
    "subscription": ("subscriptionid", "subscriptionguid"),
}
DIMENSIONS = {
    "customer_market": ("customermarket",),
    "customer_segment": ("customersegment",),
    "partner_location": ("partnerlocation", "partnerlocationid"),
    "product": ("product", "productfamily"),
    "sales_channel": ("saleschannel", "salesmodel"),
    "pricing_model": ("pricinglevel",),
    "partner_attribution": ("partnerattributiontype", "partnerattachtype"),
    "sku": ("sku",),
}
TRENDS = [dimension for dimension in DIMENSIONS if dimension != "sku"]
DISTRIBUTION = "partner_location customer_segment sales_channel pricing_model partner_attribution"
USAGE = {
    "OfficeUsage": ("Office 365", ("monthlyactiveusers",)),
    "EMSUsage": ("Enterprise Mobility + Security", ("monthlyactiveusers",)),
    "DynamicsUsage": ("Dynamics 365", ("activeseats",)),
    "PowerBIUsage": ("Power BI", ("activeseats",)),
    "AzureUsage": ("Azure", ("usagequantity", "totalacr", "acrusd", "monthlysubscriptionlevelacr")),
}
FAMILIES = {
    "Office 365": "office365 o365 microsoft365 m365 microsoftoffice365",
    "Azure": "azure microsoftazure windowsazure",
    "Dynamics 365": "dynamics365 d365 microsoftdynamics365 dynamics microsoftdynamics",
    "Enterprise Mobility + Security": "ems em+s enterprisemobility+security "
    "enterprisemobilityandsecurity enterprisemobility&security enterprisemobilitysuite",
    "Power BI": "powerbi microsoftpowerbi pbi",
}


@dataclass(frozen=True)
class SubscriptionRow:
    """A subscription row, with its dimension values; None where its export has no such column."""

    month: str
    customer: Customer
    active: bool
    subscription: str | None
    values: dict[str, str | None]


@dataclass(frozen=True)
class UsageRow:
    """A row of a usage dataset; only with `used` it is what the definitions call a usage row."""

    month: str
    customer: Customer
    product: str
    used: bool


def cleaned(row: Row) -> Row:
    """Trim the values; write column names without case, blanks and underscores."""
    return {"".join(k.split()).replace("_", "").lower(): text.strip() for k, text in row.items()}


def lowered(text: str) -> str:
    """Simple Unicode lower case: every character by itself, whatever stands beside it."""
    return "".join("i" if character == "İ" else character.lower() for character in text)


def cell(row: Row, names: Iterable[str]) -> str | None:
    """Read the first of these columns that the row has; None when it has none of them."""
    return next((row[name] for name in names if name in row), None)


def known_text(text: str | None) -> str | None:
    """Missing: blank, NULL, UNKNOWN, the all-zero GUID, in any case, become None. NA does not."""
    return None if text is None or text.lower() in MISSING else text


def month_of(text: str) -> str:
    """Month: 20220601, 202206, 2022-06, 2022-06-30T00:00:00Z, 6/1/2022 0:00 … as YYYY-MM."""
    if found := re.fullmatch(r"(\d{4})-?(\d\d)(-?\d\d)?([T ].*)?", text):
        year, month = found[1], found[2]
    elif found := re.fullmatch(r"(\d{1,2})/0?1/(\d{4})( .*)?", text):
        year, month = found[2], found[1]
    else:
        message = f"not a month: {text!r}"
        raise ValueError(message)
    return f"{date(int(year), int(month), 1):%Y-%m}"


def previous(month: str) -> str:
    """Step back one calendar month."""
    return f"{date.fromisoformat(f'{month}-01') - timedelta(days=1):%Y-%m}"


def months_of(first: str, last: str) -> list[str]:
    """List the months of a range, both ends included."""
    months = [last]
    while months[0] > first:
        months.insert(0, previous(months[0]))
    return months


def customer_of(row: Row) -> Customer | None:
    """Customer: the first key that is not missing, with its kind, so that kinds never mix."""
    key = next((key for key in CUSTOMER_KEYS if known_text(row.get(key))), None)
    if key is None:
        return None
    return (key, lowered(row[key]) if key == "customertenantid" else row[key])


def partner_rows(datasets: Datasets, name: str, partner: str) -> Iterator[tuple[Customer, Row]]:
    """Partner: the global account or, without that column, the location's account by Profile."""
    account_of: dict[str | None, str | None] = {}
    for row in map(cleaned, datasets.get("Profile", [])):
        if account := known_text(cell(row, ALIASES["global_account"])):
            account_of[cell(row, ALIASES["location_id"])] = account
    for row in map(cleaned, datasets.get(name, [])):
        location = cell(row, ALIASES["location_id"])
        account = cell(row, ALIASES["global_account"])
        owner = account_of.get(location, location) if account is None else account
        if owner == partner and (customer := customer_of(row)):
            yield customer, row


def value_of(row: Row, dimension: str) -> str | None:
    """Missing is shown as Unknown; spellings of a product fold into its family."""
    text = cell(row, DIMENSIONS[dimension])
    if text is None:
        return None
    text = known_text(text) or "Unknown"
    if dimension == "product":
        spelling = "".join(text.lower().split())
        return next((name for name, known in FAMILIES.items() if spelling in known.split()), text)
    return text


def subscription_rows(
    datasets: Datasets, partner: str, active_states: Iterable[str]
) -> Iterator[SubscriptionRow]:
    """Subscription rows: Seats, or CustomersAndTenants where the partner has none at all."""
    rows = list(partner_rows(datasets, "SeatsSubscriptionsAndRevenue", partner))
    status, active = "state", {state.strip().lower() for state in active_states}
    if not rows:
        rows = list(partner_rows(datasets, "CustomersAndTenants", partner))
        status, active = "customer_status", {"active"}
    for customer, row in rows:
        is_active = (cell(row, ALIASES[status]) or "").lower() in active
        subscription = lowered(known_text(cell(row, ALIASES["subscription"])) or "") or None
        values = {dimension: value_of(row, dimension) for dimension in DIMENSIONS}
        yield SubscriptionRow(month_of(row["month"]), customer, is_active, subscription, values)


def spelt(rows: list[SubscriptionRow], months: list[str]) -> list[SubscriptionRow]:
    """Spelling and absent dimension: one spelling of each value, that of most rows of the months.

    A dimension that no export of the months has is None in every row. Earlier rows
    are spelt alike.
    """
    read = [row for row in rows if row.month <= months[-1]]
    inside = [row for row in read if row.month in months]
    for dimension in DIMENSIONS:
        absent = inside != [] and all(row.values[dimension] is None for row in inside)
        counts = Counter(row.values[dimension] or "Unknown" for row in inside)
        spellings: dict[str, set[str]] = {}
        for row in read:
            text = row.values[dimension] or "Unknown"
            spellings.setdefault(lowered(text), set()).add(text)
        shown = {
            key: min(s, key=lambda text: (-counts[text], text)) for key, s in spellings.items()
        }
        for row in read:
            text = lowered(row.values[dimension] or "Unknown")
            row.values[dimension] = None if absent else shown[text]
    return read


def usage_rows(datasets: Datasets, partner: str) -> Iterator[UsageRow]:
    """Usage row: users, seats or consumption above 0; its product follows from its dataset."""
    for name, (product, measures) in USAGE.items():
        for customer, row in partner_rows(datasets, name, partner):
            used = any(is_positive(row.get(measure, "")) for measure in measures)
            yield UsageRow(month_of(row["month"]), customer, product, used)


def is_positive(text: str) -> bool:
    """Tell whether a cell holds a number above 0."""
    try:
        return float(text) > 0
    except ValueError:
        return False


def holders(rows: Iterable[SubscriptionRow], dimension: str) -> dict[str, set[Customer]]:
    """Group the distinct customers of rows by the value the rows hold."""
    found: dict[str, set[Customer]] = {}
    for row in rows:
        if (value := row.values[dimension]) is not None:
            found.setdefault(value, set()).add(row.customer)
    return found


@dataclass(frozen=True)
class Reference:
    """A partner's rows by month, the months of the range, the page filters F: sets per month."""

    subscription_rows: dict[str, list[SubscriptionRow]]
    usage_rows: dict[str, list[UsageRow]]
    months: list[str]
    filters: dict[str, set[str]]

    def passes(self, facet: str, value: str | None) -> bool:
        """F: the facet has no values, or this value is one of them, compared without case."""
        return not self.filters.get(facet) or lowered(value or "") in self.filters[facet]

    def covered(self, month: str) -> bool:
        """Covered: the partner has a subscription row in m, before any filter."""
        return bool(self.subscription_rows.get(month))

    def active_rows(self, month: str | None) -> list[SubscriptionRow]:
        """Active rows of m that pass F."""
        rows = self.subscription_rows.get(month or "", [])
        passing = [r for r in rows if all(self.passes(f, r.values[f]) for f in self.filters)]
        return [row for row in passing if row.active]

    def current(self, month: str) -> set[Customer] | None:
        """C(m): customers with an active row passing F; unknown when m is not covered."""
        return {row.customer for row in self.active_rows(month)} if self.covered(month) else None

    def added(self, month: str) -> set[Customer] | None:
        """C(m) without C(m-1), when both months are covered."""
        now, before = self.current(month), self.current(previous(month))
        return None if now is None or before is None else now - before

    def churned(self, month: str) -> set[Customer] | None:
        """C(m-1) without C(m), when both months are covered."""
        now, before = self.current(month), self.current(previous(month))
        return None if now is None or before is None else before - now

    def existing(self, month: str) -> set[Customer] | None:
        """C(m) and C(m-1) in common, when both months are covered."""
        now, before = self.current(month), self.current(previous(month))
        return None if now is None or before is None else now & before

    def active(self, month: str) -> set[Customer] | None:
        """A(m): of C(m), those with usage (of a product in F); unknown without any usage data."""
        current, usage = self.current(month), self.usage_rows.get(month)
        if current is None or not usage:
            return None
        return current & {u.customer for u in usage if u.used and self.passes("product", u.product)}

    def subscriptions(self, month: str) -> set[str] | None:
        """Subscription ids of active rows passing F; unknown in a month without any id."""
        if not any(row.subscription for row in self.subscription_rows.get(month, [])):
            return None
        return {row.subscription for row in self.active_rows(month) if row.subscription}

    def of_product(self, product: str) -> "Reference":
        """Put `product = that` into F; covered stays the partner's."""
        return replace(self, filters={**self.filters, "product": {lowered(product)}})

    def count(self, members: Callable[[str], set[Customer] | set[str] | None]) -> Series:
        """Series of a set: its size in every month of the range, None where unknown."""
        sets = {month: members(month) for month in self.months}
        return {month: None if found is None else len(found) for month, found in sets.items()}


def known(series: Series) -> list[tuple[str, int]]:
    """List the months in which a series is not null, with its values."""
    return [(month, value) for month, value in series.items() if value is not None]


def last_of(series: Series) -> tuple[str, int] | tuple[None, None]:
    """Last value of a series, after the month it belongs to."""
    return known(series)[-1] if known(series) else (None, None)


def total(series: Series) -> int | None:
    """Sum over the months in which a series is defined; unknown when there is none."""
    return sum(value for _, value in known(series)) if known(series) else None


def growth(series: Series) -> float | None:
    """Growth %: from the first to the last value; unknown from one month only or from 0."""
    values = [value for _, value in known(series)]
    return share(values[-1] - values[0], values[0]) if len(values) > 1 else None


def share(part: int | None, whole: int | None) -> float | None:
    """Express a part in per cent of the whole; unknown when either is, or the whole is 0."""
    return None if part is None or not whole else 100 * part / whole


def ranked(groups: dict[str, set[Customer]]) -> list[tuple[str, int]]:
    """Count the customers of each value, most first, then by value."""
    counts = [(value, len(customers)) for value, customers in groups.items()]
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))


def summary(ref: Reference) -> Rows:
    """Metrics of the range; flow metrics speak of the last month with flows."""
    added, churned = ref.count(ref.added), ref.count(ref.churned)
    for name, members in [
        ("current_customers", ref.current),
        ("active_customers", ref.active),
        ("subscriptions", ref.subscriptions),
    ]:
        series = ref.count(members)
        month, value = last_of(series)
        yield name, value, growth(series), month
    month, last_churn = last_of(churned)
    gained, lost = total(added), total(churned)
    yield "customers_added", gained, growth(added), month
    yield "customers_churned", lost, growth(churned), month
    yield "net_customers_added", None if gained is None else gained - (lost or 0), None, month
    yield "last_month_churn", last_churn, None, month
    base = ref.current(previous(known(churned)[0][0])) if known(churned) else None
    yield "churn_rate_pct", share(lost, len(base or ())), None, month


def summary_trend(ref: Reference) -> Rows:
    """Sizes of the sets, month by month."""
    sets = (ref.current, ref.active, ref.subscriptions, ref.added, ref.churned)
    columns = [ref.count(members) for members in sets]
    for month in ref.months:
        yield month, *(column[month] for column in columns)


def active_customers(ref: Reference) -> Rows:
    """Active beside current customers, month by month."""
    active, current = ref.count(ref.active), ref.count(ref.current)
    for month in ref.months:
        yield month, active[month], current[month]


def summary_products(ref: Reference) -> Rows:
    """Customers by product in L; the series is 0 in a covered month when nobody holds it."""
    month, everyone = last_of(ref.count(ref.current))
    covered = [m for m in ref.months if ref.covered(m)]
    by_month = {m: holders(ref.active_rows(m), "product") for m in covered}
    for product, customers in ranked(holders(ref.active_rows(month), "product")):
        series: Series = {m: len(by_month[m].get(product, ())) for m in covered}
        yield product, customers, share(customers, everyone), growth(series)


def geographical_spread(ref: Reference) -> Rows:
    """Customer markets: current in L, active in LA, new summed over the months of the range."""
    month, everyone = last_of(ref.count(ref.current))
    active_month, users = last_of(ref.count(ref.active))
    added = total(ref.count(ref.added))
    active = (ref.active(active_month) if active_month else None) or set()
    now = holders(ref.active_rows(month), "customer_market")
    used = holders(ref.active_rows(active_month), "customer_market")
    by_month = [
        (ref.added(m) or set(), holders(ref.active_rows(m), "customer_market")) for m in ref.months
    ]
    found: list[tuple[str, int, int, int]] = []
    for market in {market for _, markets in by_month for market in markets}:
        here, using = now.get(market, set()), used.get(market, set()) & active
        new = sum(len(joined & markets.get(market, set())) for joined, markets in by_month)
        found.append((market, len(here), len(using), new))
    for market, n, n_active, n_new in sorted(found, key=lambda row: (-row[1], row[0])):
        if n or n_active or n_new:
            actives = (None if users is None else n_active, share(n_active, users))
            news = (None if added is None else n_new, share(n_new, added))
            yield market, n, share(n, everyone), *actives, *news


def adds_and_churns(ref: Reference) -> Rows:
    """Existing, added and churned: of all customers, then with each product put into F."""
    seen = [previous(ref.months[0]), *ref.months]
    products = holders([row for month in seen for row in ref.active_rows(month)], "product")
    parts = [("All", ref), *((product, ref.of_product(product)) for product in sorted(products))]
    for name, part in parts:
        flows = [part.count(members) for members in (part.existing, part.added, part.churned)]
        for month in ref.months:
            yield name, month, *(series[month] for series in flows)


def distribution(ref: Reference) -> Rows:
    """Customers by value in L, dimension by dimension."""
    month, everyone = last_of(ref.count(ref.current))
    for dimension in DISTRIBUTION.split():
        for value, customers in ranked(holders(ref.active_rows(month), dimension)):
            yield dimension, value, customers, share(customers, everyone)


def distribution_trend(ref: Reference) -> Rows:
    """Customers by value in every covered month, by dimension, value and month."""
    for dimension in TRENDS:
        by_month = {month: holders(ref.active_rows(month), dimension) for month in ref.months}
        for value in sorted({value for values in by_month.values() for value in values}):
            for month in ref.months:
                if value in by_month[month]:
                    yield dimension, value, month, len(by_month[month][value])


def products(ref: Reference) -> Rows:
    """Customers by product in L, each followed by those with a row of that product and SKU."""
    month, everyone = last_of(ref.count(ref.current))
    for product, customers in ranked(holders(ref.active_rows(month), "product")):
        own = [row for row in ref.active_rows(month) if row.values["product"] == product]
        for sku, n in [("", customers), *ranked(holders(own, "sku"))]:
            yield product, sku, n, share(n, everyone)


TABLES: dict[Callable[[Reference], Rows], str] = {
    summary: "metric value growth_pct month",
    summary_trend: "month current_customers active_customers subscriptions "
    "customers_added customers_churned",
    summary_products: "product customers share_pct growth_pct",
    geographical_spread: "customer_market current_customers current_pct "
    "active_customers active_pct new_customers new_pct",
    adds_and_churns: "product month existing added churned",
    distribution: "dimension value customers share_pct",
    products: "product sku customers share_pct",
    distribution_trend: "dimension value month customers",
    active_customers: "month active_customers current_customers",
}


def tables(
    datasets: Datasets,
    partner: str,
    first: str,
    last: str,
    filters: Mapping[str, list[str]] | None = None,
    active_states: tuple[str, ...] = ("Active",),
    report: tuple[str, str] | None = None,
) -> dict[str, list[dict[str, object]]]:
    """Work out every table of a report.

    Args:
        datasets: Raw rows by dataset, restated months already replaced, any vintage of columns.
        partner: The partner global account.
        first: First month of the range, YYYY-MM.
        last: Last month of the range, YYYY-MM.
        filters: Values by facet; a facet without values lets everything pass.
        active_states: The subscription states that make a row active.
        report: First and last month of the report in which a reader looks at this range; it
            decides on spellings and absent dimensions. None for the range itself.

    Returns:
        The rows by table name; None is null. Country codes are left to the library.
    """
    subscriptions: dict[str, list[SubscriptionRow]] = {}
    rows = list(subscription_rows(datasets, partner, active_states))
    for row in spelt(rows, months_of(*(report or (first, last)))):
        subscriptions.setdefault(row.month, []).append(row)
    usage: dict[str, list[UsageRow]] = {}
    for used in usage_rows(datasets, partner):
        usage.setdefault(used.month, []).append(used)
    wanted = {facet: {lowered(v.strip()) for v in vs} for facet, vs in (filters or {}).items()}
    ref = Reference(subscriptions, usage, months_of(first, last), wanted)
    return {
        table.__name__: [dict(zip(names.split(), row, strict=True)) for row in table(ref)]
        for table, names in TABLES.items()
    }


def published_example() -> tuple[dict[str, list[Row]], str, str, str]:
    """Rows of the published example, June first: every month has the first n of nine customers.

    Returns:
        The datasets, the partner, and the first and last month of the range.
    """
    months = "2021-06 2021-07 2021-08 2021-09 2021-10 2021-11 2021-12 2022-01 2022-02 2022-03"
    columns = (
        "PGAMpnId,MpnId,PartnerName,PartnerLocation,PartnerAttributionType,SalesChannel,"
        "PricingLevel,CustomerMarket,Product,SKU,SubscriptionState,IsDuplicateRowForPGA,"
        "CustomerSegment,Month,SubscriptionId,CustomerName,CustomerTenantId,CustomerTpid"
    )
    constant = (
        "1234567,7654321,Example Partner,Stockholm,CSP Tier 1,CSP,"
        "Commercial,Sweden,Office 365,OFFICE 365 E3,Active,0,Major Commercial"
    )
    rows: list[Row] = []
    for month, customers in zip(months.split(), (2, 2, 3, 6, 4, 5, 4, 6, 9, 7), strict=True):
        for n in range(1, customers + 1):
            own = f"{month}-01,subscription-{n},Customer {n},tenant-{n},00{n}"
            rows.append(dict(zip(columns.split(","), f"{constant},{own}".split(","), strict=True)))
    return {"SeatsSubscriptionsAndRevenue": rows}, "1234567", "2021-07", "2022-03"
