"""A pool whose processes can die without taking the others' work with them."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from contextlib import ExitStack
from pathlib import Path

import pytest

from insights_lib.run.pool import WorkerDied, Workers
from insights_lib.warm_kernels.fork_server import ForkServer, can_fork
from tests.support.processes import descendants, gone, has_text, running, wait_for

pytestmark = pytest.mark.kernels
Start = Callable[[int], Workers]


clones: list[tuple[int, int] | None] = []  # of this process, if it is one of a pool


def begin(clone: tuple[int, int] | None) -> None:
    clones.append(clone)


def pool(count: int, kind: str) -> Workers:
    parents = (ForkServer(__name__), ForkServer()) if kind == "forked" else None
    return Workers(count, f"{__name__}:begin", parents)


FORKED = pytest.param(
    "forked", marks=pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here")
)


@pytest.fixture(params=[FORKED, "spawned"])
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a pool with as many processes as asked for; ends it after the test."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # where these functions are
    with ExitStack() as stack:

        def started(count: int) -> Workers:
            workers = pool(count, request.param)
            stack.callback(workers.shutdown, cancel_futures=True)
            return workers

        yield started


def pid_of_each(folder: str) -> int:
    """Wait until two processes are at work."""
    (Path(folder) / str(os.getpid())).touch()
    wait_for(lambda: len(list(Path(folder).iterdir())) > 1, seconds=60)
    return os.getpid()


def fail() -> None:
    raise ValueError("no")


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def note_pid_and_wait(file: str) -> None:
    Path(file).write_text(str(os.getpid()), encoding="utf-8")
    signal.pause()


def test_work_is_done_by_as_many_processes_as_asked_for(start: Start, tmp_path: Path) -> None:
    workers = start(2)
    futures = [workers.submit(pid_of_each, str(tmp_path)) for _ in range(6)]
    pids = {future.result() for future in as_completed(futures, timeout=120)}
    assert len(pids) == 2
    assert os.getpid() not in pids
    workers.shutdown()
    assert all(gone(pid) for pid in pids)


def test_an_error_is_the_callers(start: Start) -> None:
    workers = start(1)
    with pytest.raises(ValueError, match="no"):
        workers.submit(fail).result(timeout=60)
    assert workers.submit(abs, -1).result(timeout=60) == 1


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
def test_an_answer_that_cannot_be_pickled_is_told_of(
    start: Start, work: Callable[[], None], kind: str
) -> None:
    workers = start(1)
    with pytest.raises(RuntimeError, match=kind):
        workers.submit(work).result(timeout=60)
    assert workers.submit(abs, -1).result(timeout=60) == 1


def test_a_process_that_cannot_be_started_fails_its_own_work_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, failed = Workers._start, []

    def start_at_last(workers: Workers) -> object:
        if not failed:
            failed.append(True)
            raise OSError(24, "Too many open files")
        return begin(workers)

    monkeypatch.setattr(Workers, "_start", start_at_last)
    workers = start(1)
    with pytest.raises(OSError, match="Too many open files"):
        workers.submit(abs, -1).result(timeout=60)
    assert workers.submit(abs, -2).result(timeout=60) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_fails_its_own_work_alone(start: Start, number: signal.Signals) -> None:
    workers = start(2)
    before = [workers.submit(abs, n) for n in (-1, -2)]
    dying = workers.submit(die, number)
    after = [workers.submit(abs, n) for n in (-3, -4)]
    with pytest.raises(WorkerDied, match=f"exit status -{number:d}"):
        dying.result(timeout=60)
    assert [future.result(timeout=60) for future in (*before, *after)] == [1, 2, 3, 4]


def test_a_shutdown_at_once_ends_what_is_running(start: Start, tmp_path: Path) -> None:
    workers = start(1)
    running = workers.submit(note_pid_and_wait, str(tmp_path / "pid"))
    waiting = workers.submit(abs, -1)
    wait_for(lambda: has_text(tmp_path / "pid"))
    workers.shutdown(cancel_futures=True)  # what runs would never end by itself
    assert gone(int((tmp_path / "pid").read_text()), seconds=60)
    assert isinstance(running.exception(timeout=60), WorkerDied)
    assert waiting.cancelled()


def clone_of_each(folder: str) -> tuple[int, int]:
    """Which fork server is this process's own, and what it answers."""
    pid_of_each(folder)
    (clone,) = clones
    assert clone
    return clone[1], ForkServer(clone=clone).ask("poll", 1)


@pytest.mark.parametrize("start", [FORKED], indirect=True)
def test_every_process_has_a_fork_server_of_its_own_that_ends_with_it(
    start: Start, tmp_path: Path
) -> None:
    workers = start(2)
    beside = [workers.submit(clone_of_each, str(tmp_path)) for _ in range(2)]
    found = {future.result(timeout=120) for future in beside}
    assert len(found) == 2
    assert {answer for _, answer in found} == {-signal.SIGKILL}  # there is no such fork
    for future in [workers.submit(die, signal.SIGKILL) for _ in range(2)]:
        with pytest.raises(WorkerDied):
            future.result(timeout=60)
    assert all(gone(pid) for pid, _ in found)


@pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here")
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom tests.run.test_pool import *\n"
        "pool(1, 'forked').submit(note_pid_and_wait, sys.argv[2]).result()"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parents[2]), str(tmp_path / "pid")]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with running(command, env=env) as owner:
        wait_for(lambda: has_text(tmp_path / "pid"), owner)
        below = descendants(owner.pid)
        owner.send_signal(signal.SIGKILL)
    assert len(below) == 4  # two fork servers, the worker, and the clone that it has
    assert [pid for pid in below if not gone(pid)] == []
