"""How long `insights run` takes for three partners, beside the loop that one would write by hand.

Three demo partners of 400 customers are ingested into a temporary store. The loop calls
`papermill.execute_notebook` for each notebook of each partner and turns each result into HTML with
nbconvert; `insights run` makes the three reports, with one section at a time and with its default.

    python benchmarks/run.py [--rounds 1]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import papermill
from nbconvert import HTMLExporter

from insights_lib.demo import write_demo
from insights_lib.ingest import files_of, ingest_file
from insights_lib.runner import notebooks

PARTNERS = ("1234567", "2345678", "3456789")


def plain_loop(store: Path, folder: Path) -> float:
    started = time.perf_counter()
    for partner in PARTNERS:
        for notebook in notebooks():
            executed = folder / f"{partner}-{notebook.name}"
            parameters = {"partner": partner, "store": str(store)}
            papermill.execute_notebook(notebook, executed, parameters, progress_bar=False)
            page, _ = HTMLExporter().from_filename(str(executed))
            executed.with_suffix(".html").write_text(page, encoding="utf-8")
    return time.perf_counter() - started


def insights_run(store: Path, folder: Path, *options: str) -> float:
    program = [sys.executable, "-c", "from insights_lib.cli import app; app()", "run"]
    partners = [word for partner in PARTNERS for word in ("--partner", partner)]
    paths = ["--store", str(store), "--outputs", str(folder), "--range", "last_12_months"]
    started = time.perf_counter()
    subprocess.run([*program, *partners, *paths, *options], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        write_demo(Path(folder) / "exports")
        for file in files_of([Path(folder) / "exports"]):
            ingest_file(file, store)
        seconds: dict[str, list[float]] = {"plain loop": [], "run --jobs 1": [], "run": []}
        for _ in range(rounds):
            seconds["plain loop"].append(plain_loop(store, Path(folder)))
            seconds["run --jobs 1"].append(insights_run(store, Path(folder) / "one", "--jobs", "1"))
            seconds["run"].append(insights_run(store, Path(folder) / "default"))
    for name, times in seconds.items():
        ratio = median(a / b for a, b in zip(seconds["plain loop"], times, strict=True))
        print(f"{name:14} {median(times):6.1f} s   {ratio:4.2f} x the loop's reports per minute")


if __name__ == "__main__":
    main()
