"""What is shown while something goes on: a live line on a terminal, or a line per change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress
from rich.markup import escape

from insights_lib.commands.options import errors
from insights_lib.run.request import RenderResult


@contextmanager
def following(total: int, at_a_time: int, quiet: bool) -> Iterator[Callable[[RenderResult], None]]:
    """Show how far a run of so many reports is; yields what to call with each finished one.

    When quiet, or without a terminal, there is a line for each of them instead of a live view.
    """
    done: list[RenderResult] = []

    def counts() -> str:
        running = min(at_a_time, total - len(done))
        return f"{running} running, {sum(bool(one.failures) for one in done)} failed"

    def follow(result: RenderResult) -> None:
        done.append(result)
        if live.disable:
            errors.print(f"[{len(done)}/{total}] {result}")
        else:
            live.update(bar, advance=1, description=counts())

    with progress.Progress(
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("reports, {task.description} in"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left:"),
        progress.TimeRemainingColumn(),
        console=errors,
        disable=quiet or not total or not errors.is_terminal,
    ) as live:
        bar = live.add_task(counts(), total=total)
        yield follow


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Show what is waited for; yields what to call with that, as often as one likes.

    Without a terminal there is a line when it has changed.
    """
    if errors.is_terminal:
        with errors.status("") as live:
            yield lambda text: live.update(escape(text))
        return
    last = ""

    def line(text: str) -> None:
        nonlocal last
        if text != last:
            errors.print(text)
        last = text

    yield line
