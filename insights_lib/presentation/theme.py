"""The look of everything: colours, type, and the plotly template made of them."""

from functools import cache

import plotly.graph_objects as go

from insights_lib.presentation.language import Language

# Each colour by its purpose, on light ground and on dark ground. Categories stand in the order of
# their importance, and differ in lightness as well as in hue. tests/page/test_theme.py holds texts
# to a contrast of 4.5 and everything drawn to 3, as WCAG 2.2 asks.
LIGHT = {
    "ground": "#f5f5f4",
    "card": "#ffffff",
    "ink": "#323130",
    "quiet": "#605e5c",
    "hairline": "#e1dfdd",
    "link": "#005a9e",
    "accent": "#0078d4",
    "pale": "#deecf9",
    "good": "#0b6a0b",
    "bad": "#a4262c",
    "existing": "#0078d4",
    "added": "#d9730d",
    "churned": "#b4009e",
    "land": "#edebe9",
    "map-1": "#5fa8e0",
    "map-2": "#0f6cbd",
    "map-3": "#003052",
    "category-1": "#0078d4",
    "category-2": "#d9730d",
    "category-3": "#5c2d91",
    "category-4": "#00857a",
    "category-5": "#c239b3",
    "category-6": "#003f74",
    "category-7": "#937000",
    "category-8": "#3b8f3b",
    "category-9": "#a4262c",
    "category-10": "#5a6b80",
    "others": "#949290",
}
DARK = {
    "ground": "#1b1a19",
    "card": "#252423",
    "ink": "#f3f2f1",
    "quiet": "#b8b5b2",
    "hairline": "#484644",
    "link": "#6cb8f6",
    "accent": "#3a96dd",
    "pale": "#123a5c",
    "good": "#6ccb5f",
    "bad": "#ff8d95",
    "existing": "#3a96dd",
    "added": "#f09a45",
    "churned": "#e57fd8",
    "land": "#3b3a39",
    "map-1": "#2b77b8",
    "map-2": "#6cb8f6",
    "map-3": "#e3f2fd",
    "category-1": "#3a96dd",
    "category-2": "#f09a45",
    "category-3": "#b68cf0",
    "category-4": "#3cc4b4",
    "category-5": "#e57fd8",
    "category-6": "#9cc8f0",
    "category-7": "#e8d44d",
    "category-8": "#6ccb5f",
    "category-9": "#f1707b",
    "category-10": "#a9b4c0",
    "others": "#979593",
}
FONT = "'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"

# The colours of the figures in notebooks, which are light.
BLUE, PALE_BLUE, INK = LIGHT["accent"], LIGHT["pale"], LIGHT["ink"]
QUIET, HAIRLINE, LAND = LIGHT["quiet"], LIGHT["hairline"], LIGHT["land"]
FLOWS = {name: LIGHT[name] for name in ("existing", "added", "churned")}
CATEGORIES = tuple(LIGHT[f"category-{i}"] for i in range(1, 11))
OTHERS = LIGHT["others"]
MAP_SCALE = [[i / 2, LIGHT[f"map-{i + 1}"]] for i in range(3)]


def template(language: Language) -> go.layout.Template:
    """The plotly template of every figure."""
    return _template(language.separators)


@cache
def _template(separators: str) -> go.layout.Template:
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
            "separators": separators,
            "hoverlabel": {"bgcolor": "white", "font": {"family": FONT, "color": INK}},
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
            "xaxis": axis,
            "yaxis": axis,
        }
    )
