"""One report, made by one process: its sections in warm kernels, then its page, then its place.

A report is made in a folder of its own and moves to its place when it is whole. A section that
fails leaves a folder with the reason in its manifest, and without a page or tables.
"""

import atexit
import hashlib
import json
import logging
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from platform import node
from tempfile import mkdtemp
from threading import Lock
from typing import Any

from nbformat import NotebookNode

from insights_lib.errors import ReportError
from insights_lib.notebook import facts_of
from insights_lib.outputs import move_into_place
from insights_lib.page.rows import compact_rows
from insights_lib.page.sections import report_of, write_tables
from insights_lib.page.write import write_page
from insights_lib.parameters.spec import report_spec
from insights_lib.presentation.language import Words
from insights_lib.run.plan import data_digest, software, versions
from insights_lib.run.request import PRELOAD, Order, Outcome
from insights_lib.run.section import notebook_parameters, raise_of_system, reason_of, run_section
from insights_lib.store.remote import read_anew
from insights_lib.store.saved_slice import save_slice
from insights_lib.store.slice import Slice, open_slice
from insights_lib.warm_kernels.engine import warm_kernels
from insights_lib.warm_kernels.fork_server import Twin

STAGES = ("kernel", "data", "metrics", "figures", "page")
_warm = False  # whether this process has warm kernels
_warming = Lock()  # workers of a cluster have several threads


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

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Take note of how long a part of the work takes, and why it fails."""
        started = time.perf_counter()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - this report alone has failed
            raise_of_system(error)
            self.failures[name] = reason_of(error)
            self.tracebacks[name] = "".join(traceback.format_exception(error))
        self.seconds[name] = round(time.perf_counter() - started, 3)


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
    facts = _make_report(report)
    _write_manifest(report, facts)
    outcome = partial(
        Outcome,
        order.spec,
        seconds=round(time.perf_counter() - started, 3),
        tracebacks=tuple(sorted(report.tracebacks.items())),
        stages=tuple(report.stages.items()),
        warnings=tuple(facts.get("warnings", ())),
    )
    try:
        move_into_place(order.workdir, order.folder)
    except OSError as error:
        reason = f"it cannot be put in its place ({error}); close or remove what is there."
        return outcome(folder=None, failures=(("", reason),))
    return outcome(folder=order.folder, failures=tuple(sorted(report.failures.items())))


def _make_report(report: _Report) -> dict[str, Any]:
    """Make all but the manifest; returns what the sections say of the report, if none failed."""
    order = report.order
    saved = order.workdir / "slice"
    saved.mkdir()
    end = time.monotonic() + order.report_timeout
    with ExitStack() as kept:
        kept.callback(shutil.rmtree, saved)
        with report.noted("data"):
            data, order.fingerprint["data"] = _open(order)
            kept.callback(data.database.close)
            save_slice(data, saved)
        executed = {} if report.failures else _run_sections(report, end)
        return {} if report.failures else _make_page(report, data, executed)


def _open(order: Order) -> tuple[Slice, str]:
    """The slice of an order, and the digest of its data, which may not be what was asked for.

    Then the store has changed since; of one at a URL, what was read before is looked at anew.
    """
    for _ in range(2):
        data = open_slice(report_spec(**notebook_parameters(order)), threads=order.lanes)
        digest = data_digest(data.held, data.date_range)
        if digest == order.fingerprint["data"]:
            break
        read_anew()
    return data, digest


def _run_sections(report: _Report, end: float) -> dict[str, Any]:
    """Execute the notebooks, some at a time, until the report's time is over."""
    execute = partial(run_section, report.order, end)
    executed = {}
    with ThreadPoolExecutor(report.order.lanes) as lanes:
        for done in lanes.map(execute, report.order.notebooks):
            report.seconds[done.name] = round(done.seconds, 3)
            executed[done.name] = done.executed
            if done.failure:
                report.failures[done.name], report.tracebacks[done.name] = done.failure
    return executed


def use_warm_kernels(twin: Twin | None = None) -> None:
    """Let this process have warm kernels from now on, if it has none yet.

    Args:
        twin: As of `WarmParent`.
    """
    global _warm  # noqa: PLW0603 - a process is told once, before its first report or with it
    with _warming:
        if _warm:
            return
        logging.getLogger("papermill").setLevel(logging.ERROR)
        stack = ExitStack()
        stack.enter_context(warm_kernels(*PRELOAD, twin=twin))
        atexit.register(stack.close)  # a fork leaves without, and its twin by itself
        _warm = True


def _make_page(
    report: _Report, data: Slice, executed: Mapping[str, NotebookNode]
) -> dict[str, Any]:
    """Make page and tables of the sections; returns what they say of the report."""
    order = report.order
    with report.noted("page"):
        content = report_of(executed)
        _refuse_other(content.facts, data)
        report.tables = write_tables(content, order.workdir / "data")
        write_page(content, compact_rows(data), order.workdir / "report.html")
    if report.failures:
        shutil.rmtree(order.workdir / "data", ignore_errors=True)
        (order.workdir / "report.html").unlink(missing_ok=True)
        return {}
    _tell_stages(report, content.seconds)
    return content.facts


def _tell_stages(report: _Report, in_kernels: Mapping[str, float]) -> None:
    """Tell where the seconds went; what no stage of a notebook took is its kernel's."""
    own = {name: report.seconds[name] for name in ("data", "page")}
    sections = sum(report.seconds.values()) - sum(own.values())
    stages = Counter({"kernel": sections - sum(in_kernels.values()), **own}) + Counter(in_kernels)
    report.stages = {name: round(stages[name], 3) for name in STAGES}


def _refuse_other(facts: dict[str, Any], data: Slice) -> None:
    """Make sure that the sections speak of what was asked for, whatever is written into them."""
    asked = facts_of(data, Words(data.spec.locale))
    for name in ("partner", "first", "last", "locale", "filters", "active_states"):
        if facts[name] != asked[name]:
            raise ReportError(
                f"the notebooks opened a report with {name} {facts[name]}, but {asked[name]} was "
                "asked for; hand every parameter on to open_report."
            )
    if facts["inputs"] != asked["inputs"]:
        raise ReportError("the notebooks opened other data, ingested during the run; run it again.")


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
        "unmatched_filters": facts.get("unmatched_filters", []),
        "software": versions(),
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
