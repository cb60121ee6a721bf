"""The command line `insights`: all commands together."""

import typer

from insights_lib.commands.data import demo, ingest, partners
from insights_lib.commands.fetch import fetch, login
from insights_lib.commands.mail import history, send
from insights_lib.commands.reports import preview, run, status
from insights_lib.commands.retention import forget, prune
from insights_lib.commands.schedule import schedule


def program() -> typer.Typer:
    """The program with its commands, in the order of its help."""
    commands = typer.Typer(
        help="Customer reports for Microsoft partners, from the export files of Partner Center.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    data, reports = (demo, login, fetch, ingest, partners), (preview, run, status)
    others = (send, history, schedule, prune, forget)
    for command in (*data, *reports, *others):
        commands.command()(command)
    return commands


app = program()
