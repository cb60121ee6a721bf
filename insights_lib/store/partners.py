"""What the store holds of a partner, as its catalog tells: the parts that count, month by month."""

import sqlite3
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path

from insights_lib.errors import StoreError
from insights_lib.exports.datasets import (
    CUSTOMERS,
    DIMENSION_COLUMNS,
    SEATS,
    SUBSCRIPTION_DATASETS,
)
from insights_lib.parameters.spec import PRESETS, DateRange, ReportSpec, month_after
from insights_lib.store.catalog import reading
from insights_lib.store.parts import Part
from insights_lib.tables import DIMENSIONS

MOST_MONTHS = 121  # that a slice reads; it keeps those of a subscription as bits of one number
_PARTNERS_SHOWN = 10
# Parts of the partner itself, and of the locations that Profile maps to it. A location id that
# no Profile maps is a partner of its own.
_PARTS_OF = """
SELECT export, dataset, month, file, rows, subscription_ids, hash, absent_dimensions FROM parts
WHERE account = :partner AND NOT is_location
OR is_location AND account IN (
    SELECT location FROM accounts WHERE account = :partner
    UNION ALL
    SELECT :partner WHERE :partner NOT IN (SELECT location FROM accounts)
)
"""


@dataclass(frozen=True)
class PartnerParts:
    """What the store holds of one partner: for each dataset and month the latest export.

    Attributes:
        partner: Partner global account id.
        name: The partner's name as a Profile export tells it, or empty.
        parts: Parts that count, oldest month first; those of earlier exports are left out.
    """

    partner: str
    name: str
    parts: tuple[Part, ...]

    @cached_property
    def subscription_dataset(self) -> str:
        """SeatsSubscriptionsAndRevenue, or CustomersAndTenants where there is none of it."""
        return SEATS if any(part.dataset == SEATS for part in self.parts) else CUSTOMERS

    def subscriptions(self) -> list[Part]:
        """The parts that hold the partner's subscription rows."""
        wanted = self.subscription_dataset
        return [part for part in self.parts if part.dataset == wanted]

    def usage(self) -> list[Part]:
        """The parts that hold the partner's rows of usage datasets."""
        return [part for part in self.parts if part.dataset not in SUBSCRIPTION_DATASETS]

    def within(self, months: DateRange) -> list[Part]:
        """The parts that a report of these months reads: up to the last, however long before."""
        first = month_after(months.last, 1 - MOST_MONTHS)
        return [p for p in self.parts if first <= p.month <= months.last]

    def absent_dimensions(self, months: DateRange) -> tuple[str, ...]:
        """The dimensions of which no subscription export of these months has the column."""
        within = [p for p in self.subscriptions() if months.first <= p.month <= months.last]
        lacking = [set(part.absent_dimensions.split(",")) for part in within]
        absent = set.intersection(*lacking) if lacking else set()
        return tuple(name for name in DIMENSIONS if name in absent)

    def resolve(self, spec: ReportSpec) -> DateRange:
        """The months that a spec's date range means for this partner.

        Raises:
            StoreError: A preset was asked for, but no month is complete on the as-of date; or a
                filter is on a dimension that is absent in these months.
        """
        months = self._months(spec)
        absent = self.absent_dimensions(months)
        for facet in spec.filters.chosen():
            if facet in absent:
                raise StoreError(
                    f"partner {self.partner}: the filter on {facet} cannot be applied; no export "
                    f"of {months} has the column {' or '.join(DIMENSION_COLUMNS[facet])}."
                )
        return months

    def _months(self, spec: ReportSpec) -> DateRange:
        if spec.date_range not in PRESETS:
            return DateRange.parse(spec.date_range)
        months = {part.month for part in self.subscriptions()}
        complete = [month for month in months if month < spec.as_of.replace(day=1)]
        if not complete:
            raise StoreError(
                f"partner {self.partner}: no month with subscriptions is complete on "
                f"{spec.as_of}; ingest its exports, or give a later as-of date."
            )
        return DateRange.ending(max(complete), PRESETS[spec.date_range])


def partner_parts(store: Path | str, partner: str) -> PartnerParts:
    """Look up in the catalog what the store, a folder or a URL, holds of a partner.

    Raises:
        StoreError: There is no store, or it holds nothing of this partner.
    """
    with reading(store) as db:
        return parts_of(db, store, partner)


def parts_of(db: sqlite3.Connection, store: Path | str, partner: str) -> PartnerParts:
    """Look up in a catalog that is open what its store holds of a partner.

    Raises:
        StoreError: It holds nothing of this partner.
    """
    parts = live_parts(db, store, partner)
    names = db.execute("SELECT max(name) FROM accounts WHERE account = ?", [partner]).fetchone()
    if parts is None:
        known = held_partners(db)
        more = len(known) > _PARTNERS_SHOWN
        shown = (*known[:_PARTNERS_SHOWN], "…") if more else known
        raise StoreError(
            f"partner {partner}: the store {store} holds nothing of it. "
            f"It holds: {', '.join(shown) or 'no partner'}."
        )
    return PartnerParts(partner, names[0] or "", tuple(parts))


def live_parts(db: sqlite3.Connection, store: Path | str, partner: str) -> list[Part] | None:
    """The parts of a partner that count, of the latest export of each month; None if it has none.

    Args:
        db: The catalog.
        store: Where the store is.
        partner: Partner global account id, or the id of a location that no Profile maps.
    """

    @cache  # each file has many months
    def place(file: str) -> Path | str:
        return f"{store}/parts/{file}" if isinstance(store, str) else store / "parts" / file

    rows = [
        Part(export, dataset, date.fromisoformat(month), place(file), *others)
        for export, dataset, month, file, *others in db.execute(_PARTS_OF, {"partner": partner})
    ]
    latest: dict[tuple[str, date], int] = {}
    for part in rows:
        key = (part.dataset, part.month)
        latest[key] = max(part.export, latest.get(key, 0))
    # A month of which every customer is forgotten is not covered, by earlier exports neither.
    live = [p for p in rows if p.export == latest[p.dataset, p.month] and p.rows]
    live.sort(key=lambda part: (part.dataset, part.month, part.hash))
    return live if rows else None


def partner_ids(store: Path | str) -> list[str]:
    """The partners of a store, sorted.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    with reading(store) as db:
        return list(held_partners(db))


@lru_cache(1)  # the same for each partner that is asked for in vain
def held_partners(db: sqlite3.Connection) -> tuple[str, ...]:
    """The partners in a catalog that is open, sorted."""
    found = db.execute(
        """SELECT DISTINCT coalesce(a.account, p.account) FROM parts p
           LEFT JOIN accounts a ON p.is_location AND a.location = p.account ORDER BY 1"""
    )
    return tuple(str(name) for (name,) in found)
