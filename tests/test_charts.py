"""The charts of notebooks: what their colours mean."""

import pandas as pd
import pytest

from insights_lib.charts import distribution, distribution_trend
from insights_lib.customer_charts import cohorts, renewals, seats
from insights_lib.presentation import theme
from insights_lib.presentation.language import Language
from insights_lib.tables import NOT_TOLD

ENGLISH = Language("en")
# The larger ones first; the largest is the one that nobody knows.
SIZES = {NOT_TOLD: 100, **{f"market {n}": 50 - n for n in range(9)}}


def test_a_trend_has_seven_colours_and_greys_for_what_is_not_told() -> None:
    rows = [("customer_market", value, "2025-01", size) for value, size in SIZES.items()]
    table = pd.DataFrame(rows, columns=["dimension", "value", "month", "customers"])
    figure = distribution_trend(table, ENGLISH)
    colors = {trace.name: trace.marker.color for trace in figure.data}
    told = {f"market {n}": theme.CATEGORIES[n] for n in range(7)}
    assert colors == {**told, NOT_TOLD: theme.QUIET, "2 others": theme.OTHERS}
    assert not {theme.QUIET, theme.OTHERS} & {*theme.CATEGORIES}
    assert sum(count for trace in figure.data for count in trace.y) == sum(SIZES.values())


def test_bars_with_names_beside_them_have_one_colour() -> None:
    rows = [("sales_channel", value, size, 10.0) for value, size in SIZES.items()]
    table = pd.DataFrame(rows, columns=["dimension", "value", "customers", "share_pct"])
    (bars,) = distribution(table, ENGLISH).data
    assert [*bars.y] == [*SIZES]
    assert bars.marker.color == theme.BLUE


def test_cells_of_cohorts_tell_their_shares_with_one_decimal() -> None:
    rows = [("2025-01", 0, 8, 100.0), ("2025-01", 1, 7, 87.5), ("2025-02", 0, 3, 100.0)]
    columns = ["cohort", "months_since", "customers", "share_pct"]
    (cells,) = cohorts(pd.DataFrame(rows, columns=columns), ENGLISH).data
    assert [[text.replace("\xa0", " ") for text in line] for line in cells.text] == [
        ["100.0 %", "87.5 %"],
        ["100.0 %", ""],
    ]


def test_what_is_changed_in_a_chart_is_checked() -> None:
    figure = renewals(ends([3, 0]), ENGLISH)
    for part in (figure.layout, figure.layout.xaxis, figure.data[0], figure.data[0].marker):
        with pytest.raises(ValueError, match="nothing_of_plotly"):
            part.update(nothing_of_plotly=1)
    with pytest.raises(ValueError, match="opacity"):
        figure.update_traces(marker_opacity=7)


def ends(without: list[int]) -> pd.DataFrame:
    """Ten subscriptions in each of two months, so many of them with auto-renewal off."""
    months = ["2025-08", "2025-09"]
    return pd.DataFrame(
        {"product": "Azure", "month": months, "subscriptions": 10, "without_auto_renew": without}
    )


def test_unknown_auto_renewal_is_not_drawn_as_with_it() -> None:
    parts = [trace.name for trace in renewals(ends([3, 0]), ENGLISH).data[:2]]
    assert parts == ["Auto-renewal on or unknown", "Without auto-renewal"]
    whole = renewals(ends([0, 0]), ENGLISH).data
    assert {trace.name for trace in whole} == {"Subscriptions"}
    assert [*whole[0].y] == [10, 10]


def test_seats_whose_assignment_is_unknown_are_neither_assigned_nor_idle() -> None:
    columns = ["product", "seats", "assigned_seats", "idle_seats"]
    table = pd.DataFrame([("Azure", 100, 30, 10), ("Visio", 50, None, None)], columns=columns)
    drawn = {trace.name: [*trace.x] for trace in seats(table, ENGLISH).data}
    assert drawn["Assignment unknown"] == [60, 50]
    (untold,) = seats(table[1:], ENGLISH).data
    assert untold.name == "Assignment unknown"
