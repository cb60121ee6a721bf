"""One report, made by one process: its sections in warm kernels, then its page, then its place.

A report is made in a folder of its own and moves to its place when it is whole. If a section
fails, the folder has the reason in its manifest, and neither page nor tables; see `place`.
"""

import atexit
import hashlib
import logging
import re
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from platform import node
from tempfile import mkdtemp
from threading import Lock
from typing import Any

from nbformat import NotebookNode

from insights_lib import metrics
from insights_lib.errors import ReportError
from insights_lib.notebook import facts_of
from insights_lib.outputs import Failure, Manifest, seen
from insights_lib.page.rows import compact_rows
from insights_lib.page.sections import report_of, write_tables
from insights_lib.page.write import write_page
from insights_lib.presentation.language import Language
from insights_lib.run.also import write_also
from insights_lib.run.place import put_in_place
from insights_lib.run.plan import Fingerprint, data_digest, software, versions
from insights_lib.run.request import PRELOAD, RenderRequest, RenderResult
from insights_lib.run.section import raise_of_system, run_section, short_reason
from insights_lib.store.choices import hints
from insights_lib.store.remote import read_again
from insights_lib.store.saved_slice import save_slice, save_table
from insights_lib.store.slice import Slice, open_slice
from insights_lib.tables import TABLES
from insights_lib.warm_kernels.engine import warm_kernels
from insights_lib.warm_kernels.fork_server import Clone

STAGES = ("kernel", "data", "metrics", "figures", "page")
_IN_QUOTES = re.compile(r"""["'](\w+)\\?["']""")  # as a notebook has them, which is JSON
_warm = False  # whether this process has warm kernels
_warming = Lock()  # workers of a cluster have several threads


@dataclass
class _Report:
    """A report that is being made."""

    request: RenderRequest
    started_at: datetime
    seconds: dict[str, float] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    tracebacks: dict[str, str] = field(default_factory=dict)
    tables_sha256: str | None = None
    unmade: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Record how long a step takes, and why it fails."""
        started = time.perf_counter()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - this report alone has failed
            raise_of_system(error)
            self.failures[name] = short_reason(error)
            self.tracebacks[name] = "".join(traceback.format_exception(error))
        self.seconds[name] = round(time.perf_counter() - started, 3)


def render(request: RenderRequest) -> RenderResult:
    """Make a report and put it in its place.

    Raises:
        ReportError: This process has other software than the one that sent the request.
        OSError: Something could not be written, as on a full disk; what was there stays.
    """
    planned = request.planned
    if planned.folder is None or planned.fingerprint is None:
        raise ReportError(planned.reason)
    if planned.fingerprint["software"] != software():
        raise ReportError(
            f"{node()} has another version of this library or of Python; install the same one."
        )
    started = time.perf_counter()
    # A folder of its own: a report can be tried again while the first try is still dying.
    request = replace(request, workdir=Path(mkdtemp(dir=request.workdir)))
    report = _Report(request, _now())
    (request.workdir / "notebooks").mkdir()
    facts, fingerprint = _make_report(report, planned.fingerprint)
    manifest = _manifest(report, facts, fingerprint)
    manifest.write(request.workdir)
    result = partial(
        RenderResult,
        planned.spec,
        seconds=round(time.perf_counter() - started, 3),
        tracebacks=tuple(sorted(report.tracebacks.items())),
        stages=tuple(report.stages.items()),
        warnings=tuple(facts.get("warnings", ())),
        hints=tuple(hints(request.spec, facts.get("unmatched_filters", ()))),
        unmade=tuple(report.unmade.items()),
    )
    try:
        folder = put_in_place(request.workdir, manifest, planned.folder)
    except OSError as error:
        reason = f"it cannot be put in its place ({error}); close or remove what is there."
        return result(folder=None, failures=(("", reason),))
    return result(folder=folder, failures=tuple(sorted(report.failures.items())))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _make_report(report: _Report, fingerprint: Fingerprint) -> tuple[dict[str, Any], Fingerprint]:
    """Make all but the manifest.

    Returns:
        What the sections say of the report, if none failed, and the fingerprint of what it was
        made of: the store can have changed since the report was planned.
    """
    request = report.request
    saved = request.workdir / "slice"
    saved.mkdir()
    end = time.monotonic() + request.report_timeout
    with ExitStack() as kept:
        kept.callback(shutil.rmtree, saved)
        with report.step("data"):
            data, data_sha256 = _open(request, fingerprint["data"])
            fingerprint = {**fingerprint, "data": data_sha256}
            kept.callback(data.database.close)
            save_slice(data, saved)
        if not report.failures:
            with report.step("metrics"):
                _save_tables(request, data, saved)
        executed = {} if report.failures else _run_sections(report, end)
        facts = {} if report.failures else _make_page(report, data, executed)
    return facts, fingerprint


def _open(request: RenderRequest, planned: str) -> tuple[Slice, str]:
    """The slice of a report and the digest of its data.

    Where that is not the digest that was planned, the store has changed since; a store at a URL is
    read again then.
    """
    for _ in range(2):
        data = open_slice(request.spec, threads=request.sections_at_a_time)
        found = data_digest(data.parts, data.date_range)
        if found == planned:
            break
        read_again()
    return data, found


def _save_tables(request: RenderRequest, data: Slice, folder: Path) -> None:
    """Make the tables that the notebooks speak of, once for all of them."""
    text = "".join(file.read_text(encoding="utf-8") for file in request.planned.sections)
    shown = TABLES.keys() & set(_IN_QUOTES.findall(text))
    for name in sorted(shown.union(*(TABLES[one].drawn_with for one in shown))):
        table = None
        with suppress(Exception):  # the section that shows it tells why
            table = getattr(metrics, name)(data)
        if table is not None:
            save_table(table, name, folder)


def _run_sections(report: _Report, end: float) -> dict[str, Any]:
    """Execute the notebooks, some at a time, until the report's time is over."""
    execute = partial(run_section, report.request, end)
    executed = {}
    with ThreadPoolExecutor(report.request.sections_at_a_time) as threads:
        for done in threads.map(execute, report.request.planned.sections):
            report.seconds[done.name] = round(done.seconds, 3)
            executed[done.name] = done.executed
            if done.failure:
                report.failures[done.name], report.tracebacks[done.name] = done.failure
    return executed


def use_warm_kernels(clone: Clone | None = None) -> None:
    """Let this process have warm kernels from now on, if it has none yet.

    Args:
        clone: A clone of a fork server that this process has for itself, if it has one.
    """
    global _warm  # noqa: PLW0603 - set once for a process, before its first report or with it
    with _warming:
        if _warm:
            return
        logging.getLogger("papermill").setLevel(logging.ERROR)
        stack = ExitStack()
        stack.enter_context(warm_kernels(*PRELOAD, clone=clone))
        atexit.register(stack.close)  # a fork leaves without it, and its clone ends by itself
        _warm = True


def _make_page(
    report: _Report, data: Slice, executed: Mapping[str, NotebookNode]
) -> dict[str, Any]:
    """Make page and tables of the sections; returns what they say of the report."""
    workdir = report.request.workdir
    with report.step("page"):
        content = report_of(executed)
        refuse_other(content.facts, data)
        report.tables_sha256 = write_tables(content, workdir / "data")
        write_page(content, compact_rows(data), workdir / "report.html")
        report.unmade = write_also(report.request.planned.spec.also, content, workdir)
    if report.failures:
        shutil.rmtree(workdir / "data", ignore_errors=True)
        for file in workdir.glob("report.*"):
            file.unlink()
        return {}
    _add_up_stages(report, content.seconds)
    return content.facts


def _add_up_stages(report: _Report, in_kernels: Mapping[str, float]) -> None:
    """Add up the seconds by stage; what no stage of a notebook took is its kernel's."""
    own = {name: report.seconds[name] for name in ("data", "metrics", "page")}
    sections = sum(report.seconds.values()) - sum(own.values())
    stages = Counter({"kernel": sections - sum(in_kernels.values()), **own}) + Counter(in_kernels)
    report.stages = {name: round(stages[name], 3) for name in STAGES}


def refuse_other(facts: dict[str, Any], data: Slice) -> None:
    """Make sure that the sections speak of what was asked for, whatever is written into them."""
    asked = facts_of(data, Language(data.spec.locale))
    for name in ("partner", "first", "last", "locale", "role", "filters", "active_states"):
        if facts[name] != asked[name]:
            raise ReportError(
                f"the notebooks opened a report with {name} {facts[name]}, but {asked[name]} was "
                "asked for; hand every parameter on to open_report."
            )
    if facts["inputs"] != asked["inputs"]:
        raise ReportError("the notebooks opened other data, ingested during the run; run it again.")


def _manifest(report: _Report, facts: dict[str, Any], fingerprint: Fingerprint) -> Manifest:
    request = report.request
    first, last = request.spec.date_range.split("_")
    files = {file.name: file.read_bytes() for file in request.workdir.glob("report.*")}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    page = request.workdir / "report.html"
    return Manifest(
        status="failed" if report.failures else "complete",
        failures=tuple(
            Failure(section=name, reason=reason, traceback=report.tracebacks.get(name, ""))
            for name, reason in sorted(report.failures.items())
        ),
        partner=request.spec.partner,
        partner_name=facts.get("partner_name", ""),
        first=first,
        last=last,
        parameters=request.notebook_parameters,
        inputs=facts.get("inputs", []),
        warnings=facts.get("warnings", ()),
        unmatched_filters=facts.get("unmatched_filters", ()),
        software=versions(),
        fingerprint=fingerprint,
        tables_sha256=report.tables_sha256,
        report_sha256=digests.pop("report.html", None),
        report_seen=seen(page) if page.exists() else None,
        also=digests,
        unmade=report.unmade,
        seconds=dict(sorted(report.seconds.items())),
        stages=report.stages,
        started_at=report.started_at,
        finished_at=_now(),
    )
