"""Tables as an analyst wants them: numbers that can be added, months that can be plotted."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import pandas as pd

from insights_lib.errors import ParameterError
from insights_lib.parameters.validation import unknown
from insights_lib.tables import Kind

Months = Literal["text", "period", "date"]


def typed(table: pd.DataFrame, kinds: Mapping[str, Kind], months: Months) -> pd.DataFrame:
    """The same table with a type of pandas for each kind of column.

    Raises:
        ParameterError: The form of months is not known.
    """
    if months not in get_args(Months):
        raise ParameterError(f"months {unknown(months, get_args(Months))}.")
    for column, kind in kinds.items():
        if kind in {"number", "money"}:
            table[column] = table[column].astype("Float64")
        elif kind in {"month", "date"} and months != "text":
            table[column] = _dated(table[column], months, kind)
    return table


def _dated(column: "pd.Series[Any]", months: Months, kind: Kind) -> "pd.Series[Any]":
    """Months or days as pandas has them; unchanged if there are names among the months."""
    if kind == "date":
        return pd.to_datetime(column)
    if not column.dropna().str.fullmatch(r"\d{4}-\d\d").all():
        return column
    periods = pd.PeriodIndex(column, freq="M")
    return pd.Series(periods if months == "period" else periods.to_timestamp(), column.index)
