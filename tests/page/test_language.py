"""Fixed text, numbers and dates in each language."""

import re
from pathlib import Path

import nbformat
import pytest

from insights_lib.parameters.spec import LOCALES
from insights_lib.presentation.language import Language
from insights_lib.run.plan import notebooks
from insights_lib.tables import ALL, PLURALS
from tests.support.rows import seats_row, slice_of, usage_row
from tests.support.strategies import METRICS

PACKAGE = Path(__file__).parents[2] / "insights_lib"
SPACE = "\N{NO-BREAK SPACE}"


def fixed_texts() -> set[str]:
    """Every text that the library, the page or a notebook shows in the reader's language."""
    texts: set[str] = {*PLURALS.values(), ALL}
    for suffix, call in (("py", "language"), ("j2", "language"), ("js", "(?:t|marked)")):
        found = set()
        for file in PACKAGE.rglob(f"*.{suffix}"):
            if file.suffixes != [".min", ".js"]:
                source = file.read_text(encoding="utf-8")
                literal = rf"""\b{call}\(\s*(["'])(.+?)\1"""
                found |= {text for _, text in re.findall(literal, source)}
        assert len(found) > 10, suffix
        texts |= found
    for file in notebooks():
        for cell in nbformat.read(file, as_version=4).cells:
            if cell.cell_type == "markdown":
                heading, _, prose = cell.source.partition("\n")
                texts |= {heading.lstrip("# ").strip(), prose.strip()}
    return texts


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "en"])
def test_every_fixed_text_is_translated(locale: str) -> None:
    words = Language(locale)
    same_word = {"Trend", "Excel", "Partner", "Period"}
    missing = {text for text in fixed_texts() if words(text) == text} - same_word
    assert missing == set()


def test_every_column_and_dimension_has_a_swedish_name(store_of) -> None:  # type: ignore[no-untyped-def]
    store = store_of(
        {
            "SeatsSubscriptionsAndRevenue": [seats_row("2025-01", "1")],
            "OfficeUsage": [usage_row("2025-01", "1")],
        }
    )
    data = slice_of(store, "2025-01_2025-01")
    names: set[str] = set()
    for compute in METRICS.values():
        table = compute(data)
        names |= {*table.columns, *table.get("dimension", ()), *table.get("metric", ())}
    swedish = Language("sv")
    same_word = {"dimension", "sku", "signal", "status"}
    english = {n for n in names if swedish.name(n) == n.replace("_", " ").capitalize()}
    assert english - same_word == set()


@pytest.mark.parametrize(
    ("locale", "short", "percent", "month"),
    [
        ("en", "5.12K", f"+14.94{SPACE}%", "Jan 2025"),
        ("sv", f"5,12{SPACE}tn", f"+14,94{SPACE}%", "jan. 2025"),
    ],
)
def test_numbers_and_months_follow_the_locale(
    locale: str, short: str, percent: str, month: str
) -> None:
    words = Language(locale)
    assert words.short(5120) == short
    assert words.percent(14.9425, signed=True) == percent
    assert words.month("2025-01") == month


def test_an_unknown_number_is_a_dash() -> None:
    words = Language("en")
    assert [words.count(None), words.short(None), words.percent(None), words.month(None)] == [
        "–"
    ] * 4
