"""What a notebook calls: open a report, show its tables with their charts, ask it anything.

Each output carries its data under a media type of this project, so that an executed notebook
holds all that the report's page and CSV files are made of.
"""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from insights_lib import charts, metrics
from insights_lib.disk import digest
from insights_lib.errors import ParameterError
from insights_lib.parameters.spec import report_spec
from insights_lib.parameters.validation import unknown
from insights_lib.presentation.chart import due_drawing
from insights_lib.presentation.figures import to_rows
from insights_lib.presentation.language import Language
from insights_lib.presentation.offline import (
    SCRIPT,
    as_json,
    figure_output,
    world_output,
)
from insights_lib.store.partners import partner_ids
from insights_lib.store.parts import Part
from insights_lib.store.saved_slice import in_run, saved_slice, saved_table
from insights_lib.store.slice import Slice, open_slice
from insights_lib.tables import FACTS, FIGURE, TABLE, TABLES
from insights_lib.timing import seconds_by_stage

ROWS_SHOWN = 20
COLUMNS_PRINTED = 8  # of a table as text
OPTIONS = ("as_of", "active_states", "partner_name", "store")


@dataclass(frozen=True)
class Report:
    """An open report: one partner, its months and filters.

    Attributes:
        data: The slice of the store that the report may see.
        language: The language of its texts.
    """

    data: Slice
    language: Language
    _tables: dict[str, pd.DataFrame] = field(default_factory=dict, init=False, repr=False)

    def table(self, name: str) -> pd.DataFrame:
        """A table of the report.

        Args:
            name: One of those that `insights_lib.tables` declares, such as `adds_and_churns`.

        Returns:
            The columns declared there; null where a number cannot be known.

        Raises:
            ParameterError: No table is called so.

        Example:
            >>> report.table("adds_and_churns").head(2)
              product    month  existing  added  churned
            0     All  2025-01       265      9        4
            1     All  2025-02       268      7        6
        """
        if name not in TABLES:
            raise ParameterError(f"table {unknown(name, TABLES)}.")
        if name not in self._tables:
            saved = saved_table(self.data, name)
            self._tables[name] = getattr(metrics, name)(self.data) if saved is None else saved
        return self._tables[name].copy()

    def chart(self, name: str) -> go.Figure | None:
        """The chart of a table, None for a table that has none; see `table`."""
        table = self.table(name)
        declared = TABLES[name]
        if declared.chart is None:
            return None
        others = (self.table(other) for other in declared.drawn_with)
        figure: go.Figure = getattr(charts, declared.chart)(table, *others, self.language)
        return figure

    def show(self, name: str) -> None:
        """Show a table and its chart, and hand both on to the report's page; see `table`."""
        if TABLES.get(name) and TABLES[name].personal and self.data.spec.role == "report_viewer":
            text = self.language("Single customers are shown to executive report viewers.")
            _display({"text/plain": text}, "hidden")
            return
        publish(name, self.table(name), self.chart(name))

    def query(self, sql: str) -> pd.DataFrame:
        """The rows of an SQL query over the slice, whose tables `Slice` describes.

        Example:
            >>> report.query("SELECT count(DISTINCT customer) AS n FROM subscriptions")
                 n
            0  400
        """
        return self.data.query(sql)

    def __repr__(self) -> str:
        """Which report it is."""
        spec = self.data.spec
        filters = f", {', '.join(spec.filters.texts())}" if spec.filters.chosen() else ""
        return f"<Report of partner {spec.partner}, {self.data.date_range}{filters}>"


def open_report(  # noqa: PLR0913, PLR0917 - the parameters of a notebook
    partner: str | int,
    date_range: str = "last_12_months",
    filters: list[str] | tuple[str, ...] = (),
    locale: str = "en",
    role: str = "executive_report_viewer",
    options: Mapping[str, Any] | None = None,
) -> Report:
    """Open the report that a notebook's parameters ask for, and show what it holds.

    Args:
        partner: Partner global account id. A number, which `papermill -p` makes of it, is taken
            if one partner of the store alone can be meant.
        date_range: `last_3_months`, `last_6_months`, `last_12_months`, or two months such as
            `2025-01_2025-12`.
        filters: Page filters as `facet=value`; the same facet twice means either value.
        locale: The language, such as `en`.
        role: `executive_report_viewer`, or `report_viewer` for counts only.
        options: More that `parameters.spec.ReportSpec` describes: `as_of`, `active_states`,
            `partner_name`, `store`.

    Raises:
        ParameterError: A parameter is wrong.
        StoreError: The store holds nothing for them.

    Example:
        >>> report = open_report("1234567", "last_6_months", ["product=Azure"])
        >>> report.show("distribution")
    """
    known = _known_options(options or {})
    if isinstance(partner, int) and not isinstance(partner, bool):
        partner = _partner_of_number(partner, known)
    spec = report_spec(
        partner=partner, date_range=date_range, filters=filters, locale=locale, role=role, **known
    )
    data = saved_slice(spec) or open_slice(spec)
    language = Language(data.spec.locale)
    facts = facts_of(data, language)
    months = f"{language.month(facts['first'])} – {language.month(facts['last'])}"
    lines = [f"{data.partner_name} ({data.spec.partner}), {months}"]
    lines += [*data.spec.filters.texts(), *facts["warnings"]]
    _display({FACTS: facts, "text/plain": "\n".join(lines), **_opening_html(lines)}, "facts")
    return Report(data, language)


def _partner_of_number(number: int, options: Mapping[str, Any]) -> str:
    """The partner whose id, which may begin with zeros, is a number."""
    store = report_spec(partner=str(abs(number)), **options).store
    same = [one for one in partner_ids(store) if one.isdecimal() and int(one) == number]
    if len(same) != 1:
        raise ParameterError(
            f"partner: {number} is a number, which {', '.join(same) or 'no partner of the store'} "
            "can be; give the id as text, with papermill as -r partner ID."
        )
    return same[0]


def _known_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        raise ParameterError(f'options: {options!r} is not a dictionary such as {{"as_of": "…"}}.')
    for name in options:
        if name not in OPTIONS:
            raise ParameterError(f"options: {unknown(str(name), OPTIONS)}.")
    return options


def publish(name: str, table: pd.DataFrame, figure: go.Figure | None = None) -> None:
    """Show a table of one's own and its figure, and hand both on to the report's page.

    Args:
        name: The table's name; it becomes `data/<name>.csv`.
        table: Any columns; null where a number is not known.
        figure: The chart of the table, or None for a table alone.
    """
    if figure is not None:
        if world := world_output(figure):
            _display(world, "world")
        # What a run makes of its notebooks is the page.
        drawn = {FIGURE: as_json(figure)} if in_run() else figure_output(figure)
        _display({"text/plain": f"Chart of {name}", **drawn}, name)
    payload = as_published(table)
    text = f"Table {name}, {len(table)} rows"
    shown = table.astype(object).where(table.notna(), "–")
    style: dict[str, Any] = {"index": False, "float_format": "{:.2f}".format}
    if not in_run():
        lines = shown.to_string(**style, max_rows=ROWS_SHOWN, max_cols=COLUMNS_PRINTED)
        text = f"{text}\n{lines}"
    rows = shown.to_html(**style, border=0, max_rows=ROWS_SHOWN)
    _display({TABLE: payload, "text/html": rows, "text/plain": text}, name)


def as_published(table: pd.DataFrame) -> dict[str, Any]:
    """A table as the page takes it: `columns`, and `rows` as lists of plain values."""
    return {"columns": list(map(str, table.columns)), "rows": to_rows(table)}


def _opening_html(lines: list[str]) -> dict[str, str]:
    """The lines as HTML, with what draws the charts of a saved notebook.

    A run has no use for it: what it makes of the notebooks is the page.
    """
    if in_run() or not InteractiveShell.initialized():
        return {}
    return {"text/html": f"<p>{'<br>'.join(map(html.escape, lines))}</p>\n{due_drawing()}"}


def _display(bundle: dict[str, Any], name: str) -> None:
    if not InteractiveShell.initialized():  # a script, where IPython would print the dictionary
        if not bundle.keys() & {FIGURE, SCRIPT}:
            display(bundle["text/plain"])  # type: ignore[no-untyped-call]
        return
    metadata = {"insights": {"name": name, "seconds": seconds_by_stage()}}
    display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]


def facts_of(data: Slice, language: Language) -> dict[str, Any]:
    """What a report says of itself, and of the data that it was made from."""
    return {
        "partner": data.spec.partner,
        "partner_name": data.partner_name,
        "first": f"{data.date_range.first:%Y-%m}",
        "last": f"{data.date_range.last:%Y-%m}",
        "as_of": data.spec.as_of.isoformat(),
        "locale": data.spec.locale,
        "role": data.spec.role,
        "filters": data.spec.filters.chosen(),
        "active_states": list(data.spec.active_states),
        "warnings": list(_warnings(data, language)),
        "unmatched_filters": list(data.unmatched_filters),
        "absent_dimensions": list(data.absent_dimensions),
        "inputs": inputs_of(data),
    }


def inputs_of(data: Slice) -> list[dict[str, Any]]:
    """What a slice was read from: dataset, months, rows and hash of each dataset."""
    return [
        _input(dataset, list(parts))
        for dataset, parts in groupby(data.inputs, key=lambda part: part.dataset)
    ]


def _input(dataset: str, parts: list[Part]) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "months": sorted({f"{part.month:%Y-%m}" for part in parts}),
        "rows": sum(part.rows for part in parts),
        "hash": digest(*(f"{part.month} {part.rows} {part.hash}" for part in parts)),
    }


def _warnings(data: Slice, language: Language) -> Iterator[str]:
    """What a reader should know, in the report's language."""
    for sentence, items in (
        ("No data on subscriptions for {items}.", data.months_without_subscriptions),
        ("No usage data for {items}.", data.months_without_usage),
    ):
        if items:
            months = ", ".join(language.month(month) for month in items)
            yield language(sentence).format(items=months)
    if data.absent_dimensions:
        names = ", ".join(language.name(name) for name in data.absent_dimensions)
        yield language("No export of these months has a column for: {items}.").format(items=names)
    for text in data.unmatched_filters:
        yield language("No subscription matches the filter {text}.").format(text=text)
