"""`insights prune` and `forget`: care of data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from insights_lib.commands.mail import LEDGER, forget_dry_run
from insights_lib.commands.options import Debug, Outputs, Parameters, Store, out, sentences
from insights_lib.data_retention.forget import forget as forget_customer
from insights_lib.data_retention.forget import prune_linked, prune_log, prune_reports
from insights_lib.mail.ledger import ledger
from insights_lib.parameters.reports_yml import read_reports_file
from insights_lib.schedule.windows import SCHEDULE, recording

_PATIENCE = 600  # seconds to wait for a scheduler that is at work


def prune(
    outputs: Outputs = Path("outputs"),
    parameters: Parameters = Path("parameters"),
    debug: Debug = False,
) -> None:
    """Delete what is older than the retention of reports.yml: reports, log, who was mailed."""
    with sentences(debug):
        kept = read_reports_file(parameters).retention
        forget_dry_run(outputs)
        now = datetime.now(UTC)
        for folder in prune_reports(outputs, timedelta(days=kept.reports_days), now):
            out.print(f"deleted: {folder}")
        linked = prune_linked(outputs, timedelta(days=kept.reports_days), now)
        lines = prune_log(outputs, now - timedelta(days=kept.reports_days))
        before = now - timedelta(days=kept.ledger_days)
        pruned = 0
        if (outputs / LEDGER).exists():
            with ledger(outputs / LEDGER) as book:
                pruned = book.prune(before)
        if (outputs / SCHEDULE).exists():
            with recording(outputs, wait_seconds=_PATIENCE) as record:
                record.prune(before)
        if linked:
            out.print(f"deleted: {linked} pages that mails link to")
        if lines:
            out.print(f"deleted: {lines} lines of the log of runs")
        if pruned:
            out.print(f"deleted: names and addresses of {pruned} mails")


def forget(
    customer: Annotated[
        str, typer.Option(help="Top parent id, else tenant id, else name, as in the exports.")
    ],
    store: Store = Path("data/store"),
    outputs: Outputs = Path("outputs"),
    debug: Debug = False,
) -> None:
    """Delete a customer from the store and from all reports; these are to be rendered again."""
    with sentences(debug):
        forgotten = forget_customer(customer, store, outputs)
        forget_dry_run(outputs)
        rows = ", ".join(f"{count} with it as {kind}" for kind, count in forgotten.rows.items())
        first, last = forgotten.months[0], forgotten.months[-1]
        partners = ", ".join(forgotten.partners)
        out.print(f"rows deleted: {rows}; {first:%Y-%m} to {last:%Y-%m}, partners {partners}")
        for folder in forgotten.reports:
            out.print(f"stale: {folder}; `insights run` makes it again, if it is still asked for")
        if forgotten.linked:
            out.print(f"deleted: {forgotten.linked} pages that mails of these partners link to")
        for name in forgotten.exports:
            out.print(f"still in the export file {name}")
        out.print("Delete every export that holds the customer, also earlier and refused ones:")
        out.print("whoever ingests one of them brings the customer back.")
