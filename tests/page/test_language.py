"""Fixed text, numbers and dates in each language."""

import json
import re
import subprocess
import sys
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
    same_word = {"Trend", "Excel", "Partner", "Period", "{count} signal", "{count} SKU"}
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
        ("en", "5.12K", f"+14.9{SPACE}%", "Jan 2025"),
        ("sv", f"5,12{SPACE}tn", f"+14,9{SPACE}%", "jan. 2025"),
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


def test_a_number_goes_with_its_form_of_a_text() -> None:
    words = Language("en")
    texts = [words.counted(n, "{count} row", "{count} rows") for n in (0, 1, 2, 1000)]
    assert texts == ["0 rows", "1 row", "2 rows", "1,000 rows"]


NUMBERS = [
    0,
    1,
    -1,
    0.04,
    -0.04,
    0.05,
    -0.05,
    0.15,
    14.35,
    -14.25,
    99.95,
    100,
    1234.5,
    -56789,
    5_120_000,
]


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_writes_numbers_as_python_does(locale: str) -> None:
    module = (PACKAGE / "page/files/script/language.js").as_uri()
    program = f"""
        import {{ languageOf }} from "{module}";
        const t = languageOf("{locale}", {{}});
        const written = {NUMBERS}.map((n) => [
            t.exact(n), t.short(n), t.percent(n), t.percent(n, {{ signed: true }}),
            t.counted(Math.abs(n), "one", "many"),
        ]);
        console.log(JSON.stringify(written));
    """
    node = Path(sys.executable).with_name("node")
    command = [str(node), "--input-type=module", "--eval", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    words = Language(locale)
    assert json.loads(run.stdout) == [
        [
            words.count(n),
            words.short(n),
            words.percent(n),
            words.percent(n, signed=True),
            words.counted(abs(n), "one", "many"),
        ]
        for n in NUMBERS
    ]
