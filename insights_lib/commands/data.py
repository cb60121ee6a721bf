"""`insights demo` and `ingest`: exports, and the store that they go into."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.errors import ExportError
from insights_lib.parameters.spec import store_place
from insights_lib.store.ingest import files_of, ingest_files


def demo(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("data/exports"),
    partners: Annotated[int, typer.Option(min=1, help="How many partners.")] = 3,
    customers: Annotated[int, typer.Option(min=1, help="Customers of each partner.")] = 400,
    months: Annotated[int, typer.Option(min=2, help="Months, the last is 2025-12.")] = 25,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same files.")] = 1,
    debug: options.Debug = False,
) -> None:
    """Write example exports in the documented layouts."""
    from insights_lib.exports.demo import write_demo  # noqa: PLC0415 - and numpy, for this alone

    with options.sentences(debug):
        files = write_demo(to, partners, customers, months, seed)
        options.out.print(f"{len(files)} example exports are in {to}")


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Export files, or folders of them.")],
    store: options.Store = options.STORE,
    parts: Annotated[
        bool, typer.Option("--parts", help="The files are parts of one export.")
    ] = False,
    reassign: Annotated[
        bool, typer.Option("--reassign", help="A Profile may give a location to another account.")
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Check exports and take them into the store; a later file wins over an earlier one."""
    with options.sentences(debug):
        refused = 0
        for result in ingest_files(files_of(paths), store, parts, reassign):
            if isinstance(result, ExportError):
                if debug:
                    raise result
                refused += 1
                options.errors.print(f"refused: {result}")
            else:
                options.show_lines(result.lines())
        options.exit_unless(not refused)


def partners(
    store: options.StoreToRead = str(options.STORE),
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """List the partners of the store: their months, customers, and latest export."""
    from insights_lib.store.overview import (  # noqa: PLC0415 - and pandas, for this alone
        PartnerOverview,
        overview,
    )

    with options.sentences(debug):
        rows = [asdict(one) for one in overview(store_place(store))]
        columns = [field.name for field in fields(PartnerOverview)]
        options.show(rows, columns, as_json)
