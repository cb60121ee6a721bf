"""All partners of a store at a glance."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from insights_lib.parameters.spec import month_after
from insights_lib.store.catalog import reading
from insights_lib.store.partners import PartnerParts, held_partners, parts_of
from insights_lib.store.parts import Part
from insights_lib.store.remote import at_hand


@dataclass(frozen=True)
class PartnerOverview:
    """A partner of the store, as of the last month that it has subscriptions for.

    Attributes:
        partner: Partner global account id.
        name: As a Profile export tells it, or empty.
        first: The first month with subscriptions, as `2025-01`; None without any.
        last: The last one.
        customers: Current customers of the last month, with `Active` as the one active state.
        added: Who of them was not current the month before; None where that month has no data.
        churned: Who was current the month before and no longer is; None likewise.
        latest_export: When the latest of its exports was ingested, in UTC.
    """

    partner: str
    name: str
    first: str | None
    last: str | None
    customers: int | None
    added: int | None
    churned: int | None
    latest_export: str


def overview(store: Path | str) -> list[PartnerOverview]:
    """What the store holds, partner by partner.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    with reading(store) as db:
        ingested = dict(db.execute("SELECT id, ingested_at FROM exports").fetchall())
        partners = [parts_of(db, store, partner) for partner in held_partners(db)]
    counts = _counts(partners)
    return [_overview(one, ingested, counts.get(one.partner)) for one in partners]


def _overview(
    one: PartnerParts, ingested: dict[int, str], counts: tuple[int | None, ...] | None
) -> PartnerOverview:
    months = [f"{part.month:%Y-%m}" for part in one.subscriptions()]
    customers, added, churned = counts or (None, None, None)
    return PartnerOverview(
        partner=one.partner,
        name=one.name,
        first=min(months, default=None),
        last=max(months, default=None),
        customers=customers,
        added=added,
        churned=churned,
        latest_export=max((ingested[part.export] for part in one.parts), default=""),
    )


def _counts(partners: Iterable[PartnerParts]) -> dict[str, tuple[int | None, ...]]:
    """Customers, added and churned by partner."""
    wanted = [(one.partner, part, is_last) for one in partners for part, is_last in _newest(one)]
    if not wanted:
        return {}
    with duckdb.connect() as database, at_hand([p for _, p, _ in wanted], database) as readable:
        rows = pd.DataFrame(
            {
                "partner": [partner for partner, _, _ in wanted],
                "file": [str(part.file) for part in readable],
                "month": pd.to_datetime([part.month for part in readable]),
                "is_last": [is_last for _, _, is_last in wanted],
            }
        )
        database.execute("CREATE TABLE wanted AS SELECT * REPLACE (month::DATE AS month) FROM rows")
        sql = (Path(__file__).parent / "files/overview.sql").read_text(encoding="utf-8")
        found = database.execute(sql, {"files": sorted(set(rows["file"]))}).fetchall()
    return {partner: tuple(counts) for partner, *counts in found}


def _newest(one: PartnerParts) -> list[tuple[Part, bool]]:
    """The parts of the last month with subscriptions, and of the month before it."""
    subscriptions = one.subscriptions()
    last = max((part.month for part in subscriptions), default=None)
    if last is None:
        return []
    return [
        (part, part.month == last)
        for part in subscriptions
        if part.month in {last, month_after(last, -1)}
    ]
