"""What a run shows while it goes on: a live line on a terminal, or a line per report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress

from insights_lib.commands.options import errors
from insights_lib.run.request import RenderResult


@contextmanager
def following(total: int, at_a_time: int, quiet: bool) -> Iterator[Callable[[RenderResult], None]]:
    """Show how far a run of so many reports is; yields what to call with each finished one.

    Args:
        total: Reports to be rendered.
        at_a_time: How many of them at a time.
        quiet: Lines instead of a live view, also on a terminal.
    """
    done: list[RenderResult] = []
    live = progress.Progress(
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("reports, {task.description} in"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left:"),
        progress.TimeRemainingColumn(),
        console=errors,
    )

    def counts() -> str:
        running = min(at_a_time, total - len(done))
        return f"{running} running, {sum(bool(one.failures) for one in done)} failed"

    def advance(result: RenderResult) -> None:
        done.append(result)
        live.update(bar, advance=1, description=counts())

    def print_line(result: RenderResult) -> None:
        done.append(result)
        errors.print(f"[{len(done)}/{total}] {result}")

    if quiet or not total or not errors.is_terminal:
        yield print_line
        return
    with live:
        bar = live.add_task(counts(), total=total)
        yield advance
