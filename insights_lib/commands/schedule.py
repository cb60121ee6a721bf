"""`insights schedule`: what is due at its time, once."""

from contextlib import suppress
from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.commands.options import errors, out
from insights_lib.errors import BusyError, InsightsError
from insights_lib.outputs import Outputs
from insights_lib.schedule.scheduler import stay
from insights_lib.schedule.steps import Site, check_plan, do_due


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
        if not once:
            stay(lambda: _go_on(site))
        elif _do_due(site):
            raise typer.Exit(1)


def _go_on(site: Site) -> None:
    """Do what is due; whatever goes wrong, the next time may do better."""
    try:
        with suppress(BusyError):  # another scheduler does what is due
            _do_due(site)
    except (InsightsError, OSError) as error:
        errors.print(str(error))


def _do_due(site: Site) -> bool:
    """Do what is due and tell of it; return whether something failed."""
    done = do_due(site)
    for sentence in done.not_told:
        errors.print(sentence)
    for finished in done.finished:
        out.print(str(finished))
    return any(finished.reasons for finished in done.finished)
