"""The parts of a map: the shapes of countries, and where those are that are too small for one."""

from collections.abc import Mapping
from math import log10
from typing import Any

from insights_lib.presentation import theme
from insights_lib.presentation.figures import HOVER, Trace
from insights_lib.presentation.language import Language
from insights_lib.presentation.world import places

_APART = 0.3  # of a power of ten: nearer labels of the colour bar would run into each other


def countries_on_map(
    counts: Mapping[str, int], hovers: Mapping[str, str], language: Language
) -> list[Trace]:
    """Counts by country code, on a scale of logarithms: as shapes, and as dots where there is none.

    Args:
        counts: What the colours show.
        hovers: The hover text of each country.
        language: The language of the colour bar.
    """
    most = max(counts.values(), default=1)
    shapes, dots = (
        {code: count for code, count in counts.items() if (code in places()) is is_dot}
        for is_dot in (False, True)
    )
    drawn = [_shapes(shapes, most, language) | _hovers(shapes, hovers)]
    return [*drawn, _dots(dots, most) | _hovers(dots, hovers)] if dots else drawn


def _hovers(counts: Mapping[str, int], hovers: Mapping[str, str]) -> Trace:
    return {"hovertext": [hovers[code] for code in counts], "hovertemplate": HOVER}


def _shapes(counts: Mapping[str, int], most: int, language: Language) -> Trace:
    return {
        "type": "choropleth",
        "locations": list(counts),
        "z": [log10(count) for count in counts.values()],
        "zmin": 0,
        "zmax": log10(most) or 1,
        "colorscale": theme.MAP_SCALE,
        "colorbar": _powers_of_ten(most, language),
        "marker": {"line": {"color": "white", "width": 0.5}},
    }


def _dots(counts: Mapping[str, int], most: int) -> Trace:
    marker = {
        "size": 9,
        "color": [log10(count) for count in counts.values()],
        "cmin": 0,
        "cmax": log10(most) or 1,
        "colorscale": theme.MAP_SCALE,
        "line": {"color": "white", "width": 1},
    }
    return {
        "type": "scattergeo",
        "lon": [places()[code][0] for code in counts],
        "lat": [places()[code][1] for code in counts],
        "mode": "markers",
        "marker": marker,
        "showlegend": False,
    }


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
