"""`insights schedule`: do what is due, at its time and once."""

from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.outputs import Outputs
from insights_lib.schedule.steps import Done, Site, check_plan, do_due, do_due_until_stopped


def schedule(
    once: Annotated[
        bool, typer.Option("--once", help="Do all that is due, then end; else stay and do it.")
    ] = False,
    store: options.Store = options.STORE,
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    jobs: options.Jobs = options.CORES,
    debug: options.Debug = False,
) -> None:
    """Do what schedule.yml asks for at its time: take in exports, render, send."""
    with options.sentences(debug):
        site = Site(store, Outputs(outputs.absolute()), parameters, jobs)
        check_plan(site)
        if once:
            options.exit_unless(_show(do_due(site)))
        else:
            do_due_until_stopped(site, _show)


def _show(done: Done) -> bool:
    """Show what was done; return whether all went well."""
    options.show_lines(done.errors, to=options.errors)
    options.show_lines(done.finished)
    return not any(finished.reasons for finished in done.finished)
