"""The code of docs/analysts.md does what the guide says."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from insights_lib import charts, metrics, notebook
from insights_lib.notebook import Report, open_report
from insights_lib.presentation.language import Language
from insights_lib.queries import query
from insights_lib.tables import FIGURE, TABLE, TABLES, Table
from tests.support.rows import fill_store, seats_row

GUIDE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text(encoding="utf-8")


def code_of(heading: str) -> list[str]:
    """The code blocks of a section of the guide: what is indented more than the prose around it."""
    section = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    prose = "   " if re.search(r"^1\. ", section, re.MULTILINE) else ""
    line = rf"{prose}    .*\n"
    blocks = re.findall(rf"(?:{line}(?:\n*(?={prose}    ))?)+", section)
    return [dedent(block) for block in blocks]


def run(code: str, names: dict[str, Any]) -> dict[str, Any]:
    exec(code, names)  # noqa: S102 - the guide is the project's own
    return names


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    """Two customers with one product, and one with three subscriptions of two products."""
    held = {"a": ["Azure"], "b": ["Power BI"], "c": ["Azure", "Office 365", "Office 365"]}
    rows = [
        seats_row(month, customer, Product=product, SubscriptionId=f"{customer}{number}")
        for month in ("2025-01", "2025-02")
        for customer, products in held.items()
        for number, product in enumerate(products)
    ]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    return {
        "partner": "1",
        "date_range": "2025-01_2025-02",
        "filters": [],
        "locale": "en",
        "role": "executive_report_viewer",
        "options": {"store": str(store)},
    }


@pytest.fixture
def report(parameters: dict[str, Any]) -> Report:
    return open_report(**parameters)


def test_the_example_is_declared_computed_and_drawn_as_the_guide_says(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared, asked, metric, chart = code_of("A table that every report shows")[:4]
    [table] = run(f"found = [{declared}]", {"Table": Table})["found"]
    (tmp_path / f"{table.name}.sql").write_text(asked, encoding="utf-8")
    monkeypatch.setattr(query, "QUERIES", tmp_path)
    computed = run(metric, dict(vars(metrics)))[table.name](report.data)
    assert list(computed.columns) == list(table.columns)
    assert computed.to_dict("list") == {
        "products": [1, 2],
        "customers": [2, 1],
        "share_pct": [100 * 2 / 3, 100 * 1 / 3],
    }
    figure = run(chart, dict(vars(charts)))[table.chart](computed, Language("en"))
    assert list(figure.data[0].x) == [2, 1]
    assert list(figure.data[0].y) == ["1", "2"]


def test_a_section_of_your_own_publishes_its_table_with_a_figure(
    parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[dict[str, Any], str]] = []
    monkeypatch.setattr(notebook, "_display", lambda *given: shown.append(given))
    opening, cell = code_of("A section of your own")
    run(opening + cell, parameters)
    (_, facts), (figure, drawn), (table, published) = shown
    assert (facts, drawn, published) == ("facts", "channels", "channels")
    assert figure[FIGURE]["data"]
    assert table[TABLE] == {
        "columns": ["customer_market", "sales_channel", "customers"],
        "rows": [["Sweden", "CSP", 3]],
    }


def test_the_calls_of_the_guide_in_python_return_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        seats_row(f"2025-{month:02d}", customer, Product=product, PGAMpnId=partner)
        for month in range(6, 13)
        for partner in ("1234567", "2345678")
        for customer, product in (("a", "Azure"), ("b", "Office 365"))
        if (month, customer) != (12, "b")
    ]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    fill_store(tmp_path / "data", {"SeatsSubscriptionsAndRevenue": rows})
    names: dict[str, Any] = {}
    for code in code_of("In Python"):
        run(code, names)
    told = re.findall(r"^\| .+ \| `(p\..+)` \|$", GUIDE, re.MULTILINE)
    found = {ask: eval(ask, names) for ask in told}  # noqa: S307 - as above
    assert len(found) == 8
    assert isinstance(found.pop('p.chart("adds_and_churns")'), go.Figure)
    assert all(isinstance(one, pd.DataFrame) for one in found.values())
    assert found['p.churned("2025-12")']["customer"].tolist() == ["tpid:b"]
    assert found['p.customers(status="churned")']["customer"].tolist() == ["tpid:b"]
    assert sorted(file.name for file in tmp_path.glob("*.xlsx")) == ["azure.xlsx", "gone.xlsx"]


def test_the_query_of_the_guide_can_be_asked(report: Report) -> None:
    code = code_of("In JupyterLab")[-1]
    found = eval(code, {"report": report})  # noqa: S307 - as above
    assert found.iloc[0].tolist() == ["Oslo", 3]


def test_the_tables_of_a_slice_have_the_columns_that_the_guide_names(report: Report) -> None:
    rows = re.findall(
        r"^\| (`.+`) \| (?:[^|]*) \| (.+) \|$", GUIDE.split("## In Python")[1], re.MULTILINE
    )
    told = {name: columns for names, columns in rows for name in re.findall(r"`(\w+)`", names)}
    described = report.query(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main'"
    )
    described = described[~described["table_name"].str.startswith("details_")]
    kept = {name: set(rows["column_name"]) for name, rows in described.groupby("table_name")}
    assert set(told) == set(kept)
    for name, columns in told.items():
        if "and the columns of `customers.csv`" in columns:
            assert kept[name] == {"number", *TABLES["customers"].columns}
        elif "the same without" not in columns:
            assert set(re.findall(r"`(\w+)`", columns)) == kept[name]
    months_apart = {"month"} ^ kept["subscriptions"]
    assert kept["subscription_spans"] == months_apart | {"month_bits", "span"}
