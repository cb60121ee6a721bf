"""Fixed text, numbers and dates in each language."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from string import Formatter

import nbformat
import pytest

from insights_lib.parameters.spec import LOCALES
from insights_lib.presentation.language import LOCALE_FOLDER, Language
from insights_lib.run.plan import notebooks
from insights_lib.tables import ALL, PLURALS
from tests.support.rows import seats_row, slice_of, usage_row
from tests.support.strategies import METRICS

PACKAGE = Path(__file__).parents[2] / "insights_lib"
SPACE = "\N{NO-BREAK SPACE}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"


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


TRANSLATIONS = [locale for locale in LOCALES if locale != "en"]


def places(text: str) -> list[str]:
    """What is put into a text, in the order of its names."""
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


def test_a_language_is_a_file() -> None:
    assert {file.stem for file in LOCALE_FOLDER.glob("*.po")} == set(LOCALES)


@pytest.mark.parametrize("locale", TRANSLATIONS)
def test_every_fixed_text_is_translated(locale: str) -> None:
    texts = {" ".join(text.split()) for text in fixed_texts()}
    assert texts - set(Language(locale).texts) == set()


@pytest.mark.parametrize("locale", TRANSLATIONS)
def test_languages_have_the_same_texts_with_the_same_places(locale: str) -> None:
    texts, others = Language(locale).texts, [Language(other).texts for other in TRANSLATIONS]
    assert set().union(*others) - set(texts) == set()
    assert [text for text in texts if places(text) != places(texts[text])] == []
    # Some words are the same in two languages, sentences are not.
    assert [text for text in texts if texts[text] == text and len(text.split()) > 3] == []


@pytest.mark.parametrize("locale", TRANSLATIONS)
def test_a_text_is_translated_once(locale: str) -> None:
    lines = (LOCALE_FOLDER / f"{locale}.po").read_text(encoding="utf-8").splitlines()
    ids = Counter(line for line in lines if line.startswith("msgid") and line != 'msgid ""')
    assert [text for text, count in ids.items() if count > 1] == []


def test_french_puts_a_space_before_double_signs() -> None:
    wrong = re.compile(r"(?<![\u00a0\u202f.!?])[:;?!%](?!\S)")
    assert [text for text in Language("fr").texts.values() if wrong.search(text)] == []


def test_names_are_joined_with_what_is_said_of_them_as_a_language_does() -> None:
    assert Language("en").pair("Product", "Azure {name}") == "Product: Azure {name}"
    assert Language("fr").pair("Produit", "Azure") == f"Produit{SPACE}: Azure"
    joined = re.compile(r"(nameOf|language|language.name|range|\bt)\([^()]*\) ?\}\}?: ?\$?\{")
    files = [file for kind in ("py", "j2", "js") for file in PACKAGE.rglob(f"*.{kind}")]
    sources = [file.read_text("utf-8") for file in files if ".min" not in file.suffixes]
    lines = [line for source in sources for line in source.splitlines()]
    assert len(lines) > 10_000
    assert [line for line in lines if joined.search(line)] == []


@pytest.mark.parametrize("locale", TRANSLATIONS)
def test_every_column_and_dimension_has_a_name(store_of, locale: str) -> None:  # type: ignore[no-untyped-def]
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
    texts = Language(locale).texts
    assert {name for name in names if name.replace("_", " ").capitalize() not in texts} == set()


@pytest.mark.parametrize(
    ("locale", "short", "percent", "month"),
    [
        ("en", "5.12K", f"+14.9{SPACE}%", "Jan 2025"),
        ("sv", f"5,12{SPACE}tn", f"+14,9{SPACE}%", "jan. 2025"),
        ("de", "5.120", f"+14,9{SPACE}%", "Jan. 2025"),
        ("fr", f"5,12{SPACE}k", f"+14,9{SPACE}%", "janv. 2025"),
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


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en", ["0 rows", "1 row", "2 rows", "1,000 rows"]),
        ("sv", ["0 rader", "1 rad", "2 rader", f"1{SPACE}000 rader"]),
        ("de", ["0 Zeilen", "1 Zeile", "2 Zeilen", "1.000 Zeilen"]),
        ("fr", ["0 ligne", "1 ligne", "2 lignes", f"1{NARROW_SPACE}000 lignes"]),
    ],
)
def test_a_number_goes_with_its_form_of_a_text(locale: str, told: list[str]) -> None:
    words = Language(locale)
    forms = words("{count} row"), words("{count} rows")
    assert [words.counted(number, *forms) for number in (0, 1, 2, 1000)] == told


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
    1000,
    12_345,
    -56789,
    999_994,
    999_995,
    5_120_000,
    1_000_000,
    1_234_567_890,
]


MONTHS = [f"2025-{month:02}" for month in range(1, 13)]


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_writes_numbers_and_months_as_python_does(locale: str) -> None:
    module = (PACKAGE / "page/files/script/language.js").as_uri()
    program = f"""
        import {{ languageOf }} from "{module}";
        const t = languageOf("{locale}", {{}});
        const written = {NUMBERS}.map((n) => [
            t.exact(n), t.short(n), t.percent(n), t.percent(n, {{ signed: true }}),
            t.counted(Math.abs(n), "one", "many"),
        ]);
        const months = {MONTHS}.map((month) => t.month(month));
        written.push([...months, t.separators]);
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
    ] + [[*map(words.month, MONTHS), words.separators]]
