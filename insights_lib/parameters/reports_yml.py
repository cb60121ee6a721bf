"""`parameters/reports.yml`: which reports to render, and what a command changes about them."""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field

from insights_lib.errors import ParameterError
from insights_lib.parameters.spec import (
    FACETS,
    Filters,
    Locale,
    PartnerId,
    RangeText,
    ReportSpec,
    Strict,
    report_spec,
    unknown,
    validated,
)


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


def _each_once(partners: list[Partner]) -> list[Partner]:
    twice = [name for name, times in Counter(p.id for p in partners).items() if times > 1]
    if twice:
        raise ParameterError(f"partner {twice[0]!r} is listed twice; put its ranges together")
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
    active_states: list[str] = Field(default=["Active"], min_length=1)
    section_timeout_seconds: int = Field(default=600, gt=0)
    report_timeout_seconds: int = Field(default=1800, gt=0)
    retention: Retention = Retention()
    partners: Annotated[list[Partner], AfterValidator(_each_once)] = Field(default=[])


class _UniqueKeys(yaml.SafeLoader):
    """YAML whose mappings have each key once; without this the last of them would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (place, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands twice", problem_mark=place.start_mark
                )
        return super().construct_mapping(node, deep)


def read_yaml(file: Path, what_for: str) -> dict[str, Any]:
    """The settings of a YAML file.

    Args:
        file: The file.
        what_for: What one would write into it, as the end of a sentence.

    Raises:
        ParameterError: The file is missing, is no YAML, has a key twice, or holds no settings.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 - is safe
    except FileNotFoundError as error:
        raise ParameterError(f"{file}: no such file; {what_for}.") from error
    except OSError as error:
        raise ParameterError(f"{file}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ParameterError(f"{file}: is not written in UTF-8; save it so.") from error
    except yaml.YAMLError as error:
        why = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise ParameterError(f"{file}: cannot be read as YAML ({why}).") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{file}: holds no settings; {what_for}.")
    return content


def read_reports_file(folder: Path) -> ReportsFile:
    """Read and check `reports.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, is no YAML, or holds something unknown or wrong.
    """
    file = folder / "reports.yml"
    content = read_yaml(file, "it lists the reports to render, and begins with `partners:`")
    return validated(ReportsFile, content, str(file))


@dataclass(frozen=True)
class Asked:
    """What a command asks for on top of the parameter file; None leaves that as it is there."""

    partners: tuple[str, ...] = ()
    date_range: str | None = None
    as_of: str | None = None
    filters: Filters | None = None
    locale: str | None = None
    store: Path | str = Path("data/store")


def report_specs(file: ReportsFile, asked: Asked) -> list[ReportSpec]:
    """The reports to render: those asked for, else every partner and range of the file.

    Raises:
        ParameterError: Something is wrong, or nothing is left to render.
    """
    listed = {partner.id: partner for partner in file.partners}
    wanted = tuple(dict.fromkeys(asked.partners)) or tuple(listed)
    if not wanted:
        raise ParameterError("no partner is listed; name one with --partner, or in reports.yml.")
    specs = []
    for name in wanted:
        partner = listed.get(name) or validated(Partner, {"id": name})
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
            raise ParameterError(f"filters: {unknown(facet, FACETS)}")
        yield from (f"{facet}={value}" for value in values)
