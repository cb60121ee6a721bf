"""Reports made by a real Dask cluster: a scheduler and two workers, one of which is killed."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import ParameterError, ReportError
from insights_lib.outputs import Outputs
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import plan_reports
from insights_lib.run.reports import Settings, run_reports
from insights_lib.run.request import RenderResult
from insights_lib.tables import TABLES
from tests.support.http_server import served
from tests.support.processes import descendants, gone, running
from tests.support.rows import fill_store, seats_row

pytestmark = [pytest.mark.cluster, pytest.mark.kernels, pytest.mark.slow]
Start = Callable[..., "subprocess.Popen[str]"]
MONTHS = ("2025-01", "2025-02", "2025-03")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `dask …` and waits until it says what it is asked to; ends it after the test."""
    with ExitStack() as stack:

        def started(says: str, *arguments: str) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
            process = stack.enter_context(running(command, cwd=tmp_path, stderr=subprocess.PIPE))
            assert process.stderr
            assert any(says in line for line in process.stderr), f"{arguments[0]} did not start"
            return process

        yield started


@pytest.fixture
def address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def scheduler(start: Start, address: str) -> "subprocess.Popen[str]":
    port = address.rpartition(":")[2]
    return start("Scheduler at", "dask_scheduler", "--host", "127.0.0.1", "--port", port,
                 "--no-dashboard")  # fmt: skip


def worker(start: Start, address: str, number: int) -> "subprocess.Popen[str]":
    return start("Starting established connection", "dask_worker", address, "--nthreads", "1",
                 "--no-nanny", "--no-dashboard", "--name", str(number))  # fmt: skip


def specs(folder: Path, partners: str) -> list[ReportSpec]:
    rows = [
        seats_row(month, customer, PGAMpnId=p)
        for p in partners
        for month in MONTHS
        for customer in ("a", "b")
    ]
    store = fill_store(folder, {"seats": rows})
    return [ReportSpec(partner=p, date_range="2025-02_2025-03", store=store) for p in partners]


def made(specs: list[ReportSpec], settings: Settings, then: Any = id) -> list[RenderResult]:
    return run_reports(plan_reports(specs, settings.outputs), settings, then)


def tables(outputs: Path) -> dict[str, bytes]:
    return {str(f.relative_to(outputs)): f.read_bytes() for f in outputs.glob("*/*/data/*.csv")}


@pytest.mark.usefixtures("scheduler")
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_cluster_makes_the_reports_of_a_store_at_a_url_though_a_worker_is_killed_half_way(
    start: Start, address: str, tmp_path: Path
) -> None:
    wanted = specs(tmp_path, "1234")
    first, second = (worker(start, address, number) for number in (1, 2))
    parents: list[int] = []

    def kill_one(result: RenderResult) -> None:
        if not parents:
            parents.extend(descendants(first.pid))
            first.send_signal(signal.SIGKILL)

    settings = Settings(Outputs(tmp_path / "cluster"), jobs=1, dask=address)
    with served(tmp_path / "store") as shown:
        distant = [spec.model_copy(update={"store": shown.url}) for spec in wanted]
        results = made(distant, settings, kill_one)
    assert [result.failures for result in results] == [()] * 4
    assert second.poll() is None
    assert parents, "the worker had a fork server of its own"
    assert [pid for pid in parents if not gone(pid)] == []
    here = made(wanted, Settings(Outputs(tmp_path / "here"), jobs=1))
    assert [result.failures for result in here] == [()] * 4
    assert tables(tmp_path / "cluster") == tables(tmp_path / "here")
    assert len(tables(tmp_path / "here")) == 4 * len(TABLES)
    assert not list((tmp_path / "cluster").glob(".run-*"))


def test_a_scheduler_that_is_killed_fails_what_is_left(
    start: Start,
    scheduler: "subprocess.Popen[str]",
    address: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    worker(start, address, 1)
    settings = Settings(Outputs(tmp_path / "outputs"), jobs=1, dask=address)
    results = made(specs(tmp_path, "123"), settings, lambda _: scheduler.kill())
    first, *given_up = (result.failures for result in results)
    assert first == ()
    told = "the Dask cluster has given it up; see that it has a scheduler, and run it again"
    assert given_up == [(("", told),)] * 2
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("scheduler")
def test_a_cluster_without_workers_is_told(address: str, tmp_path: Path) -> None:
    settings = Settings(Outputs(tmp_path / "outputs"), jobs=1, dask=address)
    with pytest.raises(ReportError, match="has no worker; start some"):
        made(specs(tmp_path, "1"), settings)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ("tcp://127.0.0.1:9", ReportError, "no Dask scheduler answers at tcp://127.0.0.1:9"),
        ("nonsense", ParameterError, "is not an address such as tcp://10.0.0.5:8786"),
        ("nonsense://x", ParameterError, "is not an address such as tcp://10.0.0.5:8786"),
    ],
)
def test_an_address_without_a_scheduler_is_told(
    given: str, kind: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insights_lib.run.cluster._PATIENCE", 1)
    settings = Settings(Outputs(tmp_path / "outputs"), jobs=1, dask=given)
    with pytest.raises(kind, match=words):
        made(specs(tmp_path, "1"), settings)
