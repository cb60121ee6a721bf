"""Reports from notebooks: every section through papermill, then the page, then all at once.

A report is made in a folder of its own and moves to its place when it is whole. A section that
fails leaves a folder with the reason in its manifest, and without a page or tables.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import nbformat
from traitlets.config import Config

from insights_lib.errors import InsightsError, ReportError
from insights_lib.notebook import inputs_of
from insights_lib.page import write_page
from insights_lib.parameters import DateRange, ReportSpec
from insights_lib.rows import compact_rows
from insights_lib.sections import read_report, refuse_unfinished, write_tables
from insights_lib.slices import open_slice
from insights_lib.store import holdings

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SOFTWARE = ("partner-insights", "papermill", "nbconvert", "pandas", "plotly", "duckdb")


@dataclass(frozen=True)
class Outcome:
    """What became of one report.

    Attributes:
        spec: What was asked for.
        folder: Where the report is, None if it could not even be begun.
        failures: Section and reason of what failed; empty when the report is complete.
    """

    spec: ReportSpec
    folder: Path | None
    failures: tuple[tuple[str, str], ...] = ()


@dataclass
class _Report:
    """A report in the making."""

    spec: ReportSpec
    date_range: DateRange
    workdir: Path
    started: str
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """How to run: where to, how many sections at a time, how long each may take at most."""

    outputs: Path
    jobs: int
    section_timeout: int


def notebooks() -> list[Path]:
    """The notebooks of the sections, in the order of the page."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def run_reports(
    specs: Iterable[ReportSpec], settings: Settings, on_sections: Callable[[int], None]
) -> list[Outcome]:
    """Render reports; one that fails does not keep the others from being rendered.

    Args:
        specs: The reports.
        settings: How to run.
        on_sections: Called with the number of sections that are dealt with.

    Returns:
        The outcomes, in the order in which reports were finished.
    """
    sections_of_each = notebooks()
    if not sections_of_each:
        raise ReportError(f"{NOTEBOOKS}: no notebook is here; run from the project's own folder.")
    settings.outputs.mkdir(parents=True, exist_ok=True)
    run = Path(mkdtemp(dir=settings.outputs, prefix=".run-"))
    outcomes: list[Outcome] = []
    sections: dict[Future[tuple[float, str | None]], tuple[_Report, str]] = {}
    try:
        with ProcessPoolExecutor(settings.jobs, get_context("spawn")) as pool:
            for number, spec in enumerate(specs):
                try:
                    report = _begin(spec, run / str(number))
                except InsightsError as error:
                    outcomes.append(Outcome(spec, None, (("", str(error)),)))
                    on_sections(len(sections_of_each))
                    continue
                for notebook in sections_of_each:
                    future = pool.submit(_run_section, notebook, report, settings.section_timeout)
                    sections[future] = (report, notebook.stem)
            for future in as_completed(sections):
                report, name = sections[future]
                _note(report, name, future)
                on_sections(1)
                if len(report.seconds) == len(sections_of_each):
                    outcomes.append(_finish(report, settings.outputs))
    finally:
        shutil.rmtree(run)
    return outcomes


def _begin(spec: ReportSpec, workdir: Path) -> _Report:
    """Fix the months of the report, so that every section speaks of the same."""
    date_range = holdings(spec.store, spec.partner).resolve(spec)
    (workdir / "notebooks").mkdir(parents=True)
    return _Report(spec, date_range, workdir, datetime.now(UTC).isoformat(timespec="seconds"))


def _run_section(notebook: Path, report: _Report, timeout: int) -> tuple[float, str | None]:
    """Execute one notebook in a kernel of its own.

    Returns:
        The seconds it took, and why it failed or None.
    """
    import papermill  # noqa: PLC0415 - a second of imports that only the workers need

    logging.getLogger("papermill").setLevel(logging.ERROR)
    output = report.workdir / "notebooks" / notebook.name
    started = time.perf_counter()
    try:
        parameters = _notebook_parameters(report)
        unknown = parameters.keys() - papermill.inspect_notebook(_literal(notebook)).keys()
        if unknown:
            raise ReportError(f"the notebook has no parameter {', '.join(sorted(unknown))}")
        with TemporaryDirectory(prefix="insights-") as sockets:
            papermill.execute_notebook(
                _literal(notebook),
                _literal(output),
                parameters=parameters,
                progress_bar=False,
                execution_timeout=timeout,
                start_timeout=max(60, timeout),
                shutdown_kernel="immediate",  # it has nothing to say farewell to
                config=Config({"KernelManager": _transport(sockets)}),
            )
        refuse_unfinished(notebook.stem, nbformat.read(output, as_version=4))  # type: ignore[no-untyped-call]
        reason = None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this section's alone
        reason = _reason(error, timeout)
    return time.perf_counter() - started, reason


def _transport(folder: str) -> dict[str, str]:
    """Talk to the kernel through files of its own, not through ports that anybody can reach."""
    return {"transport": "ipc", "ip": f"{folder}/kernel"} if os.name == "posix" else {}


def _literal(path: Path) -> str:
    """A path that papermill takes as it is, though it fills in {parameters} in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _notebook_parameters(report: _Report) -> dict[str, Any]:
    spec = report.spec
    return {
        "partner": spec.partner,
        "partner_name": spec.partner_name,
        "date_range": str(report.date_range),
        "as_of": spec.as_of.isoformat(),
        "filters": spec.filters.texts(),
        "locale": spec.locale,
        "active_states": list(spec.active_states),
        "store": str(spec.store),
    }


def _reason(error: Exception, timeout: int) -> str:
    """Why a section failed, in a sentence without frames."""
    kind = type(error).__name__
    if kind == "DeadKernelError":
        return "its kernel died; it was killed, perhaps for want of memory"
    if kind == "CellTimeoutError":
        return f"a cell ran for more than {timeout} seconds"
    if kind == "PapermillExecutionError":
        # A sentence is one line; some errors have none, or several.
        text = " ".join(str(error.evalue).split())  # type: ignore[attr-defined]
        return f"{error.ename}: {text}".rstrip(": ")  # type: ignore[attr-defined]
    return str(error) if isinstance(error, ReportError) else f"{kind}: {error}"


def _note(report: _Report, name: str, future: "Future[tuple[float, str | None]]") -> None:
    try:
        seconds, reason = future.result()
    except Exception as error:  # noqa: BLE001 - the worker itself died
        seconds, reason = 0.0, f"its worker died ({type(error).__name__})"
    report.seconds[name] = round(seconds, 3)
    if reason:
        report.failures[name] = reason


def _finish(report: _Report, outputs: Path) -> Outcome:
    """Make page and tables of the sections, and move the report to its place."""
    facts: dict[str, Any] = {}
    if not report.failures:
        try:
            content = read_report(report.workdir / "notebooks")
            facts = content.facts
            _refuse_other(facts, report)
            write_tables(content, report.workdir / "data")
            write_page(content, _rows(report, facts), report.workdir / "report.html")
        except Exception as error:  # noqa: BLE001 - this report alone has failed
            report.failures["page"] = _reason(error, 0)
            shutil.rmtree(report.workdir / "data", ignore_errors=True)
            (report.workdir / "report.html").unlink(missing_ok=True)
    _write_manifest(report, facts)
    folder = outputs / report.spec.partner / str(report.date_range)
    try:
        _move_into_place(report.workdir, folder)
    except OSError as error:
        reason = f"it cannot be put in its place ({error}); close or remove what is there."
        return Outcome(report.spec, None, (("", reason),))
    return Outcome(report.spec, folder, tuple(sorted(report.failures.items())))


def _rows(report: _Report, facts: dict[str, Any]) -> dict[str, Any]:
    """The rows behind a report, from the very data that its sections saw."""
    date_range = str(report.date_range)
    data = open_slice(report.spec.model_copy(update={"date_range": date_range}))
    if inputs_of(data) != facts["inputs"]:
        raise ReportError("exports were ingested during the run. Run it again.")
    return compact_rows(data)


def _refuse_other(facts: dict[str, Any], report: _Report) -> None:
    """Make sure that the sections speak of what was asked for, whatever is written into them."""
    asked = {
        "partner": report.spec.partner,
        "first": f"{report.date_range.first:%Y-%m}",
        "last": f"{report.date_range.last:%Y-%m}",
        "locale": report.spec.locale,
        "filters": report.spec.filters.chosen(),
        "active_states": list(report.spec.active_states),
    }
    for name, value in asked.items():
        if facts[name] != value:
            raise ReportError(
                f"the notebooks opened a report with {name} {facts[name]}, but {value} was asked "
                "for; hand every parameter on to open_report."
            )


def _write_manifest(report: _Report, facts: dict[str, Any]) -> None:
    failures = sorted(report.failures.items())
    manifest = {
        "status": "failed" if failures else "complete",
        "failures": [{"section": name, "reason": reason} for name, reason in failures],
        "partner": report.spec.partner,
        "first": f"{report.date_range.first:%Y-%m}",
        "last": f"{report.date_range.last:%Y-%m}",
        "parameters": _notebook_parameters(report),
        "inputs": facts.get("inputs", []),
        "warnings": facts.get("warnings", []),
        "software": {name: version(name) for name in SOFTWARE},
        "seconds": dict(sorted(report.seconds.items())),
        "started_at": report.started,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (report.workdir / "manifest.json").write_text(f"{text}\n", encoding="utf-8")


def _move_into_place(made: Path, folder: Path) -> None:
    """Put a whole folder where the old one is, which is kept until the new one is there."""
    for file in made.rglob("*"):
        if file.is_file():
            with file.open("rb") as written:
                os.fsync(written.fileno())
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = made.with_name(f"{made.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
