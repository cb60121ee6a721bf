"""Fixed texts, numbers and dates in the reader's language.

A language is a file, `locale/<code>.po`, whose message ids are the English texts. English has one,
too, for the names that read better another way.
"""

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal

from insights_lib.tables import Kind

LOCALE_FOLDER = Path(__file__).parent / "locale"
UNKNOWN = "–"  # what a reader sees where a number cannot be known
_MINUS = "\N{MINUS SIGN}"


class Language:
    """The language of one report, by its code, such as `sv`; its texts by the English ones."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self.texts = _catalogue(locale)
        self._babel = Locale.parse(locale)

    def __call__(self, text: str) -> str:
        """The text in the reader's language; in English if the language file lacks it."""
        return self.texts.get(" ".join(text.split()), text)

    def name(self, identifier: str) -> str:
        """The reader's name for a metric, dimension or column, such as `Partner location`."""
        return self(identifier.replace("_", " ").capitalize())

    def pair(self, name: str, text: str) -> str:
        """A name and what is said of it, such as `Product: Azure`."""
        return self("{name}: {text}").format(name=name, text=text)

    def count(self, number: float | None) -> str:
        """A number in full."""
        return UNKNOWN if number is None else _decimal(number, "#,##0.##", self._babel)

    def counted(self, number: int, singular: str, plural: str) -> str:
        """The one of two texts that goes with a number, with the number in it."""
        text = singular if self._babel.plural_form(number) == "one" else plural
        return text.format(count=self.count(number))

    def short(self, number: float | None) -> str:
        """A number in short, as on the cards: 5.12K; in full if the language has no short form."""
        if number is None or abs(number) < 1000:
            return self.count(number)
        shortened = partial(format_compact_decimal, locale=self._babel, fraction_digits=2)
        if not any(map(str.isalpha, shortened(number))):  # as German leaves thousands
            return self.count(number)
        return shortened(_to_hundredths(number)).replace("-", _MINUS)

    def percent(self, number: float | None, *, signed: bool = False) -> str:
        """A percentage, which is of 100, with one decimal; halves go away from zero."""
        if number is None:
            return UNKNOWN
        # Tables hold hundredths.
        tenths = Decimal(str(round(number, 2))).quantize(Decimal("0.1"), ROUND_HALF_UP) + 0
        sign = "+" if signed and tenths > 0 else ""
        return f"{sign}{_decimal(tenths, '#,##0.0', self._babel)}\N{NO-BREAK SPACE}%"

    def month(self, month: str | None) -> str:
        """A month `2025-01` as `Jan 2025`; what stands for several is a name, such as `later`."""
        if month is None:
            return UNKNOWN
        if "-" not in month:
            return self.name(month)
        return _month(month, self._babel)

    def cell(self, value: Any, kind: Kind) -> str:
        """A value of a table as a reader sees it, by the kind of its column."""
        writers: dict[str, Callable[[Any], str]] = {
            "text": str,
            "date": lambda text: self.day(date.fromisoformat(text)),
            "name": self.name,
            "names": lambda text: "; ".join(map(self.name, text.split("; "))),
            "month": self.month,
            "percent": self.percent,
        }
        return UNKNOWN if value is None else writers.get(kind, self.count)(value)

    def day(self, day: date) -> str:
        """A day with its month written out."""
        return format_date(day, format="long", locale=self._babel)

    @property
    def separators(self) -> str:
        """The decimal separator and the group separator, as plotly wants them."""
        symbols = self._babel.number_symbols["latn"]
        return str(symbols["decimal"] + symbols["group"])


def _to_hundredths(number: float) -> Decimal:
    """A number with two decimals of its thousands or millions; halves go away from zero."""
    digits = len(str(int(abs(number))))
    step = Decimal(10) ** ((digits - 1) // 3 * 3 - 2)
    return (Decimal(str(number)) / step).quantize(Decimal(1), ROUND_HALF_UP) * step


# The charts of a report write the same numbers and months many times.
@lru_cache(maxsize=10_000)
def _decimal(number: float | Decimal, pattern: str, locale: Locale) -> str:
    # English is formatted with a hyphen, which is not as wide as a plus.
    return format_decimal(number, format=pattern, locale=locale).replace("-", _MINUS)


@lru_cache(maxsize=1_000)
def _month(month: str, locale: Locale) -> str:
    return str(format_skeleton("yMMM", date.fromisoformat(f"{month}-01"), locale=locale))


@cache
def _catalogue(locale: str) -> dict[str, str]:
    with (LOCALE_FOLDER / f"{locale}.po").open("rb") as lines:
        messages = read_po(lines, locale=locale)
    return {
        " ".join(str(message.id).split()): str(message.string)
        for message in messages
        if message.id and message.string
    }
