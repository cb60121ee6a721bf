"""What a notebook calls beside metrics and charts: open the report, show a table and its chart.

Each output carries its data under a media type of this project, so that an executed notebook
holds all that the report's page and CSV files are made of.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from IPython.display import display

from insights_lib.parameters.spec import report_spec
from insights_lib.presentation.figures import plain, world_shapes
from insights_lib.presentation.language import Words
from insights_lib.store.catalog import Part
from insights_lib.store.saved_slice import saved_slice
from insights_lib.store.slice import Slice, open_slice
from insights_lib.timing import measured, taken

FACTS = "application/vnd.insights.facts+json"
TABLE = "application/vnd.insights.table+json"
FIGURE = "application/vnd.plotly.v1+json"
ROWS_SHOWN = 20

# Where plotly looks for the shapes of the countries before it would ask the network for them.
_WORLD = "window.PlotlyGeoAssets = {{topojson: {{world_110m: {}}}}};"


def open_report(**parameters: Any) -> tuple[Slice, Words]:
    """Open the slice that a notebook's parameters ask for, and show what it holds.

    Args:
        **parameters: As of `parameters.report_spec`.

    Returns:
        The slice, and the words of its language.

    Raises:
        ParameterError: A parameter is wrong.
        StoreError: The store holds nothing for them.
    """
    spec = report_spec(**parameters)
    data = saved_slice(spec) or open_slice(spec)
    words = Words(data.spec.locale)
    facts = facts_of(data, words)
    months = f"{words.month(facts['first'])} – {words.month(facts['last'])}"
    lines = [f"{data.partner_name} ({data.spec.partner}), {months}"]
    lines += [*data.spec.filters.texts(), *facts["warnings"]]
    _display({FACTS: facts, "text/plain": "\n".join(lines)}, "facts")
    return data, words


def publish(name: str, table: pd.DataFrame, figure: go.Figure | None = None) -> None:
    """Show a figure and its table, and hand both on to the report.

    Args:
        name: The table's name; it becomes `data/<name>.csv`.
        table: Any columns; null where a number is not known.
        figure: The chart of the table, or None for a table alone.
    """
    if figure is not None:
        if any(trace.type == "choropleth" for trace in figure.data):
            _display({"application/javascript": _WORLD.format(world_shapes())}, "world")
        _display({FIGURE: _chart(figure), "text/plain": f"Chart of {name}"}, name)
    columns = [str(column) for column in table.columns]
    values = [plain(table[column]) for column in columns]
    payload = {"columns": columns, "rows": [list(row) for row in zip(*values, strict=True)]}
    shown = table.astype(object).where(table.notna(), "–")
    html = shown.to_html(index=False, border=0, max_rows=ROWS_SHOWN, float_format="{:.2f}".format)
    text = f"Table {name}, {len(table)} rows"
    _display({TABLE: payload, "text/html": html, "text/plain": text}, name)


@measured("figures")
def _chart(figure: go.Figure) -> dict[str, Any]:
    """A figure as JSON can hold it."""
    chart: dict[str, Any] = json.loads(figure.to_json())
    return chart


def _display(bundle: dict[str, Any], name: str) -> None:
    metadata = {"insights": {"name": name, "seconds": taken()}}
    display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]


def facts_of(data: Slice, words: Words) -> dict[str, Any]:
    """What a report says of itself, and of the data that it was made from."""
    return {
        "partner": data.spec.partner,
        "partner_name": data.partner_name,
        "first": f"{data.date_range.first:%Y-%m}",
        "last": f"{data.date_range.last:%Y-%m}",
        "as_of": data.spec.as_of.isoformat(),
        "locale": data.spec.locale,
        "filters": data.spec.filters.chosen(),
        "active_states": list(data.spec.active_states),
        "warnings": list(_warnings(data, words)),
        "unmatched_filters": list(data.unmatched_filters),
        "inputs": inputs_of(data),
    }


def inputs_of(data: Slice) -> list[dict[str, Any]]:
    """What a slice was read from: dataset, months, rows and hash of each dataset."""
    return [
        _input(dataset, list(parts))
        for dataset, parts in groupby(data.inputs, key=lambda part: part.dataset)
    ]


def _warnings(data: Slice, words: Words) -> Iterator[str]:
    """What a reader should know, in the report's language."""
    for sentence, items in (
        ("No data on subscriptions for {items}.", data.months_without_subscriptions),
        ("No usage data for {items}.", data.months_without_usage),
    ):
        if items:
            yield words(sentence).format(items=", ".join(words.month(month) for month in items))
    for text in data.unmatched_filters:
        yield words("No subscription matches the filter {text}.").format(text=text)


def _input(dataset: str, parts: list[Part]) -> dict[str, Any]:
    hashes = " ".join(f"{part.month} {part.rows} {part.hash}" for part in parts)
    return {
        "dataset": dataset,
        "months": sorted({f"{part.month:%Y-%m}" for part in parts}),
        "rows": sum(part.rows for part in parts),
        "hash": hashlib.sha256(hashes.encode()).hexdigest(),
    }
