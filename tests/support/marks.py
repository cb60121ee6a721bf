"""The numbers of the tables of the page, and the marks by which each opens what is behind it."""

from collections.abc import Iterator

from tests.reference_history import month_span
from tests.support.counting import Mark, Tables

Numbers = Iterator[tuple[int | None, Mark]]


def marks_of(tables: Tables) -> list[tuple[int, Mark]]:
    """Every number that is known."""
    makers = (marks_of_months, marks_of_values, marks_of_people)
    return [(n, mark) for make in makers for n, mark in make(tables) if n is not None]


def marks_of_months(tables: Tables) -> Numbers:
    """The numbers of the key figures, the bridge and the cohorts, and what opens them."""
    months = [row["month"] for row in tables["summary_trend"]]
    flows = ("added", "churned")
    for row in tables["summary_trend"]:
        for what in ("current", "active"):
            yield row[f"{what}_customers"], {"what": what, "months": [row["month"]]}
        for what in flows:
            yield row[f"customers_{what}"], {"what": what, "months": [row["month"]]}
        yield row["subscriptions"], {"what": "subscriptions", "months": [row["month"]]}
    for row in tables["summary"]:
        if (what := row["metric"].removeprefix("customers_")) in flows:
            yield row["value"], {"what": what, "months": months}
    for row in tables["bridge"]:
        for what in ("new", "returning", "churned"):
            yield row[what], {"what": what, "months": [row["month"]]}
        before = month_span(row["month"], length=2)[0]
        yield row["start"], {"what": "current", "months": [before]}
    for row in tables["cohorts"]:
        mark = {"what": "cohort", "cohort": row["cohort"], "since": row["months_since"]}
        yield row["customers"], mark


def marks_of_values(tables: Tables) -> Numbers:
    """The numbers by values of dimensions."""
    months = [row["month"] for row in tables["summary_trend"]]
    now, used = (tables["summary"][i]["month"] for i in (0, 1))
    # The first block is of all products together, whatever a product is called.
    for row in tables["adds_and_churns"][len(months) :]:
        for what in ("existing", "added", "churned"):
            where = {"product": row["product"]}
            yield row[what], {"what": what, "months": [row["month"]], "where": where}
    for row in tables["distribution"]:
        where = {row["dimension"]: row["value"]}
        yield row["customers"], {"what": "current", "months": [now], "where": where}
    for row in tables["distribution_trend"]:
        where = {row["dimension"]: row["value"]}
        yield row["customers"], {"what": "current", "months": [row["month"]], "where": where}
    for row in tables["products"]:
        where = {"product": row["product"]} | ({"sku": row["sku"]} if row["sku"] else {})
        yield row["customers"], {"what": "current", "months": [now], "where": where}
    for row in tables["geographical_spread"]:
        where = {"customer_market": row["customer_market"]}
        yield row["active_customers"], {"what": "active", "months": [used], "where": where}
        yield row["new_customers"], {"what": "added", "months": months, "where": where}


def marks_of_people(tables: Tables) -> Numbers:
    """The numbers of the report's own range."""
    for row in tables["signals"]:
        yield row["customers"], {"what": "signal", "signal": row["signal"]}
    for row in tables["renewals"]:
        mark = {"what": "renewals", "product": row["product"], "end": row["month"]}
        yield row["subscriptions"], mark
        yield row["customers"], {**mark, "customers": True}
        yield row["without_auto_renew"], {**mark, "without_auto_renew": True}
