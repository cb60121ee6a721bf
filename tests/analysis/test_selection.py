"""What can be chosen in a live report, and how a wrong choice is answered."""

from typing import Any

import pytest

from insights_lib.analysis.selection import Choices, spec_of
from insights_lib.errors import ParameterError
from insights_lib.parameters.spec import report_spec
from insights_lib.tables import FACETS

FIRST = "2025-01"  # of the report's own months
MONTHS = ("2024-11", "2024-12", "2025-01", "2025-02", "2025-03", "2025-04")
VALUES = {
    **dict.fromkeys(FACETS, ()),
    "product": ("Azure", "Office 365", "Power BI"),
    "customer_market": ("Åland", "Norway", "Sweden"),
    "sales_channel": tuple(f"Channel {n}" for n in range(9)),
}
CHOICES = Choices(VALUES, MONTHS, FIRST)


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ({}, {}),
        ({"product": "azure"}, {"product": ["Azure"]}),
        ({"product": []}, {}),
        ({"customer_market": ("ÅLAND", "Sweden")}, {"customer_market": ["Åland", "Sweden"]}),
        ({"product": ["Azure", "Azure"]}, {"product": ["Azure"]}),
        ({"from": "2025-02"}, {"from": "2025-02", "to": "2025-04"}),
        ({"to": "2025-01"}, {"from": "2025-01", "to": "2025-01"}),
        ({"from": "2025-01", "to": "2025-04"}, {}),
        ({"from": "2024-11"}, {"from": "2024-11", "to": "2025-04"}),
        ({"to": None, "product": "Power BI"}, {"product": ["Power BI"]}),
    ],
)
def test_a_selection_takes_its_full_form(given: Any, full: Any) -> None:
    assert CHOICES.checked(given) == full
    assert CHOICES.checked(full) == full


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"product": "Offce 365"}, "no product of the report is 'Offce 365'; did you mean 'Office"),
        (
            {"sales_channel": "?"},
            "there are 'Channel 0', 'Channel 1', ",
        ),
        ({"customer_segment": "SMB"}, "the exports of the report do not tell customer_segment."),
        ({"markets": "Norway"}, "none of: product, customer_market"),
        ({"prodct": "Azure"}, "did you mean 'product'?"),
        ({"product": 365}, "product takes a text or a list of texts."),
        ({"product": [365]}, "product takes a text or a list of texts."),
        (
            {"from": "2024-10"},
            "from '2024-10' is no month of the report, which has 2024-11 to 2025-04",
        ),
        ({"from": 202502}, "from 202502 is no month"),
        (
            {"from": "2025-03", "to": "2025-02"},
            "from 2025-03 is after to 2025-02; swap the months.",
        ),
        (["Azure"], 'is not a dictionary such as {"product": ["Azure"]'),
        ({"product": "x" * 10_000}, "no product of the report is"),
    ],
)
def test_a_wrong_selection_is_answered_in_a_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(ParameterError) as error:
        CHOICES.checked(given)
    assert sentence in str(error.value)
    assert len(str(error.value)) < 300


def test_more_months_than_a_report_can_have_are_refused() -> None:
    months = tuple(f"{year}-{m:02d}" for year in range(2018, 2025) for m in range(1, 13))
    choices = Choices(VALUES, months, "2024-01")
    assert choices.checked({"from": "2020-01"}) == {"from": "2020-01", "to": "2024-12"}
    with pytest.raises(ParameterError, match="holds more than 60 months"):
        choices.checked({"from": "2019-12"})


def test_what_is_selected_is_a_report_of_its_own() -> None:
    spec = report_spec(
        partner="1", filters=["product=Azure", "product=Power BI", "customer_market=Sweden"]
    )
    selection = {"product": ["Azure"], "from": "2025-02", "to": "2025-03"}
    own = spec_of(spec, "2025-01_2025-04", selection)
    assert own.filters.texts() == ["product=Azure", "customer_market=Sweden"]
    assert own.date_range == "2025-02_2025-03"
    assert spec_of(spec, "2025-01_2025-04", {}).date_range == "2025-01_2025-04"
    assert spec_of(spec, "2025-01_2025-04", {}).filters == spec.filters
