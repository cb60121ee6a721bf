"""Many reports: in which order, by how many processes, and what is tried again."""

import json
import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from insights_lib.disk import make_file
from insights_lib.errors import reason_of
from insights_lib.outputs import Failure, Manifest, Outputs
from insights_lib.parameters.secret_variables import is_secret
from insights_lib.run.cluster import cluster
from insights_lib.run.place import put_in_place
from insights_lib.run.plan import PlannedReport
from insights_lib.run.pool import WorkerDied, Workers
from insights_lib.run.request import PRELOAD, RenderRequest, RenderResult
from insights_lib.warm_kernels.deferred import grammar_deferred
from insights_lib.warm_kernels.fork_server import Clone, ForkServer, can_fork

_BEGIN = f"{__name__}:begin"


@dataclass(frozen=True)
class Settings:
    """How to run.

    Attributes:
        outputs: Folder for the reports.
        jobs: How many reports to render at a time.
        section_timeout: Seconds that a section may take.
        report_timeout: Seconds that a report's data and sections may take together.
        dask: Address of a Dask scheduler whose workers are to render the reports instead.
        wait: Whether to wait for another run in the same folder to end.
    """

    outputs: Outputs
    jobs: int
    section_timeout: int = 600
    report_timeout: int = 1800
    dask: str | None = None
    wait: bool = False


def run_reports(
    planned: Iterable[PlannedReport],
    settings: Settings,
    on_report: Callable[[RenderResult], None],
) -> list[RenderResult]:
    """Render reports; one that fails does not keep the others from being rendered.

    What a run that was killed has left is tidied up, also when there is nothing to render.

    Args:
        planned: The reports, be they fresh or not.
        settings: How to run.
        on_report: Called with each report as it is finished.

    Returns:
        The results, in the order in which reports were finished.

    Raises:
        ParameterError: Dask is asked for, but not installed.
        BusyError: Another run is writing to the same folder.
        ReportError: There are no notebooks, or no Dask scheduler.
    """
    results: list[RenderResult] = []
    with (
        settings.outputs.locked(settings.wait) as work,
        closing(_results(list(planned), settings, work)) as made,
    ):
        for result in made:
            results.append(result)
            with suppress(OSError):  # the reports themselves tell of a full disk
                _log(result, settings.outputs.run_log)
            on_report(result)
    return results


def _results(
    planned: list[PlannedReport], settings: Settings, work: Path
) -> Generator[RenderResult]:
    for one in planned:
        if one.folder is None:
            frames = (("", one.traceback),) if one.traceback else ()
            yield RenderResult(one.spec, None, (("", one.reason),), tracebacks=frames)
    # Two ways to name the same months are one report.
    by_folder = {one.folder: one for one in planned if one.folder}
    if not by_folder:
        return
    # The largest first, so that none of them is what everybody waits for at the end.
    largest_first = sorted(by_folder.values(), key=lambda one: -one.rows)
    # Few reports have several cores each, unless those are elsewhere.
    at_a_time = 1 if settings.dask else max(1, settings.jobs // len(by_folder))
    limits = (settings.section_timeout, settings.report_timeout)
    requests = [RenderRequest(one, work, *limits, at_a_time) for one in largest_first]
    with _workers(settings, len(requests)) as workers:
        yield from _rendered(requests, workers)


def _rendered(requests: list[RenderRequest], workers: Executor) -> Generator[RenderResult]:
    """Have reports rendered; one whose process was killed is tried once more."""
    futures = {workers.submit(_render, request): request for request in requests}
    tried_again = set()
    while futures:
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            request = futures.pop(future)
            folder = request.planned.folder
            # The death of a process tells nothing of the report yet.
            if folder not in tried_again and isinstance(_error_of(future), WorkerDied):
                tried_again.add(folder)
                futures[workers.submit(_render, request)] = request
            else:
                yield _result(future, request)


def _workers(settings: Settings, most: int) -> AbstractContextManager[Executor]:
    if settings.dask:
        return cluster(settings.dask)
    count = min(settings.jobs, most)
    if not can_fork():
        return Workers(count, _BEGIN)
    env = {name: value for name, value in os.environ.items() if not is_secret(name)}
    # Two, so that what the workers need and what their kernels need is imported side by side.
    of_workers = ForkServer("insights_lib.run.report", __name__, env=env)
    fork_servers = of_workers, ForkServer(*PRELOAD, env=env)
    return Workers(count, _BEGIN, fork_servers)


def _error_of(future: "Future[RenderResult]") -> BaseException | None:
    return None if future.cancelled() else future.exception()


def _result(future: "Future[RenderResult]", request: RenderRequest) -> RenderResult:
    """The result of a report; a failure that its process could not write down is written here."""
    result = RenderResult(request.planned.spec, None)
    try:
        result = future.result()
        reason = result.failures[0][1] if result.failures else ""
    except CancelledError:
        reason = "the Dask cluster has given it up; see that it has a scheduler, and run it again"
    except WorkerDied as error:
        reason = f"the process that rendered it died twice ({error}); perhaps for want of memory"
    except OSError as error:
        reason = (
            f"it could not be written ({error}); what was there stays. Make room and run it again."
        )
    except Exception as error:  # noqa: BLE001 - this report alone has failed
        reason = reason_of(error)
    if result.folder is None:
        result = replace(result, failures=(("", reason),))
        with suppress(OSError):  # as on a full disk
            result = replace(result, folder=_write_failure(request, reason))
    return result


def _write_failure(request: RenderRequest, reason: str) -> Path:
    """Write the manifest of a report that failed, and return the folder that it is in."""
    now = datetime.now(UTC).replace(microsecond=0)
    first, last = request.spec.date_range.split("_")
    manifest = Manifest(
        status="failed",
        failures=(Failure(section="", reason=reason),),
        partner=request.spec.partner,
        first=first,
        last=last,
        parameters=request.notebook_parameters,
        fingerprint=request.planned.fingerprint or {},
        started_at=now,
        finished_at=now,
    )
    made = Path(mkdtemp(dir=request.workdir))
    manifest.write(made)
    return put_in_place(made, manifest, request.planned.folder or made)


def begin(clone: Clone | None = None) -> None:
    """Make a process ready for reports, if it is not yet.

    Args:
        clone: See `ForkServer`.
    """
    for name in filter(is_secret, list(os.environ)):
        del os.environ[name]
    with grammar_deferred():
        from insights_lib.run.report import (  # noqa: PLC0415 - seconds, for workers only
            use_warm_kernels,
        )

    use_warm_kernels(clone)


def _render(request: RenderRequest) -> RenderResult:
    begin()  # workers of a cluster have not begun yet
    from insights_lib.run.report import render  # noqa: PLC0415 - as above

    return render(request)


def _log(result: RenderResult, file: Path) -> None:
    """Add a line to the log of runs."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "partner": result.spec.partner,
        "variant": result.spec.variant,
        "months": result.folder.name if result.folder else result.spec.date_range,
        "status": "failed" if result.failures else "complete",
        "seconds": result.seconds,
        "stages": dict(result.stages),
        "failures": [{"section": name, "reason": reason} for name, reason in result.failures],
        "tracebacks": dict(result.tracebacks),
    }
    make_file(file)  # tracebacks can hold the same data as reports
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{json.dumps(line, ensure_ascii=False)}\n")
