"""A slice: all that one report may see of the store, opened as a small database in memory.

One partner, the months up to the last of the range, the page filters already applied, and single
customers only for those who may see them. Whatever is computed from a slice cannot reach another
partner's rows: they are not there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import duckdb
import pandas as pd

from insights_lib.errors import StoreError
from insights_lib.exports.datasets import (
    SEATS,
    SUBSCRIPTION_DATASETS,
)
from insights_lib.parameters.spec import DateRange, Filters, ReportSpec, month_after
from insights_lib.store.kept import SUBSCRIPTION_COLUMNS
from insights_lib.store.partners import MOST_MONTHS, PartnerParts, partner_parts
from insights_lib.store.parts import Part, rows_of
from insights_lib.store.remote import at_hand
from insights_lib.store.spelling import respelt
from insights_lib.store.sql import sql_file, sql_text
from insights_lib.store.usage import create_usage
from insights_lib.tables import FACETS, SIGNALS
from insights_lib.timing import timed


@dataclass(frozen=True)
class Slice:
    """One partner's rows for one report.

    The database holds, with customers and subscriptions as numbers that mean nothing outside it:

    - `months`: month, month_index (from 0), in_range, in_view (the range and the month before it),
      covered (the partner has subscription rows), has_usage (covered, and it has rows of a usage
      dataset), has_ids (covered, with subscription ids), has_flows (covered like the month before
      it); all before any filter, from the month before the first with data to the last asked for.
    - `subscription_spans`: customer, subscription and the dimensions of the active rows that pass
      the filters, and in which months there is such a row: bit `month_index` of `month_bits`. A
      missing dimension value is `Unknown`; an absent dimension is null in every row. Values that
      differ only in case are one, in the spelling that most subscription rows of the range have.
    - `subscriptions`: the same with a row for each month, and without `month_bits`.
    - `usage`: month, customer, product; distinct, of usage rows that pass the product filter.
    - `current`: month, customer; the current customers C(m).
    - `active`: month, customer; the active customers A(m), in months with usage data.
    - `added`: month, customer; those of C(m) that are not in C(m-1), in months with flows.
    - `churned`: month, customer; those of C(m-1) that are not in C(m), in such months.
    - `signals`: signal, customers; `renewals`: product, month, subscriptions, customers, seats,
      without_auto_renew. Both are counts, made of what is not in the slice of a report viewer.
    - `customers`, in the slice of an executive report viewer alone: number, and the columns of
      customers.csv. Beside it, tables `details_…`: what the page counts the same from.

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
        connect: Opens its database.
        folder: Where it was saved, with tables that are made already; None if it was not.
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
    connect: Callable[[], duckdb.DuckDBPyConnection] = field(compare=False, repr=False)
    folder: Path | None = None
    _answers: dict[str, pd.DataFrame] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @cached_property
    def database(self) -> duckdb.DuckDBPyConnection:
        """The connection to its database, which is opened when it is first asked for."""
        return self.connect()

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
    database.execute("SET enable_progress_bar = false")  # it would be in every log
    try:
        _create_months(database, date_range, subscriptions, usage)
        with at_hand((*subscriptions, *usage), database) as readable:
            absent = parts.absent_dimensions(date_range)
            _create_rows(database, spec, readable[: len(subscriptions)], absent)
            _create_subscriptions(database, spec)
            unmatched = _unmatched(database, spec.filters)
            passes = _passes("product", spec.filters)
            create_usage(database, readable[len(subscriptions) :], passes)
            database.execute(sql_file("sets"))
            _create_customers(database, spec)
        # From here on there is nothing that filters or role exclude.
        _drop_temporary(database)
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
        connect=lambda: database,
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
    known = {
        "covered": covered,
        "has_usage": covered & {part.month for part in usage},
        "has_ids": {part.month for part in subscriptions if part.subscription_ids},
        "has_flows": {month for month in covered if month_after(month, -1) in covered},
    }
    # From the month before the first with data: a reader of the page can choose that one, too.
    earliest = min((part.month for part in (*subscriptions, *usage)), default=date_range.first)
    before = max(month_after(earliest, -1), month_after(date_range.last, 1 - MOST_MONTHS))
    first = min(date_range.month_before, before)
    months = pd.DataFrame({"month": DateRange(first=first, last=date_range.last).months()})
    months["month_index"] = range(len(months))
    months["in_range"] = months["month"] >= date_range.first
    months["in_view"] = months["month"] >= date_range.month_before
    for column, in_months in known.items():
        months[column] = months["month"].isin(in_months)
    database.execute("CREATE TABLE months AS SELECT * REPLACE (month::DATE AS month) FROM months")


def _create_rows(
    database: duckdb.DuckDBPyConnection,
    spec: ReportSpec,
    parts: Sequence[Part],
    absent: tuple[str, ...],
) -> None:
    """The rows before any filter: the view `sold`, and of active ones `unfiltered`."""
    rows = rows_of(parts, SUBSCRIPTION_COLUMNS)
    columns, joins = respelt(database, rows, absent)
    # active_states are states of subscriptions; a customer's status has only one that counts.
    of_seats = any(part.dataset == SEATS for part in parts)
    states = ", ".join(map(sql_text, spec.active_states if of_seats else ("Active",)))
    database.execute(
        f"""CREATE TEMP VIEW sold AS
            SELECT rows.* REPLACE ({columns}),
                lower(state) IN (SELECT lower(unnest([{states}]))) AS is_active
            FROM ({rows}) rows {joins};
            CREATE TEMP VIEW unfiltered AS SELECT * FROM sold WHERE is_active"""
    )


def _create_subscriptions(database: duckdb.DuckDBPyConnection, spec: ReportSpec) -> None:
    """The rows that pass the filters, and a number for every customer in them."""
    passes = " AND ".join(_passes(facet, spec.filters) for facet in FACETS)
    database.execute(
        f"""CREATE TEMP TABLE customer_keys AS
            SELECT customer AS key, (row_number() OVER (ORDER BY customer))::INTEGER AS customer
            FROM (SELECT DISTINCT customer FROM unfiltered WHERE {passes});
            CREATE TEMP VIEW sold_rows AS
            SELECT rows.* REPLACE (keys.customer AS customer)
            FROM sold rows JOIN customer_keys keys ON rows.customer = key WHERE {passes};
            CREATE TEMP VIEW active_rows AS SELECT * FROM sold_rows WHERE is_active"""
    )
    database.execute(f"SET VARIABLE is_executive = {spec.role == 'executive_report_viewer'}")
    database.execute(sql_file("spans"))


def _create_customers(database: duckdb.DuckDBPyConnection, spec: ReportSpec) -> None:
    """What is counted customer by customer; the customers only for those who may see them."""
    is_executive = spec.role == "executive_report_viewer"
    if not is_executive:
        # As large as the spans, and only of use for details.
        database.execute("DROP TABLE span_keys")
    database.execute(f"SET VARIABLE as_of = DATE '{spec.as_of}'")
    database.execute("SET VARIABLE signals = $1", [list(SIGNALS)])
    database.execute(sql_file("signals"))
    if is_executive:
        database.execute(sql_file("details"))
        database.execute(sql_file("customers"))


def _passes(facet: str, filters: Filters) -> str:
    """A condition that a row passes a facet, compared without case."""
    values = ", ".join(map(sql_text, getattr(filters, facet)))
    return f"lower({facet}) IN (SELECT lower(unnest([{values}])))" if values else "true"


def _drop_temporary(database: duckdb.DuckDBPyConnection) -> None:
    for kind, name in database.execute(
        """SELECT 'TABLE', table_name FROM duckdb_tables() WHERE temporary UNION ALL
           SELECT 'VIEW', view_name FROM duckdb_views() WHERE temporary AND NOT internal"""
    ).fetchall():
        database.execute(f'DROP {kind} temp."{name}"')


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
