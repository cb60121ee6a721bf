"""The request for a report, and its result: what a run and its processes exchange."""

from dataclasses import dataclass
from pathlib import Path

from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import PlannedReport

# What the notebooks of reports need, for the process from which their kernels are forked.
PRELOAD = (
    "insights_lib.metrics",
    "insights_lib.notebook",
    "insights_lib.run.warm_up:warm_up",
    "insights_lib.warm_kernels.kernel:prepare",
)


@dataclass(frozen=True)
class RenderRequest:
    """A report to be rendered.

    Attributes:
        planned: Which one; it has months and a folder.
        workdir: A folder to make it in, on the file system of its own folder.
        section_timeout: Seconds that a section may take.
        report_timeout: Seconds that reading the data and executing all sections may take.
        sections_at_a_time: How many sections to execute at a time, on a core each.
    """

    planned: PlannedReport
    workdir: Path
    section_timeout: int
    report_timeout: int
    sections_at_a_time: int = 1

    @property
    def spec(self) -> ReportSpec:
        """What the sections are asked for: the months are fixed, so that all speak of the same."""
        return self.planned.spec.model_copy(
            update={
                "date_range": str(self.planned.months),
                "variant": "",
                "sections": (),
                "also": (),
            }
        )

    @property
    def notebook_parameters(self) -> dict[str, object]:
        """The parameters of each notebook."""
        spec = self.spec
        return {
            "partner": spec.partner,
            "date_range": spec.date_range,
            "filters": spec.filters.texts(),
            "locale": spec.locale,
            "role": spec.role,
            "options": {
                "as_of": spec.as_of.isoformat(),
                "active_states": list(spec.active_states),
                "partner_name": spec.partner_name,
                "store": str(spec.store),
            },
        }


@dataclass(frozen=True)
class RenderResult:
    """What became of one report.

    Attributes:
        spec: What was asked for.
        folder: Where the report is, None if it could not even be begun.
        failures: Section and reason of what failed; empty when the report is complete.
        seconds: How long it took.
        tracebacks: Section and traceback of what failed, for those who look into it.
        stages: Where the seconds went: kernel, data, metrics, figures, page. Where sections
            run side by side, their sum may be more than `seconds`.
        warnings: What a reader should know, in the report's language.
        hints: What filters that match nothing may have meant; not for readers of the report, who
            may not know that there are such values.
        unmade: Name and reason of what could not be made beside the page.
    """

    spec: ReportSpec
    folder: Path | None
    failures: tuple[tuple[str, str], ...] = ()
    seconds: float = 0
    tracebacks: tuple[tuple[str, str], ...] = ()
    stages: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    unmade: tuple[tuple[str, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all of it was made."""
        return not self.failures

    def name(self, section: str = "") -> str:
        """Which report this is, and which section of it, for a reader."""
        parts = (
            f"partner {self.spec.partner}",
            f"variant {self.spec.variant}" if self.spec.variant else "",
            self.folder.name if self.folder else "",
            f"section {section}" if section else "",
        )
        return ", ".join(filter(None, parts))

    def __str__(self) -> str:
        """How it ended, in a line."""
        state = "done" if self.complete else "failed"
        return f"{state} in {self.seconds:.1f} s: {self.name()}"

    def notes(self) -> list[str]:
        """What a user should know of it: why it failed, or the warnings of its data."""
        failed = [f"failed: {sentence}" for sentence in self.failure_sentences()]
        if self.failures:
            return failed
        notes = (*self.warnings, *self.hints)
        return [*failed, *(f"note: {self.name()}: {note}" for note in notes)]

    def failure_sentences(self) -> list[str]:
        """What failed, and why, in a sentence each."""
        named = [(self.name(section), reason) for section, reason in self.failures]
        named += [(f"{self.name()}, {file}", reason) for file, reason in self.unmade]
        return [f"{name}: {reason.removeprefix(f'{name}: ')}" for name, reason in named]
