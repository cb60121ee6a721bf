"""`insights send` and `history`: reports to the people who are to have them."""

from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.mail.ledger import Entry
from insights_lib.mail.mailing import Line, Mailing
from insights_lib.mail.send import MailStatus, ledger_to_read
from insights_lib.outputs import Outputs
from insights_lib.parameters.requests import Overrides


def send(
    partner: options.Partners = None,
    as_of: options.AsOf = None,
    store: options.StoreToRead = str(options.STORE),
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the plan; write the messages as .eml, send none."),
    ] = False,
    test_to: Annotated[
        str | None, typer.Option(help="Send every message to this address instead, marked so.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until nothing is left to be tried again.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try also what has failed for good, again.")
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Mail fresh reports to the people of recipients.yml, each once."""
    with options.sentences(debug):
        asked = Overrides(tuple(partner or ()), as_of=as_of, store=store)
        folder = Outputs(outputs.absolute())
        mailing = Mailing(parameters, folder, asked, test_to, dry_run, wait, retry_failed)

        def show_line(line: Line) -> None:
            to = options.out if (dry_run or test_to) and line.well else options.errors
            to.print(line.text)

        statuses, well = mailing.send(show_line)
        if not test_to:
            options.show([status.row() for status in statuses], MailStatus.COLUMNS)
        options.exit_unless(well)


def history(
    partner: options.Partners = None,
    outputs: options.Outputs = options.OUTPUTS,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Tell what was mailed to whom, when, and if not, why not; the latest last."""
    with options.sentences(debug):
        with ledger_to_read(Outputs(outputs)) as book:
            entries = [e for e in book.entries() if not partner or e.delivery.partner in partner]
        options.show([entry.row() for entry in entries], Entry.COLUMNS, as_json)
        if not entries:
            options.errors.print("nothing was mailed from here.")
