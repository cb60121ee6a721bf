"""The parts of a map: the shapes of countries, and where those are that are too small for one."""

import json
from collections.abc import Mapping
from functools import cache
from math import log10
from pathlib import Path
from typing import Any

from insights_lib.presentation import theme
from insights_lib.presentation.figures import HOVER, Trace
from insights_lib.presentation.language import Language

_FILES = Path(__file__).parents[1] / "page/files"
_APART = 0.3  # of a power of ten: nearer labels of the colour bar would run into each other


@cache
def world_shapes() -> str:
    """The shapes of countries, as the JSON text that plotly reads, with `places` beside them."""
    shapes = json.loads((_FILES / "world_110m.json").read_text("utf-8"))
    return json.dumps({**shapes, "places": places()}, separators=(",", ":"))


@cache
def places() -> dict[str, tuple[float, float]]:
    """Longitude and latitude of the countries that are too small for a shape, by their code."""
    return dict(json.loads((_FILES / "places.json").read_text("utf-8")))


def countries_on_map(
    counts: Mapping[str, int], hovers: Mapping[str, str], language: Language
) -> list[Trace]:
    """Counts by country code, on a scale of logarithms: as shapes, and as dots where there is none.

    Args:
        counts: What the colours show.
        hovers: The hover text of each country.
        language: The language of the colour bar.
    """
    scale = {"cmin": 0, "cmax": log10(max(counts.values(), default=1)) or 1}
    shapes = [code for code in counts if code not in places()]
    dots = [code for code in counts if code in places()]
    traces: list[Trace] = [
        {
            "type": "choropleth",
            "locations": shapes,
            "z": [log10(counts[code]) for code in shapes],
            "zmin": scale["cmin"],
            "zmax": scale["cmax"],
            "colorscale": theme.MAP_SCALE,
            "colorbar": _powers_of_ten(max(counts.values(), default=1), language),
            "marker": {"line": {"color": "white", "width": 0.5}},
            "hovertext": [hovers[code] for code in shapes],
            "hovertemplate": HOVER,
        }
    ]
    if dots:
        color = [log10(counts[code]) for code in dots]
        line = {"color": "white", "width": 1}
        traces.append(
            {
                "type": "scattergeo",
                "lon": [places()[code][0] for code in dots],
                "lat": [places()[code][1] for code in dots],
                "mode": "markers",
                "marker": {
                    "size": 9,
                    "color": color,
                    "colorscale": theme.MAP_SCALE,
                    "line": line,
                    **scale,
                },
                "hovertext": [hovers[code] for code in dots],
                "hovertemplate": HOVER,
                "showlegend": False,
            }
        )
    return traces


def world_axes() -> dict[str, Any]:
    """The layout of a map of the world."""
    return {
        "projection": {"type": "natural earth"},
        "fitbounds": False,
        "lataxis": {"range": [-57, 84]},
        "showland": True,
        "landcolor": theme.LAND,
        "showcountries": True,
        "countrycolor": "white",
        **dict.fromkeys(("showcoastlines", "showlakes", "showframe", "showocean"), False),
        "bgcolor": "rgba(0,0,0,0)",
    }


def _powers_of_ten(most: int, language: Language) -> dict[str, Any]:
    """The colour bar, below the map, labelled with the counts themselves."""
    powers = [10**power for power in range(int(log10(most)) + 1)]
    counts = [*(power for power in powers if log10(most / power) > _APART), most]
    return {
        "orientation": "h",
        "tickvals": [log10(count) for count in counts],
        "ticktext": [language.short(count) for count in counts],
        "thickness": 8,
        "len": 0.4,
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "outlinewidth": 0,
    }
