"""A wrong parameter is refused with one sentence; a right one is read as it stands."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_lib.errors import InsightsError, ParameterError
from insights_lib.parameters.reports_yml import ReportsFile, filter_texts, read_reports_file
from insights_lib.parameters.requests import Overrides, report_specs
from insights_lib.parameters.spec import (
    FACETS,
    PRESETS,
    DateRange,
    Filters,
    ReportSpec,
    month_after,
    report_spec,
)

# Date ranges

first_days = st.dates(date(1900, 1, 1), date(2200, 1, 1)).map(lambda day: day.replace(day=1))


@given(month=first_days, steps=st.integers(-600, 600))
def test_months_are_counted_across_years(month: date, steps: int) -> None:
    there = month_after(month, steps)
    assert there.day == 1
    assert (there.year - month.year) * 12 + there.month - month.month == steps
    assert month_after(there, -steps) == month


@given(last=first_days, length=st.integers(1, 60))
def test_a_range_that_ends_with_a_month_has_every_month_once(last: date, length: int) -> None:
    months = DateRange.ending(last, length)
    assert len(months) == len(months.months()) == length
    assert months.months()[-1] == months.last == last
    assert months.months() == sorted(set(months.months()))
    assert month_after(months.month_before) == months.first == months.months()[0]
    assert DateRange.parse(str(months)) == months


@pytest.mark.parametrize(
    ("text", "months", "before"),
    [
        ("2025-01_2025-12", 12, date(2024, 12, 1)),
        ("2025-03_2025-03", 1, date(2025, 2, 1)),
        ("2024-12_2025-01", 2, date(2024, 11, 1)),
    ],
)
def test_a_range_holds_both_its_ends(text: str, months: int, before: date) -> None:
    parsed = DateRange.parse(text)
    assert (len(parsed), parsed.month_before, str(parsed)) == (months, before, text)


def test_a_range_of_more_than_five_years_is_refused() -> None:
    assert len(DateRange.parse("2020-01_2024-12")) == 60
    with pytest.raises(ParameterError, match="more than 60 months"):
        DateRange.parse("2020-01_2025-01")


WRONG_RANGES = [
    *("", "last_4_months", "2025", "2025-01", "2025-01_", "2025-13_2025-14", "2025-1_2025-2"),
    *("2025-01-01_2025-12-31", "2025-01_2025-02_2025-03", "2025-01 2025-12", "202501_202512"),
    *("2025-W05_2025-W06", "LAST_12_MONTHS", "0001-01_0001-12", "x_y"),
]


@pytest.mark.parametrize("text", WRONG_RANGES)
def test_a_wrong_range_is_refused_with_what_is_allowed(text: str) -> None:
    allowed = "last_3_months, last_6_months, last_12_months, or two months such as 2025-01_2025-12"
    with pytest.raises(ParameterError) as error:
        report_spec(partner="1", date_range=text, filters=[])
    assert f"date range {text!r}" in str(error.value)
    assert allowed in str(error.value)


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"'2025-02_2025-01' ends before it begins; swap"):
        DateRange.parse("2025-02_2025-01")


# Filters


def test_the_same_facet_twice_means_either_value() -> None:
    texts = ["product=Azure", " customer_segment = Small, Medium & Corporate ", "product=a=b"]
    filters = Filters.parse(texts)
    assert filters.product == ("Azure", "a=b")
    assert filters.customer_segment == ("Small, Medium & Corporate",)
    assert filters.chosen() == {
        "product": ["Azure", "a=b"],
        "customer_segment": ["Small, Medium & Corporate"],
    }


values = st.text(st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(bool)


@given(st.dictionaries(st.sampled_from(FACETS), st.lists(values, min_size=1, max_size=3)))
def test_filters_survive_being_written_as_texts(chosen: dict[str, list[str]]) -> None:
    filters = Filters(**{facet: tuple(found) for facet, found in chosen.items()})
    assert Filters.parse(filters.texts()) == filters
    assert Filters.parse(filter_texts(chosen)) == filters
    assert filters.chosen() == chosen


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Azure", "filter 'Azure' is not of the form facet=value"),
        ("product=", "filter 'product=' is not of the form facet=value"),
        ("=Azure", "'' is none of: product, customer_market, partner_attribution"),
        ("customer_markt=Sweden", "did you mean 'customer_market'?"),
        ("Product=Azure", "did you mean 'product'?"),
        ("pricing_model=x", "none of: product"),
    ],
)
def test_a_wrong_filter_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ParameterError) as error:
        report_spec(partner="1", filters=[text])
    assert sentence in str(error.value)


# The report


def test_a_report_needs_no_more_than_a_partner() -> None:
    spec = report_spec(partner="0012345")
    assert (spec.partner, spec.date_range, spec.locale) == ("0012345", "last_12_months", "en")
    assert (spec.filters, spec.active_states) == (Filters(), ("Active",))
    assert spec.as_of == date.today()


def test_plain_values_become_a_frozen_report(tmp_path: Path) -> None:
    spec = report_spec(
        partner="1",
        as_of="2026-01-15",
        filters=["product=Azure"],
        active_states=["Active", "Suspended"],
        date_range="2025-01_2025-02",
        locale="sv",
        store=str(tmp_path),
    )
    assert spec == ReportSpec(
        partner="1",
        as_of=date(2026, 1, 15),
        filters=Filters(product=("Azure",)),
        active_states=("Active", "Suspended"),
        date_range="2025-01_2025-02",
        locale="sv",
        store=tmp_path,
    )
    with pytest.raises(ValueError, match="frozen"):
        spec.partner = "2"


@pytest.mark.parametrize("as_of", ["", None])
def test_an_empty_as_of_is_today(as_of: str | None) -> None:
    assert report_spec(partner="1", as_of=as_of, filters=[]).as_of == date.today()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"partnr": "1"}, "'partnr' is none of: partner, .*; did you mean 'partner'"),
        ({"colour": "red"}, "'colour' is none of: partner, partner_name, date_range, as_of"),
        ({"partner": 1234567}, "partner: .* not 1234567; put it in quotes"),
        ({"partner": "../1"}, r"partner '\.\./1' is no partner id; letters, digits"),
        ({"partner": ""}, "partner '' is no partner id"),
        ({"locale": "da"}, "locale 'da' is none of: en, sv, de, fr"),
        ({"locale": False}, "locale: .* not False; put it in quotes"),
        ({"as_of": "15/1/2026"}, "as_of: '15/1/2026' is no date such as 2026-01-15"),
        ({"as_of": "2026-02-30"}, "as_of: '2026-02-30' is no date"),
        ({"date_range": 2025}, "date_range: .* not 2025; put it in quotes"),
        ({"active_states": "Active"}, "active_states"),
        ({"active_states": []}, "active_states"),
        ({"active_states": [1]}, r"active_states: \[1\] is no list of states"),
        ({"active_states": None}, "active_states"),
        ({"filters": "product=Azure"}, "filter"),
        ({"filters": None}, "filter"),
        ({"filters": [1]}, "filter"),
        ({"store": None}, "store"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_one_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence) as error:
        report_spec(**{"partner": "1", "filters": [], **wrong})
    assert "\n" not in str(error.value)
    assert str(error.value).endswith((".", "?"))


def test_a_report_without_a_partner_is_refused() -> None:
    with pytest.raises(ParameterError, match="partner: Field required"):
        report_spec(filters=[])


def test_a_store_is_looked_for_in_the_folders_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "store").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert report_spec(partner="1", filters=[]).store == tmp_path / "data" / "store"
    elsewhere = report_spec(partner="1", filters=[], store="nowhere").store
    assert elsewhere == tmp_path / "notebooks" / "nowhere"


def test_an_error_shows_as_one_line_in_a_notebook() -> None:
    error = ParameterError("locale 'da' is none of: en, sv, de, fr.")
    assert error._render_traceback_() == ["ParameterError: locale 'da' is none of: en, sv, de, fr."]
    assert isinstance(error, InsightsError)


# reports.yml


def read(folder: Path, text: str) -> ReportsFile:
    (folder / "reports.yml").write_text(text, encoding="utf-8")
    return read_reports_file(folder)


def test_a_reports_file_lists_partners_and_common_settings(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
        ranges: [last_3_months, 2025-01_2025-12]
        locale: sv
        filters: {product: [Azure]}
        partners:
          - id: "0012345"
            name: Fabrikam
          - id: "2"
            ranges: [last_6_months]
            filters: {customer_market: [Sweden, Norway]}
            locale: en
        """,
    )
    first, second = file.partners
    assert (file.ranges, file.locale) == (["last_3_months", "2025-01_2025-12"], "sv")
    assert (first.id, first.name, first.ranges, first.filters) == (
        "0012345",
        "Fabrikam",
        None,
        None,
    )
    assert second.filters == {"customer_market": ["Sweden", "Norway"]}
    assert (file.active_states, file.section_timeout_seconds) == (["Active"], 600)


WRONG_FILES = {
    "empty": ("", "holds no settings; it lists the reports to render, and begins with"),
    "a list": ("- 1", "holds no settings"),
    "no YAML": ("partners: [", "cannot be read as YAML"),
    "unknown key": ("partnrs: []", "'partnrs' is none of: ranges, .*; did you mean 'partners'"),
    "unknown key of a partner": (
        "partners: [{id: '1', rangs: []}]",
        "'rangs' is none of: id, name, ranges, .*; did you mean 'ranges'",
    ),
    "id without quotes": ("partners: [{id: 1234567}]", "partners.0.id: .* not 1234567; put it in"),
    "id of zeros without quotes": ("partners: [{id: 0012345}]", "put it in quotes"),
    "no id": ("partners: [{name: x}]", "partners.0.id: Field required"),
    "unsafe id": ("partners: [{id: a/b}]", "partners.0.id: partner 'a/b' is no partner id"),
    "listed twice": ("partners: [{id: '1'}, {id: '1', locale: sv}]", "'1'"),
    "wrong range": ("ranges: [last_year]", "ranges.0: date range 'last_year' is none of: last_3"),
    "range of a partner": (
        "partners: [{id: '1', ranges: [2025-02_2025-01]}]",
        "partners.0.ranges.0: .* ends before it begins",
    ),
    "range as text": ("ranges: last_3_months", "ranges: .* valid list"),
    "no range": ("ranges: []\npartners: [{id: '1'}]", "ranges"),
    "wrong locale": ("locale: da", "locale: locale 'da' is none of: en, sv, de, fr"),
    "Norwegian": ("locale: no", "locale: .* not False; put it in quotes"),
    "wrong facet": ("filters: {prodct: [Azure]}", "'prodct' is none of: .*mean 'product'"),
    "facet of a partner": ("partners: [{id: '1', filters: {sku: [E3]}}]", "'sku' is none of"),
    "empty filter": ("filters: {product: ['']}", "filter 'product=' is not of the form"),
    "filter as text": ("filters: {product: Azure}", "filters.product: .* valid list"),
    "filter as number": ("filters: {product: [365]}", "not 365; put it in quotes"),
    "no partners": ("partners:", "partners: .* valid list"),
    "no time": ("section_timeout_seconds: 0", "section_timeout_seconds: .* greater than 0"),
    "no state": ("active_states: []", "active_states"),
    "key twice": ("partners: [{id: '1'}]\npartners: [{id: '2'}]", "partners"),
}


@pytest.mark.parametrize(("text", "sentence"), WRONG_FILES.values(), ids=list(WRONG_FILES))
def test_a_wrong_reports_file_is_refused_with_one_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=f"reports.yml: .*{sentence}") as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_missing_or_unreadable_reports_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"reports\.yml: no such file; it lists the reports"):
        read_reports_file(tmp_path)
    (tmp_path / "reports.yml").write_bytes("name: Åre".encode("latin-1"))
    with pytest.raises(ParameterError, match=r"reports\.yml: is not written in UTF-8"):
        read_reports_file(tmp_path)
    (tmp_path / "reports.yml").unlink()
    (tmp_path / "reports.yml").mkdir()
    with pytest.raises(ParameterError, match=r"reports\.yml: cannot be read \(Is a directory\)"):
        read_reports_file(tmp_path)


# The reports that a command asks for

TWO_PARTNERS = """
ranges: [last_3_months, last_6_months]
filters: {product: [Azure]}
locale: sv
active_states: [Active, Suspended]
partners:
  - {id: "1", name: Fabrikam}
  - {id: "2", ranges: [2025-01_2025-02], filters: {}, locale: en}
"""


def test_every_partner_and_range_of_the_file_is_a_report(tmp_path: Path) -> None:
    specs = report_specs(read(tmp_path, TWO_PARTNERS), Overrides(as_of="2026-01-15"))
    azure = Filters(product=("Azure",))
    assert [(s.partner, s.partner_name, s.date_range, s.filters, s.locale) for s in specs] == [
        ("1", "Fabrikam", "last_3_months", azure, "sv"),
        ("1", "Fabrikam", "last_6_months", azure, "sv"),
        ("2", "", "2025-01_2025-02", Filters(), "en"),
    ]
    assert {spec.active_states for spec in specs} == {("Active", "Suspended")}
    assert {spec.as_of for spec in specs} == {date(2026, 1, 15)}


def test_what_a_command_asks_for_goes_before_the_file(tmp_path: Path) -> None:
    asked = Overrides(
        partners=("3", "2"),
        date_range="2025-05_2025-06",
        filters=Filters(customer_market=("Sweden",)),
        locale="en",
    )
    specs = report_specs(read(tmp_path, TWO_PARTNERS), asked)
    assert [(spec.partner, spec.date_range) for spec in specs] == [
        ("3", "2025-05_2025-06"),
        ("2", "2025-05_2025-06"),
    ]
    assert {spec.filters for spec in specs} == {Filters(customer_market=("Sweden",))}
    assert {spec.locale for spec in specs} == {"en"}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (Overrides(), "no partner is listed; name one with --partner"),
        (Overrides(partners=("../1",)), r"partner '\.\./1' is no partner id"),
        (Overrides(partners=("1",), date_range="last_year"), "date range 'last_year' is none of"),
        (Overrides(partners=("1",), as_of="soon"), "as_of: 'soon' is no date"),
        (Overrides(partners=("1",), locale="da"), "locale 'da' is none of"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_rendered(
    asked: Overrides, sentence: str
) -> None:
    with pytest.raises(ParameterError, match=sentence):
        report_specs(ReportsFile(), asked)


def test_every_preset_is_a_range_of_its_months() -> None:
    assert {name: int(name.split("_")[1]) for name in PRESETS} == dict(PRESETS)
