"""The Python side of the live report; the front end is played by the test."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from insights_lib.analysis.explorer import Explorer, explore
from insights_lib.analysis.partner import open_partner
from insights_lib.errors import ParameterError, StoreError
from insights_lib.page.declared import declared_report
from insights_lib.presentation.language import Language
from tests.support.rows import fill_store, seats_row, usage_row

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
HOSTILE = "</script><b>Zoë & \"Söhne\"</b>; 'x'"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Partner 1, whose customer c is lost in April and d is hostile; and a small partner 2."""
    seats = [
        seats_row(month, customer, Product=product)
        for month in MONTHS
        for customer, product in (("a", "Azure"), ("b", "Office 365"), ("c", "Azure"))
        if customer != "c" or month < "2025-04"
    ]
    seats += [seats_row(month, HOSTILE, CustomerMarket=HOSTILE) for month in MONTHS]
    seats += [seats_row(month, "z", PGAMpnId="2", PartnerLocation="Oslo") for month in MONTHS]
    usage = [usage_row(month, "a") for month in MONTHS]
    folder = tmp_path_factory.mktemp("explorer")
    return fill_store(folder, {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage})


@pytest.fixture
def x(store: Path) -> Explorer:
    return explore("1", months="last_6_months", as_of="2025-08-01", store=store)


@pytest.fixture
def answers(x: Explorer, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Python sends to the page."""
    sent: list[Any] = []
    monkeypatch.setattr(x, "send", sent.append)
    return sent


def content_of(x: Explorer) -> Any:
    return json.loads(gzip.decompress(x._content))


def say(x: Explorer, **message: Any) -> None:
    """The page says something."""
    x._handle_custom_msg(message, [])


def keys_of(*customers: str) -> list[str]:
    """Their keys, as the exports of the tests have them."""
    return [f"tpid:{customer}" for customer in customers]


def pick(x: Explorer, *customers: str, **beside: list[str]) -> None:
    said = {"what": "somebody", "mark": {"what": "current"}, "customers": keys_of(*customers)}
    say(x, picked={**said, "beside": beside})


def test_an_open_partner_is_explored_as_it_is(store: Path) -> None:
    partner = open_partner("1", "2025-02_2025-03", product="Azure", store=store)
    x = explore(partner)
    assert x.partner is partner
    assert repr(x) == "<Explorer of partner 1, 2025-02_2025-03>"
    assert content_of(x)["filters"] == {"product": ["Azure"]}


def test_the_page_gets_every_section_of_the_notebooks_but_no_executed_one(x: Explorer) -> None:
    content = content_of(x)
    names = [section["name"] for section in content["sections"]]
    assert names[0] == "01_summary"
    assert "08_customers" in names
    cards = [card for section in content["sections"] for card in section["cards"]]
    assert [card["name"] for card in cards if "figure" in card or "table" in card] == []
    assert cards[0]["title"] == "Key figures"
    assert "<strong>current</strong>" in cards[0]["note"]


def test_for_counts_only_the_report_brings_what_the_page_cannot_count(store: Path) -> None:
    x = explore("1", as_of="2025-08-01", store=store, role="report_viewer")
    cards = [card for section in content_of(x)["sections"] for card in section["cards"]]
    brought = {card["name"] for card in cards if "table" in card}
    assert brought == {"signals", "renewals", "seats"}
    assert "customers" not in {card["name"] for card in cards}
    assert "people" not in content_of(x)["rows"]


def test_sections_are_in_the_readers_language(x: Explorer) -> None:
    report = declared_report({"role": "report_viewer"}, Language("sv"), lambda card: card)
    assert report.sections[0].title == "Sammanfattning"


def test_what_is_selected_is_a_partner(x: Explorer) -> None:
    whole = x.partner
    assert set(whole.query("SELECT DISTINCT product FROM subscriptions")["product"]) == {
        "Azure",
        "Office 365",
    }
    x.selection = {"product": "azure", "from": "2025-04"}
    assert x.selection == {"product": ["Azure"], "from": "2025-04", "to": "2025-06"}
    selected = x.partner
    assert selected is x.partner
    assert str(selected.data.date_range) == "2025-04_2025-06"
    customers = selected.query(
        "SELECT DISTINCT customer FROM subscriptions WHERE month >= '2025-04-01'"
    )
    assert len(customers) == 1
    x.selection = {}
    assert x.partner is whole


def test_a_wrong_selection_changes_nothing(x: Explorer) -> None:
    x.selection = {"product": "Azure"}
    with pytest.raises(ParameterError, match="did you mean 'Office 365'"):
        x.selection = {"product": "Offce 365"}
    assert x.selection == {"product": ["Azure"]}


def test_selection_and_picked_are_observed(x: Explorer) -> None:
    seen: list[Any] = []
    x.observe(lambda change: seen.append(change.new), ["selection", "picked"])
    x.set_state({"selection": {"product": ["Azure"]}})
    pick(x, "a")
    assert seen[0] == {"product": ["Azure"]}
    assert list(seen[1]["customer"]) == keys_of("a")


def test_picked_are_the_rows_of_the_customers_in_the_order_of_the_page(x: Explorer) -> None:
    assert x.picked is None
    pick(x, HOSTILE, "c", "a")
    assert list(x.picked["customer"]) == keys_of(HOSTILE, "c", "a")
    table = x.partner.table("customers").set_index("customer", drop=False)
    rows = table.loc[keys_of(HOSTILE, "c", "a")].reset_index(drop=True)
    pd.testing.assert_frame_equal(x.picked, rows)
    assert x.picked.attrs == {"what": "somebody", "mark": {"what": "current"}}


def test_picked_flows_have_their_months(x: Explorer) -> None:
    pick(x, "a", "a", "b", month=["2025-02", "2025-03", "2025-03"])
    assert list(x.picked["month"]) == ["2025-02", "2025-03", "2025-03"]
    assert list(x.picked["customer"]) == keys_of("a", "a", "b")


def test_picked_values_of_several_together_stand_beside_their_customers(x: Explorer) -> None:
    pick(x, "b", "b", "a", value=["E3", "E5", "E3"])
    assert list(x.picked["value"]) == ["E3", "E5", "E3"]
    assert list(x.picked["customer"]) == keys_of("b", "b", "a")


def test_subscriptions_are_picked_as_their_customers_each_once(x: Explorer) -> None:
    pick(x, "a; tpid:b", "b", HOSTILE)
    assert list(x.picked["customer"]) == keys_of("a", "b", HOSTILE)


def test_a_click_on_a_page_that_is_gone_picks_nobody(x: Explorer) -> None:
    pick(x, "a", "somebody else")
    assert x.picked is None


def test_another_partner_is_opened_in_the_same_widget(x: Explorer, answers: list[Any]) -> None:
    x.selection = {"product": "Azure"}
    pick(x, "a")
    library = x._library
    say(x, open={"partner": "2", "date_range": "last_3_months"})
    assert answers == [{"answer": ""}]
    assert content_of(x)["partner"] == "2"
    assert x._asked["partner"] == "2"
    assert x._asked["shown"] == ["2025-04", "2025-06"]
    assert x.selection == {}
    assert x.picked is None
    assert x.partner.data.spec.partner == "2"
    assert x._library is library


@pytest.mark.parametrize(
    ("partner", "date_range", "sentence"),
    [("3", "last_3_months", "holds nothing of it"), ("1", "2025-06_2025-01", "swap the months")],
)
def test_what_cannot_be_opened_is_said_in_the_bar(
    x: Explorer, answers: list[Any], partner: str, date_range: str, sentence: str
) -> None:
    before = x._content
    say(x, open={"partner": partner, "date_range": date_range})
    assert sentence in answers[0]["answer"]
    assert x._content == before
    assert x._asked["partner"] == "1"


def test_a_partner_that_there_is_not_is_refused(store: Path) -> None:
    with pytest.raises(StoreError, match="It holds: 1, 2"):
        explore("3", store=store)


def test_what_the_notebook_keeps_names_no_customer_and_asks_for_nothing(x: Explorer) -> None:
    page = x._saved()
    assert "<th>Current customers</th>" in page
    assert "<td>3</td>" in page
    assert "https://" not in page.split("<script")[0]
    assert "Zoë" not in page.split("<script")[0]
    assert page.count("</script>") == 4


def test_the_widget_comes_before_what_is_kept(x: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(
        "insights_lib.analysis.explorer.display", lambda data, **_: shown.append(data)
    )
    x._ipython_display_()
    live, kept = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert "insights-saved" in kept.data
