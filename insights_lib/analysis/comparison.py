"""Two open partners, or one in other months or with other filters, side by side."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from insights_lib.analysis.partner import Partner
from insights_lib.analysis.workbook import write_workbook
from insights_lib.errors import ParameterError
from insights_lib.parameters.validation import unknown
from insights_lib.presentation import theme
from insights_lib.presentation.figures import figure, labels, to_list, to_records
from insights_lib.tables import TABLES, Kind

# Shares and growths are made of these, and the period before has its own columns.
_MEASURED = {"count", "number", "money"}
_NOT_COMPARED = {"previous_value", "months_since"}
MOST_BARS = 40  # of each of the two
COMPARED = tuple(
    name
    for name, table in TABLES.items()
    if not table.personal and _MEASURED & set(table.columns.values())
)


@dataclass(frozen=True)
class Comparison:
    """Two partners side by side; `compare` makes one.

    Attributes:
        a: One of them.
        b: The other.
    """

    a: Partner
    b: Partner

    def table(self, name: str = "summary") -> pd.DataFrame:
        """A table of both, value by value.

        Args:
            name: A table of counts, such as `distribution`.

        Returns:
            One row per row of the table that either has, and per measure of it: what names the row
            (without its month, if the two have other months: then the first is compared with the
            first, and so on, by `month_number`), `measure`, `a`, `b`, `difference` (b - a) and
            `change_pct` of a. Null where one of them cannot be known or has no such row.

        Raises:
            ParameterError: No table of counts is called so.

        Example:
            >>> compare(p, q).table("summary").head(1)
                          metric measure    a    b  difference  change_pct
            0  current_customers   value  271  289          18        6.64
        """
        if name not in COMPARED:
            raise ParameterError(f"table {unknown(name, COMPARED)}.")
        keys, left = self._long(self.a, name)
        _, right = self._long(self.b, name)
        both = left.merge(right, on=[*keys, "measure"], how="outer", sort=False)
        both["order"] = both["order_x"].fillna(both["order_y"])
        both = both.sort_values("order", kind="stable", ignore_index=True)
        a, b = both["amount_x"].astype("Float64"), both["amount_y"].astype("Float64")
        numbers = {
            "a": a,
            "b": b,
            "difference": b - a,
            "change_pct": 100 * (b - a) / a.where(a != 0),
        }
        return both[[*keys, "measure"]].assign(**numbers)

    def _long(self, one: Partner, name: str) -> tuple[list[str], pd.DataFrame]:
        """A table with a row for each value, and the columns that name a row."""
        kinds = TABLES[name].columns
        table = one.table(name)
        keys = [c for c, kind in kinds.items() if kind in {"text", "name", "month"}]
        if name == "summary":
            keys = ["metric"]  # its month tells of which month the value is
        elif "month" in keys and name != "renewals" and not self._same_months:
            months = one.data.date_range.months()
            number = {f"{month:%Y-%m}": i for i, month in enumerate(months, 1)}
            table["month_number"] = table["month"].map(number)
            keys[keys.index("month")] = "month_number"
        if name == "cohorts":
            keys.append("months_since")
        long = table.reset_index(names="order").melt(
            id_vars=["order", *keys],
            value_vars=_measures(name),
            var_name="measure",
            value_name="amount",
        )
        return keys, long

    @property
    def _same_months(self) -> bool:
        return self.a.data.date_range == self.b.data.date_range

    def chart(self, name: str = "summary", measure: str = "") -> go.Figure:
        """Both as bars side by side.

        Args:
            name: A table of counts; see `table`.
            measure: Which of its measures, the first where nothing is said.

        Returns:
            A figure of the first 40 rows of the table that have the measure.

        Example:
            >>> compare(p, q).chart("summary_products")
        """
        table = self.table(name)
        measures = _measures(name)
        measure = measure or measures[0]
        if measure not in measures:
            raise ParameterError(f"measure {unknown(measure, measures)}.")
        shown = table[table["measure"] == measure].head(MOST_BARS)
        keys = list(table.columns[: list(table.columns).index("measure")])
        named = [self._told(name, row) for row in to_records(shown[keys])]
        colors = (theme.OTHERS, theme.BLUE)
        traces = [
            {
                "type": "bar",
                "name": label,
                "x": labels(named),
                "y": to_list(shown[side]),
                "marker": {"color": color},
            }
            for side, label, color in zip("ab", labels(self._names()), colors, strict=True)
        ]
        return figure(traces, self.a.language, 380, barmode="group", xaxis={"type": "category"})

    def _told(self, name: str, row: dict[str, Any]) -> str:
        kinds, cell = TABLES[name].columns, self.a.language.cell
        return ", ".join(cell(value, kinds.get(key, "count")) for key, value in row.items())

    def _names(self) -> list[str]:
        """What tells the two from each other."""
        a, b = self.a, self.b
        if a.data.spec.partner != b.data.spec.partner:
            return [one.data.partner_name for one in (a, b)]
        return [one.title.removeprefix(f"{one.data.partner_name}, ") for one in (a, b)]

    def to_excel(self, file: Path | str) -> Path:
        """Write every compared table as a workbook, a sheet for each; see `Partner.to_excel`."""
        sheets = {name: self.table(name) for name in COMPARED}
        title = f"a: {self.a.title} · b: {self.b.title}"
        return write_workbook(Path(file), sheets, title, self.a.language)

    def _repr_html_(self) -> str:
        """Which is a, which is b, and their key figures."""
        kinds: dict[str, Kind] = {"metric": "name", "change_pct": "percent"}
        cell = self.a.language.cell
        shown = {
            column: [cell(value, kinds.get(str(column), "number")) for value in to_list(values)]
            for column, values in self.table().drop(columns="measure").items()
        }
        table = pd.DataFrame(shown).to_html(index=False, border=0)
        titles = "".join(
            f"<p><b>{side}</b>: {html.escape(one.title)}</p>"
            for side, one in (("a", self.a), ("b", self.b))
        )
        return f"{titles}{table}"

    def __repr__(self) -> str:
        """Which is a, and which is b."""
        return f"a: {self.a.title[:900]}\nb: {self.b.title[:900]}\nAsk next: .table(), .chart()"


def _measures(name: str) -> list[str]:
    kinds = TABLES[name].columns
    return [c for c, kind in kinds.items() if kind in _MEASURED and c not in _NOT_COMPARED]


def compare(a: Partner, b: Partner) -> Comparison:
    """Put two open partners side by side, or one with itself in other months or filters.

    Example:
        >>> compare(open_partner("1234567"), open_partner("2345678")).table("summary")
        >>> before = open_partner("1234567", "2024-01_2024-12")
        >>> compare(before, open_partner("1234567", "2025-01_2025-12")).chart("summary_products")
    """
    return Comparison(a, b)
