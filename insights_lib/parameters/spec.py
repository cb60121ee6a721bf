"""What a report is asked for: partner, range, filters, locale. Validated once, then frozen.

The same words serve the command line, the YAML files of `parameters/` and the notebooks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field

from insights_lib.errors import ParameterError
from insights_lib.parameters.validation import Strict, only, unknown, validated
from insights_lib.tables import FACETS

PRESETS = {"last_3_months": 3, "last_6_months": 6, "last_12_months": 12}
LOCALES = ("en", "sv", "de", "fr")
ALSO = ("pdf", "xlsx")  # what can be beside the page of a report
ROLES = ("executive_report_viewer", "report_viewer")
LONGEST_RANGE = 60  # months
RANGES = f"{', '.join(PRESETS)}, or two months such as 2025-01_2025-12"
_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
# Devices of Windows, and what stands beside the partners in the folder of the reports.
_RESERVED = re.compile(
    r"(?i:(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.(log|sqlite|lock)([.-].*)?|preview"
    r"|index\.html)"
)


def is_safe_name(text: str) -> bool:
    """Whether a partner id can name a folder on every system without escaping from it."""
    return bool(_SAFE_NAME.fullmatch(text)) and not _RESERVED.fullmatch(text)


def found_above(path: Path) -> Path:
    """A relative path where it exists: here, or in a folder above; if nowhere, here."""
    here = Path.cwd()
    return next((f / path for f in (here, *here.parents) if (f / path).exists()), here / path)


def month_after(month: date, months: int = 1) -> date:
    """The first of the month that many months later (earlier, if negative)."""
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


@dataclass(frozen=True)
class DateRange:
    """Whole months from `first` to `last`, both included."""

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2025-01_2025-12`.

        Raises:
            ParameterError: The text is no such range, or ends before it begins.
        """
        try:
            first, last = (date.fromisoformat(f"{month}-01") for month in text.split("_"))
            month_after(first, -1)  # which the calendar must have, too
        except ValueError as error:
            raise ParameterError(f"date range {text!r} is none of: {RANGES}.") from error
        if last < first:
            raise ParameterError(f"date range {text!r} ends before it begins; swap the months.")
        if len(months := cls(first, last)) > LONGEST_RANGE:
            raise ParameterError(
                f"date range {text!r} holds more than {LONGEST_RANGE} months; ask for fewer."
            )
        return months

    @classmethod
    def ending(cls, last: date, months: int) -> Self:
        """The range of so many months that ends with `last`."""
        return cls(month_after(last, 1 - months), last)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}_{self.last:%Y-%m}"

    def __len__(self) -> int:
        return 12 * (self.last.year - self.first.year) + self.last.month - self.first.month + 1

    def months(self) -> list[date]:
        """Every month of the range, in order."""
        return [month_after(self.first, i) for i in range(len(self))]

    @property
    def month_before(self) -> date:
        """The month that flows into the range are counted from."""
        return month_after(self.first, -1)


class Filters(Strict):
    """Page filters: a row passes when each facet with values holds one of them; empty = all."""

    product: tuple[str, ...] = ()
    customer_market: tuple[str, ...] = ()
    partner_attribution: tuple[str, ...] = ()
    partner_location: tuple[str, ...] = ()
    sales_channel: tuple[str, ...] = ()
    customer_segment: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read texts such as `product=Azure`; the same facet twice means either value.

        Raises:
            ParameterError: A text has no `=`, or names no facet.
        """
        values: dict[str, tuple[str, ...]] = {}
        for text in texts:
            facet, _, value = (part.strip() for part in text.partition("="))
            if not value:
                raise ParameterError(
                    f"filter {text!r} is not of the form facet=value; facets are: "
                    f"{', '.join(FACETS)}."
                )
            if facet not in FACETS:
                raise ParameterError(f"filter {text!r}: {unknown(facet, FACETS)}")
            values[facet] = (*values.get(facet, ()), value)
        return cls(**values)

    def texts(self) -> list[str]:
        """The filters as `parse` reads them."""
        return [f"{facet}={value}" for facet, values in self for value in values]

    def chosen(self) -> dict[str, list[str]]:
        """The facets that have values, with these."""
        return {facet: list(values) for facet, values in self if values}


def _known_range(text: str) -> str:
    if text not in PRESETS:
        DateRange.parse(text)
    return text


_NO_ID = "partner {!r} is no partner id; letters, digits, '-', '_' and '.' are allowed"
_NO_LOCALE = f"locale {{!r}} is none of: {', '.join(LOCALES)}"
_NO_ROLE = f"role {{!r}} is not known; known are {' and '.join(ROLES)}"
PartnerId = Annotated[str, only(is_safe_name, _NO_ID)]
Locale = Annotated[str, only(lambda text: text in LOCALES, _NO_LOCALE)]
Role = Annotated[str, only(lambda text: text in ROLES, _NO_ROLE)]
_NO_ALSO = f"also {{!r}} is none of: {', '.join(ALSO)}"
Also = Annotated[str, only(lambda text: text in ALSO, _NO_ALSO)]
RangeText = Annotated[str, AfterValidator(_known_range)]


def _day(value: object) -> object:
    if not isinstance(value, str | None):
        return value
    try:
        return date.fromisoformat(value) if value else date.today()
    except ValueError as error:
        raise ParameterError(f"{value!r} is no date such as 2026-01-15") from error


def _filters(value: object) -> object:
    if isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value):
        return Filters.parse(value)
    if isinstance(value, Filters):
        return value
    raise ParameterError(f"{value!r} is no list of texts such as product=Azure")


def _states(value: object) -> object:
    if isinstance(value, (list, tuple)) and value and all(isinstance(s, str) for s in value):
        return tuple(state.strip() for state in value)
    raise ParameterError(f"{value!r} is no list of states such as ['Active']")


def store_place(value: Path | str) -> Path | str:
    """A URL, or a relative path where it exists: here, or in a folder above, as notebooks are."""
    if "://" in str(value):
        return _folder_url(str(value))
    return found_above(Path(value))


def _store(value: object) -> object:
    return store_place(value) if isinstance(value, (str, Path)) else value


def _folder_url(url: str) -> str:
    """A URL that everybody may see who sees a report, and that the names of files can follow."""
    scheme, _, place = url.strip().partition("://")
    scheme, place = scheme.lower(), place.rstrip("/")
    if scheme in {"file", "local"} or not place or not scheme.isalnum():
        raise ParameterError("is no URL such as s3://bucket/store; give a folder as a path")
    # Some name a container before the @; others a user, or a token.
    user, at, _ = place.partition("/")[0].rpartition("@")
    if re.search(r"[?#*\[\]]", place) or (at and (":" in user or not scheme.startswith("abfs"))):
        raise ParameterError(
            "a URL has no login, and none of ? # * [ ] in it, as the notebooks of a report keep "
            f"it; give logins in the way of the package for {scheme}://"
        )
    return f"{scheme}://{place}"


class ReportSpec(Strict):
    """Everything that decides what one report says.

    Attributes:
        partner: Partner global account id.
        partner_name: What the report calls the partner; empty = as the Profile export does.
        date_range: A preset, or two months such as `2025-01_2025-12`.
        as_of: The day on which a month must be over to count as complete; empty = today.
        filters: Also as texts `facet=value`; what they exclude is not in the report.
        role: Whether single customers are shown, or counts only.
        locale: Language of the fixed text and of numbers and dates.
        active_states: Subscription states that make a row active, compared without case.
        store: A folder, looked for here and in the folders above, or a URL `s3://bucket/store`.
        sections: The notebooks that make the report, such as `08_customers`; empty = all.
        also: What is written beside the page: `pdf`, `xlsx`.
        variant: Names a report with other filters, language or role; empty for the ordinary one.
    """

    partner: PartnerId
    partner_name: str = ""
    date_range: RangeText = "last_12_months"
    as_of: Annotated[date, BeforeValidator(_day)] = Field(default_factory=date.today)
    filters: Annotated[Filters, BeforeValidator(_filters)] = Filters()
    locale: Locale = "en"
    role: Role = "executive_report_viewer"
    active_states: Annotated[tuple[str, ...], BeforeValidator(_states)] = ("Active",)
    store: Annotated[Path | str, BeforeValidator(_store)] = Field(
        default=Path("data/store"), validate_default=True
    )
    sections: tuple[str, ...] = ()
    also: tuple[Also, ...] = ()
    variant: str = Field(default="", pattern="^[0-9a-f]*$")


def report_spec(**values: Any) -> ReportSpec:
    """A `ReportSpec` of plain values by their names, as a notebook or a command has them.

    Raises:
        ParameterError: A value is not allowed, or a name is not known.
    """
    return validated(ReportSpec, values)
