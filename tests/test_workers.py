"""A pool whose processes can die without taking the others' work with them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import as_completed
from pathlib import Path

import pytest
from waiting import gone

from insights_lib import workers as workers_module
from insights_lib.workers import WorkerDied, Workers


def pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def fail() -> None:
    raise ValueError("no")


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def note_pid_and_wait(file: str) -> None:
    Path(file).write_text(str(os.getpid()), encoding="utf-8")
    signal.pause()


def test_work_is_done_by_as_many_processes_as_asked_for() -> None:
    workers = Workers(2)
    futures = [workers.submit(pid_after, 0.3) for _ in range(6)]
    pids = {future.result() for future in as_completed(futures)}
    assert len(pids) == 2
    assert os.getpid() not in pids
    workers.shutdown()
    assert all(gone(pid) for pid in pids)


def test_an_error_is_the_callers() -> None:
    workers = Workers(1)
    with pytest.raises(ValueError, match="no"):
        workers.submit(fail).result()
    assert workers.submit(abs, -1).result() == 1
    workers.shutdown()


class TwoPartsError(Exception):
    """One that cannot be made again from what pickle keeps of it."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where}")


def fail_in_two_parts() -> None:
    raise TwoPartsError("wrong", "home")


def fail_with_what_cannot_be_pickled() -> None:
    raise ValueError(lambda: None)


def lambda_of_nothing() -> object:
    return lambda: None


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (fail_in_two_parts, "TwoPartsError: wrong at home"),
        (fail_with_what_cannot_be_pickled, "ValueError: <function"),
        (lambda_of_nothing, "function: <function"),
    ],
)
def test_an_answer_that_cannot_be_pickled_is_told_of(work: Callable[[], None], kind: str) -> None:
    workers = Workers(1)
    with pytest.raises(RuntimeError, match=kind):
        workers.submit(work).result(timeout=60)
    assert workers.submit(abs, -1).result(timeout=60) == 1
    workers.shutdown()


def test_a_process_that_cannot_be_started_fails_its_own_work_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, failed = workers_module._start, []

    def start_at_last() -> object:
        if not failed:
            failed.append(True)
            raise OSError(24, "Too many open files")
        return start()

    monkeypatch.setattr(workers_module, "_start", start_at_last)
    workers = Workers(1)
    with pytest.raises(OSError, match="Too many open files"):
        workers.submit(abs, -1).result(timeout=60)
    assert workers.submit(abs, -2).result(timeout=60) == 2
    workers.shutdown()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_fails_its_own_work_alone(number: signal.Signals) -> None:
    workers = Workers(2)
    before = [workers.submit(abs, n) for n in (-1, -2)]
    dying = workers.submit(die, number)
    after = [workers.submit(abs, n) for n in (-3, -4)]
    with pytest.raises(WorkerDied, match=f"exit status -{number:d}"):
        dying.result()
    assert [future.result() for future in (*before, *after)] == [1, 2, 3, 4]
    workers.shutdown()


def test_a_shutdown_at_once_ends_what_is_running(tmp_path: Path) -> None:
    workers = Workers(1)
    running = workers.submit(note_pid_and_wait, str(tmp_path / "pid"))
    waiting = workers.submit(abs, -1)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert not running.done()
    started = time.monotonic()
    workers.shutdown(cancel_futures=True)
    assert time.monotonic() - started < 2
    assert gone(int((tmp_path / "pid").read_text()))
    assert isinstance(running.exception(), WorkerDied)
    assert not waiting.done() or waiting.cancelled()


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from insights_lib.workers import Workers\nfrom test_workers import note_pid_and_wait\n"
        "if __name__ == '__main__': Workers(1).submit(note_pid_and_wait, sys.argv[2]).result()"
    )
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    command = [sys.executable, str(script), str(Path(__file__).parent), str(tmp_path / "pid")]
    with subprocess.Popen(command) as owner:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert owner.poll() is None
        owner.send_signal(signal.SIGKILL)
    assert gone(int((tmp_path / "pid").read_text()))
