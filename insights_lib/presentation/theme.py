"""The look of charts: the plotly template made of colours and type."""

from functools import cache

import plotly.graph_objects as go

from insights_lib.presentation import colors

LIGHT, DARK, FONT = colors.LIGHT, colors.DARK, colors.FONT

# The colours of the figures in notebooks, which are light.
BLUE, PALE_BLUE, INK = LIGHT["accent"], LIGHT["pale"], LIGHT["ink"]
QUIET, HAIRLINE, LAND = LIGHT["quiet"], LIGHT["hairline"], LIGHT["land"]
FLOWS = {name: LIGHT[name] for name in ("existing", "added", "churned")}
CATEGORIES = tuple(LIGHT[f"category-{i}"] for i in range(1, 11))
OTHERS = LIGHT["others"]
MAP_SCALE = [[i / 2, LIGHT[f"map-{i + 1}"]] for i in range(3)]


@cache
def template(separators: str) -> go.layout.Template:
    """The plotly template of the report's figures, with a language's separators in numbers."""
    return _template(LIGHT, separators=separators)


@cache
def own_templates() -> dict[str, go.layout.Template]:
    """The same look for charts of one's own, on light ground and on dark ground, by name."""
    palettes = {"insights": LIGHT, "insights_dark": DARK}
    return {name: _template(palette) for name, palette in palettes.items()}


def _template(palette: dict[str, str], **layout: str) -> go.layout.Template:
    axis = {
        "gridcolor": palette["hairline"],
        "linecolor": palette["hairline"],
        "zerolinecolor": palette["hairline"],
        "automargin": True,
        "fixedrange": True,
        "title": {"standoff": 8},
    }
    categories = [palette[f"category-{i}"] for i in range(1, 11)]
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": palette["ink"]},
            # Whatever JupyterLab's theme is.
            "paper_bgcolor": palette["card"],
            "plot_bgcolor": palette["card"],
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "colorway": categories,
            "hoverlabel": {
                "bgcolor": palette["card"],
                "font": {"family": FONT, "color": palette["ink"]},
            },
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
            "xaxis": axis,
            "yaxis": axis,
            **layout,
        }
    )
