"""How everything looks: the colours, the type, and the plotly template made of them."""

import plotly.graph_objects as go

from insights_lib.words import Words

BLUE = "#0078d4"
PALE_BLUE = "#deecf9"
ORANGE = "#d9730d"
MAGENTA = "#b4009e"
INK = "#323130"
QUIET = "#605e5c"
HAIRLINE = "#edebe9"
LAND = "#f3f2f1"
FONT = "'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"

FLOWS = {"existing": "#69afe5", "added": ORANGE, "churned": MAGENTA}

# Told apart by lightness as well as by hue, in this order of importance; the last is for others.
CATEGORIES = (
    *("#0078d4", "#7c3aed", "#008272", "#d9730d", "#b4009e"),
    *("#5c8ab8", "#986f0b", "#4f6bed", "#00a3a3", "#a4262c"),
)
OTHERS = "#a19f9d"
MAP_SCALE = [[0.0, "#deecf9"], [0.5, "#4ca0e0"], [1.0, "#004578"]]


def template(words: Words) -> go.layout.Template:
    """The plotly template of every figure."""
    axis = {
        "gridcolor": HAIRLINE,
        "linecolor": HAIRLINE,
        "zerolinecolor": HAIRLINE,
        "automargin": True,
        "fixedrange": True,
        "title": {"standoff": 8},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "colorway": list(CATEGORIES),
            "separators": words.separators,
            "hoverlabel": {"bgcolor": "white", "font": {"family": FONT, "color": INK}},
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
            "xaxis": axis,
            "yaxis": axis,
        }
    )
