"""Workbooks: as finished as a person would make them, and with nothing in them that runs."""

import re
from pathlib import Path

import pandas as pd
import pytest

from insights_lib import open_partner
from insights_lib.errors import ParameterError
from tests.support.rows import fill_store, seats_row
from tests.support.workbooks import NAMES, Sheet

HOSTILE = ['=HYPERLINK("http://example.com")', "@SUM(1)", "http://example.com", "a\ud800b", "<&>"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rows = [
        seats_row("2025-04", name, CustomerName=f"={name}", Product=product)
        for name, product in (("a", "=x"), ("b", "bx"), ("c", "Office 365"))
    ]
    rows += [seats_row("2025-03", "b", Product="bx")]
    return fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})


def test_a_workbook_looks_finished(store: Path, tmp_path: Path) -> None:
    partner = open_partner("1", "2025-03_2025-04", product=["bx", "Office 365"], store=store)
    file = partner.to_excel(tmp_path / "a.xlsx", ["summary_trend", "customers"])
    sheet = Sheet(file)
    assert sheet.names == ["summary_trend", "customers"]
    assert sheet.cells["A1"] == "Summary trend"
    assert re.fullmatch(
        r"1, Mar 2025 – Apr 2025, product=bx, product=Office 365 · \d{4}-\d\d-\d\d \d\d:\d\d",
        str(sheet.cells["A2"]),
    )
    assert [sheet.cells[f"{c}4"] for c in "AB"] == ["Month", "Current customers"]
    assert (sheet.cells["A5"], sheet.formats["A5"]) == (45717.0, "mmm yyyy")  # 1 March 2025
    assert (sheet.cells["B6"], sheet.formats["B6"]) == (2.0, "#,##0")
    pane = sheet.xml.find(".//m:pane", NAMES)
    assert pane is not None
    assert (pane.get("topLeftCell"), pane.get("state")) == ("B5", "frozen")
    found = sheet.xml.find("m:autoFilter", NAMES)
    assert found is not None
    assert found.get("ref") == "A4:F6"
    assert len(sheet.xml.findall(".//m:col", NAMES)) > 1


def test_every_table_of_the_role_is_in_it(store: Path, tmp_path: Path) -> None:
    for role in ("executive_report_viewer", "report_viewer"):
        partner = open_partner("1", "2025-03_2025-04", role=role, store=store)
        names = Sheet(partner.to_excel(tmp_path / f"{role}.xlsx")).names
        assert names == partner.names()
        assert ("customers" in names) == (role == "executive_report_viewer")


def test_no_text_runs_or_becomes_a_link(store: Path, tmp_path: Path) -> None:
    partner = open_partner("1", "2025-03_2025-04", store=store)
    file = partner.to_excel(tmp_path / "a.xlsx", {"mine": pd.DataFrame({"=1": HOSTILE})})
    sheet = Sheet(file)
    told = [sheet.cells[f"A{row}"] for row in range(4, 10)]
    assert told == ["=1", *(text.replace("\ud800", "?") for text in HOSTILE)]
    assert sheet.xml.find("m:hyperlinks", NAMES) is None


def test_frames_of_ones_own_keep_what_they_hold(store: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "day": [pd.Timestamp("2025-03-01"), pd.NaT],
            "month": pd.PeriodIndex(["2025-03", "2025-04"], freq="M"),
            "share": [0.5, float("inf")],
            "yes": [True, False],
        }
    )
    partner = open_partner("1", "2025-03_2025-04", store=store)
    sheet = Sheet(partner.to_excel(tmp_path / "a.xlsx", {"mine": frame}))
    assert [sheet.cells.get(f"{c}5") for c in "ABCD"] == [45717.0, 45717.0, 0.5, "True"]
    assert "A6" not in sheet.cells
    assert sheet.cells["C6"] == "inf"


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ({}, "there is none"),
        ({"a/b": pd.DataFrame()}, "none of [ ]"),
        ({"x" * 32: pd.DataFrame()}, "1 to 31 characters"),
        ({"a": pd.DataFrame(), "A": pd.DataFrame()}, "another one is called so"),
        ({"a": pd.DataFrame(index=range(1_048_573))}, "more than Excel holds"),
    ],
)
def test_what_excel_cannot_hold_is_refused(
    store: Path, tmp_path: Path, sheets: dict[str, pd.DataFrame], said: str
) -> None:
    partner = open_partner("1", "2025-03_2025-04", store=store)
    with pytest.raises(ParameterError) as refused:
        partner.to_excel(tmp_path / "a.xlsx", sheets)
    assert said in str(refused.value)
    assert not (tmp_path / "a.xlsx").exists()


def test_a_folder_that_is_not_there_is_named(store: Path, tmp_path: Path) -> None:
    partner = open_partner("1", "2025-03_2025-04", store=store)
    with pytest.raises(ParameterError, match="name a file in a folder that is there"):
        partner.to_excel(tmp_path / "no" / "a.xlsx")
