"""Country names as exports write them, to the codes by which a map knows them.

A name has a code if it is a country's name in CLDR (as Babel has them), in the list of
`country_converter`, or below, whatever its case, accents, punctuation and the order of its words:
`Korea, Republic of` and `Republic of Korea` are one. A name that merely holds one, such as
`Southern Africa`, has none.
"""

import csv
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from unicodedata import combining, normalize

from babel import Locale
from country_converter.country_converter import COUNTRY_DATA_FILE

# What ISO 3166, Microsoft's lists and older ones of CLDR write otherwise; by the ISO code.
_ALSO = {
    "AE": "UAE|Emirates",
    "BA": "Bosnia|Republic of Bosnia and Herzegovina",
    "BN": "Brunei",
    "BQ": "Bonaire|Saba|Sint Eustatius|Bonaire, Sint Eustatius and Saba",
    "CD": "Congo (DRC)|DRC|Zaire",
    "CG": "Congo",
    "CI": "Ivory Coast",
    "FK": "Falkland Islands (Islas Malvinas)",
    "FO": "Faeroe Islands",
    "GB": "Great Britain|Britain|United Kingdom (UK)",
    "GY": "Republic of Guyana",
    "HK": "Hong Kong Special Administrative Region of China",
    "HM": "Heard Island and McDonald Islands",
    "IO": "Chagos Archipelago",
    "KP": "Korea, North",
    "KR": "Korea",
    "LA": "Lao PDR",
    "LY": "Libyan Arab Jamahiriya",
    "MK": "Macedonia|Macedonia, FYRO|Macedonia, Former Yugoslav Republic",
    "MM": "Burma|Republic of Myanmar",
    "MO": "Macao|Macao SAR|Macao Special Administrative Region of China",
    "MP": "Commonwealth of the Northern Mariana Islands",
    "NZ": "Aotearoa New Zealand",
    "PS": "Palestinian Authority|Palestinian Territory|Palestinian Territory, Occupied",
    "RE": "Reunion Island",
    "RW": "Rwandese Republic",
    "SJ": "Svalbard|Jan Mayen",
    "SX": "St Maarten",
    "SZ": "Swaziland",
    "TF": "French Southern and Antarctic Lands",
    "TL": "East Timor",
    "TR": "Turkey|Republic of Turkey",
    "TW": "Taiwan, Province of China|Chinese Taipei",
    "UM": "U.S. Minor Outlying Islands",
    "US": "America",
    "UY": "Eastern Republic of Uruguay",
    "VA": "Holy See|Holy See (Vatican City)|Holy See (Vatican City State)",
    "VI": "Virgin Islands, U.S.",
    "VN": "Viet Nam|Socialist Republic of Viet Nam",
}
_LEFT_OUT = {"the", "of", "and"}
_SPELT_OUT = {"st": "saint"}
_LONGEST = 100  # characters of a name


def country_codes(names: Iterable[str]) -> list[str]:
    """ISO 3166 alpha-3 codes, one for each name; empty where a name is not a country's."""
    return [_country_code(name) for name in names]


@lru_cache(maxsize=1000)
def _country_code(name: str) -> str:
    return _codes().get(_words(name[:_LONGEST]), "") if len(name) <= _LONGEST else ""


@cache
def _codes() -> dict[tuple[str, ...], str]:
    with Path(COUNTRY_DATA_FILE).open(encoding="utf-8", newline="") as lines:
        table = [row for row in csv.DictReader(lines, delimiter="\t") if not row["obsolete"]]
    of_cldr = Locale("en").territories
    codes: dict[tuple[str, ...], str] = {}
    for row in table:
        # Two countries have two codes there, as a pattern.
        of_iso = row["ISO2"].replace("^", "").replace("$", "").split("|")
        names = [row["name_short"], row["name_official"], row["ISO3"], *of_iso]
        for code in of_iso:
            names += [of_cldr.get(code, ""), *_ALSO.get(code, "").split("|")]
        codes |= {_words(name): row["ISO3"] for name in names if _words(name)}
    return codes


def _words(name: str) -> tuple[str, ...]:
    """What is compared of a name: its words without accents, in the order of the alphabet."""
    text = normalize("NFKD", name.casefold())
    text = "".join(c for c in text if not combining(c) and c not in ".'’ʼ`\u00ad\u200b")
    words = "".join(c if c.isalnum() else " " for c in text).split()
    return tuple(sorted(_SPELT_OUT.get(word, word) for word in words if word not in _LEFT_OUT))
