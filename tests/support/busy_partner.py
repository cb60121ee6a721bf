"""A partner whose customers do all that the definitions speak of, some of it at a limit."""

from datetime import date
from random import Random

from tests.reference_history import month_span
from tests.support.rows import Rows, seats_row, usage_row

MONTHS = month_span("2025-06", length=16)
RANGE = (MONTHS[6], MONTHS[-1])
AS_OF = date(2025, 7, 15)
# Past, on the as-of date, 90 and 91 days after it, at the end of its year and later.
ENDS = (
    "2025-07-14",
    "2025-07-15",
    "2025-07-15",
    "2025-10-13",
    "2025-10-14",
    "2026-06-30",
    "2026-07-01",
    "",
)
PRODUCTS = ("Office 365", "Azure", "Power BI", "Copilot")
PLACES = ("Oslo", "Bergen")
MARKETS = ("Sweden", "Norway", "Peru")
CUSTOMERS = 60


def busy_partner(seed: int, gap: str = "") -> dict[str, Rows]:
    """Rows by dataset; none of the month `gap`."""
    random = Random(seed)
    sold = [row for n in range(CUSTOMERS) for row in _sold(random, str(n))]
    found = {
        "SeatsSubscriptionsAndRevenue": sold,
        "OfficeUsage": [row for n in range(CUSTOMERS) for row in _office(random, str(n))],
        "AzureUsage": [row for n in range(CUSTOMERS) for row in _azure(random, str(n))],
        # Of too few months to say that it is never used.
        "PowerBIUsage": [_power_bi(month) for month in MONTHS[-2:]],
    }
    return {name: [row for row in rows if row["Month"] != gap] for name, rows in found.items()}


def _stays(random: Random) -> list[str]:
    """The months of one who stays, or leaves, or comes, or returns."""
    cuts = sorted(random.sample(range(len(MONTHS) + 1), 2))
    ways = (MONTHS, MONTHS[: cuts[1]], MONTHS[cuts[0] :], MONTHS[: cuts[0]] + MONTHS[cuts[1] :])
    return random.choice(ways)


def _sold(random: Random, customer: str) -> Rows:
    market = random.choice(MARKETS)
    name = random.choice(["", "Unknown", "Same name", f"Name {customer}", "Ångström"])
    rows = []
    for number in range(random.choice([1, 2, 2, 3])):
        own = [f"s{customer}", f"s{customer}-{number}", f"t{random.randrange(9)}"]
        constant = {
            "CustomerName": name if random.random() < 0.8 else f"Once {customer}",
            "CustomerMarket": market if random.random() < 0.8 else random.choice(MARKETS),
            "SubscriptionId": random.choice(["", *own]),
            "Product": random.choice(PRODUCTS),
            "SubscriptionEndDate": random.choice(ENDS),
        }
        seats = random.choice([("10", "8"), ("10", "9"), ("5", "12.5"), ("", "3")])
        for month in _stays(random):
            for place in random.choice([PLACES[:1], PLACES[1:], PLACES]):
                own_seats = seats[month >= MONTHS[-2]] if place == PLACES[0] else "4"
                cells = {"PartnerLocation": place, "TotalSoldSeats": own_seats, **_cells(random)}
                rows.append(seats_row(month, customer, **constant, **cells))
    return rows


def _cells(random: Random) -> dict[str, str]:
    """What differs from month to month."""
    return {
        "SubscriptionState": random.choice(["Active"] * 9 + ["Suspended"]),
        "SKU": random.choice(["E3", "E3", "E5", "P1"]),
        "TotalAssignedSeats": random.choice(["2", "3", ""]),
        "BilledRevenueUSD": random.choice(["", "0.25", "12.5", "-3"]),
        "AzureConsumedRevenueUSD": random.choice(["", "", "0.5", "7"]),
        "IsAutoRenew": random.choice(["Yes", "Yes", "No", ""]),
        "IsDuplicateRowForPGA": random.choice(["0", "0", "1"]),
    }


def _office(random: Random, customer: str) -> Rows:
    """Users who stay, fall by 30 % just now, or stop."""
    users = random.choice([("10", "10"), ("10", "7"), ("10", "8"), ("10", "0"), None])
    if users is None:
        return []
    last = MONTHS[-2] if random.random() < 0.3 else MONTHS[-1]
    return [
        usage_row(month, customer, users[month >= MONTHS[-3]]) for month in MONTHS if month <= last
    ]


def _azure(random: Random, customer: str) -> Rows:
    """Consumption of some months, also without any measure above zero."""
    amounts = random.choice([("", ""), ("8", "2"), ("4", "4"), ("-2", "-1"), ("0", "0")])
    if amounts == ("", ""):
        return []
    last = random.choice(MONTHS[-4:])
    return [
        {
            **{"Month": month, "PGAMpnId": "1", "CustomerTpid": customer, "MeterCategory": "m"},
            **{"UsageQuantity": "0", "TotalACR": amounts[month >= MONTHS[-3]]},
        }
        for month in MONTHS
        if month <= last
    ]


def _power_bi(month: str) -> dict[str, str]:
    return {"Month": month, "PGAMpnId": "1", "CustomerTpid": "0", "ActiveSeats": "2"}
