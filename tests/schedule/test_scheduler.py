"""Each window is done once: by one of two schedulers, after a crash, and never for a failure."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import ReportError
from insights_lib.outputs import Outputs
from insights_lib.parameters.schedule_yml import Group, Plan
from insights_lib.parameters.validation import validated
from insights_lib.schedule.scheduler import Finished, Step, StepResult, run_due, tell_owners
from insights_lib.schedule.windows import Window, recording
from tests.support.processes import running

FIRST = datetime(2025, 6, 5, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
GROUP = {
    "partners": "all",
    "cron": "0 * * * *",
    "time_zone": "UTC",
    "catch_up_hours": 1,
    "steps": ["ingest", "run", "send"],
    "alert_to": "ops@example.com",
    "grace_hours": 3,
}


def plan_of(**groups: dict[str, Any]) -> Plan:
    wanted = {name: {**GROUP, **changes} for name, changes in groups.items()}
    return validated(Plan, {"groups": wanted}, "the plan")


class Scheduler:
    """Schedulers that come one after the other, with steps and alerts that are written down."""

    def __init__(self, outputs: Outputs) -> None:
        self.outputs = outputs
        self.plan = plan_of(g={})
        self.called: list[str] = []
        self.failing: dict[str, Callable[[], StepResult]] = {}
        self.alerts: list[tuple[str, str, str]] = []
        self.alert: Callable[[str, str, str], None] = lambda *alert: self.alerts.append(alert)

    def step(self, name: str) -> Step:
        def call(window: Window, group: Group) -> StepResult:
            assert group is self.plan.groups[window.group]
            self.called.append(f"{window.group} {window.scheduled:%d %H} {name}")
            return self.failing.get(name, StepResult)()

        return call

    def at(self, now: datetime) -> list[Finished]:
        steps = {name: self.step(name) for name in ("fetch", "ingest", "run", "send")}
        with recording(self.outputs) as record:
            finished = run_due(self.plan, lambda: now, steps, record)
            tell_owners(self.plan, now, self.alert, record)
            return finished

    def state(self, scheduled: datetime, group: str = "g") -> tuple[str, str]:
        with recording(self.outputs) as record:
            return record.status(Window(group, scheduled, "UTC"))


@pytest.fixture
def scheduler(tmp_path: Path) -> Scheduler:
    return Scheduler(Outputs(tmp_path / "outputs"))


def raising(error: BaseException) -> Callable[[], StepResult]:
    def step() -> StepResult:
        raise error

    return step


def failed(*sentences: str, ends_window: bool = False) -> Callable[[], StepResult]:
    return lambda: StepResult(sentences, ends_window)


def test_a_window_is_done_once_and_its_steps_in_order(scheduler: Scheduler) -> None:
    [finished] = scheduler.at(FIRST + timedelta(minutes=5))
    assert finished == Finished(Window("g", FIRST, "UTC"))
    assert scheduler.at(FIRST + timedelta(minutes=6)) == []
    assert scheduler.called == ["g 05 06 ingest", "g 05 06 run", "g 05 06 send"]
    assert scheduler.state(FIRST) == ("done", "")
    assert scheduler.alerts == []


def test_a_clock_that_is_set_back_does_nothing_again(scheduler: Scheduler) -> None:
    scheduler.at(FIRST)
    scheduler.at(FIRST + HOUR)
    assert scheduler.at(FIRST + timedelta(minutes=1)) == []
    assert scheduler.at(FIRST + HOUR) == []
    assert len(scheduler.called) == 6


def test_windows_of_all_groups_are_done_in_the_order_of_time(scheduler: Scheduler) -> None:
    scheduler.plan = plan_of(
        a={"steps": ["run"], "catch_up_hours": 3, "cron": "0 5,7 * * *"},
        b={"steps": ["send"], "catch_up_hours": 2},
    )
    scheduler.at(FIRST + HOUR)
    assert scheduler.called == ["a 05 05 run", "b 05 06 send", "a 05 07 run", "b 05 07 send"]


def test_what_was_missed_too_long_ago_is_let_go(scheduler: Scheduler) -> None:
    scheduler.plan = plan_of(g={"catch_up_hours": 2, "steps": ["run"]})
    scheduler.at(FIRST)
    scheduler.at(FIRST + 10 * HOUR)
    assert scheduler.called == ["g 05 05 run", "g 05 06 run", "g 05 15 run", "g 05 16 run"]


def test_an_error_while_fetching_ends_the_window(scheduler: Scheduler) -> None:
    scheduler.plan = plan_of(g={"steps": ["fetch", "ingest", "run", "send"]})
    scheduler.failing["fetch"] = raising(OSError(28, "No space left"))
    [finished] = scheduler.at(FIRST)
    assert finished.reasons == ("fetch: [Errno 28] No space left",)
    assert scheduler.called == ["g 05 06 fetch"]


def test_nothing_is_run_or_sent_on_data_that_is_not_there(scheduler: Scheduler) -> None:
    scheduler.failing["ingest"] = failed("a.tsv: it is\ndamaged.", ends_window=True)
    [finished] = scheduler.at(FIRST)
    assert finished.reasons == ("ingest: a.tsv: it is damaged.",)
    assert scheduler.called == ["g 05 06 ingest"]
    assert scheduler.state(FIRST) == ("failed", "ingest: a.tsv: it is damaged.")


def test_what_holds_nothing_back_is_told_and_the_other_steps_are_done(
    scheduler: Scheduler,
) -> None:
    scheduler.failing["ingest"] = failed("desktop.ini: it is not an export.")
    scheduler.at(FIRST)
    assert scheduler.called == ["g 05 06 ingest", "g 05 06 run", "g 05 06 send"]
    assert scheduler.state(FIRST) == ("failed", "ingest: desktop.ini: it is not an export.")
    assert "desktop.ini" in scheduler.alerts[0][2]


def test_reports_that_are_complete_are_sent_though_others_failed(scheduler: Scheduler) -> None:
    scheduler.failing["run"] = raising(ReportError("no such partner."))
    scheduler.failing["send"] = failed("a@example.com: refused.")
    scheduler.at(FIRST)
    assert [step.split()[-1] for step in scheduler.called] == ["ingest", "run", "send"]
    reason = "run: no such partner.\nsend: a@example.com: refused."
    assert scheduler.state(FIRST) == ("failed", reason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left"), "ingest: [Errno 28] No space left"),
        (KeyError("x"), "ingest: KeyError: 'x'"),
        (ValueError(), "ingest: ValueError:"),
    ],
)
def test_any_error_fails_the_window_alone_without_a_traceback(
    error: Exception, reason: str, scheduler: Scheduler
) -> None:
    scheduler.failing["ingest"] = raising(error)
    scheduler.at(FIRST)
    assert scheduler.state(FIRST) == ("failed", reason)
    scheduler.failing.clear()
    assert scheduler.at(FIRST + timedelta(minutes=1)) == []
    [finished] = scheduler.at(FIRST + HOUR)
    assert finished.reasons == ()


def test_the_owner_is_told_once_per_grace_period_and_group(scheduler: Scheduler) -> None:
    scheduler.plan = plan_of(g={"time_zone": "Europe/Stockholm"}, h={"alert_to": "h@example.com"})
    scheduler.failing["run"] = failed("no room.")
    scheduler.at(FIRST)
    [to_g, to_h] = scheduler.alerts
    assert (to_g[0], to_h[0]) == ("ops@example.com", "h@example.com")
    assert to_g[1] == "Partner Insights: g failed"
    assert "the group g at 2025-06-05 08:00 Europe/Stockholm failed" in to_g[2]
    assert "- run: no room.\n" in to_g[2]
    scheduler.at(FIRST + HOUR)
    scheduler.failing.clear()
    scheduler.at(FIRST + 2 * HOUR)  # a success in between ends no grace period
    scheduler.failing["run"] = failed("no room.")
    scheduler.at(FIRST + 3 * HOUR - timedelta(minutes=1))
    assert len(scheduler.alerts) == 2
    scheduler.at(FIRST + 3 * HOUR)
    assert len(scheduler.alerts) == 4
    scheduler.at(FIRST + 4 * HOUR)
    assert len(scheduler.alerts) == 4


def test_an_alert_that_fails_loses_nothing_and_is_tried_the_next_time(
    scheduler: Scheduler,
) -> None:
    scheduler.failing["run"] = failed("no room.")
    write_down, scheduler.alert = scheduler.alert, lambda *_: raising(TimeoutError("no mail"))()
    scheduler.at(FIRST)
    assert scheduler.state(FIRST) == ("failed", "run: no room.")
    scheduler.alert = write_down
    assert scheduler.at(FIRST + timedelta(minutes=1)) == []  # there is nothing due
    [(to, _, text)] = scheduler.alerts
    assert to == "ops@example.com"
    assert "- run: no room.\n" in text
    scheduler.at(FIRST + timedelta(minutes=2))
    assert len(scheduler.alerts) == 1


def test_what_fails_within_the_grace_period_is_told_after_it(scheduler: Scheduler) -> None:
    for hour, reason in enumerate(["no room.", "no store.", "no mail."]):
        scheduler.failing["run"] = failed(reason)
        scheduler.at(FIRST + hour * HOUR)
    scheduler.failing.clear()
    assert len(scheduler.alerts) == 1
    scheduler.at(FIRST + 3 * HOUR)
    told = scheduler.alerts[1][2]
    assert len(scheduler.alerts) == 2
    assert "no room." not in told
    assert told.index("07:00 UTC failed:\n\n- run: no store.") < told.index(
        "08:00 UTC failed:\n\n- run: no mail."
    )


def test_a_reason_with_the_name_of_a_file_that_is_no_text_is_written_down(
    scheduler: Scheduler,
) -> None:
    scheduler.failing["ingest"] = failed(f"{os.fsdecode(bytes([255]))}.csv: is growing.")
    scheduler.at(FIRST)
    assert scheduler.state(FIRST) == ("failed", "ingest: \\udcff.csv: is growing.")
    assert len(scheduler.alerts) == 1


def die(outputs: Outputs) -> None:
    """Be a scheduler that is killed in the middle of a step."""
    scheduler = Scheduler(outputs)
    scheduler.failing["run"] = lambda: os.kill(os.getpid(), signal.SIGKILL) or StepResult()
    scheduler.at(FIRST)


def killed(outputs: Outputs) -> None:
    child = get_context("spawn").Process(target=die, args=(outputs,))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


def test_a_window_in_which_the_scheduler_was_killed_is_done_exactly_once_more(
    scheduler: Scheduler,
) -> None:
    killed(scheduler.outputs)
    [finished] = scheduler.at(FIRST + timedelta(minutes=1))
    assert finished.window.scheduled == FIRST
    assert scheduler.called == ["g 05 06 ingest", "g 05 06 run", "g 05 06 send"]
    assert scheduler.at(FIRST + timedelta(minutes=2)) == []
    assert scheduler.state(FIRST) == ("done", "")


def test_a_window_that_was_interrupted_too_long_ago_has_failed_and_its_owner_knows(
    scheduler: Scheduler,
) -> None:
    killed(scheduler.outputs)
    old, new = scheduler.at(FIRST + 5 * HOUR)
    assert (old.window.scheduled, new.window.scheduled) == (FIRST, FIRST + 5 * HOUR)
    assert scheduler.state(FIRST)[0] == "failed"
    assert "interrupted" in scheduler.alerts[0][2]
    assert scheduler.called == ["g 05 11 ingest", "g 05 11 run", "g 05 11 send"]
    assert scheduler.at(FIRST + 5 * HOUR) == []


def race(outputs: Outputs, barrier: Any, log: Path) -> None:
    """Do 50 windows, each begun at the same time as by the other process."""

    def step(window: Window, group: Group) -> StepResult:
        with log.open("a", encoding="utf-8") as out:
            out.write(f"{os.getpid()} {window.scheduled.isoformat()}\n")
        return StepResult()

    plan = plan_of(g={"steps": ["run"]})
    for number in range(50):
        now = FIRST + number * HOUR
        barrier.wait(60)
        with recording(outputs, wait_seconds=60) as record:
            run_due(plan, lambda now=now: now, {"run": step}, record)  # type: ignore[misc]


def test_two_schedulers_that_start_together_do_each_window_once(tmp_path: Path) -> None:
    context = get_context("spawn")
    barrier, log = context.Barrier(2), tmp_path / "log"
    outputs = Outputs(tmp_path / "outputs")
    both = [context.Process(target=race, args=(outputs, barrier, log)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
        assert process.exitcode == 0
    done = [line.split()[1] for line in log.read_text(encoding="utf-8").splitlines()]
    assert done == [(FIRST + number * HOUR).isoformat() for number in range(50)]


STAYING = """
import sys, threading
from insights_lib.schedule.scheduler import stay

def call():
    print("called", flush=True)
    if sys.argv[1] == "busy":
        threading.Event().wait()

stay(call, float(sys.argv[2]))
print("ended", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("state", ["idle", "busy"])
def test_staying_ends_cleanly_whether_idle_or_busy(number: signal.Signals, state: str) -> None:
    calls = 2 if state == "idle" else 1  # it comes again after a while
    command = [sys.executable, "-W", "error", "-c", STAYING, state, "0.1"]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        for _ in range(calls):
            assert process.stdout.readline() == "called\n"
        process.send_signal(number)
        out, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "ended"
    assert errors == ""
