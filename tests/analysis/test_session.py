"""What a session gets: names that are imported late, Tab, and the look of the house."""

import sys
from collections.abc import Callable
from pathlib import Path

import plotly.io as pio
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import insights_lib
from insights_lib import compare, open_partner
from insights_lib.analysis.completion import completions
from insights_lib.presentation import theme
from tests.support.processes import completed
from tests.support.rows import fill_store, seats_row

Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    rows = [
        seats_row("2025-01", name, Product=product, CustomerMarket=market)
        for name, product, market in (
            ("a", "Office 365", "Sweden"),
            ("b", "Azure", 'say "hi"'),
            ("c", "Copilot", "Norway"),
        )
    ]
    (tmp_path / "data").mkdir()
    fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    (tmp_path / "store").rename(tmp_path / "data" / "store")
    monkeypatch.chdir(tmp_path)
    p = open_partner("1", "2025-01_2025-01")
    shell = InteractiveShell()
    shell.user_ns.update(p=p, c=compare(p, p), other="text")
    shell.Completer.custom_matchers.append(completions(shell.user_ns))

    def complete(text: str) -> list[str]:
        with provisionalcompleter():
            found = [*shell.Completer.completions(text, len(text))]
        return [one.text for one in found if one.type == "value"]

    return complete


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ('p.table("summary_', ["summary_products", "summary_trend"]),
        ("p.signal('us", ["usage_falling", "usage_stopped"]),
        ('p.chart("summary', ["summary", "summary_products"]),
        ('p.customers(status="', ["churned", "existing", "new", "returned"]),
        ('c.table("bri', ["bridge"]),
        ('open_partner("', ["1"]),
        ('open_partner("1", product="o', ["Office 365"]),
        (
            'open_partner("1", "last_3_months", product=["Azure", "',
            ["Azure", "Copilot", "Office 365"],
        ),
        ('open_partner("1", customer_market="', ["Norway", "Sweden"]),
        ('open_partner("1", months="last_6', ["last_6_months"]),
        ('open_partner("1", role="r', ["report_viewer"]),
        ('open_partner("2", product="', []),
        ('other.table("', []),
        ('unknown.signal("', []),
        ('p.query("', []),
    ],
)
def test_tab_offers_what_can_stand_there(
    complete: Complete, typed: str, offered: list[str]
) -> None:
    assert sorted(complete(typed)) == offered


def test_the_look_of_the_house_is_two_templates_of_plotly() -> None:
    assert insights_lib.compare
    light, dark = pio.templates["insights"], pio.templates["insights_dark"]
    assert (light.layout.font.color, dark.layout.font.color) == (theme.INK, theme.DARK["ink"])
    assert light.layout.colorway == theme.CATEGORIES
    assert dark.layout.paper_bgcolor == theme.DARK["card"]


def test_nothing_is_imported_before_it_is_used() -> None:
    asked = (
        "import sys, insights_lib; assert not {'pandas', 'plotly', 'anywidget'} & {*sys.modules}\n"
        "print(sorted({'compare', 'open_partner', 'partners'} - {*dir(insights_lib)}))\n"
        "from insights_lib import open_partner; assert 'pandas' in sys.modules\n"
        "try: insights_lib.opn\nexcept AttributeError as error: print(error)"
    )
    said = completed([sys.executable, "-c", asked]).stdout
    assert said == "[]\nmodule 'insights_lib' has no attribute 'opn'\n"
