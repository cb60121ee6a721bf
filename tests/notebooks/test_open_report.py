"""Opening a report in a notebook: what papermill makes of its parameters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import ParameterError
from insights_lib.notebook import open_report
from tests.support.rows import seats_row


@pytest.fixture
def options(store_of: Callable[..., Path]) -> dict[str, Any]:
    """Those of a store with two partners whose ids are numbers, one with zeros before it."""
    partners = ("2345678", "0012", "12", "077", "X9")
    rows = [seats_row("2025-01", "a", PGAMpnId=partner) for partner in partners]
    return {"store": str(store_of({"seats": rows})), "as_of": "2025-06-01"}


def opened(partner: Any, options: dict[str, Any]) -> str:
    return open_report(partner, "last_3_months", options=options).data.spec.partner


def test_a_number_is_the_one_partner_that_it_can_mean(options: dict[str, Any]) -> None:
    """`papermill -p partner 2345678` makes a number of it; 077 becomes 77."""
    assert opened(2345678, options) == "2345678"
    assert opened(77, options) == "077"
    assert opened("12", options) == "12"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (12, "12 is a number, which 0012, 12 can be; give the id as text, with papermill as -r"),
        (9, "9 is a number, which no partner of the store can be; give the id as text"),
        (-77, "-77 is a number, which no partner of the store can be"),
    ],
)
def test_a_number_that_can_mean_none_or_several_is_refused(
    number: int, told: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError, match=told):
        opened(number, options)


@pytest.mark.parametrize("partner", [True, 77.0, None])
def test_what_is_neither_text_nor_a_whole_number_is_refused(
    partner: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError, match="partner: "):
        opened(partner, options)
