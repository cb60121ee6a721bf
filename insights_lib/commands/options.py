"""What every command has: two consoles, common options, and errors as sentences."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from insights_lib.errors import InsightsError
from insights_lib.parameters.recipients_yml import read_recipients, specs_for
from insights_lib.parameters.reports_yml import Asked, ReportsFile, read_reports_file, report_specs
from insights_lib.parameters.spec import ReportSpec
from insights_lib.store.catalog import reading

out = Console(highlight=False, markup=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

WIDEST = 2000  # characters of a line that no screen has to show


def _no_url(store: Path) -> Path:
    if re.match(r"[A-Za-z][\w+.-]+:[:/]", str(store)):  # Windows has drives of one letter
        raise typer.BadParameter(
            "a store at a URL can only be read. Give a folder, and copy it to the URL afterwards: "
            "its parts first, the catalog last."
        )
    return store


def _no_file(store: str) -> str:
    if os.path.isfile(store):  # noqa: PTH113 - Path raises when the text is too long
        raise typer.BadParameter(f"{store!r} is a file; give the folder of a store, or its URL.")
    return store


Store = Annotated[
    Path, typer.Option(help="Folder of the store.", file_okay=False, callback=_no_url)
]
StoreToRead = Annotated[str, typer.Option(help="Folder or URL of the store.", callback=_no_file)]
Outputs = Annotated[Path, typer.Option(help="Folder of the reports.", file_okay=False)]
Parameters = Annotated[Path, typer.Option(help="Folder of the parameter files.", file_okay=False)]
Partners = Annotated[list[str] | None, typer.Option("--partner", help="Partner id; repeats.")]
AsOf = Annotated[str | None, typer.Option(help="Day on which a month must be over; default today.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@contextmanager
def sentences(debug: bool) -> Iterator[None]:
    """Show what went wrong as one sentence; with --debug, as Python does."""
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as stopped:
        errors.print("stopped; what is finished stays, and the same command does the rest.")
        raise typer.Exit(130) from stopped
    except Exception as error:
        if debug:
            raise
        if not isinstance(error, (InsightsError, OSError)):
            errors.print(f"unexpected {type(error).__name__}; with --debug you see where:")
        told = str(error)
        if isinstance(error, OSError) and error.filename:
            told = f"{error.filename}: {error.strerror}."
        errors.print(told)
        raise typer.Exit(2 if isinstance(error, InsightsError) else 1) from error


def reports_file(parameters: Path, partners: list[str] | None) -> ReportsFile:
    """The parameter file; without one, partners can be named on the command line."""
    if not (parameters / "reports.yml").exists() and partners:
        return ReportsFile()
    return read_reports_file(parameters)


def specs_of(
    parameters: Path, file: ReportsFile, asked: Asked, with_variants: bool = True
) -> list[ReportSpec]:
    """The reports that are asked for, of a store that can be read.

    Args:
        parameters: Folder of the parameter files.
        file: `reports.yml`.
        asked: What is asked for on top of it.
        with_variants: Whether those of `recipients.yml` are among them.
    """
    specs = report_specs(file, asked)
    if with_variants and (parameters / "recipients.yml").exists():
        known = {(spec.partner, spec.date_range, spec.variant) for spec in specs}
        specs += [
            spec
            for spec in specs_for(read_recipients(parameters), file, asked)
            if (spec.partner, spec.date_range, spec.variant) not in known
        ]
    with reading(specs[0].store) as catalog:  # what is wrong with it is told once, not by report
        catalog.execute("SELECT count(*) FROM parts").fetchall()
    return specs


def show(rows: list[dict[str, Any]], as_json: bool, columns: Iterable[str]) -> None:
    """Show rows as JSON with all that they hold, or some columns of them as a table."""
    if as_json:
        out.print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None)
    for row in rows:
        table.add_row(*(Text(str(row[column])) for column in columns))
    # A program that reads it has a line for each row.
    wide = out if out.is_terminal else Console(file=out.file, width=WIDEST)
    wide.print(table)
