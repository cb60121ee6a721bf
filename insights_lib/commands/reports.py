"""`insights run` and `status`: the reports, and how they stand."""

import signal
import time
from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.commands.options import errors, out
from insights_lib.commands.progress import following
from insights_lib.mail.plan import mail_plan
from insights_lib.mail.send import MailStatus, mail_statuses_now
from insights_lib.outputs import Outputs
from insights_lib.parameters.recipients_yml import read_recipients
from insights_lib.parameters.requests import Overrides, range_of, reports_file, requested_specs
from insights_lib.parameters.spec import Filters
from insights_lib.run.plan import PlannedReport, plan_reports
from insights_lib.run.reports import Settings, run_reports, summary
from insights_lib.run.request import seconds_by_stage


def run(
    partner: options.Partners = None,
    range_: Annotated[
        str | None,
        typer.Option("--range", help="last_3_months, last_6_months or last_12_months."),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month, 2025-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month, 2025-12.")] = None,
    as_of: options.AsOf = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="facet=value; repeats.")
    ] = None,
    role: Annotated[
        str | None, typer.Option(help="report_viewer or executive_report_viewer.")
    ] = None,
    locale: Annotated[str | None, typer.Option(help="en or sv.")] = None,
    store: options.StoreToRead = str(options.STORE),
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    jobs: options.Jobs = options.CORES,
    dask: Annotated[
        str | None, typer.Option(help="Dask scheduler whose workers make them, tcp://host:8786.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Render fresh reports too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No live view, but lines.")] = False,
    profiled: Annotated[
        bool, typer.Option("--profile", help="Tell where the seconds went.")
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Render what is not fresh: of the reports asked for, or of all in the parameter file."""
    with options.sentences(debug):
        started = time.monotonic()
        months = range_of(range_, first, last)
        filters = Filters.parse(filter_) if filter_ else None
        overrides = Overrides(tuple(partner or ()), months, as_of, filters, locale, role, store)
        file = reports_file(parameters, overrides)
        limits = (file.section_timeout_seconds, file.report_timeout_seconds)
        settings = Settings(Outputs(outputs.absolute()), jobs, *limits, dask)
        by_hand = bool(months or filters or locale or role)
        specs = requested_specs(parameters, overrides, with_variants=not by_hand)
        planned = plan_reports(specs, settings.outputs)
        fresh = [one for one in planned if one.status == "fresh" and not force]
        wanted = [one for one in planned if one not in fresh]
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
        with following(len(wanted), jobs, quiet or not wanted) as on_report:
            results = run_reports(wanted, settings, on_report)
        whole = [one.folder for one in fresh] + [one.folder for one in results if one.complete]
        for folder in filter(None, whole):
            out.print(str(folder / "report.html"))
        for note in (note for result in results for note in result.notes()):
            errors.print(note)
        errors.print(summary(results, len(fresh), time.monotonic() - started))
        if profiled:
            options.show(seconds_by_stage(results), ("stage", "seconds", "share"), to=errors)
        if any(result.failures for result in results):
            raise typer.Exit(1)


def status(
    partner: options.Partners = None,
    as_of: options.AsOf = None,
    store: options.StoreToRead = str(options.STORE),
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    mail: Annotated[
        bool, typer.Option("--mail", help="Tell who got which report, and who did not.")
    ] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Tell of every report of the parameter file whether it is fresh, and if not, why."""
    with options.sentences(debug):
        place = Outputs(outputs.absolute())
        overrides = Overrides(tuple(partner or ()), as_of=as_of, store=store)
        if mail:
            file = reports_file(parameters, overrides)
            planned = mail_plan(read_recipients(parameters), file, overrides, place)
            rows = [status.row() for status in mail_statuses_now(planned, place)]
        else:
            specs = requested_specs(parameters, overrides)
            rows = [one.row() for one in plan_reports(specs, place)]
        options.show(rows, MailStatus.COLUMNS if mail else PlannedReport.COLUMNS, as_json)
