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
from insights_lib.warm_kernels.engine import MOST, SaidTooMuch

_DIED = "its kernel died; it was killed, perhaps for want of memory"
LONGEST_REASON, LONGEST_TRACEBACK = 2_000, 100_000  # characters
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Execution:
    """What became of a notebook.

    Attributes:
        name: The section.
        seconds: How long it took.
        executed: The notebook as it is then, None if it failed.
        failure: Why it failed, and a traceback; None if it did not.
    """

    name: str
    seconds: float
    executed: NotebookNode | None = None
    failure: tuple[str, str] | None = None


def run_section(request: RenderRequest, end: float, notebook: Path) -> Execution:
    """Execute one notebook in a kernel of its own, and once more if its kernel was killed.

    Args:
        request: The report.
        end: When the report's time is over, by the monotonic clock.
        notebook: The section.
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
        executed = _execute(request, deadline, notebook)
        refuse_unfinished(notebook.stem, executed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this section's alone
        raise_of_system(error)
        frames = getattr(error, "traceback", None) or traceback.format_exception(error)
        shown = _COLOURS.sub("", "\n".join(frames))[-LONGEST_TRACEBACK:]
        return None, (short_reason(error, late), shown)
    return executed, None


def _execute(request: RenderRequest, deadline: float, notebook: Path) -> NotebookNode:
    """Do what `papermill.execute_notebook` does, but write the notebook in one line.

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
        setup=_saved_slice(request),
    )
    output = request.workdir / "notebooks" / notebook.name
    raise_for_execution_errors(executed, str(output))
    output.write_text(json.dumps(executed, ensure_ascii=False), encoding="utf-8")
    return executed


@lru_cache
def _parameters_of(notebook: Path, changed: int) -> frozenset[str]:  # noqa: ARG001 - a key
    """The parameters that a notebook has; looked up once for each state of it."""
    return frozenset(papermill.inspect_notebook(_literal(notebook)))


def raise_of_system(error: Exception) -> None:
    """Raise what the system refused, such as to write: that is not the report's fault.

    A notebook's own errors come as papermill's, and a timeout has no number of the system's.
    """
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _saved_slice(request: RenderRequest) -> str:
    """Code that tells a kernel where the report's slice is."""
    call = f"use_saved_slice({str(request.workdir / 'slice')!r})"
    return f"from insights_lib.store.saved_slice import use_saved_slice; {call}"


def _literal(path: Path) -> str:
    """A path that papermill takes as it is, though it fills in {parameters} in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def short_reason(error: Exception, late: str = "") -> str:
    """Why a section failed, in one line that has an end.

    Args:
        error: What was raised.
        late: The reason if it took too long.
    """
    reason = " ".join(_reason(error, late).split())
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"


def _reason(error: Exception, late: str) -> str:
    if isinstance(error, DeadKernelError):
        return _DIED
    if isinstance(error, SaidTooMuch):
        return f"it printed and showed more than {MOST // 1_000_000} MB"
    if isinstance(error, CellTimeoutError):
        return late
    if isinstance(error, papermill.PapermillExecutionError):
        return f"{error.ename}: {error.evalue}".rstrip(": ")
    return reason_of(error)
