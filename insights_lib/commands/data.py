"""`insights demo` and `ingest`: exports, and the store that they go into."""

from pathlib import Path
from typing import Annotated

import typer

from insights_lib.commands.options import Debug, Store, errors, out, sentences
from insights_lib.errors import ExportError
from insights_lib.store.ingest import Ingested, files_of, ingest_file

_REJECTS_SHOWN = 5


def demo(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("data/exports"),
    partners: Annotated[int, typer.Option(min=1, help="How many partners.")] = 3,
    customers: Annotated[int, typer.Option(min=1, help="Customers of each partner.")] = 400,
    months: Annotated[int, typer.Option(min=2, help="Months, the last is 2025-12.")] = 25,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same files.")] = 1,
    debug: Debug = False,
) -> None:
    """Write example exports in the documented layouts."""
    from insights_lib.exports.demo import write_demo  # noqa: PLC0415 - and numpy, for this command alone

    with sentences(debug):
        files = write_demo(to, partners, customers, months, seed)
        out.print(f"{len(files)} example exports are in {to}")


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Export files, or folders of them.")],
    store: Store = Path("data/store"),
    debug: Debug = False,
) -> None:
    """Check exports and take them into the store; a later file wins over an earlier one."""
    with sentences(debug):
        refused = 0
        for file in files_of(paths):
            try:
                _tell(ingest_file(file, store))
            except ExportError as error:
                if debug:
                    raise
                refused += 1
                errors.print(f"refused: {error}")
        if refused:
            raise typer.Exit(1)


def _tell(result: Ingested) -> None:
    months = f", {result.first:%Y-%m} to {result.last:%Y-%m}" if result.first else ""
    out.print(
        f"{result.file}: {result.dataset}{months}: {result.rows_in:,} rows in, "
        f"{result.rows_kept:,} kept, {result.rows_rejected:,} rejected"
    )
    for line, reason in result.rejects[:_REJECTS_SHOWN]:
        out.print(f"  line {line} rejected: {reason}")
    if result.rows_rejected > _REJECTS_SHOWN:
        out.print(f"  and {result.rows_rejected - _REJECTS_SHOWN:,} more; see the store's log")
    for note in result.notes:
        out.print(f"  note: {note}")
