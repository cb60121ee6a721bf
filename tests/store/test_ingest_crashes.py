"""Whoever is killed while ingesting, or ingests at the same time, spoils nothing."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from insights_lib.store.catalog import writing
from insights_lib.store.ingest import ingest_file
from tests.support.ingesting import customers, held, parts_named, parts_on_disk, take
from tests.support.processes import completed, running
from tests.support.rows import seats_row, write_tsv

# Ingests a file, and kills itself without any chance to clean up when it comes to a point.
DYING = """
import os, signal, sqlite3, sys
from pathlib import Path
from insights_lib.store import catalog, ingest, publish

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Catalog(sqlite3.Connection):
    def execute(self, sql, *values):
        if sql == "BEGIN IMMEDIATE" and point == "catalog half written":
            super().execute("PRAGMA cache_size = 1")  # so that changes go to the file early
        if sql == "COMMIT":
            if point == "after the commit":
                super().execute(sql)
            die()
        return super().execute(sql, *values)

def connect(*args, **options):
    return real_connect(*args, factory=Catalog, **options)

def move_one(file, target):
    real_move(file, target)
    publish.move_into_store = die

point, file, folder = sys.argv[1:]
real_connect, real_move = sqlite3.connect, publish.move_into_store
if point == "parts written":
    ingest._logged = die
elif point == "one part moved":
    publish.move_into_store = move_one
else:
    catalog.sqlite3.connect = connect
ingest.ingest_file(Path(file), Path(folder))
"""


def killed(point: str, file: Path, store: Path) -> None:
    completed([sys.executable, "-c", DYING, point, file, store], expected=-signal.SIGKILL)


@pytest.mark.parametrize(
    "point",
    ["parts written", "one part moved", "before the commit", "catalog half written"],
)
def test_after_a_kill_the_old_rows_are_read_and_the_next_ingest_cleans_up(
    point: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", c, PGAMpnId=p) for p in "12" for c in ("old", "stays")])
    before = {p: held(store, p) for p in "12"}
    nobody = [seats_row("2025-01", "", CustomerName="")] * 1000  # many rejects: a large commit
    new = [
        seats_row(month, customer, PGAMpnId=p)
        for p in "12"
        for month in ("2025-01", "2025-02")
        for customer in ("new", "stays")
    ]
    file = write_tsv(tmp_path / "new.tsv", nobody + new)

    killed(point, file, store)
    assert {p: held(store, p) for p in "12"} == before
    assert customers(store) == {"2025-01": ["old", "stays"]}

    old_parts = parts_named(store, "1", "2")
    ingest_file(file, store)
    assert customers(store, "2") == {month: ["new", "stays"] for month in ("2025-01", "2025-02")}
    assert parts_on_disk(store) == old_parts | parts_named(store, "1", "2")
    assert {path.name for path in store.iterdir()} == {"catalog.sqlite", "parts"}


def test_after_a_kill_behind_the_commit_the_new_rows_are_read(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "old"), seats_row("2025-01", "stays")])
    rows = [seats_row("2025-01", "new"), seats_row("2025-01", "stays")]
    killed("after the commit", write_tsv(tmp_path / "new.tsv", rows), store)
    assert customers(store) == {"2025-01": ["new", "stays"]}
    take(store, [seats_row("2025-02", "new")])
    assert not list(store.glob(".ingest-*"))


def test_the_old_rows_are_read_while_another_process_writes_and_after_it_is_interrupted(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])

    def interrupted() -> None:
        with writing(store) as db:
            db.execute("DELETE FROM parts")
            assert customers(store) == {"2025-01": ["a"]}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert customers(store) == {"2025-01": ["a"]}


INGEST = """
import sys
from pathlib import Path
from insights_lib.store.ingest import ingest_file
print("ready", flush=True)
sys.stdin.readline()
ingest_file(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@contextmanager
def started(file: Path, store: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that ingests the file as soon as it is told to."""
    command = [sys.executable, "-c", INGEST, file, store]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.mark.parametrize("in_use", [False, True], ids=["new store", "store in use"])
def test_processes_that_ingest_at_the_same_time_wait_for_each_other(
    in_use: bool, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    if in_use:
        take(store, [seats_row("2025-01", "old"), seats_row("2025-04", "old")])
    months = ["2025-01", "2025-02"]
    files = [
        write_tsv(tmp_path / f"{m}.tsv", [seats_row(m, m), seats_row(m, "old")]) for m in months
    ]
    with started(files[0], store) as first, started(files[1], store) as second:
        for process in (first, second):
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.wait(60) for process in (first, second)] == [0, 0]
    expected = {m: [m, "old"] for m in months} | ({"2025-04": ["old"]} if in_use else {})
    assert dict(sorted(customers(store).items())) == expected
