"""The numbers behind the numbers: who comes, stays and leaves, what ends, what is worth a look.

See `metrics`, which hands these functions on.
"""

import pandas as pd

from insights_lib.errors import ParameterError
from insights_lib.queries.query import numbers, query, texts, whole
from insights_lib.store.slice import Slice
from insights_lib.tables import SIGNALS, TABLES
from insights_lib.timing import timed

_AMOUNTS = ("number", "money")


@timed("metrics")
def bridge(data: Slice) -> pd.DataFrame:
    """From the customers of one month to those of the next.

    Returns:
        One row per month of the range. New customers were never current before, those who return
        were; start + new + returning - churned = end. Null where unknown.
    """
    return whole(query(data, "bridge"), "start", "new", "returning", "churned", "end")


@timed("metrics")
def cohorts(data: Slice) -> pd.DataFrame:
    """How many of those who were new in a month are still current in each month after it.

    Returns:
        One row per month with new customers and month from it on; the share is of the cohort.
        Null in a month that is not covered.
    """
    return whole(query(data, "cohorts"), "customers")


@timed("metrics")
def renewals(data: Slice) -> pd.DataFrame:
    """Subscriptions of the last covered month by product and the month in which they end.

    Returns:
        One row per product and month that has any: `past` before the as-of date, the twelve
        months from the as-of date's on, `later`. Seats are null where no row has them.
    """
    counts = ("subscriptions", "customers", "without_auto_renew")
    return numbers(whole(query(data, "renewals"), *counts), "seats")


@timed("metrics")
def seats(data: Slice) -> pd.DataFrame:
    """Seats sold, assigned and idle in the last covered month, by product.

    Returns:
        One row per product whose exports tell of seats, the most first. Idle seats are those sold
        and not assigned, of subscriptions with both numbers; null where no row has a number.
    """
    return numbers(query(data, "seats"), "seats", "assigned_seats", "idle_seats")


@timed("metrics")
def signals(data: Slice) -> pd.DataFrame:
    """How many current customers show what is worth a look.

    Returns:
        One row per signal, in the order of `tables.SIGNALS`; the share is of the current customers.
    """
    return whole(query(data, "signals", names=texts(SIGNALS)), "customers")


@timed("metrics")
def customers(data: Slice) -> pd.DataFrame:
    """Customer by customer; for executive report viewers alone.

    Returns:
        One row per customer of the range or of the month before it, current ones first, then by
        name.

    Raises:
        ParameterError: The slice is a report viewer's, so that it holds no customer.
    """
    if data.spec.role != "executive_report_viewer":
        raise ParameterError(
            "customers: a report viewer sees counts only; open the report with "
            'role="executive_report_viewer".'
        )
    table = whole(query(data, "customers"), "subscriptions")
    amounts = [name for name, kind in TABLES["customers"].columns.items() if kind in _AMOUNTS]
    return numbers(table, *amounts)
