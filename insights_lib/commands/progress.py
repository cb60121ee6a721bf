"""What a run shows: a live line on a terminal, or a line per report; a summary at its end."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from insights_lib.commands.options import errors
from insights_lib.run.request import Outcome

Follow = Callable[[Outcome], None]


@contextmanager
def following(total: int, at_a_time: int, quiet: bool) -> Iterator[Follow]:
    """Show how far a run of so many reports is.

    Args:
        total: Reports to be made.
        at_a_time: How many of them at a time.
        quiet: Lines instead of a live view, also on a terminal.

    Yields:
        What to call with each report as it is finished.
    """
    if quiet or not errors.is_terminal:
        yield _lines(total)
        return
    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("reports, {task.fields[running]} running, {task.fields[failed]} failed"),
        TextColumn("in"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=errors,
    ) as progress:
        bar = progress.add_task("", total=total, running=min(at_a_time, total), failed=0)

        def advance(outcome: Outcome) -> None:
            row = progress.tasks[bar]
            failed = row.fields["failed"] + bool(outcome.failures)
            left = total - int(row.completed) - 1
            progress.update(bar, advance=1, running=min(at_a_time, left), failed=failed)

        yield advance


def _lines(total: int) -> Follow:
    done = 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        state = "failed" if outcome.failures else "done"
        errors.print(f"[{done}/{total}] {state} in {outcome.seconds:.1f} s: {place_of(outcome)}")

    return tell


def place_of(outcome: Outcome, section: str = "") -> str:
    """Which report an outcome is of, for a reader."""
    spec = outcome.spec
    parts = (
        f"partner {spec.partner}",
        f"variant {spec.variant}" if spec.variant else "",
        outcome.folder.name if outcome.folder else "",
        f"section {section}" if section else "",
    )
    return ", ".join(filter(None, parts))


def failures_of(outcome: Outcome) -> list[str]:
    """What of a report failed, and why, in a sentence each."""
    told = ((place_of(outcome, section), reason) for section, reason in outcome.failures)
    return [f"{place}: {reason.removeprefix(f'{place}: ')}" for place, reason in told]


def summary(outcomes: list[Outcome], fresh: int, started: float) -> str:
    """A sentence on a whole run, which began at a time of the monotonic clock."""
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    seconds = time.monotonic() - started
    kinds = {"rendered": len(outcomes) - failed, "fresh already": fresh, "failed": failed}
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return f"{told}; {seconds:.1f} s"


def profile(outcomes: list[Outcome]) -> Table:
    """Where the seconds of a run went, by stage."""
    seconds: Counter[str] = Counter()
    for outcome in outcomes:
        seconds.update(dict(outcome.stages))
    whole = sum(seconds.values()) or 1
    table = Table("stage", "seconds", "share", box=None)
    for stage, value in seconds.items():
        table.add_row(stage, f"{value:.2f}", f"{value / whole:.0%}")
    return table
