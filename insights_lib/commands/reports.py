"""`insights run`, `status` and `preview`: the reports, their status, and what one could show."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.commands.progress import following
from insights_lib.mail.mailing import Mailing
from insights_lib.mail.send import MailStatus, mail_statuses_now
from insights_lib.outputs import Outputs
from insights_lib.parameters.requests import Overrides, range_of, requested_specs
from insights_lib.parameters.spec import Filters, found_above
from insights_lib.run.plan import PlannedReport, plan_reports
from insights_lib.run.reports import Settings
from insights_lib.run.run import plan_run
from insights_lib.warm_kernels.deferred import grammar_deferred


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
    locale: Annotated[str | None, typer.Option(help="en, sv, de or fr.")] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="pdf or xlsx, beside the page; repeats.")
    ] = None,
    store: options.StoreToRead = str(options.STORE),
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    jobs: options.Jobs = options.CORES,
    dask: Annotated[
        str | None, typer.Option(help="Dask scheduler whose workers make them, tcp://host:8786.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Render fresh reports too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No live view, but lines.")] = False,
    profiled: Annotated[bool, typer.Option("--profile", help="Tell what took how long.")] = False,
    debug: options.Debug = False,
) -> None:
    """Render what is not fresh: of the reports asked for, or of all in the parameter file."""
    with options.sentences(debug):
        months = range_of(range_, first, last)
        filters = Filters.parse(filter_) if filter_ else None
        # not what the people of recipients.yml get
        by_hand = bool(months or filters or locale or role)
        asked = Overrides(tuple(partner or ()), months, as_of, filters, locale, role, store)
        asked = replace(asked, also=tuple(also or ()), with_variants=not by_hand)
        settings = Settings(Outputs(outputs.absolute()), jobs, dask=dask)
        planned = plan_run(parameters, asked, settings, force)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
        with following(len(planned.wanted), jobs, quiet) as on_report:
            summary = planned.do(on_report)
        options.show_lines(summary.pages())
        options.show_lines(summary.lines(), to=options.errors)
        if profiled:
            options.show(summary.stages(), summary.STAGE_COLUMNS, to=options.errors)
        options.exit_unless(summary.complete)


def status(
    partner: options.Partners = None,
    as_of: options.AsOf = None,
    store: options.StoreToRead = str(options.STORE),
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    mail: Annotated[bool, typer.Option("--mail", help="Tell who got which report.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Tell for every report of the parameter file whether it is fresh, and if not, why."""
    with options.sentences(debug):
        folder = Outputs(outputs.absolute())
        asked = Overrides(tuple(partner or ()), as_of=as_of, store=store)
        if mail:
            mails = Mailing(parameters, folder, asked).plan()
            rows = [status.row() for status in mail_statuses_now(mails, folder)]
            options.show(rows, MailStatus.COLUMNS, as_json)
            reports = [one.report for one in mails]
        else:
            reports = plan_reports(requested_specs(parameters, asked), folder)
            options.show([one.row() for one in reports], PlannedReport.COLUMNS, as_json)
        options.exit_unless(all(one.folder for one in reports))  # all could be planned


def preview(
    notebook: Annotated[Path, typer.Argument(help="Such as workbench/11_seats.ipynb.")],
    partner: Annotated[str | None, typer.Option(help="Partner id.")] = None,
    store: options.StoreToRead = str(options.STORE),
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    debug: options.Debug = False,
) -> None:
    """Show a notebook as the section of a report that it would be, or the cell that fails."""
    with grammar_deferred():
        from insights_lib.run.preview import (  # noqa: PLC0415 - papermill, for this alone
            preview_of,
            preview_spec,
        )

    with options.sentences(debug):
        spec = preview_spec(found_above(parameters), partner, store)
        made = preview_of(notebook, spec, Outputs(found_above(outputs)))
        if made.page:
            options.show_lines([made.page])
        else:
            options.show_lines([made.traceback] if debug else [], to=options.errors)
            options.show_lines([made.failure], to=options.errors)
        options.exit_unless(made.page is not None)
