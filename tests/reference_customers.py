"""The tables behind the numbers in plain Python: who came, who left, who is at risk, what ends.

The second half of the yardstick: `reference.py` holds the sets and sums per month, this module
what the definitions say under "Against the period before" and "Customer by customer".

Where the definitions leave room, the docstring of the place says "Choice:" and what was chosen.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from fractions import Fraction

from tests import reference
from tests.reference import Datasets, Rows, previous
from tests.reference_history import Asked, History, Month, Sold, history, month_span

Unit = list[Sold]
SIGNALS = (
    *("usage_falling", "usage_stopped", "never_used"),
    *("seats_falling", "product_dropped", "ends_soon"),
)
FLOWS = ("customers_added", "customers_churned", "net_customers_added", "churn_rate_pct")
JOINED = (
    *("customer_market", "customer_segment", "partner_location", "partner_attribution"),
    *("sales_channel", "product", "sku"),
)


def as_float(value: Fraction | int | None) -> float | None:
    """Hand a number out; None stays unknown."""
    return None if value is None else float(value)


def per_cent(part: Fraction | int | None, whole: Fraction | int | None) -> float | None:
    """Express a part in per cent of the whole; unknown when either is, or the whole is 0."""
    return None if part is None or not whole else float(Fraction(100 * part) / whole)


def units(rows: Iterable[Sold]) -> list[Unit]:
    """Subscriptions of seats, revenue and dates: (id, SKU) of a customer and product, its rows.

    A row without an id stands for itself, and counts only if its duplicate flag is not 1.
    """
    found: dict[object, Unit] = defaultdict(list)
    for position, row in enumerate(rows):
        if row.subscription:
            product, sku = row.values.get("product"), row.values.get("sku")
            found[row.customer, product, row.subscription, sku].append(row)
        elif not row.duplicate:
            found[position].append(row)
    return list(found.values())


def total(found: Iterable[Unit], value: Callable[[Sold], Fraction | None]) -> Fraction | None:
    """Sum over subscriptions of the largest value of its rows; unknown where no row has one."""
    known = [[v for row in unit if (v := value(row)) is not None] for unit in found]
    return sum((max(values) for values in known if values), Fraction(0)) if any(known) else None


def end_of(unit: Unit) -> date | None:
    """End date of a subscription: its latest."""
    return max((row.end for row in unit if row.end), default=None)


def series(h: History, months: list[Month]) -> dict[str, list[int | None]]:
    """The sets of a summary by month: levels None where unknown, flows where either month is."""
    known, flows = [m in h.current for m in months], [h.has_flows(m) for m in months]
    active = [h.active(m) for m in months]
    ids = [{r.subscription for r in h.active_rows(m)} - {None} for m in months]
    return {
        "current": [len(h.current[m]) if k else None for m, k in zip(months, known, strict=True)],
        "active": [None if found is None else len(found) for found in active],
        "ids": [len(i) if m in h.with_ids else None for m, i in zip(months, ids, strict=True)],
        "added": [len(h.added(m)) if f else None for m, f in zip(months, flows, strict=True)],
        "churned": [len(h.churned(m)) if f else None for m, f in zip(months, flows, strict=True)],
    }


def metrics(h: History, months: list[Month], whole: bool) -> dict[str, Fraction | int | None]:
    """Every metric of the cards over some months.

    Args:
        h: What is known.
        months: The months, of the range or of the period before.
        whole: Whether a flow is unknown unless all its months are known, as the period before
            wants it. Choice: so is the churn rate, which is made of that flow; the last month's
            churn is a last value, like a level.
    """
    found = series(h, months)
    last = {k: next((v for v in reversed(vs) if v is not None), None) for k, vs in found.items()}
    with_flows = [month for month in months if h.has_flows(month)]
    known = with_flows == months if whole else bool(with_flows)
    gained = sum(v or 0 for v in found["added"]) if known else None
    lost = sum(v or 0 for v in found["churned"]) if known else None
    base = len(h.current[previous(with_flows[0])]) if with_flows else 0
    return {
        "current_customers": last["current"],
        "active_customers": last["active"],
        "subscriptions": last["ids"],
        "customers_added": gained,
        "customers_churned": lost,
        "net_customers_added": None if gained is None or lost is None else gained - lost,
        "last_month_churn": last["churned"],
        "churn_rate_pct": None if lost is None or not base else Fraction(100 * lost, base),
    }


def against_before(h: History) -> Rows:
    """Metrics of the cards beside those of the period before, and the change between them.

    Choice: of the flows the churn rate, too, has no change when a month of the range has no known
    flows.
    """
    before = month_span(previous(h.months[0]), length=len(h.months))
    values, old = metrics(h, h.months, whole=False), metrics(h, before, whole=True)
    all_flows = all(h.has_flows(month) for month in h.months)
    for name, value in values.items():
        was = old[name]
        comparable = was is not None and was > 0 and (all_flows or name not in FLOWS)
        change = None if value is None or was is None else value - was
        yield name, as_float(value), as_float(was), per_cent(change, was) if comparable else None


def bridge(h: History) -> Rows:
    """Start + new + returning - churned = end; null where flows are, but `end` where covered."""
    for m in h.months:
        end = len(h.current[m]) if m in h.current else None
        if h.has_flows(m):
            new = len(h.new(m))
            flows = (new, len(h.added(m)) - new, len(h.churned(m)))
            yield m, len(h.current[previous(m)]), *flows, end
        else:
            yield m, None, None, None, None, end


def cohorts(h: History) -> Rows:
    """Cohort c = new(c): how many of them, and what share, are in C(c+k); by cohort, then k."""
    for c in h.months:
        cohort = h.new(c)
        for k, m in enumerate(h.months[h.months.index(c) :] if cohort else []):
            still = len(cohort & h.current[m]) if m in h.current else None
            yield c, k, still, per_cent(still, len(cohort))


def renewals(h: History) -> Rows:
    """Subscriptions with an id in L by product and end: product, `past`, twelve months, `later`.

    Choice: a product and month without a subscription has no row. Choice: an absent product has
    no rows in any table, so then there are none at all. Choice: a subscription whose rows have no
    known auto-renew flag is not counted as being without.
    """
    twelve = [f"{h.as_of:%Y-%m}"]
    while len(twelve) < 12:
        following = date.fromisoformat(f"{twelve[-1]}-28") + timedelta(days=4)
        twelve.append(f"{following:%Y-%m}")
    cells: dict[tuple[str, int], list[Unit]] = defaultdict(list)
    periods = ["past", *twelve, "later"]
    for unit in units(row for row in h.active_rows(h.last_known) if row.subscription):
        end, product = end_of(unit), unit[0].values.get("product")
        if end and product is not None:
            month = "past" if end < h.as_of else f"{end:%Y-%m}"
            place = periods.index(month) if month in periods else len(periods) - 1
            cells[product, place].append(unit)
    for (product, place), found in sorted(cells.items()):
        customers = {unit[0].customer for unit in found}
        seats = as_float(total(found, lambda row: row.seats))
        off = sum(any(row.renews is False for row in unit) for unit in found)
        yield product, periods[place], len(found), len(customers), seats, off


def renewal(h: History, customer: str) -> tuple[date | None, str | None]:
    """next_end and auto_renew of a customer in C(L).

    Choice: a subscription has the flags of all its rows in L, whichever end each row has.
    """
    ends = [(end_of(unit), unit) for unit in units(h.active_rows(h.last_known, customer))]
    coming = [(end, unit) for end, unit in ends if end and end >= h.as_of]
    if not coming:
        return None, None
    first = min(end for end, _ in coming)
    flags = {row.renews for end, unit in coming if end == first for row in unit} - {None}
    if len(flags) == 2:
        return first, "mixed"
    return first, ("yes" if True in flags else "no") if flags else None


def usage_change(h: History, customer: str) -> tuple[Fraction | None, str | None]:
    """usage_change_pct and its product: the smallest, of equal ones the first in code point order.

    The means of three months each relate as their sums do.
    """
    changes = []
    for product in h.products:
        use = [h.use(customer, product, month) for month in h.usage_known(product)[-6:]]
        earlier, later = sum(use[:3]), sum(use[3:])
        if len(use) == 6 and earlier:
            changes.append((Fraction(100 * (later - earlier)) / earlier, product))
    return min(changes, default=(None, None))


def seats_in(h: History, customer: str, month: Month | None) -> Fraction | None:
    """Seats of a customer in a month: of its active rows there."""
    return total(units(h.active_rows(month, customer)), lambda row: row.seats)


def products_in(h: History, customer: str, months: Iterable[Month]) -> set[str]:
    """Products of a customer's active rows in some months."""
    rows = [row for month in months for row in h.active_rows(month, customer)]
    return {row.values["product"] for row in rows if "product" in row.values}


def signals_of(h: History, customer: str) -> list[str]:
    """Signals of a customer, in the order of the definitions; none of one who is not in C(L).

    Choice: a signal does not hold when something it asks for is unknown, such as seats in a month
    that is not covered.
    """
    if customer not in h.now:
        return []
    *before, month = month_span(h.last_known or "", length=4)
    products = products_in(h, customer, [month])
    change, _ = usage_change(h, customer)
    use = [[h.use(customer, p, m) for m in h.usage_known(p)] for p in h.products]
    used = [amounts for amounts in use if any(amount > 0 for amount in amounts)]
    active = any(customer in (h.active(m) or ()) for m in h.months)
    now, then = seats_in(h, customer, month), seats_in(h, customer, before[0])
    end, renews = renewal(h, customer)
    holds = {
        "usage_falling": change is not None and change <= -30,
        "usage_stopped": bool(used) and not any(any(amounts[-2:]) for amounts in used),
        "never_used": not active and any(len(h.usage_known(p)) >= 3 for p in products),
        "seats_falling": now is not None and then is not None and then > 0 and 10 * now <= 8 * then,
        "product_dropped": bool(products_in(h, customer, before) - products),
        "ends_soon": end is not None and end <= h.as_of + timedelta(days=90) and renews != "yes",
    }
    return [signal for signal in SIGNALS if holds[signal]]


def seats(h: History) -> Rows:
    """Seats sold, assigned and idle in L by product, where some row has a number.

    Choice: idle seats are those of subscriptions with both numbers.
    """
    found: dict[str, list[Unit]] = defaultdict(list)
    for unit in units(h.active_rows(h.last_known)):
        if (product := unit[0].values.get("product")) is not None:
            found[product].append(unit)
    rows = []
    for product, own in found.items():
        both = [(total([u], lambda r: r.seats), total([u], lambda r: r.assigned)) for u in own]
        sold = [s for s, _ in both if s is not None]
        assigned = [a for _, a in both if a is not None]
        idle = [s - a for s, a in both if s is not None and a is not None]
        if sold or assigned:
            sums = (sum(part, Fraction(0)) if part else None for part in (sold, assigned, idle))
            rows.append((product, *map(as_float, sums)))
    yield from sorted(rows, key=lambda row: (row[1] is None, -(row[1] or 0), row[0]))


def signals(h: History) -> Rows:
    """Count each signal, and its share of |C(L)|.

    Choice: all six are there, 0 when it holds for nobody, also where the exports lack the columns;
    null when no month of the range is covered.
    """
    held = [signal for customer in h.now for signal in signals_of(h, customer)]
    for signal in SIGNALS:
        count = held.count(signal) if h.last_known else None
        yield signal, count, per_cent(count, len(h.now))


def came_and_went(
    h: History, customer: str
) -> tuple[str, Month | None, Month | None, Month | None]:
    """status, first_month, added_month, churned_month, each by its own sentence.

    Choice: the months are those of flows alone, so one who was added in March, and went and came
    back across a gap, is `new` or `returned` of March; one who churned in March, and came and went
    across a gap, is `churned` of March. Choice: when no month of the range is covered, who is in
    the month before it is `churned` without a month.
    """
    present = sorted(month for month, customers in h.current.items() if customer in customers)
    added = [month for month in h.months if customer in h.added(month)]
    churned = [month for month in h.months if customer in h.churned(month)]
    first = present[0] if previous(present[0]) in h.current else None
    added_month = added[-1] if added else None
    if customer not in h.now:
        return "churned", first, added_month, churned[-1] if churned else None
    if added_month is None:
        return "existing", first, None, None
    return "new" if present[0] == added_month else "returned", first, added_month, None


def money(h: History, customer: str, value: Callable[[Sold], Fraction | None]) -> float | None:
    """Sum revenue over the months of the range and the subscriptions of a customer.

    Choice: "its rows" are all subscription rows that pass F, in whatever state: what was billed
    in the month of a suspension was billed.
    """
    rows = [[r for r in h.sold.get(m, []) if r.customer == customer] for m in h.months]
    return as_float(total([unit for month in rows for unit in units(month)], value))


def customer_row(h: History, customer: str) -> tuple[object, ...]:
    """Fill the columns of customers.csv for one customer; empty cells are None.

    Choice: `subscriptions` asks whether L has ids, as the sentence says, also of a customer whose
    last month is another one. Choice: signals are joined in the order of the definitions.
    """
    last = max(month for month in seen(h) if customer in h.current[month])
    rows = h.active_rows(last, customer)
    joined = {d: sorted({r.values[d] for r in rows if d in r.values}) for d in JOINED}
    texts = ["; ".join(joined[dimension]) or None for dimension in JOINED]
    ids = {row.subscription for row in rows} - {None}
    end, renews = renewal(h, customer) if customer in h.now else (None, None)
    used = [m for m in h.months if any(h.use(customer, p, m) > 0 for p in h.products)]
    change, product = usage_change(h, customer)
    status, first, added, churned = came_and_went(h, customer)
    return (
        customer,
        min((row.name for row in rows if row.name), default="Unknown"),
        *(status, first, last, added, churned),
        *texts,
        len(ids) if h.last_known in h.with_ids else None,
        as_float(seats_in(h, customer, last)),
        as_float(total(units(rows), lambda row: row.assigned)),
        money(h, customer, lambda row: row.billed),
        money(h, customer, lambda row: row.consumed),
        f"{end:%Y-%m-%d}" if end else None,
        renews,
        used[-1] if used else None,
        as_float(change),
        product,
        "; ".join(signals_of(h, customer)) or None,
    )


def seen(h: History) -> list[Month]:
    """S: the months of the range and the one before it, those that are covered."""
    return [month for month in (previous(h.months[0]), *h.months) if month in h.current]


def customers(h: History) -> Rows:
    """Everybody in C(m) for some m in S: current ones first, then by name, then by key."""
    rows = [customer_row(h, c) for c in set[str]().union(*(h.current[m] for m in seen(h)))]
    yield from sorted(rows, key=lambda row: (row[0] not in h.now, row[1], row[0]))


TABLES: dict[Callable[[History], Rows], str] = {
    bridge: "month start new returning churned end",
    cohorts: "cohort months_since customers share_pct",
    renewals: "product month subscriptions customers seats without_auto_renew",
    seats: "product seats assigned_seats idle_seats",
    signals: "signal customers share_pct",
    customers: "customer customer_name status first_month last_month added_month churned_month "
    "customer_market customer_segment partner_location partner_attribution sales_channel products "
    "skus subscriptions seats assigned_seats billed_revenue_usd azure_consumed_usd next_end "
    "auto_renew last_usage_month usage_change_pct usage_change_product signals",
}


def tables(datasets: Datasets, asked: Asked) -> dict[str, list[dict[str, object]]]:
    """Work out the six tables and the summary with its two columns against the period before.

    Args:
        datasets: Raw rows by dataset, restated months already replaced. The columns of a row are
            those of its export, so vintages mix.
        asked: Which report.

    Returns:
        The rows by table name; None is null.
    """
    h = history(datasets, asked)
    found = {
        table.__name__: [dict(zip(names.split(), row, strict=True)) for row in table(h)]
        for table, names in TABLES.items()
    }
    whole = (asked.partner, asked.first, asked.last, asked.filters, asked.active_states)
    before = {metric: (old, change) for metric, _, old, change in against_before(h)}
    summary = [
        row | dict(zip(("previous_value", "change_pct"), before[str(row["metric"])], strict=True))
        for row in reference.tables(datasets, *whole)["summary"]
    ]
    return {"summary": summary, **found}
