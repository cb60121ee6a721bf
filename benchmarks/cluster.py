"""How much two workers of a Dask cluster make in the time of one, and what a store at a URL costs.

The program ingests demo partners of 400 customers into a temporary store. Each worker has a thread
and a core of this machine; a scheduler and `insights run` are beside them. The first run of a
cluster is not counted, because its workers start their kernels' processes then.

With --moto, which names the program `moto_server` (`pip install 'moto[server]'`, wherever you like;
`s3fs` has to be here), an object store on loopback gets a copy of the store, and reports of it are
made in turn with those of the folder.

    python benchmarks/cluster.py [--partners 20] [--rounds 3] [--moto MOTO_SERVER]
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from run import fill, insights_run

BUCKET = "bucket"
LOGIN = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--partners", type=int, default=20)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--moto", help="the program moto_server")
    asked = options.parse_args()
    with TemporaryDirectory(prefix="bench-cluster-") as name:
        folder = Path(name)
        partners = fill(folder, asked.partners)
        print(f"{len(partners)} reports of 400 customers; medians of {asked.rounds} rounds")
        seconds = {n: on_cluster(folder, partners, n, asked.rounds) for n in (1, 2)}
        for workers, took in seconds.items():
            print(f"workers: {workers}, {60 * len(partners) / took:.1f} reports a minute")
        print(f"two workers to one: {seconds[1] / seconds[2]:.2f}, target 1.8 or more")
        if asked.moto:
            at_url(folder, partners, asked.moto, asked.rounds)


def on_cluster(folder: Path, partners: list[str], workers: int, rounds: int) -> float:
    """Seconds for all reports, by so many workers with a core each."""
    with ExitStack() as stack:
        port = free_port()
        address = f"tcp://127.0.0.1:{port}"
        stack.enter_context(
            running("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        )
        until_open(port)
        for core in range(workers):
            stack.enter_context(
                running("dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                        core=core)
            )  # fmt: skip
        given = ("--force", "--dask", address)
        insights_run(folder, partners, *given)
        return median(insights_run(folder, partners, *given) for _ in range(rounds))


@contextmanager
def running(program: str, *arguments: str, core: int | None = None) -> Iterator[None]:
    """A program of Dask, perhaps on one core alone."""
    command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def at_url(folder: Path, partners: list[str], moto: str, rounds: int) -> None:
    """Print how long reports of a store at a URL take, beside those of a folder."""
    port = free_port()
    os.environ |= {**LOGIN, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    server = subprocess.Popen(
        [moto, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until_open(port)
        copy_store(folder / "store")
        ratios = []
        for _ in range(rounds):
            near = insights_run(folder, partners, "--force")
            far = insights_run(folder, partners, "--force", store=f"s3://{BUCKET}/store")
            ratios.append(far / near)
        print(
            f"a store at a URL: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            "of the time of a folder, target 1.3 or less"
        )
    finally:
        server.kill()
        server.wait()


def copy_store(store: Path) -> None:
    from s3fs import S3FileSystem  # noqa: PLC0415 - only this part of the program needs it

    far = S3FileSystem()
    far.mkdir(BUCKET)
    far.put(str(store / "parts"), f"{BUCKET}/store/parts", recursive=True)
    far.put(str(store / "catalog.sqlite"), f"{BUCKET}/store/catalog.sqlite")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until_open(port: int) -> None:
    """Wait until somebody listens at a port."""
    for _ in range(300):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nobody listens at port {port}")


if __name__ == "__main__":
    main()
