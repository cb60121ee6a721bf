"""`insights login` and `fetch`: exports from the programmatic API of Partner Center."""

from pathlib import Path
from typing import Annotated

import typer

from insights_lib.commands import options, progress
from insights_lib.parameters.fetch_yml import read_fetch_plan
from insights_lib.timing import Clock

_Tenants = Annotated[
    list[str] | None, typer.Option("--tenant", help="Tenant of fetch.yml; repeats. Default all.")
]


def login(
    tenant: _Tenants = None,
    check: Annotated[bool, typer.Option("--check", help="Tell how the sign-ins stand.")] = False,
    parameters: options.Parameters = options.PARAMETERS,
    debug: options.Debug = False,
) -> None:
    """Sign in to Partner Center once, with MFA, for `insights fetch`."""
    from insights_lib.fetch.logins import check_logins, log_in  # noqa: PLC0415 - and MSAL

    with options.sentences(debug):
        plan, names, well = read_fetch_plan(parameters), tenant or [], True
        show = options.errors.print
        found = check_logins(plan, names, Clock()) if check else log_in(plan, names, show)
        for status in found:
            (options.out if status.well else options.errors).print(str(status))
            well = well and status.well
        options.exit_unless(well)


def fetch(
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="Its name; repeats. Default: fetch.yml.")
    ] = None,
    months: Annotated[int, typer.Option(min=1, max=36, help="How many, if offered.")] = 25,
    to: Annotated[Path, typer.Option(help="Folder of exports.", file_okay=False)] = Path(
        "data/exports"
    ),
    parameters: options.Parameters = options.PARAMETERS,
    debug: options.Debug = False,
) -> None:
    """Fetch exports from Partner Center for the tenants of fetch.yml."""
    from insights_lib.fetch.fetch import FetchRequest, fetch_all  # noqa: PLC0415 - and MSAL

    with options.sentences(debug), progress.Waiting() as view:
        request, well = FetchRequest(dataset, months, to), True
        for result in fetch_all(read_fetch_plan(parameters), request, view.follow, Clock()):
            view.tell(str(result), result.failed)
            well = well and not result.failed
        options.exit_unless(well)
