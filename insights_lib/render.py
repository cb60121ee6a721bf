"""One report, made by one process: its sections in warm kernels, then its page, then its place.

A report is made in a folder of its own and moves to its place when it is whole. A section that
fails leaves a folder with the reason in its manifest, and without a page or tables.
"""

import atexit
import gc
import hashlib
import json
import logging
import os
import re
import shutil
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from math import ceil
from pathlib import Path
from platform import node
from tempfile import TemporaryDirectory, mkdtemp
from threading import Lock
from typing import Any

import nbformat
from traitlets.config import Config

from insights_lib.errors import ReportError
from insights_lib.freshness import SOFTWARE, software
from insights_lib.notebook import inputs_of
from insights_lib.orders import Order, Outcome
from insights_lib.page import write_page
from insights_lib.place import move_into_place
from insights_lib.rows import compact_rows
from insights_lib.sections import read_report, refuse_unfinished, write_tables
from insights_lib.slices import open_slice
from insights_lib.warm_kernels import warm_kernels

# While one kernel waits for its client, another one works.
LANES = 4
STAGES = ("kernel", "data", "metrics", "figures", "page")
MOST_PRINTED = 20_000_000  # characters that a section may print; they are kept in its notebook
_DIED = "its kernel died; it was killed, perhaps for want of memory"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_warming = Lock()  # some who call this have several threads
PRELOAD = ("insights_lib.metrics", "insights_lib.charts", "insights_lib.notebook:warm_up")


@dataclass
class _Report:
    """A report in the making."""

    order: Order
    started: str
    seconds: dict[str, float] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    tracebacks: dict[str, str] = field(default_factory=dict)
    tables: str | None = None  # a digest of them


def render(order: Order) -> Outcome:
    """Make a report and put it in its place.

    Raises:
        ReportError: This process has other software than the one that gave the order.
        OSError: Something could not be written, as on a full disk; what was there stays.
    """
    if order.fingerprint["software"] != software():
        raise ReportError(
            f"{node()} has another version of this library or of Python; install the same one."
        )
    started = time.perf_counter()
    # A folder of its own: an order can be tried again while the first try is still dying.
    order = replace(order, workdir=Path(mkdtemp(dir=order.workdir)))
    report = _Report(order, datetime.now(UTC).isoformat(timespec="seconds"))
    (order.workdir / "notebooks").mkdir()
    with _warming:
        _warm_parent()
    run_section = partial(_run_section, order, time.monotonic() + order.report_timeout)
    with ThreadPoolExecutor(LANES) as lanes:
        for name, seconds, failure in lanes.map(run_section, order.notebooks):
            report.seconds[name] = round(seconds, 3)
            if failure:
                report.failures[name], report.tracebacks[name] = failure
    gc.collect()  # the event loops of the lanes, whose files would stay open for many reports
    facts = {} if report.failures else _make_page(report)
    _write_manifest(report, facts)
    outcome = partial(
        Outcome,
        order.spec,
        seconds=round(time.perf_counter() - started, 3),
        tracebacks=tuple(sorted(report.tracebacks.items())),
        stages=tuple(report.stages.items()),
    )
    try:
        move_into_place(order.workdir, order.folder)
    except OSError as error:
        reason = f"it cannot be put in its place ({error}); close or remove what is there."
        return outcome(folder=None, failures=(("", reason),))
    return outcome(folder=order.folder, failures=tuple(sorted(report.failures.items())))


@cache
def _warm_parent() -> None:
    """Let this process have warm kernels from now on."""
    logging.getLogger("papermill").setLevel(logging.ERROR)
    gc.freeze()  # what is there by now stays, and need not be looked at after every report
    atexit.register(gc.unfreeze)  # else libraries take it for leaked, and say so
    stack = ExitStack()
    stack.enter_context(warm_kernels(*PRELOAD))
    atexit.register(stack.close)


class _Printed:
    """Takes note of what a notebook prints, and ends it when that is too much to keep."""

    def __init__(self) -> None:
        self.left = MOST_PRINTED

    def write(self, text: str) -> None:
        """Take note of a text."""
        self.left -= len(text)
        if self.left < 0:
            raise ReportError(f"it printed more than {MOST_PRINTED:,} characters")

    def flush(self) -> None:
        """Do nothing: nothing is kept here."""


def _run_section(
    order: Order, end: float, notebook: Path
) -> tuple[str, float, tuple[str, str] | None]:
    """Execute one notebook in a kernel of its own, and once more if its kernel was killed.

    Args:
        order: What is to be made.
        end: When the report's time is over, by the monotonic clock.
        notebook: The section.

    Returns:
        The section, the seconds it took, and why it failed, with a traceback, or None.
    """
    started = time.perf_counter()
    failure = _try_section(order, end, notebook)
    if failure and failure[0] == _DIED:
        failure = _try_section(order, end, notebook)
    return notebook.stem, time.perf_counter() - started, failure


def _try_section(order: Order, end: float, notebook: Path) -> tuple[str, str] | None:
    import papermill  # noqa: PLC0415 - importing it opens a socket, to look for IPv6

    output = order.workdir / "notebooks" / notebook.name
    deadline = min(time.monotonic() + order.section_timeout, end)
    late = f"it ran for more than {order.section_timeout} seconds"
    if deadline == end:
        late = f"the report took more than {order.report_timeout} seconds"
    printed = _Printed()
    try:
        if time.monotonic() >= end:
            raise ReportError(late)
        parameters = notebook_parameters(order)
        unknown = parameters.keys() - papermill.inspect_notebook(_literal(notebook)).keys()
        if unknown:
            raise ReportError(f"the notebook has no parameter {', '.join(sorted(unknown))}")
        with TemporaryDirectory(prefix="insights-") as sockets:
            papermill.execute_notebook(
                _literal(notebook),
                _literal(output),
                parameters=parameters,
                progress_bar=False,
                request_save_on_cell_execute=False,
                stdout_file=printed,
                stderr_file=printed,
                timeout_func=lambda _: max(1, ceil(deadline - time.monotonic())),
                start_timeout=max(60, order.section_timeout),
                shutdown_kernel="immediate",  # it has nothing to say farewell to
                extra_arguments=["--HistoryManager.enabled=False"],
                config=Config({"KernelManager": _transport(sockets)}),
            )
        refuse_unfinished(notebook.stem, nbformat.read(output, as_version=4))  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this section's alone
        _raise_of_system(error)
        frames = getattr(error, "traceback", None) or traceback.format_exception(error)
        return _reason(error, late), _COLOURS.sub("", "\n".join(frames))
    return None


def _raise_of_system(error: Exception) -> None:
    """Hand on what the system refused, such as to write: that is no fault of the report's.

    A notebook's own errors come as papermill's, and a timeout has no number of the system's.
    """
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _transport(folder: str) -> dict[str, str]:
    """Talk to the kernel through files of its own, not through ports that anybody can reach."""
    return {"transport": "ipc", "ip": f"{folder}/kernel"} if os.name == "posix" else {}


def _literal(path: Path) -> str:
    """A path that papermill takes as it is, though it fills in {parameters} in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def notebook_parameters(order: Order) -> dict[str, Any]:
    """What the notebooks of a report are given."""
    spec = order.spec
    return {
        "partner": spec.partner,
        "partner_name": spec.partner_name,
        "date_range": str(order.date_range),
        "as_of": spec.as_of.isoformat(),
        "filters": spec.filters.texts(),
        "locale": spec.locale,
        "active_states": list(spec.active_states),
        "store": str(spec.store),
    }


def _reason(error: Exception, late: str) -> str:
    """Why a section failed, in a sentence without frames."""
    kind = type(error).__name__
    if kind == "DeadKernelError":
        return _DIED
    if kind == "CellTimeoutError":
        return late
    if kind == "PapermillExecutionError":
        # A sentence is one line; some errors have none, or several.
        text = " ".join(str(error.evalue).split())  # type: ignore[attr-defined]
        return f"{error.ename}: {text}".rstrip(": ")  # type: ignore[attr-defined]
    return str(error) if isinstance(error, ReportError) else f"{kind}: {error}"


def _make_page(report: _Report) -> dict[str, Any]:
    """Make page and tables of the sections; returns what they say of the report."""
    order = report.order
    started = time.perf_counter()
    try:
        content = read_report(order.workdir / "notebooks")
        _refuse_other(content.facts, order)
        report.tables = write_tables(content, order.workdir / "data")
        write_page(content, _rows(order, content.facts), order.workdir / "report.html")
    except Exception as error:  # noqa: BLE001 - this report alone has failed
        _raise_of_system(error)
        report.failures["page"] = _reason(error, "")
        report.tracebacks["page"] = "".join(traceback.format_exception(error))
        shutil.rmtree(order.workdir / "data", ignore_errors=True)
        (order.workdir / "report.html").unlink(missing_ok=True)
        return {}
    _add_stages(report, content.seconds, time.perf_counter() - started)
    return content.facts


def _add_stages(report: _Report, in_kernels: Mapping[str, float], page: float) -> None:
    """Tell where the seconds went; what no stage of a notebook took is its kernel's."""
    kernel = sum(report.seconds.values()) - sum(in_kernels.values())
    stages = {"kernel": kernel, **in_kernels, "page": page}
    report.stages = {name: round(stages.get(name, 0), 3) for name in STAGES}
    report.seconds["page"] = round(page, 3)


def _rows(order: Order, facts: dict[str, Any]) -> dict[str, Any]:
    """The rows behind a report, from the very data that its sections saw."""
    date_range = str(order.date_range)
    data = open_slice(order.spec.model_copy(update={"date_range": date_range}))
    if inputs_of(data) != facts["inputs"]:
        raise ReportError("exports were ingested during the run. Run it again.")
    return compact_rows(data)


def _refuse_other(facts: dict[str, Any], order: Order) -> None:
    """Make sure that the sections speak of what was asked for, whatever is written into them."""
    asked = {
        "partner": order.spec.partner,
        "first": f"{order.date_range.first:%Y-%m}",
        "last": f"{order.date_range.last:%Y-%m}",
        "locale": order.spec.locale,
        "filters": order.spec.filters.chosen(),
        "active_states": list(order.spec.active_states),
    }
    for name, value in asked.items():
        if facts[name] != value:
            raise ReportError(
                f"the notebooks opened a report with {name} {facts[name]}, but {value} was asked "
                "for; hand every parameter on to open_report."
            )


def _write_manifest(report: _Report, facts: dict[str, Any]) -> None:
    order = report.order
    failures = sorted(report.failures.items())
    page = order.workdir / "report.html"
    manifest = {
        "status": "failed" if failures else "complete",
        "failures": [
            {"section": name, "reason": reason, "traceback": report.tracebacks.get(name, "")}
            for name, reason in failures
        ],
        "partner": order.spec.partner,
        "first": f"{order.date_range.first:%Y-%m}",
        "last": f"{order.date_range.last:%Y-%m}",
        "parameters": notebook_parameters(order),
        "inputs": facts.get("inputs", []),
        "warnings": facts.get("warnings", []),
        "software": {name: version(name) for name in SOFTWARE},
        "fingerprint": order.fingerprint,
        "tables_sha256": report.tables,
        "report_sha256": hashlib.sha256(page.read_bytes()).hexdigest() if page.exists() else None,
        "seconds": dict(sorted(report.seconds.items())),
        "stages": report.stages,
        "started_at": report.started,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (order.workdir / "manifest.json").write_text(f"{text}\n", encoding="utf-8")
