"""A slice: all that one report may see of the store, opened as a small database in memory.

One partner, the months of the range and the one before, the page filters already applied.
Whatever is computed from a slice cannot reach another partner's rows: they are not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import duckdb
import pandas as pd

from insights_lib.errors import StoreError
from insights_lib.exports.datasets import (
    DIMENSION_COLUMNS,
    SEATS,
    SUBSCRIPTION_DATASETS,
    USAGE_PRODUCTS,
)
from insights_lib.parameters.spec import DateRange, Filters, ReportSpec, month_after
from insights_lib.store.catalog import PartnerParts, partner_parts
from insights_lib.store.parts import Part, rows_of
from insights_lib.store.remote import at_hand
from insights_lib.store.spelling import respelt
from insights_lib.store.sql import sql_text
from insights_lib.tables import FACETS
from insights_lib.timing import timed

_SUBSCRIPTION_COLUMNS = {
    "month": "DATE",
    "customer": "VARCHAR",
    "subscription": "VARCHAR",
    "state": "VARCHAR",
    **dict.fromkeys(DIMENSION_COLUMNS, "VARCHAR"),
}
_USAGE_COLUMNS = {"month": "DATE", "customer": "VARCHAR", "used": "BOOLEAN"}

# The sets of the definitions: C(m), A(m) where usage is known, added(m) where flows are.
_SETS = """
CREATE VIEW subscriptions AS
    SELECT month, subscription_spans.* EXCLUDE (month_bits)
    FROM months JOIN subscription_spans ON (month_bits >> month_index) & 1 = 1;
CREATE TABLE current AS
    SELECT month, customer
    FROM (
        SELECT customer, bit_or(month_bits) AS month_bits FROM subscription_spans GROUP BY customer
    )
    JOIN months ON (month_bits >> month_index) & 1 = 1;
CREATE TABLE active AS
    SELECT month, customer FROM current SEMI JOIN usage USING (month, customer)
    WHERE month IN (SELECT month FROM months WHERE has_usage);
CREATE TABLE added AS
    SELECT month, customer FROM current
    ANTI JOIN (SELECT (month + INTERVAL 1 MONTH)::DATE AS month, customer FROM current) before
    USING (month, customer)
    WHERE month IN (SELECT month FROM months WHERE has_flows);
"""


@dataclass(frozen=True)
class Slice:
    """One partner's rows for one report.

    The database holds, with customers as numbers that mean nothing outside it:

    - `months`: month, month_index (0 is the month before the range), in_range, covered (the
      partner has subscription rows), has_usage (covered, and it has rows of a usage dataset),
      has_ids (covered, with subscription ids), has_flows (in the range, covered like the month
      before it); one row per month, from the month before the range to its end, and all of it
      before any filter.
    - `subscription_spans`: customer, subscription and the dimensions of the active rows that pass
      the filters, and in which months there is such a row: bit `month_index` of `month_bits`. A
      missing dimension value is `Unknown`; an absent dimension is null in every row. Values that
      differ only in case are one, in the spelling that most subscription rows of the range have.
    - `subscriptions`: the same with a row for each month, and without `month_bits`.
    - `usage`: month, customer, product; distinct, of usage rows that pass the product filter.
    - `current`: month, customer; the current customers C(m).
    - `active`: month, customer; the active customers A(m), in months with usage data.
    - `added`: month, customer; those of C(m) that are not in C(m-1), in months with flows.

    What else is created in it must have other names, and these tables are not to be changed: in
    the notebooks of a run they are in a file that can only be read.

    Attributes:
        spec: What was asked for.
        date_range: The months that the spec's range means for this partner.
        partner_name: How to call the partner.
        parts: What the store held of the partner.
        inputs: The parts that were read, for the manifest.
        months_without_subscriptions: Months of the range, as `2025-01`, without any number.
        months_without_usage: Months of the range without a number of active customers.
        absent_dimensions: Those whose column no subscription export of the range has.
        unmatched_filters: Filter values that no row holds, as `facet=value`.
        database: The DuckDB connection.
    """

    spec: ReportSpec
    date_range: DateRange
    partner_name: str
    parts: PartnerParts
    inputs: tuple[Part, ...]
    months_without_subscriptions: tuple[str, ...]
    months_without_usage: tuple[str, ...]
    absent_dimensions: tuple[str, ...]
    unmatched_filters: tuple[str, ...]
    database: duckdb.DuckDBPyConnection
    _answers: dict[str, pd.DataFrame] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def query(self, sql: str) -> pd.DataFrame:
        """The rows of a query over the tables above."""
        return self.database.execute(sql).df()

    def query_once(self, sql: str) -> pd.DataFrame:
        """The same for a query that several tables are made of: it is computed the first time."""
        if sql not in self._answers:
            self._answers[sql] = self.query(sql)
        return self._answers[sql].copy()


@timed("data")
def open_slice(spec: ReportSpec, threads: int | None = None) -> Slice:
    """Read a partner's part of the store.

    Args:
        spec: Which part.
        threads: How many the database may have; None for one for each core.

    Raises:
        StoreError: There is no store, nothing of the partner in it, no complete month, or a filter
            is on an absent dimension.
    """
    parts = partner_parts(spec.store, spec.partner)
    date_range = parts.resolve(spec)
    within = parts.within(date_range)
    subscriptions = [p for p in within if p.dataset == parts.subscription_dataset]
    usage = [p for p in within if p.dataset not in SUBSCRIPTION_DATASETS]
    database = duckdb.connect(config={"threads": threads} if threads else {})
    try:
        _create_months(database, date_range, subscriptions, usage)
        with at_hand((*subscriptions, *usage), database) as readable:
            absent = parts.absent_dimensions(date_range)
            _create_rows(database, spec, readable[: len(subscriptions)], absent)
            _create_subscriptions(database, spec)
            unmatched = _unmatched(database, spec.filters)
            _create_usage(database, spec, readable[len(subscriptions) :])
        # From here on there is nothing that the filters exclude.
        database.execute("DROP VIEW unfiltered; DROP TABLE spellings; DROP TABLE customers")
        database.execute(_SETS)
    except duckdb.Error as error:
        raise _unreadable(spec, error) from error
    return Slice(
        spec=spec,
        date_range=date_range,
        partner_name=spec.partner_name or parts.name or spec.partner,
        parts=parts,
        inputs=(*subscriptions, *usage),
        months_without_subscriptions=_months_without(database, "covered"),
        months_without_usage=_months_without(database, "has_usage"),
        absent_dimensions=absent,
        unmatched_filters=unmatched,
        database=database,
    )


def _unreadable(spec: ReportSpec, error: duckdb.Error) -> StoreError:
    return StoreError(
        f"partner {spec.partner}: its part of {spec.store} cannot be read "
        f"({str(error).splitlines()[0]}); if exports were ingested just now, try again, else "
        "ingest those of these months again."
    )


def _create_months(
    database: duckdb.DuckDBPyConnection,
    date_range: DateRange,
    subscriptions: list[Part],
    usage: list[Part],
) -> None:
    covered = {part.month for part in subscriptions}
    usage_known = covered & {part.month for part in usage}
    ids_known = {part.month for part in subscriptions if part.subscription_ids}
    flows_known = {m for m in covered if m >= date_range.first and month_after(m, -1) in covered}
    months = pd.DataFrame({"month": [date_range.month_before, *date_range.months()]})
    months["month_index"] = range(len(months))
    months["in_range"] = months["month"] >= date_range.first
    for column, known in (
        ("covered", covered),
        ("has_usage", usage_known),
        ("has_ids", ids_known),
        ("has_flows", flows_known),
    ):
        months[column] = months["month"].isin(known)
    database.execute("CREATE TABLE months AS SELECT * REPLACE (month::DATE AS month) FROM months")


def _create_rows(
    database: duckdb.DuckDBPyConnection,
    spec: ReportSpec,
    parts: Sequence[Part],
    absent: tuple[str, ...],
) -> None:
    """The active rows before any filter, as the view `unfiltered`."""
    rows = rows_of(parts, _SUBSCRIPTION_COLUMNS)
    columns, joins = respelt(database, rows, absent)
    # active_states are states of subscriptions; a customer's status has only one that counts.
    of_seats = any(part.dataset == SEATS for part in parts)
    states = ", ".join(map(sql_text, spec.active_states if of_seats else ("Active",)))
    database.execute(
        f"""CREATE TEMP VIEW unfiltered AS
            SELECT month, customer, subscription, {columns} FROM ({rows}) rows {joins}
            WHERE lower(state) IN (SELECT lower(unnest([{states}])))"""
    )


def _create_subscriptions(database: duckdb.DuckDBPyConnection, spec: ReportSpec) -> None:
    """The active rows that pass the filters, and a number for every customer in them."""
    passes = " AND ".join(f"({_passes(facet)})" for facet in FACETS)
    values = {facet: [*chosen] for facet, chosen in spec.filters}
    database.execute(
        f"""CREATE TEMP TABLE customers AS
            SELECT customer AS key, (row_number() OVER (ORDER BY customer))::INTEGER AS customer
            FROM (SELECT DISTINCT customer FROM unfiltered WHERE {passes})""",
        values,
    )
    # A subscription is much the same from month to month, so this is a tenth of the rows.
    database.execute(
        f"""CREATE TABLE subscription_spans AS
            SELECT customers.customer, subscription, {", ".join(DIMENSION_COLUMNS)}, month_bits
            FROM (
                SELECT unfiltered.* EXCLUDE (month), bit_or(1::HUGEINT << month_index) AS month_bits
                FROM unfiltered JOIN months USING (month) WHERE {passes} GROUP BY ALL
            ) span JOIN customers ON span.customer = key""",
        values,
    )


def _create_usage(
    database: duckdb.DuckDBPyConnection, spec: ReportSpec, parts: Sequence[Part]
) -> None:
    """Which customer used which product when; of no interest for those who are not current."""
    ordered = sorted(parts, key=lambda part: part.dataset)
    sources = [
        f"SELECT *, '{USAGE_PRODUCTS[dataset]}' AS product "
        f"FROM ({rows_of(group, _USAGE_COLUMNS)}) WHERE used"
        for dataset, group in groupby(ordered, key=lambda part: part.dataset)
    ]
    sources.append(f"SELECT *, NULL::VARCHAR AS product FROM ({rows_of([], _USAGE_COLUMNS)})")
    database.execute(
        f"""CREATE TABLE usage AS
            SELECT DISTINCT month, customers.customer, product
            FROM ({" UNION ALL ".join(sources)}) used JOIN customers ON used.customer = key
            WHERE {_passes("product")}""",
        {"product": [*spec.filters.product]},
    )


def _passes(facet: str) -> str:
    return f"len(${facet}::VARCHAR[]) = 0 OR lower({facet}) IN (SELECT lower(unnest(${facet})))"


def _months_without(database: duckdb.DuckDBPyConnection, column: str) -> tuple[str, ...]:
    months = database.execute(
        f"SELECT strftime(month, '%Y-%m') FROM months WHERE in_range AND NOT {column} ORDER BY 1"
    )
    return tuple(month for (month,) in months.fetchall())


def _unmatched(database: duckdb.DuckDBPyConnection, filters: Filters) -> tuple[str, ...]:
    """Filter values that no active row holds: perhaps a misspelling, as `facet=value`."""
    unmatched = []
    for facet, values in filters.chosen().items():
        rows = database.execute(
            f"""SELECT value FROM (SELECT unnest($1) AS value)
                WHERE lower(value) NOT IN (SELECT lower({facet}) FROM unfiltered)""",
            [values],
        ).fetchall()
        unmatched += [f"{facet}={value}" for (value,) in rows]
    return tuple(unmatched)
