"""What passes between a run and the processes that make its reports."""

from dataclasses import dataclass
from pathlib import Path

from insights_lib.parameters.spec import DateRange, ReportSpec

# What the notebooks of reports need, for the process from which their kernels are forked.
PRELOAD = (
    "insights_lib.metrics",
    "insights_lib.notebook",
    "insights_lib.run.warm_up:warm_up",
    "insights_lib.warm_kernels.kernel:prepare",
)


@dataclass(frozen=True)
class Order:
    """A report to be made.

    Attributes:
        spec: What was asked for.
        date_range: The months that it means, so that every section speaks of the same.
        notebooks: The sections.
        workdir: A folder to make it in, on the file system of `folder`.
        folder: Where it belongs.
        section_timeout: Seconds that a section may take.
        report_timeout: Seconds that it may take to read the data and execute all sections.
        fingerprint: As of `freshness.fingerprint`.
        lanes: How many sections to execute at a time, on a core each.
    """

    spec: ReportSpec
    date_range: DateRange
    notebooks: tuple[Path, ...]
    workdir: Path
    folder: Path
    section_timeout: int
    report_timeout: int
    fingerprint: dict[str, str]
    lanes: int = 1


@dataclass(frozen=True)
class Outcome:
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
    """

    spec: ReportSpec
    folder: Path | None
    failures: tuple[tuple[str, str], ...] = ()
    seconds: float = 0
    tracebacks: tuple[tuple[str, str], ...] = ()
    stages: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
