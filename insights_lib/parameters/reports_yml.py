"""`parameters/reports.yml`: which reports to render, and what a command changes about them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from insights_lib.errors import ParameterError
from insights_lib.parameters.spec import Also, Filters, Locale, PartnerId, RangeText, Role
from insights_lib.parameters.validation import Strict, read_yaml, unknown, validated
from insights_lib.tables import FACETS


def _known_facets(filters: dict[str, list[str]]) -> dict[str, list[str]]:
    Filters.parse(filter_texts(filters))
    return filters


FilterLists = Annotated[dict[str, list[str]], AfterValidator(_known_facets)]
Ranges = Annotated[list[RangeText], Field(min_length=1)]


class Partner(Strict):
    """One partner of `reports.yml`; what is not given is as in the file's own settings."""

    id: PartnerId
    name: str = ""
    ranges: Ranges | None = None
    filters: FilterLists | None = None
    locale: Locale | None = None
    role: Role | None = None


def _each_once(partners: list[Partner]) -> list[Partner]:
    for name, times in Counter(partner.id for partner in partners).items():
        if times > 1:
            raise ParameterError(f"partner {name!r} is listed twice; put its ranges together")
    return partners


class Retention(Strict):
    """After how many days reports, and what was sent to whom, are deleted by `insights prune`."""

    reports_days: int = Field(default=30, gt=0)
    ledger_days: int = Field(default=90, gt=0)


class ReportsFile(Strict):
    """`parameters/reports.yml`: the reports to render, and settings common to them."""

    ranges: Ranges = Field(default=["last_12_months"])
    filters: FilterLists = Field(default={})
    locale: Locale = "en"
    role: Role = "report_viewer"
    also: list[Also] = Field(default=[])
    sections: list[str] = Field(default=[])
    active_states: list[str] = Field(default=["Active"], min_length=1)
    section_timeout_seconds: int = Field(default=600, gt=0)
    report_timeout_seconds: int = Field(default=1800, gt=0)
    retention: Retention = Retention()
    partners: Annotated[list[Partner], AfterValidator(_each_once)] = Field(default=[])


def read_reports_file(folder: Path) -> ReportsFile:
    """`reports.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, not YAML, or wrong.
    """
    file = folder / "reports.yml"
    content = read_yaml(file, "it lists the reports to render, and begins with `partners:`")
    return validated(ReportsFile, content, str(file))


def filter_texts(filters: dict[str, list[str]]) -> Iterator[str]:
    """Filters of a YAML file as `Filters.parse` reads them.

    Raises:
        ParameterError: A facet is not known.
    """
    for facet, values in filters.items():
        if facet not in FACETS:
            raise ParameterError(f"filters: {unknown(facet, FACETS)}")
        yield from (f"{facet}={value}" for value in values)
