"""`insights send` and `history`: reports to the people who are to have them."""

from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.commands.options import errors, out
from insights_lib.errors import ParameterError
from insights_lib.mail import rehearsal
from insights_lib.mail.ledger import Entry
from insights_lib.mail.pictures import pictures
from insights_lib.mail.plan import mail_plan
from insights_lib.mail.send import (
    DONE,
    PLANNED,
    MailStatus,
    ledger_to_read,
    mail_statuses_now,
    send_planned,
    states_again,
)
from insights_lib.mail.writer import Writer
from insights_lib.outputs import Outputs
from insights_lib.parameters.recipients_yml import read_recipients
from insights_lib.parameters.requests import Overrides, reports_file
from insights_lib.timing import Clock


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
        if test_to and (dry_run or retry_failed):
            raise ParameterError("--test-to sends everything, to one address; give it alone.")
        recipients, place = read_recipients(parameters), Outputs(outputs.absolute())
        overrides = Overrides(tuple(partner or ()), as_of=as_of, store=store)
        planned = mail_plan(recipients, reports_file(parameters, overrides), overrides, place)
        if not planned:
            of = f" of partner {', '.join(partner)}" if partner else ""
            raise ParameterError(f"nobody in recipients.yml gets a report{of}; list people there.")
        again = states_again(recipients, retry_failed)
        with pictures(place) as taken:
            writer = Writer(recipients, place, taken, Clock(), test_to, dry_run)
            if test_to or dry_run:
                rehearse = rehearsal.send_all if test_to else rehearsal.dry_run
                lines = list(rehearse(planned, writer, again))
                for line in lines:
                    (out if line.well else errors).print(line.text)
                done = all(line.well for line in lines)
            else:
                for result in send_planned(planned, writer, again, wait):
                    errors.print(str(result))
                done = True
        if not test_to:
            statuses = mail_statuses_now(planned, place)
            options.show([status.row() for status in statuses], MailStatus.COLUMNS)
            done = done and {status.state for status in statuses} <= (PLANNED if dry_run else DONE)
        if not done:
            raise typer.Exit(1)


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
            errors.print("nothing was mailed from here.")
