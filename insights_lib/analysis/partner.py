"""One partner, open to be asked: its tables and charts, and the customers behind them."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from insights_lib.notebook import Report
from insights_lib.parameters.spec import report_spec
from insights_lib.presentation.language import Language
from insights_lib.store.slice import open_slice

Values = str | Sequence[str]


class Partner(Report):
    """An open partner: a report, and who is behind its numbers."""


def open_partner(  # noqa: PLR0913 - the facets, each by its name
    partner: str,
    months: str = "last_12_months",
    *,
    product: Values = (),
    customer_market: Values = (),
    partner_attribution: Values = (),
    partner_location: Values = (),
    sales_channel: Values = (),
    customer_segment: Values = (),
    as_of: date | str = "",
    role: str = "executive_report_viewer",
    locale: str = "en",
    store: Path | str = "data/store",
) -> Partner:
    """Open a partner for some months, with filters."""
    chosen = {
        "product": product,
        "customer_market": customer_market,
        "partner_attribution": partner_attribution,
        "partner_location": partner_location,
        "sales_channel": sales_channel,
        "customer_segment": customer_segment,
    }
    filters = [
        f"{facet}={value}"
        for facet, values in chosen.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    spec = report_spec(
        partner=partner,
        date_range=months,
        filters=filters,
        as_of=as_of,
        role=role,
        locale=locale,
        store=store,
    )
    return Partner(open_slice(spec), Language(locale))
