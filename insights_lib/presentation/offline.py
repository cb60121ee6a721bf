"""Charts as HTML that draws itself with the network off.

It is for programs that show HTML but no plotly figures, such as `jupyter nbconvert --to html`. A
notebook has plotly.js once, packed, in what `drawing` returns, and each figure in an output below.
"""

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import plotly.graph_objects as go

from insights_lib.presentation.world import world_shapes
from insights_lib.tables import FIGURE
from insights_lib.timing import timed

# The kinds of traces in page/files/plotly/plotly.min.js; see the entry.js beside it.
BUNDLED_TRACES = frozenset({"bar", "choropleth", "heatmap", "pie", "scatter", "scattergeo"})
SCRIPT = "application/javascript"
# Where plotly looks for the shapes of the countries before it would ask the network for them.
_WORLD = "window.PlotlyGeoAssets = {{topojson: {{world_110m: {}}}}};"
_FILES = Path(__file__).parent / "files"
_SMALL = Path(__file__).parents[1] / "page/files/plotly/plotly.min.js"


def plotly_source(kinds: frozenset[str]) -> str:
    """A plotly.js that can draw these kinds of traces: the small one wherever it can.

    Returns:
        A script that leaves plotly in the `module.exports` around it.
    """
    if kinds <= BUNDLED_TRACES:
        return f"{_SMALL.read_text('utf-8')}\nmodule.exports = Plotly;"
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - seconds, for few pages

    return str(get_plotlyjs())


@cache
def drawing(kinds: frozenset[str] = BUNDLED_TRACES) -> str:
    """HTML with plotly.js, which shows nothing, and does nothing until a chart asks for it."""
    source = gzip.compress(plotly_source(kinds).encode(), mtime=0)
    script = (_FILES / "charts.js").read_text("utf-8")
    packed = f'<script type="application/gzip">{base64.b64encode(source).decode()}</script>'
    return f"{packed}\n<script>\n{script}</script>\n"


@timed("figures")
def as_json(figure: go.Figure) -> dict[str, Any]:
    """A figure as JSON can hold it."""
    content: dict[str, Any] = json.loads(figure.to_json())
    return content


def world_output(figure: go.Figure) -> dict[str, Any] | None:
    """What an output has, by media types, that goes before a map; None where there is none."""
    has_map = any(trace.type == "choropleth" for trace in figure.data)
    return {SCRIPT: _WORLD.format(world_shapes())} if has_map else None


def figure_output(figure: go.Figure) -> dict[str, Any]:
    """A figure by its media types: for plotly, and as HTML that draws it below `drawing`.

    With a kind of trace that is not bundled, the HTML brings the whole of plotly.js along.
    """
    content, kinds = as_json(figure), frozenset(trace.type for trace in figure.data)
    # No text of the data ends the element that it is in.
    safe = json.dumps(content).replace("<", r"\u003c")
    chart = Template((_FILES / "chart.html").read_text("utf-8")).substitute(figure=safe)
    return {
        FIGURE: content,
        "text/html": chart if kinds <= BUNDLED_TRACES else drawing(kinds) + chart,
    }
