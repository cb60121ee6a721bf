"""What a slice knows of single customers, in plain Python: their rows, their use, sets by month.

`reference_customers.py` makes its tables of this. Like `reference.py` it is written straight from
the definitions, knows no SQL and shares no code with the library. It reckons in exact fractions,
so that a limit such as "-30 or less" is decided by the numbers and not by how they are rounded.

Where the definitions leave room, the docstring of the place says "Choice:" and what was chosen.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.reference import (
    ALIASES,
    DIMENSIONS,
    USAGE,
    Datasets,
    Row,
    cell,
    known_text,
    lowered,
    month_of,
    partner_rows,
    previous,
    value_of,
)

MONTHS_READ = 121
KINDS = {"customertpid": "tpid", "customertenantid": "tenant", "customername": "name"}
DUPLICATE_FLAGS = ("isduplicaterowforpga", "isacrduplicateatpgalevel")

Month = str
Customers = set[str]


@dataclass(frozen=True)
class Sold:
    """A subscription row; an absent dimension is not among its values."""

    month: Month
    customer: str
    active: bool
    subscription: str | None
    values: dict[str, str]
    name: str | None
    seats: Fraction | None
    assigned: Fraction | None
    billed: Fraction | None
    consumed: Fraction | None
    end: date | None
    renews: bool | None
    duplicate: bool


@dataclass(frozen=True)
class Used:
    """A row of a usage dataset: what it adds to u(p, m), and whether it is a usage row."""

    month: Month
    customer: str
    product: str
    amount: Fraction
    workload: str
    level_of: object
    is_usage: bool
    duplicate: bool


def number(text: str | None) -> Fraction | None:
    """Number: sign, digits, decimal point, exponent; a missing value is unknown."""
    return Fraction(text) if text and known_text(text) else None


def day(text: str | None) -> date | None:
    """Date: 2026-03-14, 20260314 or 3/14/2026, with or without a time; missing is unknown."""
    if not text or not known_text(text):
        return None
    if found := re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)([T ].*)?", text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})( .*)?", text):
        return date(int(found[3]), int(found[1]), int(found[2]))
    message = f"not a date: {text!r}"
    raise ValueError(message)


def flag(text: str | None) -> bool | None:
    """Flag: Yes/No, Y/N, True/False, 1/0, in any case; a missing value is unknown."""
    return text.lower() in {"yes", "y", "true", "1"} if text and known_text(text) else None


def is_duplicate(row: Row) -> bool:
    """Duplicate flag is 1. Choice: in either of the two columns; an unknown flag is not 1."""
    return any(flag(row.get(column)) for column in DUPLICATE_FLAGS)


def id_of(text: str | None) -> str | None:
    """Id: in lower case; a missing value is none."""
    known = known_text(text)
    return lowered(known) if known else None


def rows_of(datasets: Datasets, name: str, partner: str) -> list[tuple[str, Row]]:
    """Customer: kind and key, as `tpid:0012345`; its row with folded column names."""
    found = []
    for (column, key), row in partner_rows(datasets, name, partner):
        found.append((f"{KINDS[column]}:{key}", row))
    return found


def speller(rows: list[Row], months: set[Month]) -> Callable[[Row], dict[str, str]]:
    """Spelling and absent dimensions, told by the subscription rows of the range's months.

    Choice: of a value that no row of the range's months holds it is the first spelling. Choice: a
    range without any subscription row has no absent dimension, since there is no export to tell.
    An absent dimension has no values in any month, also where a month before the range has it.
    """
    within = [row for row in rows if month_of(row["month"]) in months]
    held = [
        d for d in DIMENSIONS if not within or any(value_of(row, d) is not None for row in within)
    ]
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        for d in held:
            text = value_of(row, d) or "Unknown"
            counts[d, lowered(text)][text] += month_of(row["month"]) in months
    best = {k: min(found, key=lambda t: (-found[t], t)) for k, found in counts.items()}
    return lambda row: {d: best[d, lowered(value_of(row, d) or "Unknown")] for d in held}


def usage_rows(datasets: Datasets, partner: str) -> Iterator[Used]:
    """What a row adds: users, seats in use, or consumption (a level where only that is known).

    Choice: a missing or absent amount adds nothing. Choice: an absent or missing workload is one
    workload, so rows without it are added up; workloads are told apart as they are written. A
    level without a subscription id stands for itself.
    """
    for name, (product, measures) in USAGE.items():
        for position, (customer, row) in enumerate(rows_of(datasets, name, partner)):
            texts = cell(row, ("totalacr", "acrusd") if product == "Azure" else measures)
            level = texts is None and product == "Azure"
            if level:
                texts = row.get("monthlysubscriptionlevelacr")
            subscription = id_of(cell(row, ALIASES["subscription"]))
            yield Used(
                month=month_of(row["month"]),
                customer=customer,
                product=product,
                amount=number(texts) or Fraction(0),
                workload=known_text(row.get("workloadname")) or "",
                level_of=(subscription or position) if level else None,
                is_usage=any((number(row.get(measure)) or 0) > 0 for measure in measures),
                duplicate=is_duplicate(row),
            )


def amount_of(rows: Iterable[Used]) -> Fraction:
    """u(p, m) of a customer's rows of a product and month.

    The largest over workloads of the sum (products without workloads have one), and of levels the
    largest per subscription. Rows whose duplicate flag is 1 are left out, levels among them.
    """
    workloads: dict[str, Fraction] = defaultdict(Fraction)
    levels: dict[object, Fraction] = {}
    for row in rows:
        if not row.duplicate and row.level_of is None:
            workloads[row.workload] += row.amount
        elif not row.duplicate:
            levels[row.level_of] = max(row.amount, levels.get(row.level_of, row.amount))
    return max(workloads.values(), default=Fraction(0)) + sum(levels.values())


@dataclass(frozen=True)
class History:
    """What a slice knows: the months of the range and those before, the rows that pass F.

    Attributes:
        months: The months of the range.
        with_ids: The months read in which a subscription row has an id, before F.
        sold: Subscription rows that pass F, active or not, of every covered month read.
        products: The products of usage datasets that pass F, in code point order.
        used: Their rows of usage, by customer, product and month.
        usage_months: The months in which each product's dataset has a row, before F.
        current: C(m) of every covered month read.
        as_of: The as-of date.
    """

    months: list[Month]
    with_ids: set[Month]
    sold: dict[Month, list[Sold]]
    products: list[str]
    used: dict[tuple[str, str, Month], list[Used]]
    usage_months: dict[str, set[Month]]
    current: dict[Month, Customers]
    as_of: date

    @property
    def last_known(self) -> Month | None:
        """L: the month of the last value of |C|."""
        return next((m for m in reversed(self.months) if m in self.current), None)

    @property
    def now(self) -> Customers:
        """C(L); nobody when no month of the range is covered."""
        return self.current.get(self.last_known or "", set())

    def has_flows(self, month: Month) -> bool:
        """Flows are known: m and m-1 are both covered."""
        return month in self.current and previous(month) in self.current

    def added(self, month: Month) -> Customers:
        """C(m) without C(m-1); empty where flows are unknown."""
        if not self.has_flows(month):
            return set()
        return self.current[month] - self.current[previous(month)]

    def churned(self, month: Month) -> Customers:
        """C(m-1) without C(m); empty where flows are unknown."""
        if not self.has_flows(month):
            return set()
        return self.current[previous(month)] - self.current[month]

    def new(self, month: Month) -> Customers:
        """Those of added(m) that are in no C(j), j before m."""
        before = [customers for m, customers in self.current.items() if m < month]
        return self.added(month).difference(*before)

    def active(self, month: Month) -> Customers | None:
        """A(m): of C(m), those with a usage row; unknown without usage data of the month."""
        if month not in self.current or not any(month in m for m in self.usage_months.values()):
            return None
        return {
            customer
            for customer in self.current[month]
            for product in self.products
            if any(row.is_usage for row in self.used.get((customer, product, month), []))
        }

    def active_rows(self, month: Month | None, customer: str | None = None) -> list[Sold]:
        """Active rows of m that pass F, of one customer if it is given."""
        rows = self.sold.get(month or "", [])
        return [row for row in rows if row.active and customer in {None, row.customer}]

    def usage_known(self, product: str) -> list[Month]:
        """M(p): the months of the range in which the partner has any row of p's dataset."""
        return [month for month in self.months if month in self.usage_months.get(product, set())]

    def use(self, customer: str, product: str, month: Month) -> Fraction:
        """u(p, m): 0 in a month without rows of the customer."""
        return amount_of(self.used.get((customer, product, month), []))


@dataclass(frozen=True)
class Asked:
    """Which report: its range, filters, the states that make a row active, the as-of date."""

    partner: str
    first: Month
    last: Month
    filters: Mapping[str, list[str]]
    active_states: tuple[str, ...]
    as_of: date


def month_span(last: Month, first: Month = "", length: int = 0) -> list[Month]:
    """List the calendar months up to one, from another one or as many as asked for."""
    months = [last]
    while (first and months[0] > first) or len(months) < length:
        months.insert(0, previous(months[0]))
    return months


def sold_row(customer: str, row: Row, values: dict[str, str], states: set[str]) -> Sold:
    """Read a subscription row; a column its export lacks is unknown.

    `seats` is TotalSoldSeats, of a row whose export has no such column AvailableSeatsEOP. The
    older names of revenue and consumption are those of all vintages.
    """
    status = ALIASES["state"] if cell(row, ALIASES["state"]) is not None else ("customerstatus",)
    return Sold(
        month=month_of(row["month"]),
        customer=customer,
        active=(cell(row, status) or "").lower() in states,
        subscription=id_of(cell(row, ALIASES["subscription"])),
        values=values,
        name=known_text(row.get("customername")),
        seats=number(cell(row, ("totalsoldseats", "availableseatseop"))),
        assigned=number(row.get("totalassignedseats")),
        billed=number(cell(row, ("billedrevenueusd", "revenueusd"))),
        consumed=number(cell(row, ("azureconsumedrevenueusd", "acrusd", "totalacr"))),
        end=day(row.get("subscriptionenddate")),
        renews=flag(row.get("isautorenew")),
        duplicate=is_duplicate(row),
    )


def subscription_rows(datasets: Datasets, asked: Asked) -> list[Sold]:
    """Subscription rows of the months read, before F: Seats, or else CustomersAndTenants.

    Choice: "at most the last 121" months are calendar months, whether they hold rows or not.
    """
    rows = rows_of(datasets, "SeatsSubscriptionsAndRevenue", asked.partner)
    states = {state.strip().lower() for state in asked.active_states}
    if not rows:
        rows = rows_of(datasets, "CustomersAndTenants", asked.partner)
        states = {"active"}
    read = set(month_span(asked.last, length=MONTHS_READ))
    rows = [(customer, row) for customer, row in rows if month_of(row["month"]) in read]
    months = set(month_span(asked.last, asked.first))
    values_of = speller([row for _, row in rows], months)
    return [sold_row(customer, row, values_of(row), states) for customer, row in rows]


def history(datasets: Datasets, asked: Asked) -> History:
    """Read what a slice reads, and apply F.

    Choice: the library refuses a filter on an absent dimension; here it meets `Unknown`.
    """
    rows = subscription_rows(datasets, asked)
    wanted = {
        facet: {lowered(value.strip()) for value in values}
        for facet, values in asked.filters.items()
        if values
    }
    sold: dict[Month, list[Sold]] = {row.month: [] for row in rows}
    for row in rows:
        if all(lowered(row.values.get(f, "Unknown")) in values for f, values in wanted.items()):
            sold[row.month].append(row)
    used: dict[tuple[str, str, Month], list[Used]] = defaultdict(list)
    usage_months: dict[str, set[Month]] = defaultdict(set)
    for use in usage_rows(datasets, asked.partner):
        usage_months[use.product].add(use.month)
        used[use.customer, use.product, use.month].append(use)
    products = sorted(product for product, _ in USAGE.values())
    return History(
        months=month_span(asked.last, asked.first),
        with_ids={row.month for row in rows if row.subscription},
        sold=sold,
        products=[p for p in products if lowered(p) in wanted.get("product", {lowered(p)})],
        used=used,
        usage_months=usage_months,
        current={m: {row.customer for row in own if row.active} for m, own in sold.items()},
        as_of=asked.as_of,
    )
