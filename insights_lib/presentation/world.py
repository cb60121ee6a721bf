"""Where countries are: their shapes, and the places of those that are too small for one."""

import json
from functools import cache
from pathlib import Path

_FILES = Path(__file__).parents[1] / "page/files"


@cache
def world_shapes() -> str:
    """The shapes of countries, as the JSON text that plotly reads, with `places` beside them."""
    shapes = json.loads((_FILES / "world_110m.json").read_text("utf-8"))
    return json.dumps({**shapes, "places": places()}, separators=(",", ":"))


@cache
def places() -> dict[str, tuple[float, float]]:
    """Longitude and latitude of the countries that are too small for a shape, by their code."""
    return dict(json.loads((_FILES / "places.json").read_text("utf-8")))
