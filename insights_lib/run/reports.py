"""Many reports: which of them are to be made, in which order, by how many processes."""

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from insights_lib.errors import InsightsError, ReportError
from insights_lib.outputs import FILE_MODE, claimed, folder_of
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.cluster import cluster
from insights_lib.run.plan import Standing, fingerprint, standing
from insights_lib.run.pool import WorkerDied, Workers
from insights_lib.run.request import PRELOAD, Order, Outcome
from insights_lib.store.catalog import holdings
from insights_lib.warm_kernels.fork_server import Twin, WarmParent, can_fork

LOG = "run.log"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_BEGIN = f"{__name__}:begin"


@dataclass(frozen=True)
class Settings:
    """How to run.

    Attributes:
        outputs: Folder for the reports.
        jobs: How many reports to make at a time.
        section_timeout: Seconds that a section may take.
        report_timeout: Seconds that a report's data and sections may take together.
        dask: Address of a Dask scheduler whose workers are to make the reports instead.
        wait: Whether to wait for another run in the same folder to end.
    """

    outputs: Path
    jobs: int
    section_timeout: int = 600
    report_timeout: int = 1800
    dask: str | None = None
    wait: bool = False


def notebooks() -> tuple[Path, ...]:
    """The notebooks of the sections, in the order of the page.

    Raises:
        ReportError: There is none.
    """
    found = tuple(sorted(NOTEBOOKS.glob("*.ipynb")))
    if not found:
        raise ReportError(f"{NOTEBOOKS}: no notebook is here; run from the project's own folder.")
    return found


def standings(specs: Iterable[ReportSpec], outputs: Path) -> list[Standing]:
    """How each report stands: fresh, stale, failed or never run, and why."""
    sections = notebooks()
    return [standing(spec, outputs, sections) for spec in specs]


def run_reports(
    specs: Iterable[ReportSpec], settings: Settings, on_report: Callable[[Outcome], None]
) -> list[Outcome]:
    """Render reports; one that fails does not keep the others from being rendered.

    What a run that was killed has left is tidied up, also when there is nothing to render.

    Args:
        specs: The reports.
        settings: How to run.
        on_report: Called with each report as it is finished.

    Returns:
        The outcomes, in the order in which reports were finished.

    Raises:
        ParameterError: Dask is asked for, but not installed.
        BusyError: Another run is writing to the same folder.
        ReportError: There are no notebooks, or no Dask scheduler.
    """
    sections = notebooks()
    outcomes: list[Outcome] = []
    with (
        claimed(settings.outputs, settings.wait) as work,
        closing(_outcomes(list(specs), settings, sections, work)) as made,
    ):
        for outcome in made:
            outcomes.append(outcome)
            with suppress(OSError):  # a full disk is told of by the reports themselves
                _log(outcome, settings.outputs / LOG)
            on_report(outcome)
    return outcomes


def _outcomes(
    specs: list[ReportSpec], settings: Settings, sections: tuple[Path, ...], work: Path
) -> Generator[Outcome]:
    orders: dict[Path, tuple[int, Order]] = {}
    for spec in specs:
        try:
            sized = _order(spec, settings, sections, work)
            orders[sized[1].folder] = sized  # two ways to name the same months are one report
        except InsightsError as error:
            yield Outcome(spec, None, (("", str(error)),))
    if not orders:
        return
    # The largest first, so that none of them is what everybody waits for at the end.
    largest_first = [order for _, order in sorted(orders.values(), key=lambda sized: -sized[0])]
    # Few reports have several cores each, unless those are elsewhere.
    lanes = 1 if settings.dask else max(1, settings.jobs // len(orders))
    with _workers(settings, len(orders)) as workers:
        futures = {
            workers.submit(_render, order): order
            for order in (replace(one, lanes=lanes) for one in largest_first)
        }
        again = set()
        while futures:
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                order = futures.pop(future)
                # Whoever worked on it was killed, which tells nothing of the report yet.
                if order.folder not in again and isinstance(_error_of(future), WorkerDied):
                    again.add(order.folder)
                    futures[workers.submit(_render, order)] = order
                else:
                    yield _outcome(future, order)


def _workers(settings: Settings, most: int) -> AbstractContextManager[Executor]:
    if settings.dask:
        return cluster(settings.dask)
    count = min(settings.jobs, most)
    if not can_fork():
        return Workers(count, _BEGIN)
    env = {name: value for name, value in os.environ.items() if not _is_login(name)}
    # Two, so that what the workers need and what their kernels need is imported side by side.
    workers = WarmParent("insights_lib.run.report", __name__, env=env)
    parents = workers, WarmParent(*PRELOAD, env=env)
    return Workers(count, _BEGIN, parents)


def _order(
    spec: ReportSpec, settings: Settings, sections: tuple[Path, ...], workdir: Path
) -> tuple[int, Order]:
    """What is to be made, and how many rows it has to be made of."""
    held = holdings(spec.store, spec.partner)
    date_range = held.resolve(spec)
    order = Order(
        spec=spec,
        date_range=date_range,
        notebooks=sections,
        workdir=workdir,
        folder=folder_of(settings.outputs, spec, date_range),
        section_timeout=settings.section_timeout,
        report_timeout=settings.report_timeout,
        fingerprint=fingerprint(spec, held, date_range, sections),
    )
    return sum(part.rows for part in held.parts if part.month >= date_range.month_before), order


def _error_of(future: "Future[Outcome]") -> BaseException | None:
    return None if future.cancelled() else future.exception()


def _outcome(future: "Future[Outcome]", order: Order) -> Outcome:
    """What became of a report."""
    try:
        return future.result()
    except CancelledError:
        reason = "the Dask cluster has given it up; see that it has a scheduler, and run it again"
    except WorkerDied as error:
        reason = f"the process that rendered it died twice ({error}); perhaps for want of memory"
    except OSError as error:
        reason = (
            f"it could not be written ({error}); what was there stays. Make room and run it again."
        )
    except InsightsError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - this report alone has failed
        reason = f"{type(error).__name__}: {error}"
    return Outcome(order.spec, None, (("", reason),))


def begin(twin: Twin | None = None) -> None:
    """Make a process ready for reports, if it is not yet.

    Args:
        twin: As of `WarmParent`.
    """
    # Else jsonschema, which nbformat needs, spends two seconds on a grammar of web addresses
    # that no notebook has.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    for name in filter(_is_login, list(os.environ)):
        del os.environ[name]
    from insights_lib.run.report import use_warm_kernels  # noqa: PLC0415 - seconds, for workers only

    use_warm_kernels(twin)


def _render(order: Order) -> Outcome:
    begin()  # workers of a cluster have not been told
    from insights_lib.run.report import render  # noqa: PLC0415 - as above

    return render(order)


def _is_login(name: str) -> bool:
    """Whether a variable is of the mail's login: not for notebooks, which keep what they print."""
    return name.startswith("INSIGHTS_SMTP_")


def _log(outcome: Outcome, file: Path) -> None:
    """Add a line to the log of runs."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "partner": outcome.spec.partner,
        "variant": outcome.spec.variant,
        "months": outcome.folder.name if outcome.folder else outcome.spec.date_range,
        "status": "failed" if outcome.failures else "complete",
        "seconds": outcome.seconds,
        "stages": dict(outcome.stages),
        "failures": [{"section": name, "reason": reason} for name, reason in outcome.failures],
        "tracebacks": dict(outcome.tracebacks),
    }
    file.touch(FILE_MODE)  # tracebacks may hold what reports do
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{json.dumps(line, ensure_ascii=False)}\n")
