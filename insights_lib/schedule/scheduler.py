"""Doing what is due: each window once, and its owner is told if it fails."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from insights_lib.errors import reason_of
from insights_lib.parameters.schedule_yml import Group, Plan
from insights_lib.schedule.windows import Record, Window, due


@dataclass(frozen=True)
class StepResult:
    """What failed in a step, a sentence each, and whether the steps after it are not to be done."""

    failures: tuple[str, ...] = ()
    ends_window: bool = False


Step = Callable[[Window, Group], StepResult]
Alert = Callable[[str, str, str], None]
Clock = Callable[[], datetime]

_BRING_DATA = ("fetch", "ingest")
_LET_GO = "it was interrupted, and that is too long ago, or not planned any more, to do it again"


@dataclass(frozen=True)
class Finished:
    """A window that came to its end, and why it failed; no reason if it did not."""

    window: Window
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Which window it is, and how it ended."""
        return f"{self.window.group}, {self.window.when}: {'; '.join(self.reasons) or 'done'}"


def run_due(plan: Plan, clock: Clock, steps: Mapping[str, Step], record: Record) -> list[Finished]:
    """Do every window that is due and was not done before, in the order of time.

    An error that a step raises is a failure, and one of `fetch` or `ingest` ends the window. The
    record is held as long as this takes.
    """
    now = clock()
    windows = [w for name, group in plan.groups.items() for w in due(name, group, now)]
    windows.sort(key=lambda window: window.scheduled)
    finished = []

    def end(window: Window, *reasons: str) -> None:
        record.settle(window, "\n".join(reasons), clock())
        finished.append(Finished(window, reasons))

    for window in record.interrupted():
        if window not in windows:
            end(window, _LET_GO)
    for window in windows:
        if record.claim(window, clock()):
            end(window, *_reasons(window, plan.groups[window.group], steps))
    return finished


def _reasons(window: Window, group: Group, steps: Mapping[str, Step]) -> Iterator[str]:
    for name in group.steps:
        try:
            result = steps[name](window, group)
        except Exception as error:  # noqa: BLE001 - this window alone has failed
            # Nothing is made of data that is not there.
            result = StepResult((reason_of(error),), ends_window=name in _BRING_DATA)
        for failure in result.failures:
            # Names of files may have characters that cannot be written.
            text = failure.encode("utf-8", "backslashreplace").decode()
            yield f"{name}: {' '.join(text.split())}"
        if result.ends_window:
            return


def tell_owners(plan: Plan, now: datetime, alert: Alert, record: Record) -> list[str]:
    """Tell the owners of groups what has failed since they were told, once per grace period.

    An alert has an address, a subject and a text. An owner who cannot be told now is told the next
    time. Returns a sentence for each of these.
    """
    not_told = []
    for name, group in plan.groups.items():
        failed = record.owner_not_notified(name)
        if failed and record.may_alert(name, now, timedelta(hours=group.grace_hours)):
            try:
                alert(group.alert_to, f"Partner Insights: {name} failed", _message(name, failed))
            except Exception as error:  # noqa: BLE001 - whatever it was, it may be over next time
                not_told.append(f"{group.alert_to} could not be told, and is next time: {error}")
            else:
                record.owner_notified(name, now)
    return not_told


def _message(name: str, failed: list[tuple[Window, str]]) -> str:
    text = ""
    for window, reasons in failed:
        lines = "".join(f"- {reason}\n" for reason in reasons.splitlines())
        text += f"What was due for the group {name} at {window.when} failed:\n\n{lines}\n"
    return text + "It is not tried again. Recipients got nothing that is incomplete.\n"


def stay(call: Callable[[], None], seconds: float = 30) -> None:
    """Call at once, and again after so many seconds each time, until SIGTERM or Ctrl-C.

    They interrupt the call as well as the wait.
    """
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True  # should the error be lost, as in a destructor
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with suppress(KeyboardInterrupt):
            while not stopping:
                call()
                time.sleep(seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
