"""The reports that parameter files and commands ask for."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from insights_lib.errors import ParameterError
from insights_lib.parameters.recipients_yml import Person, RecipientsFile, read_recipients
from insights_lib.parameters.reports_yml import (
    Partner,
    ReportsFile,
    filter_texts,
    read_reports_file,
)
from insights_lib.parameters.spec import Filters, ReportSpec, report_spec
from insights_lib.parameters.validation import validated


@dataclass(frozen=True)
class Overrides:
    """What a command asks for on top of the parameter files; None leaves that as it is there."""

    partners: tuple[str, ...] = ()
    date_range: str | None = None
    as_of: str | None = None
    filters: Filters | None = None
    locale: str | None = None
    role: str | None = None
    store: Path | str = Path("data/store")
    also: tuple[str, ...] = ()  # on top of what the file asks for
    with_variants: bool = True  # the reports of recipients.yml, too


def report_specs(file: ReportsFile, overrides: Overrides) -> list[ReportSpec]:
    """The reports to render: those asked for, else every partner and range of the file.

    Raises:
        ParameterError: Something is wrong, or nothing is left to render.
    """
    listed = {partner.id: partner for partner in file.partners}
    wanted = dict.fromkeys(overrides.partners or listed)
    if not wanted:
        raise ParameterError("no partner is listed; name one with --partner, or in reports.yml.")
    specs, asked = [], overrides.date_range
    for name in wanted:
        partner = listed.get(name) or validated(Partner, {"id": name})
        filters = partner.filters if partner.filters is not None else file.filters
        specs += [
            report_spec(
                partner=partner.id,
                partner_name=partner.name,
                date_range=date_range,
                as_of=overrides.as_of,
                filters=overrides.filters or Filters.parse(filter_texts(filters)),
                locale=overrides.locale or partner.locale or file.locale,
                role=overrides.role or partner.role or file.role,
                sections=tuple(file.sections),
                also=_in_order([*file.also, *overrides.also]),
                active_states=file.active_states,
                store=overrides.store,
            )
            for date_range in ([asked] if asked else partner.ranges or file.ranges)
        ]
    return specs


def specs_for(
    recipients: RecipientsFile, file: ReportsFile, overrides: Overrides
) -> list[ReportSpec]:
    """The reports that recipients get, each once.

    Raises:
        ParameterError: A recipient would get nothing, or a parameter is wrong.
    """
    return _each_once(spec for _, spec in wanted_specs(recipients, file, overrides))


def _each_once(specs: Iterable[ReportSpec]) -> list[ReportSpec]:
    """Each report once, with all that somebody wants beside its page."""
    wanted: dict[ReportSpec, list[str]] = {}
    for spec in specs:
        wanted.setdefault(spec.model_copy(update={"also": ()}), []).extend(spec.also)
    return [spec.model_copy(update={"also": _in_order(also)}) for spec, also in wanted.items()]


def _in_order(also: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(also)))


def wanted_specs(
    recipients: RecipientsFile, file: ReportsFile, overrides: Overrides
) -> Iterator[tuple[Person, ReportSpec]]:
    """The people of the partners that are asked for, each with their report; see `specs_for`."""
    listed = {partner.id for partner in file.partners}
    for partner, people in recipients.partners.items():
        if not overrides.partners or partner in overrides.partners:
            if partner not in listed:
                raise ParameterError(
                    f"partner {partner} of recipients.yml is not in reports.yml, so nobody knows "
                    "what its people may see; list it there, or take its people out."
                )
            yield from ((person, _spec_for(partner, person, file, overrides)) for person in people)


def _spec_for(partner: str, person: Person, file: ReportsFile, overrides: Overrides) -> ReportSpec:
    """The report that a person gets: only what the partner's filters and theirs let through."""
    alone = replace(overrides, partners=(partner,), filters=None, locale=None, role=None)
    if person.range:
        alone = replace(alone, date_range=person.range)
    alone = replace(alone, also=(*overrides.also, *person.files))
    ordinary = report_specs(file, alone)[0]
    who = f"partner {partner}, {person.address}"
    filters = _narrowed(ordinary.filters, Filters.parse(filter_texts(person.filters)), who)
    filters = _narrowed(filters, Filters(partner_location=person.locations), who)
    # Whoever lists the same values in another order gets the same report.
    filters, locale = _ordered(filters), person.locale or ordinary.locale
    role = person.role or ordinary.role
    own = (filters, locale, role)
    if own == (_ordered(ordinary.filters), ordinary.locale, ordinary.role):
        return ordinary
    # A report viewer's variants are called as they were before there were roles.
    parts = [locale, *filters.texts(), *([] if role == "report_viewer" else [role])]
    variant = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    changes = {"filters": filters, "locale": locale, "role": role, "variant": variant}
    return ordinary.model_copy(update=changes)


def _narrowed(outer: Filters, inner: Filters, who: str) -> Filters:
    """What passes both: a facet with values in both keeps those that are in both."""
    both: dict[str, tuple[str, ...]] = {}
    for facet, values in outer:
        wanted = getattr(inner, facet)
        allowed = {value.lower() for value in values}
        both[facet] = tuple(v for v in wanted or values if not values or v.lower() in allowed)
        if wanted and not both[facet]:
            raise ParameterError(
                f"{who}: none of {facet} {', '.join(wanted)} is among those allowed, "
                f"{', '.join(values)}; nothing would be left of the report."
            )
    return Filters(**both)


def _ordered(filters: Filters) -> Filters:
    return Filters(**{facet: tuple(sorted(set(values))) for facet, values in filters})


def reports_file(parameters: Path, overrides: Overrides) -> ReportsFile:
    """`reports.yml` of a parameters folder; without it, the partners can be named by a command.

    Raises:
        ParameterError: The file is wrong, or missing while no partner is named.
    """
    if overrides.partners and not (parameters / "reports.yml").exists():
        return ReportsFile()
    return read_reports_file(parameters)


def requested_specs(
    parameters: Path, overrides: Overrides, file: ReportsFile | None = None
) -> list[ReportSpec]:
    """The reports that the files of a parameters folder and a command ask for, each once.

    Args:
        parameters: The folder.
        overrides: What the command asks for.
        file: `reports.yml` of the folder, where it has been read already.

    Raises:
        ParameterError: Something is wrong, or nothing is left to render.
    """
    file = file or reports_file(parameters, overrides)
    specs = report_specs(file, overrides)
    if overrides.with_variants and (parameters / "recipients.yml").exists():
        specs = _each_once([*specs, *specs_for(read_recipients(parameters), file, overrides)])
    return specs


def range_of(date_range: str | None, first: str | None, last: str | None) -> str | None:
    """The date range that a command asks for, as a whole or by its first and last month.

    Raises:
        ParameterError: One of the months is missing, or both ways are used.
    """
    if (first is None) != (last is None):
        raise ParameterError("--from and --to go together; give both months.")
    if date_range and first:
        raise ParameterError("--range and --from/--to exclude each other; give one of them.")
    return f"{first}_{last}" if first else date_range
