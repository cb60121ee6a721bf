"""The map of the world: where every country is that a customer market can be."""

import json

import pandas as pd

from insights_lib import charts
from insights_lib.exports.countries import _codes
from insights_lib.presentation.language import Language
from insights_lib.presentation.world import places, world_shapes
from insights_lib.tables import TABLES


def shapes() -> set[str]:
    world = json.loads(world_shapes())
    return {one["id"] for one in world["objects"]["countries"]["geometries"] if "id" in one}


def test_every_country_has_a_shape_or_a_place() -> None:
    assert shapes() & set(places()) == set()
    # Nobody lives there, and it would take a quarter of the map.
    assert set(_codes().values()) - shapes() - set(places()) == {"ATA"}


def test_a_place_is_on_earth_and_where_it_is_known_to_be() -> None:
    assert all(-180 <= x <= 180 and -60 < y < 85 for x, y in places().values())
    known = {
        "SGP": (103.8, 1.35),
        "MLT": (14.4, 35.9),
        "BMU": (-64.8, 32.3),
        "TON": (-175.2, -21.2),
    }
    for code, (x, y) in known.items():
        longitude, latitude = places()[code]
        assert abs(longitude - x) < 0.3, code
        assert abs(latitude - y) < 0.3, code


def test_a_notebook_draws_them_too_a_tab_for_each_kind_of_customers() -> None:
    columns = list(TABLES["geographical_spread"].columns)
    rows = [
        ("Sweden", "SWE", 100, 90.9, 5, 100.0, 0, 0.0),
        ("Singapore", "SGP", 10, 9.1, None, None, 3, 100.0),
    ]
    figure = charts.world_map(pd.DataFrame(rows, columns=columns), Language("en"))
    assert [trace.type for trace in figure.data] == [
        *("choropleth", "scattergeo"),  # current
        "choropleth",  # active: none in Singapore
        *("choropleth", "scattergeo"),  # new
    ]
    assert figure.data[1].hovertext[0].startswith("<b>Singapore</b><br>Current customers: 10")
    assert (figure.data[1].marker.color, figure.data[1].marker.cmax) == ((1.0,), 2.0)
    tabs = [button.args[0]["visible"] for button in figure.layout.updatemenus[0].buttons]
    assert tabs == [
        [True, True, False, False, False],
        [False, False, True, False, False],
        [False, False, False, True, True],
    ]
    assert figure.data[0].colorbar.ticktext == ("1", "10", "100")
