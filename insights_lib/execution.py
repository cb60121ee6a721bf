"""Executing the notebook of one section, in a kernel of its own and within its limits."""

import os
import re
import time
import traceback
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from traitlets.config import Config

from insights_lib.errors import InsightsError, ReportError
from insights_lib.orders import Order
from insights_lib.prompt_client import Quota, client_within
from insights_lib.sections import refuse_unfinished
from insights_lib.warm_kernels import WarmProvisioner

MOST_PATH = 90  # characters of a folder in which sockets can be; systems allow 104 with the name
MOST_MEGABYTES = 50  # that a section may print and show; they are kept in its notebook
_DIED = "its kernel died; it was killed, perhaps for want of memory"
LONGEST_REASON, LONGEST_TRACEBACK = 2_000, 100_000  # characters
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def run_section(
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
    quota = Quota(MOST_MEGABYTES * 1_000_000)
    too_much = ReportError(f"it printed and showed more than {MOST_MEGABYTES} MB")
    late = f"it ran for more than {order.section_timeout} seconds"
    if deadline == end:
        late = f"the report took more than {order.report_timeout} seconds"
    parent = WarmProvisioner.parent_process
    try:
        if time.monotonic() >= end:
            raise ReportError(late)
        parameters = notebook_parameters(order)
        unknown = parameters.keys() - papermill.inspect_notebook(_literal(notebook)).keys()
        if unknown:
            raise ReportError(f"the notebook has no parameter {', '.join(sorted(unknown))}")
        with TemporaryDirectory(prefix="", dir=parent.folder if parent else None) as sockets:
            executed = papermill.execute_notebook(
                _literal(notebook),
                _literal(output),
                parameters=parameters,
                progress_bar=False,
                request_save_on_cell_execute=False,
                timeout_func=lambda _: max(1, ceil(deadline - time.monotonic())),
                start_timeout=max(60, order.section_timeout),
                shutdown_kernel="immediate",  # it has nothing to say farewell to
                extra_arguments=["--HistoryManager.enabled=False", _saved_slice(order)],
                config=Config({"KernelManager": _connection(sockets, quota)}),
            )
        if quota.left < 0:
            raise too_much
        refuse_unfinished(notebook.stem, executed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this section's alone
        raise_of_system(error)
        frames = getattr(error, "traceback", None) or traceback.format_exception(error)
        if quota.left < 0:
            error = too_much
        return reason_of(error, late), _COLOURS.sub("", "\n".join(frames))[-LONGEST_TRACEBACK:]
    return None


def raise_of_system(error: Exception) -> None:
    """Hand on what the system refused, such as to write: that is no fault of the report's.

    A notebook's own errors come as papermill's, and a timeout has no number of the system's.
    """
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _connection(folder: str, quota: Quota) -> dict[str, Any]:
    """Talk to the kernel promptly, and through files, not through ports that anybody can reach."""
    settings = {
        "client_factory": client_within(quota),
        "connection_file": f"{folder}/connection.json",
    }
    if os.name != "posix":
        return settings
    if len(folder) > MOST_PATH:
        raise ReportError(
            f"{folder} is too long a path for sockets; set TMPDIR to a folder of at most "
            f"{MOST_PATH - 30} characters."
        )
    return {**settings, "transport": "ipc", "ip": f"{folder}/kernel"}


def _saved_slice(order: Order) -> str:
    """Tell a kernel where the report's slice is; the notebook itself goes without."""
    call = f"use_saved_slice({str(order.workdir / 'slice')!r})"
    return f"--IPKernelApp.exec_lines=from insights_lib.saved_slices import use_saved_slice; {call}"


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


def reason_of(error: Exception, late: str = "") -> str:
    """Why a section failed, in a sentence without frames."""
    reason = " ".join(_reason(error, late).split())  # some errors have several lines
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"


def _reason(error: Exception, late: str) -> str:
    kind = type(error).__name__
    if kind in {"DeadKernelError", "KernelDied"}:
        return _DIED
    if kind == "CellTimeoutError":
        return late
    if kind == "PapermillExecutionError":
        return f"{error.ename}: {error.evalue}".rstrip(": ")  # type: ignore[attr-defined]
    return str(error) if isinstance(error, InsightsError) else f"{kind}: {error}"
