"""What a report is asked for: partner, range, filters, locale. Validated once, then frozen.

The same words serve the command line, the YAML files of `parameters/` and the notebooks.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from insights_lib.errors import ParameterError

FACETS = (
    "product",
    "customer_market",
    "partner_attribution",
    "partner_location",
    "sales_channel",
    "customer_segment",
)
PRESETS = {"last_3_months": 3, "last_6_months": 6, "last_12_months": 12}
LOCALES = ("en", "sv")
RANGES = f"{', '.join(PRESETS)}, or two months such as 2025-01_2025-12"

Model = TypeVar("Model", bound=BaseModel)

_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")


def is_safe_name(text: str) -> bool:
    """Whether a partner id can name a folder on every system without escaping from it."""
    return bool(_SAFE_NAME.fullmatch(text)) and not _RESERVED.fullmatch(text)


def month_after(month: date, months: int = 1) -> date:
    """The first of the month that many months later (earlier, if negative)."""
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


class DateRange(BaseModel):
    """Whole months from `first` to `last`, both included."""

    model_config = ConfigDict(frozen=True)

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
        except ValueError as error:
            raise ParameterError(f"date range {text!r} is none of: {RANGES}.") from error
        if last < first:
            raise ParameterError(f"date range {text!r} ends before it begins; swap the months.")
        return cls(first=first, last=last)

    @classmethod
    def ending(cls, last: date, months: int) -> Self:
        """The range of so many months that ends with `last`."""
        return cls(first=month_after(last, 1 - months), last=last)

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


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Filters(_Strict):
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
            facet, equals, value = (part.strip() for part in text.partition("="))
            if not equals or not value:
                raise ParameterError(f"filter {text!r} is not of the form facet=value.")
            if facet not in FACETS:
                raise ParameterError(f"filter {text!r}: {_unknown(facet, FACETS)}")
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


def _known_locale(text: str) -> str:
    if text not in LOCALES:
        raise ParameterError(f"locale {text!r} is none of: {', '.join(LOCALES)}.")
    return text


def _safe_partner(text: str) -> str:
    if not is_safe_name(text):
        raise ParameterError(
            f"partner {text!r} is no partner id; letters, digits, '-', '_' and '.' are allowed."
        )
    return text


def _known_facets(filters: dict[str, list[str]]) -> dict[str, list[str]]:
    Filters.parse(filter_texts(filters))
    return filters


PartnerId = Annotated[str, AfterValidator(_safe_partner)]
RangeText = Annotated[str, AfterValidator(_known_range)]
Locale = Annotated[str, AfterValidator(_known_locale)]
FilterLists = Annotated[dict[str, list[str]], AfterValidator(_known_facets)]


class ReportSpec(_Strict):
    """Everything that decides what one report says.

    Attributes:
        partner: Partner global account id.
        partner_name: What the report calls the partner; empty = as the Profile export does.
        date_range: A preset, or two months such as `2025-01_2025-12`.
        as_of: The day on which a month must be over to count as complete.
        filters: The page filters; what they exclude is not in the report.
        locale: Language of the fixed text and of numbers and dates.
        active_states: Subscription states that make a row active, compared without case.
        store: Folder of the store.
    """

    partner: PartnerId
    partner_name: str = ""
    date_range: RangeText = "last_12_months"
    as_of: date
    filters: Filters = Filters()
    locale: Locale = "en"
    active_states: tuple[str, ...] = ("Active",)
    store: Path


def report_spec(**values: Any) -> ReportSpec:
    """A `ReportSpec` from plain values, as a notebook or a command has them.

    Args:
        **values: The attributes of `ReportSpec`. `filters` is a list of `facet=value` texts;
            `as_of` a date as `2026-01-15`, empty for today; `store` a path, looked for in the
            working folder and then in those above it.

    Raises:
        ParameterError: A value is not allowed, or a name is not known.
    """
    plain = dict(values)
    as_of = plain.get("as_of")
    if not isinstance(as_of, date):
        plain["as_of"] = _day(str(as_of)) if as_of else date.today()
    if not isinstance(plain.get("filters", ()), Filters):
        plain["filters"] = Filters.parse(plain["filters"])
    plain["active_states"] = tuple(plain.get("active_states", ("Active",)))
    plain["store"] = _found_above(Path(plain.get("store", "data/store")))
    return _validated(ReportSpec, plain, "the report")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(f"as_of {text!r} is no date such as 2026-01-15.") from error


def _found_above(path: Path) -> Path:
    """A relative path where it exists: here, or in a folder above, as notebooks are below."""
    here = Path.cwd()
    return next((f / path for f in (here, *here.parents) if (f / path).exists()), here / path)


class Partner(_Strict):
    """One partner of `reports.yml`; what is not given is as in the file's own settings."""

    id: PartnerId
    name: str = ""
    ranges: list[RangeText] | None = None
    filters: FilterLists | None = None
    locale: Locale | None = None


class ReportsFile(_Strict):
    """`parameters/reports.yml`: the reports to render, and settings common to them."""

    ranges: list[RangeText] = ["last_12_months"]
    filters: FilterLists = {}
    locale: Locale = "en"
    active_states: list[str] = ["Active"]
    section_timeout_seconds: int = Field(default=600, gt=0)
    partners: list[Partner] = []


def read_reports_file(folder: Path) -> ReportsFile:
    """Read and check `reports.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, is no YAML, or holds something unknown or wrong.
    """
    file = folder / "reports.yml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParameterError(f"{file}: no such file; it lists the reports to render.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{file}: is no YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{file}: holds no settings; begin with `partners:`.")
    return _validated(ReportsFile, content, str(file))


@dataclass(frozen=True)
class Asked:
    """What a command asks for on top of the parameter file; None leaves that as it is there."""

    partners: tuple[str, ...] = ()
    date_range: str | None = None
    as_of: str | None = None
    filters: Filters | None = None
    locale: str | None = None
    store: Path = Path("data/store")


def report_specs(file: ReportsFile, asked: Asked) -> list[ReportSpec]:
    """The reports to render: those asked for, else every partner and range of the file.

    Raises:
        ParameterError: Something is wrong, or nothing is left to render.
    """
    listed = {partner.id: partner for partner in file.partners}
    wanted = asked.partners or tuple(listed)
    if not wanted:
        raise ParameterError("no partner is listed; name one with --partner, or in reports.yml.")
    specs = []
    for name in wanted:
        partner = listed.get(name) or _validated(Partner, {"id": name}, f"partner {name}")
        ranges = partner.ranges if partner.ranges is not None else file.ranges
        filters = partner.filters if partner.filters is not None else file.filters
        specs += [
            report_spec(
                partner=partner.id,
                partner_name=partner.name,
                date_range=date_range,
                as_of=asked.as_of,
                filters=asked.filters or Filters.parse(filter_texts(filters)),
                locale=asked.locale or partner.locale or file.locale,
                active_states=file.active_states,
                store=asked.store,
            )
            for date_range in ([asked.date_range] if asked.date_range else ranges)
        ]
    return specs


def filter_texts(filters: dict[str, list[str]]) -> Iterator[str]:
    """Filters of a YAML file as `Filters.parse` reads them.

    Raises:
        ParameterError: A facet is not known.
    """
    for facet, values in filters.items():
        if facet not in FACETS:
            raise ParameterError(f"filters: {_unknown(facet, FACETS)}")
        yield from (f"{facet}={value}" for value in values)


def _unknown(name: str, known: Iterable[str]) -> str:
    known = tuple(known)
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{name!r} is none of: {', '.join(known)}{hint}"


def _validated(model: type[Model], values: dict[str, Any], where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}: {_sentence(error, model)}") from error


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong, where it stands, and what was allowed."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    name = str(first["loc"][-1])
    if first["type"] == "extra_forbidden":
        inner = Partner if first["loc"][0] == "partners" else model
        return f"{_unknown(name, inner.model_fields)}."
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "string_type":
        reason += f", not {first['input']!r}; put it in quotes"
    return f"{place}: {reason}."
