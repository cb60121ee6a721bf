"""A run: from what parameter files and a command ask for to a summary of what was done."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from insights_lib.errors import BusyError, InsightsError
from insights_lib.parameters.requests import (
    Overrides,
    report_specs,
    reports_file,
    requested_specs,
)
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.index import ended, write_index
from insights_lib.run.plan import PlannedReport, other_notebooks, plan_reports
from insights_lib.run.reports import Settings, run_reports
from insights_lib.run.request import RenderResult


@dataclass(frozen=True)
class Run:
    """A run that can begin.

    Attributes:
        settings: How to run.
        wanted: The reports to render.
        fresh: Those that are fresh already.
        others: Ordinary reports that reports.yml lists and that this run is not asked for.
        locale: The language of the index.
    """

    settings: Settings
    wanted: list[PlannedReport]
    fresh: list[PlannedReport]
    others: tuple[ReportSpec, ...] = ()
    locale: str = "en"

    def do(self, on_report: Callable[[RenderResult], None] = lambda _: None) -> "RunSummary":
        """Render what is wanted; see `run_reports`."""
        started = time.monotonic()
        results = run_reports(self.wanted, self.settings, on_report)
        notes: list[str] = []
        try:
            self._write_index(results)
        except (InsightsError, OSError) as error:  # the reports are there all the same
            notes = [f"note: {self.settings.outputs.index} could not be written: {error}"]
        seconds = time.monotonic() - started
        return RunSummary(self.fresh, results, seconds, self.settings.outputs.index, notes)

    def _write_index(self, results: Iterable[RenderResult]) -> None:
        outputs = self.settings.outputs
        after = ended([*self.wanted, *self.fresh], results)
        # Whoever works there since these reports were made writes the index at the end.
        with suppress(BusyError), outputs.locked():
            write_index([*after, *plan_reports(self.others, outputs)], outputs, self.locale)


def plan_run(
    parameters: Path, overrides: Overrides, settings: Settings, force: bool = False
) -> Run:
    """Plan the reports that parameter files and a command ask for; `force` renders fresh ones, too.

    The limits of time are those of `reports.yml`.

    Raises:
        ParameterError: Something is wrong, or nothing is left to render.
        StoreError: The store cannot be read.
    """
    file = reports_file(parameters, overrides)
    settings = replace(
        settings,
        section_timeout=file.section_timeout_seconds,
        report_timeout=file.report_timeout_seconds,
    )
    specs = requested_specs(parameters, overrides, file)
    planned = plan_reports(specs, settings.outputs)
    fresh = [one for one in planned if one.status == "fresh" and not force]
    wanted = [one for one in planned if one.status != "fresh" or force]
    listed = replace(overrides, partners=(), date_range=None, filters=None, locale=None, role=None)
    # Of a run that is asked for all there are no others.
    others = report_specs(file, listed) if file.partners and listed != overrides else []
    asked = set(specs)
    return Run(
        settings, wanted, fresh, tuple(one for one in others if one not in asked), file.locale
    )


@dataclass(frozen=True)
class RunSummary:
    """What a run did: which reports were fresh already, and the results of the others."""

    fresh: list[PlannedReport]
    results: list[RenderResult]
    seconds: float
    index: Path | None = None
    index_notes: Sequence[str] = ()

    @property
    def failed(self) -> int:
        """How many reports failed."""
        return sum(not result.complete for result in self.results)

    @property
    def complete(self) -> bool:
        """Whether all was made, also what is beside the pages."""
        return not any(result.failures or result.unmade for result in self.results)

    def pages(self) -> list[Path]:
        """The pages of the reports that are there now."""
        folders = [one.folder for one in self.fresh]
        folders += [result.folder for result in self.results if result.complete]
        return [folder / "report.html" for folder in folders if folder]

    def notes(self) -> list[str]:
        """What a user should know: why reports failed, warnings of their data, odd notebooks."""
        odd = "is not named like a section, such as 08_seats.ipynb, and is in no report"
        notes = [note for result in self.results for note in result.notes()]
        return [
            *notes,
            *self.index_notes,
            *(f"note: {file} {odd}" for file in other_notebooks()),
        ]

    def lines(self) -> Iterator[str]:
        """The notes, the numbers of reports, and where all partners are at a glance."""
        yield from self.notes()
        yield str(self)
        if self.index and self.index.exists():
            yield f"all partners at a glance: {self.index}"

    def __str__(self) -> str:
        """The numbers of reports, in a sentence."""
        rendered = len(self.results) - self.failed
        kinds = {"rendered": rendered, "fresh already": len(self.fresh), "failed": self.failed}
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
        return f"{counts}; {self.seconds:.1f} s"

    STAGE_COLUMNS = ("stage", "seconds", "share")

    def stages(self) -> list[dict[str, str]]:
        """Where the seconds went, as rows to be shown."""
        seconds: Counter[str] = Counter()
        for result in self.results:
            seconds.update(dict(result.stages))
        whole = sum(seconds.values()) or 1
        return [
            {"stage": stage, "seconds": f"{value:.2f}", "share": f"{value / whole:.0%}"}
            for stage, value in seconds.items()
        ]
