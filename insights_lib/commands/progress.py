"""What is shown while something goes on: a live line on a terminal, or a line per change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress
from rich.markup import escape

from insights_lib.commands.options import errors, out
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


class Waiting(progress.Progress):
    """What is waited for, and for how long: a live line on a terminal, or a line per change."""

    def __init__(self) -> None:
        shown = progress.SpinnerColumn(), progress.TimeElapsedColumn(), "{task.description}"
        super().__init__(*shown, console=errors, disable=not errors.is_terminal, transient=True)
        self._task = self.add_task("begins")

    def follow(self, text: str) -> None:
        """Show what is waited for; may be called as often as one likes."""
        if self.disable and escape(text) != self.tasks[0].description:
            errors.print(text)
        self.update(self._task, description=escape(text))

    def tell(self, text: str, failed: bool) -> None:
        """Say a result, on a line of its own; the live line goes on below it."""
        self.stop()
        (errors if failed else out).print(text)
        self.start()
