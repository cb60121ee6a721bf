"""Country names as exports write them, to the codes by which a map knows them."""

import logging
import re
from collections.abc import Iterable
from functools import cache, lru_cache

import pandas as pd
from country_converter import CountryConverter
from country_converter.country_converter import COUNTRY_DATA_FILE

# Names are matched by patterns that would also find a country inside a longer text.
_NAME = re.compile(r"[\w\s.,'’()-]{2,60}")
_NO_CODE = "-"  # the converter returns the name itself where this is empty


def country_codes(names: Iterable[str]) -> list[str]:
    """ISO 3166 alpha-3 codes, one for each name; empty where a name is no country's."""
    return [_country_code(name) for name in names]


@lru_cache(maxsize=1000)
def _country_code(name: str) -> str:
    if not _NAME.fullmatch(name):
        return ""
    usual = _usual_names().get(name.lower())  # the converter would find it, too, but takes long
    return usual or _searched(name)


@cache
def _usual_names() -> dict[str, str]:
    table = _table()
    table = table[table["obsolete"].isna()]  # nor has the converter codes for those
    return dict(zip(table["name_short"].str.lower(), table["ISO3"], strict=True))


def _searched(name: str) -> str:
    (codes,) = _converter().convert([name], to="ISO3", not_found=_NO_CODE, enforce_list=True)
    return codes[0] if len(codes) == 1 and codes[0] != _NO_CODE else ""


@cache
def _converter() -> CountryConverter:
    # The converter logs a warning for every name it does not know; an empty code says the same.
    logging.getLogger("country_converter").setLevel(logging.CRITICAL)
    return CountryConverter(country_data=_table())


def _table() -> pd.DataFrame:
    # Read here because with pandas 3 the converter takes Namibia's code, NA, for a null.
    countries = pd.read_csv(COUNTRY_DATA_FILE, sep="\t", keep_default_na=False, na_values=[""])
    return countries.dropna(subset=["ISO2"])
