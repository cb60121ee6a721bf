"""Charts as HTML that draws itself with the network off.

It is for programs that show HTML but no plotly figures, such as `jupyter nbconvert --to html`. A
notebook has plotly.js once, packed, in what `drawing` returns, and each figure in its `chart_html`.
"""

import base64
import gzip
from functools import cache
from pathlib import Path
from string import Template

# The kinds of traces in page/files/plotly/plotly.min.js; see the entry.js beside it.
BUNDLED_TRACES = frozenset({"bar", "choropleth", "heatmap", "pie", "scatter", "scattergeo"})
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


def chart_html(figure: str, kinds: frozenset[str]) -> str:
    """A figure as HTML that draws it where the notebook has `drawing`.

    Args:
        figure: The figure as JSON.
        kinds: The kinds of its traces. With one that is not bundled, the whole of plotly.js comes
            along.
    """
    # No text of the data ends the element that it is in.
    figure = figure.replace("<", r"\u003c")
    chart = Template((_FILES / "chart.html").read_text("utf-8")).substitute(figure=figure)
    return chart if kinds <= BUNDLED_TRACES else drawing(kinds) + chart
