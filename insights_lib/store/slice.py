"""A slice: all that one report may see of the store, opened as a small database in memory.

One partner, the months of the range and the one before, the page filters already applied.
Whatever is computed from a slice cannot reach another partner's rows: they are not there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import duckdb
import pandas as pd

from insights_lib.errors import StoreError
from insights_lib.exports.datasets import DIMENSION_COLUMNS, SEATS, USAGE_PRODUCTS
from insights_lib.parameters.spec import FACETS, DateRange, Filters, ReportSpec, month_after
from insights_lib.store.catalog import Holdings, Part, holdings
from insights_lib.store.remote import fetched
from insights_lib.store.staging import counts_by_month, sql_path
from insights_lib.timing import measured

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
    SELECT month, runs.* EXCLUDE (held) FROM months JOIN runs ON (held >> nr) & 1 = 1;
CREATE TABLE current AS
    SELECT month, customer
    FROM (SELECT customer, bit_or(held) AS held FROM runs GROUP BY customer)
    JOIN months ON (held >> nr) & 1 = 1;
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

    - `months`: month, nr (0 is the month before the range), in_range, covered (the partner has
      subscription rows), has_usage (covered, and it has rows of a usage dataset), has_ids
      (covered, with subscription ids), has_flows (in the range, covered like the month before
      it); one row per month, from the month before the range to its end, and all of it before
      any filter.
    - `runs`: customer, subscription and the dimensions of the active rows that pass the
      filters, and in which months there is such a row: bit `nr` of `held`. A missing dimension
      value is `Unknown`.
    - `subscriptions`: the same with a row for each month, and without `held`.
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
        held: What the store held of the partner.
        inputs: The parts that were read, for the manifest.
        months_without_subscriptions: Months of the range, as `2025-01`, without any number.
        months_without_usage: Months of the range without a number of active customers.
        unmatched_filters: Filter values that no row holds, as `facet=value`.
        database: The DuckDB connection.
    """

    spec: ReportSpec
    date_range: DateRange
    partner_name: str
    held: Holdings
    inputs: tuple[Part, ...]
    months_without_subscriptions: tuple[str, ...]
    months_without_usage: tuple[str, ...]
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


@measured("data")
def open_slice(spec: ReportSpec, threads: int | None = None) -> Slice:
    """Read a partner's part of the store.

    Args:
        spec: Which part.
        threads: How many the database may have; None for one for each core.

    Raises:
        StoreError: There is no store, nothing of the partner in it, or no complete month.
    """
    held = holdings(spec.store, spec.partner)
    date_range = held.resolve(spec)
    subscriptions = _within(held.subscriptions(), date_range)
    usage = _within(held.usage(), date_range)
    database = duckdb.connect(config={"threads": threads} if threads else {})
    try:
        _create_months(database, date_range, subscriptions, usage)
        with fetched(_urls((*subscriptions, *usage)), database) as names:
            _create_subscriptions(database, held, spec, _at_hand(subscriptions, names, database))
            unmatched = _unmatched(database, spec.filters)
            _create_usage(database, spec, _at_hand(usage, names, database))
        # From here on there is nothing that the filters exclude.
        database.execute("DROP VIEW unfiltered; DROP TABLE states; DROP TABLE customers")
        database.execute(_SETS)
    except duckdb.Error as error:
        raise StoreError(
            f"partner {spec.partner}: its part of {spec.store} cannot be read "
            f"({str(error).splitlines()[0]}); if exports were ingested just now, try again, else "
            "ingest those of these months anew."
        ) from error
    return Slice(
        spec=spec,
        date_range=date_range,
        partner_name=spec.partner_name or held.name or spec.partner,
        held=held,
        inputs=(*subscriptions, *usage),
        months_without_subscriptions=_months_without(database, "covered"),
        months_without_usage=_months_without(database, "has_usage"),
        unmatched_filters=unmatched,
        database=database,
    )


def _within(parts: list[Part], date_range: DateRange) -> list[Part]:
    return [p for p in parts if date_range.month_before <= p.month <= date_range.last]


def _urls(parts: Iterable[Part]) -> set[str]:
    return {part.file for part in parts if isinstance(part.file, str)}


def _at_hand(
    parts: list[Part], names: Mapping[str, str], database: duckdb.DuckDBPyConnection
) -> list[Part]:
    """Parts under the names by which the database finds them.

    Raises:
        StoreError: A file at a URL is not the one that the catalog speaks of.
    """
    for url in _urls(parts):
        told = [part for part in parts if part.file == url]
        try:
            counts = counts_by_month(database, names[url], told[0].dataset)
            found = {month: (rows, digest) for month, rows, _, digest in counts}
        except duckdb.Error as error:
            raise StoreError(f"{url}: is no part of a store; copy it anew.") from error
        if any(found.get(part.month) != (part.rows, part.hash) for part in told):
            raise StoreError(
                f"{url}: holds other rows than the catalog says; copy the store there anew, its "
                "parts first and the catalog last. If that does not help, have it ingested anew "
                "by this version of the program."
            )
    return [replace(part, file=names.get(str(part.file), part.file)) for part in parts]


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
    months["nr"] = range(len(months))
    months["in_range"] = months["month"] >= date_range.first
    for column, known in (
        ("covered", covered),
        ("has_usage", usage_known),
        ("has_ids", ids_known),
        ("has_flows", flows_known),
    ):
        months[column] = months["month"].isin(known)
    database.execute("CREATE TABLE months AS SELECT * REPLACE (month::DATE AS month) FROM months")


def _create_subscriptions(
    database: duckdb.DuckDBPyConnection, held: Holdings, spec: ReportSpec, parts: list[Part]
) -> None:
    """The active rows that pass the filters, and a number for every customer in them."""
    # active_states are states of subscriptions; a customer's status has only one that counts.
    states = spec.active_states if held.subscription_dataset == SEATS else ("Active",)
    database.execute("CREATE TEMP TABLE states AS SELECT lower(unnest($1)) AS state", [[*states]])
    dimensions = ", ".join(f"coalesce({d}, 'Unknown') AS {d}" for d in DIMENSION_COLUMNS)
    database.execute(
        f"""CREATE TEMP VIEW unfiltered AS
            SELECT month, customer, subscription, {dimensions}
            FROM ({_rows_of(parts, _SUBSCRIPTION_COLUMNS)})
            WHERE lower(state) IN (SELECT state FROM states)"""
    )
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
        f"""CREATE TABLE runs AS
            SELECT customers.customer, subscription, {", ".join(DIMENSION_COLUMNS)}, held
            FROM (
                SELECT unfiltered.* EXCLUDE (month), bit_or(1::HUGEINT << nr) AS held
                FROM unfiltered JOIN months USING (month) WHERE {passes} GROUP BY ALL
            ) run JOIN customers ON run.customer = key""",
        values,
    )


def _create_usage(database: duckdb.DuckDBPyConnection, spec: ReportSpec, parts: list[Part]) -> None:
    """Which customer used which product when; of no interest for those who are not current."""
    ordered = sorted(parts, key=lambda part: part.dataset)
    sources = [
        f"SELECT *, '{USAGE_PRODUCTS[dataset]}' AS product "
        f"FROM ({_rows_of(group, _USAGE_COLUMNS)}) WHERE used"
        for dataset, group in groupby(ordered, key=lambda part: part.dataset)
    ]
    sources.append(f"SELECT *, NULL::VARCHAR AS product FROM ({_rows_of([], _USAGE_COLUMNS)})")
    database.execute(
        f"""CREATE TABLE usage AS
            SELECT DISTINCT month, customers.customer, product
            FROM ({" UNION ALL ".join(sources)}) used JOIN customers ON used.customer = key
            WHERE {_passes("product")}""",
        {"product": [*spec.filters.product]},
    )


def _passes(facet: str) -> str:
    return f"len(${facet}::VARCHAR[]) = 0 OR lower({facet}) IN (SELECT lower(unnest(${facet})))"


def _rows_of(parts: Iterable[Part], columns: Mapping[str, str]) -> str:
    """A query for the rows of parts: of each file the months it is the latest export of."""
    empty = ", ".join(f"NULL::{sql_type} AS {name}" for name, sql_type in columns.items())
    selects = [f"SELECT {empty} WHERE false"]
    ordered = sorted(parts, key=lambda part: (str(part.file), part.month))
    for file, group in groupby(ordered, key=lambda part: part.file):
        months = ", ".join(f"DATE '{part.month}'" for part in group)
        selects.append(f"SELECT {', '.join(columns)} FROM {_file(file)} WHERE month IN ({months})")
    return " UNION ALL ".join(selects)


def _file(file: Path | str) -> str:
    return f"read_parquet({sql_path(file)}, hive_partitioning = false)"


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
