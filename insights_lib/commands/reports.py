"""`insights run` and `status`: the reports, and how they stand."""

import os
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from insights_lib.commands.mail import ledger_as_it_is, show_stands
from insights_lib.commands.options import (
    AsOf,
    Debug,
    Json,
    Outputs,
    Parameters,
    Partners,
    StoreToRead,
    errors,
    out,
    reports_file,
    sentences,
    show,
    specs_of,
)
from insights_lib.commands.progress import failures_of, following, place_of, profile, summary
from insights_lib.errors import ParameterError
from insights_lib.mail.plan import planned_letters
from insights_lib.mail.send import stands
from insights_lib.outputs import folder_of
from insights_lib.parameters.recipients_yml import read_recipients
from insights_lib.parameters.reports_yml import Asked, ReportsFile
from insights_lib.parameters.spec import Filters, ReportSpec
from insights_lib.run.reports import Settings, run_reports, standings
from insights_lib.run.request import Outcome


def run(
    partner: Partners = None,
    date_range: Annotated[
        str | None,
        typer.Option("--range", help="last_3_months, last_6_months or last_12_months."),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month, 2025-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month, 2025-12.")] = None,
    as_of: AsOf = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="facet=value; repeats.")
    ] = None,
    locale: Annotated[str | None, typer.Option(help="en or sv.")] = None,
    store: StoreToRead = "data/store",
    outputs: Outputs = Path("outputs"),
    parameters: Parameters = Path("parameters"),
    jobs: Annotated[
        int, typer.Option(min=1, help="Reports at a time; default the cores.")
    ] = os.cpu_count() or 1,
    dask: Annotated[
        str | None, typer.Option(help="Dask scheduler whose workers make them, tcp://host:8786.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Render fresh reports too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No live view, but lines.")] = False,
    profiled: Annotated[
        bool, typer.Option("--profile", help="Tell where the seconds went.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Render what is not fresh: of the reports asked for, or of all in the parameter file."""
    with sentences(debug):
        started = time.monotonic()
        file = reports_file(parameters, partner)
        asked = Asked(
            partners=tuple(partner or ()),
            date_range=_range(date_range, first, last),
            as_of=as_of,
            filters=Filters.parse(filter_) if filter_ else None,
            locale=locale,
            store=store,
        )
        limits = (file.section_timeout_seconds, file.report_timeout_seconds)
        settings = Settings(outputs.absolute(), jobs, *limits, dask)
        by_hand = bool(asked.date_range or asked.filters or asked.locale)
        specs = specs_of(parameters, file, asked, with_variants=not by_hand)
        fresh = {} if force else _fresh(specs, settings.outputs)
        wanted = [spec for spec in specs if spec not in fresh]
        outcomes = _render(wanted, settings, quiet)
        for page in fresh.values():
            out.print(str(page))
        failed = _tell(outcomes)
        errors.print(summary(outcomes, len(fresh), started))
        if profiled:
            errors.print(profile(outcomes))
        if failed:
            raise typer.Exit(1)


def status(
    partner: Partners = None,
    as_of: AsOf = None,
    store: StoreToRead = "data/store",
    outputs: Outputs = Path("outputs"),
    parameters: Parameters = Path("parameters"),
    mail: Annotated[
        bool, typer.Option("--mail", help="Tell who got which report, and who did not.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell of every report of the parameter file whether it is fresh, and if not, why."""
    with sentences(debug):
        file = reports_file(parameters, partner)
        asked = Asked(partners=tuple(partner or ()), as_of=as_of, store=store)
        if mail:
            _show_mail(parameters, file, asked, outputs.absolute(), as_json)
            return
        found = standings(specs_of(parameters, file, asked), outputs.absolute())
        rows = [asdict(standing) for standing in found]
        show(rows, as_json, ("partner", "months", "variant", "state", "why"))


def _show_mail(
    parameters: Path, file: ReportsFile, asked: Asked, outputs: Path, as_json: bool
) -> None:
    planned = planned_letters(read_recipients(parameters), file, asked, outputs)
    with ledger_as_it_is(outputs) as book:
        show_stands(stands(planned, book), as_json)


def _render(specs: list[ReportSpec], settings: Settings, quiet: bool) -> list[Outcome]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    with following(len(specs), settings.jobs, quiet or not specs) as follow:
        return run_reports(specs, settings, follow)


def _fresh(specs: list[ReportSpec], outputs: Path) -> dict[ReportSpec, Path]:
    """The reports that need not be rendered, and their pages."""
    return {
        spec: folder_of(outputs, spec, found.months) / "report.html"
        for spec, found in zip(specs, standings(specs, outputs), strict=True)
        if found.state == "fresh"
    }


def _range(date_range: str | None, first: str | None, last: str | None) -> str | None:
    if (first is None) != (last is None):
        raise ParameterError("--from and --to go together; give both months.")
    if date_range and first:
        raise ParameterError("--range and --from/--to exclude each other; give one of them.")
    return f"{first}_{last}" if first else date_range


def _tell(outcomes: list[Outcome]) -> int:
    """Say where the reports are, and which failed; return how many did."""
    failed = 0
    for outcome in outcomes:
        if not outcome.failures and outcome.folder:
            out.print(str(outcome.folder / "report.html"))
            for warning in outcome.warnings:
                errors.print(f"note: {place_of(outcome)}: {warning}")
            continue
        failed += 1
        for sentence in failures_of(outcome):
            errors.print(f"failed: {sentence}")
    return failed
