"""Every name of a country has its code, and nothing else has one."""

import unicodedata

import pytest
from babel import Locale
from babel.core import get_global

from insights_lib.exports.countries import country_codes

# The territories of CLDR by their two letters, and the three letters of those that have them.
NAMES = {code: name for code, name in Locale("en").territories.items() if len(code) == 2}
CODES = {
    alpha_2[0]: alpha_3
    for alpha_3, alpha_2 in get_global("territory_aliases").items()
    if len(alpha_3) == 3 and alpha_3.isalpha() and len(alpha_2) == 1
}
# Parts of countries and unions, which CLDR knows but ISO 3166 does not count as countries.
NO_COUNTRY = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
# Of several codes that one country has had, the one of ISO 3166 today.
OF_TODAY = {
    **{"CD": "COD", "TL": "TLS", "MM": "MMR", "YE": "YEM", "DE": "DEU", "FR": "FRA", "BY": "BLR"},
    **{"BJ": "BEN", "BF": "BFA", "VU": "VUT", "VN": "VNM", "ZW": "ZWE", "RO": "ROU", "XK": "XKX"},
    **{"PA": "PAN", "GB": "GBR"},
}


@pytest.mark.parametrize("code", sorted(NAMES.keys() - NO_COUNTRY))
def test_every_english_name_of_cldr_has_its_code(code: str) -> None:
    name, expected = NAMES[code], OF_TODAY.get(code, CODES[code])
    spellings = [name, name.upper(), name.replace("&", "and"), name.replace("’", "'")]
    spellings += [unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    spellings += [name.replace(" ", "\u00a0"), name.replace("-", "\u2011"), f"{name} (the)", code]
    assert set(country_codes(spellings)) == {expected}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        # Of ISO 3166
        ("Bolivia (Plurinational State of)", "BOL"),
        ("Brunei Darussalam", "BRN"),
        ("Congo (the Democratic Republic of the)", "COD"),
        ("Congo (the)", "COG"),
        ("Falkland Islands (the) [Malvinas]", "FLK"),
        ("Iran (Islamic Republic of)", "IRN"),
        ("Korea (the Democratic People's Republic of)", "PRK"),
        ("Korea (the Republic of)", "KOR"),
        ("Lao People's Democratic Republic (the)", "LAO"),
        ("Micronesia (Federated States of)", "FSM"),
        ("Moldova (the Republic of)", "MDA"),
        ("Netherlands (Kingdom of the)", "NLD"),
        ("Palestine, State of", "PSE"),
        ("Russian Federation (the)", "RUS"),
        ("Saint Helena, Ascension and Tristan da Cunha", "SHN"),
        ("Saint Martin (French part)", "MAF"),
        ("Sint Maarten (Dutch part)", "SXM"),
        ("Taiwan (Province of China)", "TWN"),
        ("Tanzania, the United Republic of", "TZA"),
        ("United Kingdom of Great Britain and Northern Ireland (the)", "GBR"),
        ("Venezuela (Bolivarian Republic of)", "VEN"),
        ("Viet Nam", "VNM"),
        ("Virgin Islands (British)", "VGB"),
        ("Virgin Islands (U.S.)", "VIR"),
        # Of Microsoft's lists
        ("Bahamas, The", "BHS"),
        ("Bonaire", "BES"),
        ("Congo (DRC)", "COD"),
        ("Côte d'Ivoire", "CIV"),
        ("Czech Republic", "CZE"),
        ("Holy See (Vatican City)", "VAT"),
        ("Hong Kong SAR", "HKG"),
        ("Jan Mayen", "SJM"),
        ("Korea", "KOR"),
        ("Macao SAR", "MAC"),
        ("Macedonia, FYRO", "MKD"),
        ("Palestinian Authority", "PSE"),
        ("Swaziland", "SWZ"),
        ("U.S. Outlying Islands", "UMI"),
        # As people write them
        ("Trinidad & Tobago", "TTO"),
        ("UAE", "ARE"),
        ("UK", "GBR"),
        ("USA", "USA"),
        ("Tu\u0308rkiye", "TUR"),
        ("Turkey", "TUR"),
        ("Guinea\u2011Bissau", "GNB"),
        ("NA", "NAM"),
        (" St Lucia ", "LCA"),
    ],
)
def test_the_names_of_iso_and_of_microsoft_have_their_codes(name: str, code: str) -> None:
    assert country_codes([name, "Norway", name]) == [code, "NOR", code]


@pytest.mark.parametrize(
    "name",
    [
        *("Southern Africa", "Niger Delta", "Western Europe", "Africa", "North America", "World"),
        *("Latin America and the Caribbean", "Middle East", "Northern Ireland", "Channel Islands"),
        *("European Union", "England", "New England", "Eastern Guinea", "Inner Mongolia"),
        *("Unknown", "UNKNOWN", "", "Atlantis", "<b>Sweden</b>", "Sweden Norway", "x" * 5000),
    ],
)
def test_a_region_or_anything_else_has_none(name: str) -> None:
    assert country_codes([name]) == [""]


def test_the_regions_of_cldr_have_none() -> None:
    regions = [name for code, name in Locale("en").territories.items() if len(code) == 3]
    assert len(regions) > 25
    of_parts = [NAMES[code] for code in NO_COUNTRY]
    assert set(country_codes([*regions, *of_parts])) == {""}


def test_no_name_at_all_has_no_code() -> None:
    assert country_codes([]) == []
