"""What every command has: two consoles, common options, and errors as sentences."""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from insights_lib.errors import InsightsError, StoreError
from insights_lib.store.catalog import refuse_url

out = Console(highlight=False, markup=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

STORE, OUTPUTS, PARAMETERS = Path("data/store"), Path("outputs"), Path("parameters")
CORES = os.cpu_count() or 1


def _folder(store: Path) -> Path:
    try:
        refuse_url(store)
    except StoreError as error:
        raise typer.BadParameter(str(error)) from error
    return store


Store = Annotated[
    Path, typer.Option(help="Folder of the store.", file_okay=False, callback=_folder)
]
StoreToRead = Annotated[str, typer.Option(help="Folder or URL of the store.")]
Outputs = Annotated[Path, typer.Option(help="Folder of the reports.", file_okay=False)]
Parameters = Annotated[Path, typer.Option(help="Folder of the parameter files.", file_okay=False)]
Partners = Annotated[list[str] | None, typer.Option("--partner", help="Partner id; repeats.")]
AsOf = Annotated[str | None, typer.Option(help="Day on which a month must be over; default today.")]
Jobs = Annotated[int, typer.Option(min=1, help="Reports at a time; default the cores.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@contextmanager
def sentences(debug: bool) -> Iterator[None]:
    """Show what went wrong as one sentence; with --debug, as Python does."""
    log, warnings = logging.getLogger("insights_lib"), logging.StreamHandler()
    log.addHandler(warnings)
    log.setLevel(logging.DEBUG if debug else logging.NOTSET)
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
        sentence = str(error)
        if isinstance(error, OSError) and error.filename:
            sentence = f"{error.filename}: {error.strerror}."
        errors.print(sentence)
        raise typer.Exit(2 if isinstance(error, InsightsError) else 1) from error
    finally:
        log.removeHandler(warnings)


def show_lines(lines: Iterable[object], to: Console = out) -> None:
    """Show things, a line each."""
    if texts := [str(line) for line in lines]:
        to.print("\n".join(texts))


def exit_unless(well: bool) -> None:
    """End the command, with the status that says that some of it failed."""
    if not well:
        raise typer.Exit(1)


def show(
    rows: list[dict[str, Any]], columns: Sequence[str], as_json: bool = False, to: Console = out
) -> None:
    """Show rows as JSON with all that they hold, or some columns of them as a table."""
    if as_json:
        to.print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    texts = [[" ".join(Text(str(row[name])).plain.split()) for name in columns] for row in rows]
    if to.is_terminal:
        table = Table(*(Column(name, overflow="fold") for name in columns), box=None)
        for row in texts:
            table.add_row(*map(Text, row))
        to.print(table)
    else:  # a line for each row, for a program; rich would take a second for 1,000 of them
        widths = [max(map(cell_len, column)) for column in zip(columns, *texts, strict=True)]
        padded = (map(set_cell_size, row, widths) for row in (columns, *texts))
        show_lines((f" {'  '.join(row)} " for row in padded), to)
