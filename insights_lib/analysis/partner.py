"""One partner, open to be asked: its tables and charts, and the customers behind them."""

import html
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from insights_lib.analysis.frames import Months, typed
from insights_lib.analysis.workbook import Sheets, write_workbook
from insights_lib.errors import ParameterError
from insights_lib.notebook import Report
from insights_lib.parameters.spec import ReportSpec, report_spec
from insights_lib.parameters.validation import unknown
from insights_lib.presentation.figures import to_records
from insights_lib.presentation.language import Language
from insights_lib.store.choices import hints
from insights_lib.store.slice import open_slice
from insights_lib.tables import FACETS, SIGNALS, TABLES

Values = str | Sequence[str]
STATUSES = ("existing", "new", "returned", "churned")


class Partner(Report):
    """An open partner: a report, and who is behind its numbers.

    `open_partner` opens one. All frames are copies, which can be changed at will.
    """

    @property
    def title(self) -> str:
        """Which partner, which months and which filters, for headings."""
        data, language = self.data, self.language
        first, last = f"{data.date_range.first:%Y-%m}", f"{data.date_range.last:%Y-%m}"
        months = f"{language.month(first)} – {language.month(last)}"
        return ", ".join([data.partner_name, months, *data.spec.filters.texts()])

    def table(self, name: str, months: Months = "text") -> pd.DataFrame:
        """A table of the report.

        Args:
            name: One of those that `insights_lib.tables` declares, such as `adds_and_churns`.
            months: Months as `text` such as `2025-01`, as `period`, or as `date`, the first of the
                month. With the latter two, days are timestamps. A column stays text that holds
                more than months, as that of `renewals` does (`past`, `later`).

        Returns:
            The columns declared there; null where a number cannot be known.

        Raises:
            ParameterError: No table is called so.

        Example:
            >>> p.table("adds_and_churns", months="period")["month"].dtype
            period[M]
        """
        return typed(super().table(name), TABLES[name].columns, months)

    def customers(self, status: str = "", months: Months = "text") -> pd.DataFrame:
        """The customers of the months and of the month before, current ones first, then by name.

        Args:
            status: Only those that are `existing`, `new`, `returned` or `churned` at the end.
            months: Months as `text`, `period` or `date`; see `Report.table`.

        Returns:
            The columns of customers.csv, one row per customer.

        Raises:
            ParameterError: The status is not known, or the partner is open for a report viewer.

        Example:
            >>> p.customers(status="churned")[["customer_name", "products"]].head(2)
                     customer_name    products
            0  Adventure Works 118  Office 365
            1         Fabrikam 215       Azure
        """
        if status and status not in STATUSES:
            raise ParameterError(f"status {unknown(status, STATUSES)}.")
        table = self.table("customers", months)
        return table[table["status"] == status].reset_index(drop=True) if status else table

    def churned(self, month: str) -> pd.DataFrame:
        """Who was current in the month before and is not in this one, also who came back since.

        Args:
            month: Such as `2025-12`, within the months of the partner.

        Returns:
            The columns of customers.csv, one row per customer.

        Raises:
            ParameterError: It is not one of these, or one of the two months has no data.

        Example:
            >>> len(p.churned("2025-12"))
            7
        """
        return self._flow("churned", month)

    def added(self, month: str) -> pd.DataFrame:
        """Who is current in this month and was not in the one before; see `churned`."""
        return self._flow("added", month)

    def _flow(self, flow: str, month: str) -> pd.DataFrame:
        known = self.query(
            "SELECT strftime(month, '%Y-%m') AS month, has_flows FROM months WHERE in_range"
        )
        flows = dict(zip(known["month"], known["has_flows"], strict=True))
        if month not in flows:
            raise ParameterError(
                f"month {month!r} is not one of {min(flows)} to {max(flows)}; give one of these, "
                "or open the partner for other months."
            )
        if not flows[month]:
            raise ParameterError(
                f"month {month!r}: who was {flow} cannot be known, because there is no data for it "
                "or for the month before."
            )
        table = self.customers()
        numbers = self.query(
            f"SELECT customers.customer FROM customers JOIN {flow} ON number = {flow}.customer "
            f"WHERE month = DATE '{month}-01'"
        )["customer"]
        return table[table["customer"].isin(numbers)].reset_index(drop=True)

    def expiring(self, days: int = 90) -> pd.DataFrame:
        """Current customers whose next end is near, whatever their auto-renewal; the first first.

        Args:
            days: How many days after the as-of date count as near.

        Returns:
            The columns of customers.csv, one row per customer.

        Example:
            >>> p.expiring(days=30)[["customer_name", "next_end", "auto_renew", "seats"]].head(1)
               customer_name    next_end auto_renew seats
            0     Contoso 17  2026-01-20         no    42
        """
        table = self.customers()
        latest = self.data.spec.as_of + timedelta(days=days)
        near = table[table["next_end"].notna() & (table["next_end"] <= latest.isoformat())]
        return near.sort_values("next_end", kind="stable", ignore_index=True)

    def signal(self, name: str) -> pd.DataFrame:
        """Current customers that show a signal, such as `usage_falling`.

        Args:
            name: One of `insights_lib.tables.SIGNALS`.

        Returns:
            The columns of customers.csv, one row per customer.

        Example:
            >>> p.signal("usage_falling")[["customer_name", "usage_change_pct"]].head(1)
               customer_name  usage_change_pct
            0     Contoso 31             -62.5
        """
        if name not in SIGNALS:
            raise ParameterError(f"signal {unknown(name, SIGNALS)}.")
        table = self.customers()
        shows = [name in str(signals).split("; ") for signals in table["signals"]]
        return table[shows].reset_index(drop=True)

    def to_excel(self, file: Path | str, tables: Sequence[str] | Sheets | None = None) -> Path:
        """Write a formatted workbook, a sheet for each table.

        Args:
            file: Where to; a workbook that is there is replaced.
            tables: The names of tables, or frames of one's own by the names of their sheets; all
                tables of the role where nothing is said.

        Returns:
            The file.

        Example:
            >>> p.to_excel("gone.xlsx", tables={"Gone in December": p.churned("2025-12")})
            PosixPath('gone.xlsx')
        """
        if not isinstance(tables, Mapping):
            tables = {name: self.table(name) for name in tables or self.names()}
        return write_workbook(Path(file), tables, self.title, self.language)

    def names(self) -> list[str]:
        """The names of the tables that the role may see, in the order of the report."""
        hidden = self.data.spec.role != "executive_report_viewer"
        return [name for name, table in TABLES.items() if not (hidden and table.personal)]

    def _repr_html_(self) -> str:
        """Who, which months and filters, the key figures, and what can be asked next."""
        cell = self.language.cell
        figures = "".join(
            f"<tr><th>{html.escape(cell(row['metric'], 'name'))}</th>"
            f"<td>{cell(row['value'], 'number')}</td></tr>"
            for row in to_records(self.table("summary"))
        )
        asks = "".join(f"<li><code>{html.escape(ask)}</code></li>" for ask in self._asks())
        return (
            f"<h3>{html.escape(self.title)}</h3><p>{html.escape(self._rows())}</p>"
            f"<table>{figures}</table><p>Tables: {', '.join(self.names())}.</p>"
            f"<p>Ask next:</p><ul>{asks}</ul>"
        )

    def __repr__(self) -> str:
        """Who, which months and filters, how many rows, and what can be asked next."""
        asks = "\n".join(f"  {ask}" for ask in self._asks())
        return f"{self.title[:900]}\n{self._rows()}\nAsk next:\n{asks}"

    def _rows(self) -> str:
        [[rows, customers]] = self.query(
            "SELECT count(*), count(DISTINCT customer) FROM subscriptions"
        ).to_numpy()
        return f"Partner {self.data.spec.partner}: {customers:,} customers, {rows:,} rows"

    def _asks(self) -> list[str]:
        last = f"{self.data.date_range.last:%Y-%m}"
        people = [f'.churned("{last}")', ".expiring(days=90)", '.signal("usage_falling")']
        if self.data.spec.role != "executive_report_viewer":
            people = []
        return ['.table("summary")', '.chart("adds_and_churns")', *people, '.to_excel("….xlsx")']


def _filters(*values: Values) -> list[str]:
    """The values of each facet, in the order of FACETS, as `facet=value`."""
    return [
        f"{facet}={value}"
        for facet, chosen in zip(FACETS, values, strict=True)
        for value in ([chosen] if isinstance(chosen, str) else chosen)
    ]


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
    """Open a partner for some months, with filters; several values of a facet mean any of them.

    Args:
        partner: Partner global account id; `partners()` lists them.
        months: `last_3_months`, `last_6_months`, `last_12_months`, or `2025-01_2025-12`.
        product: One product or several, as all facets that follow.
        customer_market: Countries of customers.
        partner_attribution: Attribution types.
        partner_location: Locations of the partner.
        sales_channel: Sales channels.
        customer_segment: Customer segments.
        as_of: The day on which a month must be over to count as complete; today if empty.
        role: `executive_report_viewer`, or `report_viewer` for counts only.
        locale: `en`, `sv`, `de` or `fr`.
        store: A folder, looked for here and in the folders above, or a URL.

    Raises:
        ParameterError: A value is wrong; the sentence names the nearest right one.
        StoreError: The store holds nothing for them.

    Example:
        >>> p = open_partner("1234567", "last_6_months", product=["Azure"])
        >>> p.churned("2025-12")["customer_name"].tolist()  # ['Fabrikam 215']
    """
    filters = _filters(
        *(product, customer_market, partner_attribution),
        *(partner_location, sales_channel, customer_segment),
    )
    options = {"as_of": as_of, "role": role, "locale": locale, "store": store}
    return partner_of(report_spec(partner=partner, date_range=months, filters=filters, **options))


def partner_of(spec: ReportSpec) -> Partner:
    """The partner that a spec asks for.

    Raises:
        ParameterError: No subscription matches a filter; the sentence names the nearest value.
        StoreError: The store holds nothing for the spec.
    """
    data = open_slice(spec)
    if data.unmatched_filters:
        meant = " ".join(hints(spec, data.unmatched_filters))
        raise ParameterError(f"no subscription of these months matches a filter. {meant}")
    return Partner(data, Language(spec.locale))
