"""How long the notebooks of a folder take with papermill's own engine, and with warm kernels.

Each notebook is executed with both, in turn, several times. The processor's time is that of all
processes that take part: papermill's, the fork server's and the kernels'. The fork
server starts once; its time is printed apart. A notebook that fails counts as any other.

    python benchmarks/notebooks.py [FOLDER] [--rounds 5] [--preload pandas plotly.graph_objects]
"""

import argparse
import os
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

import papermill

from insights_lib.warm_kernels.engine import warm_kernels
from insights_lib.warm_kernels.fork_server import ForkServer

OWN, WARM = "nbclient", None  # names of engines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("notebooks"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--preload", nargs="*", default=[], help="modules for warm kernels")
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.ipynb"))
    if not files:
        parser.error(f"{options.folder} holds no notebook")
    began = time.perf_counter()
    with warm_kernels(*options.preload) as server:
        if server is None:
            parser.error("processes cannot be forked here")
        server.ask("poll", os.getpid())  # wait until it has imported everything
        print(f"fork server: {time.perf_counter() - began:.2f} s to start, once")
        heads = f"{'papermill: s':>12} {'CPU':>6} {'warm: s':>9} {'CPU':>6} {'ratio':>6}"
        print(f"{'notebook':40} {heads}")
        for file in files:
            compare(file, options.rounds, server)


def compare(file: Path, rounds: int, server: ForkServer) -> None:
    """Print the medians of a notebook with both engines; the ratio is that of processor time."""
    taken: dict[str | None, list[tuple[float, float]]] = {OWN: [], WARM: []}
    for number in range(rounds):
        for engine in (OWN, WARM) if number % 2 else (WARM, OWN):
            taken[engine].append(execute(file, engine, server))
    own, warm = (
        [median(part) for part in zip(*taken[engine], strict=True)] for engine in (OWN, WARM)
    )
    numbers = f"{own[0]:12.3f} {own[1]:6.3f} {warm[0]:9.3f} {warm[1]:6.3f} {own[1] / warm[1]:6.1f}"
    print(f"{file.name[:40]:40} {numbers}", flush=True)


def execute(file: Path, engine: str | None, server: ForkServer) -> tuple[float, float]:
    """Seconds by the clock, and of the processor, that a notebook takes with an engine."""
    clock, processor = time.perf_counter(), processor_time(server)
    with suppress(Exception):  # it may be meant to fail
        papermill.execute_notebook(
            str(file), None, progress_bar=False, engine_name=engine, cwd=str(file.parent)
        )
    return time.perf_counter() - clock, processor_time(server) - processor


def processor_time(server: ForkServer) -> float:
    """Seconds of the processor until now of this process, the fork server, and their children."""
    stat = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    ticks = sum(map(int, stat[11:15]))
    return sum(os.times()[:4]) + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
