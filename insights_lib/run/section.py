"""Executing the notebook of one section, in a kernel of its own and within its limits."""

import json
import re
import time
import traceback
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.engines import papermill_engines
from papermill.execute import raise_for_execution_errors

from insights_lib.errors import ReportError, reason_of
from insights_lib.page.sections import refuse_unfinished
from insights_lib.run.request import RenderRequest
from insights_lib.warm_kernels.client import SaidTooMuch
from insights_lib.warm_kernels.engine import MOST

_DIED = "its kernel died; it was killed, perhaps for want of memory"
LONGEST_REASON, LONGEST_TRACEBACK = 2_000, 100_000  # characters
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Execution:
    """What became of a section: its notebook with outputs, or why it failed, and a traceback."""

    name: str
    seconds: float
    executed: NotebookNode | None = None
    failure: tuple[str, str] | None = None


def run_section(request: RenderRequest, end: float, notebook: Path) -> Execution:
    """Execute one notebook in a kernel of its own, and once more if its kernel was killed.

    The report's time is over at `end`, by the monotonic clock.
    """
    started = time.perf_counter()
    executed, failure = _try_section(request, end, notebook)
    if failure and failure[0] == _DIED:
        executed, failure = _try_section(request, end, notebook)
    return Execution(notebook.stem, time.perf_counter() - started, executed, failure)


def _try_section(
    request: RenderRequest, end: float, notebook: Path
) -> tuple[NotebookNode | None, tuple[str, str] | None]:
    deadline = min(time.monotonic() + request.section_timeout, end)
    late = f"it ran for more than {request.section_timeout} seconds"
    if deadline == end:
        late = f"the report took more than {request.report_timeout} seconds"
    try:
        if time.monotonic() >= end:
            raise ReportError(late)
        executed = execute(request, deadline, notebook)
        refuse_unfinished(notebook.stem, executed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this section's alone
        raise_of_system(error)
        frames = getattr(error, "traceback", None) or traceback.format_exception(error)
        shown = COLOURS.sub("", "\n".join(frames))[-LONGEST_TRACEBACK:]
        return None, (short_reason(error, late), shown)
    return executed, None


def execute(
    request: RenderRequest, deadline: float, notebook: Path, setup: str = ""
) -> NotebookNode:
    """Do what `papermill.execute_notebook` does, but write the notebook in one line.

    Before the notebook, its kernel executes the line of `setup`.

    For JSON with line breaks, which papermill writes, Python has only an encoder that takes ten
    times as long. A notebook that fails is written by papermill, with a mark where it did.
    """
    parameters = request.notebook_parameters
    unknown = parameters.keys() - _parameters_of(notebook, notebook.stat().st_mtime_ns)
    if unknown:
        raise ReportError(f"the notebook has no parameter {', '.join(sorted(unknown))}")
    prepared = papermill.execute_notebook(
        _literal(notebook), None, parameters=parameters, prepare_only=True, progress_bar=False
    )
    executed: NotebookNode = papermill_engines.execute_notebook_with_engine(
        None,
        prepared,
        kernel_name=papermill_engines.nb_kernel_name(None, prepared),
        progress_bar=False,
        timeout_func=lambda _: max(1, ceil(deadline - time.monotonic())),
        start_timeout=max(60, request.section_timeout),
        setup="from insights_lib.store.saved_slice import use_saved_slice; "
        f"use_saved_slice({str(request.workdir / 'slice')!r}); {setup}",
    )
    output = request.workdir / "notebooks" / notebook.name
    raise_for_execution_errors(executed, str(output))
    output.write_text(json.dumps(executed, ensure_ascii=False), encoding="utf-8")
    return executed


@lru_cache
def _parameters_of(notebook: Path, _changed: int) -> frozenset[str]:
    return frozenset(papermill.inspect_notebook(_literal(notebook)))


def raise_of_system(error: Exception) -> None:
    """Raise what the system refused, such as to write: that is not the report's fault.

    A notebook's own errors come as papermill's, and a timeout has no number of the system's.
    """
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _literal(path: Path) -> str:
    """A path that papermill takes as it is, though it fills in {parameters} in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def short_reason(error: Exception, late: str = "") -> str:
    """Why a section failed, in one line that has an end: `late` if it took too long."""
    match error:
        case DeadKernelError():
            reason = _DIED
        case SaidTooMuch():
            reason = f"it printed and showed more than {MOST // 1_000_000} MB"
        case CellTimeoutError():
            reason = late
        case papermill.PapermillExecutionError():
            reason = f"{error.ename}: {error.evalue}".rstrip(": ")
        case _:
            reason = reason_of(error)
    reason = " ".join(reason.split())
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"
