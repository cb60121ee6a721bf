"""The command line: `insights demo`, `ingest`, `run` and `status`."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from insights_lib.demo import write_demo
from insights_lib.errors import ExportError, InsightsError, ParameterError
from insights_lib.ingest import Ingested, files_of, ingest_file
from insights_lib.orders import Outcome
from insights_lib.parameters import Filters, ReportSpec
from insights_lib.reports_file import Asked, ReportsFile, read_reports_file, report_specs
from insights_lib.runner import Settings, run_reports, standings
from insights_lib.store import reading

app = typer.Typer(
    help="Customer reports for Microsoft partners, from the export files of Partner Center.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_out = Console(highlight=False, markup=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
_REJECTS_SHOWN = 5

Store = Annotated[Path, typer.Option(help="Folder of the store.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@contextmanager
def _sentences(debug: bool) -> Iterator[None]:
    """Show what went wrong as one sentence; with --debug, as Python does."""
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as stopped:
        _errors.print("stopped; what is finished stays, and the same command does the rest.")
        raise typer.Exit(130) from stopped
    except Exception as error:
        if debug:
            raise
        if not isinstance(error, (InsightsError, OSError)):
            _errors.print(f"unexpected {type(error).__name__}; with --debug you see where:")
        _errors.print(str(error))
        raise typer.Exit(2 if isinstance(error, InsightsError) else 1) from error


@app.command()
def demo(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("data/exports"),
    partners: Annotated[int, typer.Option(min=1, help="How many partners.")] = 3,
    customers: Annotated[int, typer.Option(min=1, help="Customers of each partner.")] = 400,
    months: Annotated[int, typer.Option(min=2, help="Months, the last is 2025-12.")] = 25,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same files.")] = 1,
    debug: Debug = False,
) -> None:
    """Write example exports in the documented layouts."""
    with _sentences(debug):
        files = write_demo(to, partners, customers, months, seed)
        _out.print(f"{len(files)} example exports are in {to}")


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Export files, or folders of them.")],
    store: Store = Path("data/store"),
    debug: Debug = False,
) -> None:
    """Check exports and take them into the store; a later file wins over an earlier one."""
    with _sentences(debug):
        refused = 0
        for file in files_of(paths):
            try:
                _tell(ingest_file(file, store))
            except ExportError as error:
                if debug:
                    raise
                refused += 1
                _errors.print(f"refused: {error}")
        if refused:
            raise typer.Exit(1)


def _tell(result: Ingested) -> None:
    months = f", {result.first:%Y-%m} to {result.last:%Y-%m}" if result.first else ""
    _out.print(
        f"{result.file}: {result.dataset}{months}: {result.rows_in:,} rows in, "
        f"{result.rows_kept:,} kept, {result.rows_rejected:,} rejected"
    )
    for line, reason in result.rejects[:_REJECTS_SHOWN]:
        _out.print(f"  line {line} rejected: {reason}")
    if result.rows_rejected > _REJECTS_SHOWN:
        _out.print(f"  and {result.rows_rejected - _REJECTS_SHOWN:,} more; see the store's log")
    for note in result.notes:
        _out.print(f"  note: {note}")


@app.command()
def run(
    partner: Annotated[list[str] | None, typer.Option(help="Partner id; repeats.")] = None,
    date_range: Annotated[
        str | None,
        typer.Option("--range", help="last_3_months, last_6_months or last_12_months."),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month, 2025-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month, 2025-12.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day on which a month must be over; default today.")
    ] = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="facet=value; repeats.")
    ] = None,
    locale: Annotated[str | None, typer.Option(help="en or sv.")] = None,
    store: Store = Path("data/store"),
    outputs: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("outputs"),
    parameters: Annotated[Path, typer.Option(help="Folder of reports.yml.")] = Path("parameters"),
    jobs: Annotated[
        int, typer.Option(min=1, help="Reports at a time; default the cores.")
    ] = os.cpu_count() or 1,
    force: Annotated[bool, typer.Option("--force", help="Render fresh reports too.")] = False,
    debug: Debug = False,
) -> None:
    """Render what is not fresh: of the reports asked for, or of all in the parameter file."""
    with _sentences(debug):
        file = _reports_file(parameters, partner)
        asked = Asked(
            partners=tuple(partner or ()),
            date_range=_range(date_range, first, last),
            as_of=as_of,
            filters=Filters.parse(filter_) if filter_ else None,
            locale=locale,
            store=store,
        )
        specs = _specs(file, asked)
        settings = Settings(outputs.absolute(), jobs, file.section_timeout_seconds)
        if not force:
            specs = _without_fresh(specs, settings.outputs)
        if specs:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
            with _progress() as progress:
                bar = progress.add_task("reports", total=len(specs))
                outcomes = run_reports(specs, settings, lambda _: progress.advance(bar))
            if _summarise(outcomes):
                raise typer.Exit(1)


@app.command()
def status(
    partner: Annotated[list[str] | None, typer.Option(help="Partner id; repeats.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day on which a month must be over; default today.")
    ] = None,
    store: Store = Path("data/store"),
    outputs: Annotated[Path, typer.Option(help="Folder of the reports.")] = Path("outputs"),
    parameters: Annotated[Path, typer.Option(help="Folder of reports.yml.")] = Path("parameters"),
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Tell of every report of the parameter file whether it is fresh, and if not, why."""
    with _sentences(debug):
        file = _reports_file(parameters, partner)
        specs = _specs(file, Asked(partners=tuple(partner or ()), as_of=as_of, store=store))
        found = standings(specs, outputs.absolute())
        if as_json:
            _out.print(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
            return
        table = Table("partner", "months", "state", "why", box=None)
        for one in found:
            table.add_row(*(Text(cell) for cell in astuple(one)))
        _out.print(table)


def _reports_file(parameters: Path, partners: list[str] | None) -> ReportsFile:
    """The parameter file; without one, partners can be named on the command line."""
    if not (parameters / "reports.yml").exists() and partners:
        return ReportsFile()
    return read_reports_file(parameters)


def _specs(file: ReportsFile, asked: Asked) -> list[ReportSpec]:
    specs = report_specs(file, asked)
    with reading(specs[0].store):
        pass  # no store at all is told once, not for every report
    return specs


def _without_fresh(specs: list[ReportSpec], outputs: Path) -> list[ReportSpec]:
    """Say where the fresh reports are; return the others."""
    others, fresh = [], 0
    for spec, found in zip(specs, standings(specs, outputs), strict=True):
        if found.state == "fresh":
            fresh += 1
            _out.print(str(outputs / found.partner / found.months / "report.html"))
        else:
            others.append(spec)
    if fresh:
        _errors.print(f"fresh: {fresh} of {len(specs)}; --force renders them again")
    return others


def _range(date_range: str | None, first: str | None, last: str | None) -> str | None:
    if (first is None) != (last is None):
        raise ParameterError("--from and --to go together; give both months.")
    if date_range and first:
        raise ParameterError("--range and --from/--to exclude each other; give one of them.")
    return f"{first}_{last}" if first else date_range


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_errors,
    )


def _summarise(outcomes: list[Outcome]) -> int:
    """Say where the reports are, and which failed; return how many did."""
    failed = 0
    for outcome in outcomes:
        if not outcome.failures and outcome.folder:
            _out.print(str(outcome.folder / "report.html"))
            continue
        failed += 1
        for section, reason in outcome.failures:
            _errors.print(f"failed: partner {_place(outcome, section)}: {reason}")
    return failed


def _place(outcome: Outcome, section: str) -> str:
    months = [outcome.folder.name] if outcome.folder else []
    return ", ".join([outcome.spec.partner, *months, *([f"section {section}"] if section else [])])
