"""Files of the store and of the outputs are for owner and group only."""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from insights_lib.data_retention.forget import forget
from insights_lib.data_retention.prune import prune
from insights_lib.mail.ledger import Delivery, ledger
from insights_lib.outputs import Outputs
from insights_lib.parameters.reports_yml import Retention
from insights_lib.schedule.windows import recording
from insights_lib.store.catalog import writing
from tests.support.notebooks import notebook, run, spec_of
from tests.support.rows import fill_store, seats_row

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")


@pytest.fixture(params=[0o000, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    """What is open to others, in a folder or the folder itself, with its mode."""
    found = {str(path): stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    return {name: oct(mode) for name, mode in found.items() if mode & 0o007}


def files(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


def test_a_store_is_closed_whoever_made_its_folder(umask: int, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "catalog.sqlite").touch()
    for path in (store, store / "catalog.sqlite"):
        path.chmod(0o777)
    rows = [seats_row("2025-01", customer) for customer in "ab"]
    fill_store(tmp_path, {"seats": rows})
    assert open_to_others(store) == {}
    assert files(store) == {0o640}
    with writing(store) as catalog:  # with its journal
        catalog.execute("DELETE FROM rejects")
        catalog.execute("INSERT INTO rejects VALUES (1, 2, 'x')")
        assert open_to_others(store) == {}
    forget("a", store, Outputs(tmp_path / "outputs"))
    assert open_to_others(store) == {}
    assert open_to_others(tmp_path / "outputs") == {}
    assert files(store) == {0o640}


def test_records_are_closed_with_all_that_sqlite_puts_beside_them(
    umask: int, tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    outputs.folder.mkdir()
    for file in (outputs.ledger, outputs.schedule):
        file.touch()
        file.chmod(0o666)
    outputs.folder.chmod(0o777)
    now = datetime.now(UTC)
    with recording(outputs), ledger(outputs.ledger) as book:
        book.claim([Delivery("1", "m", "", "a@example.com", "v")], "<1@x>", now)
        beside = {file.name for file in outputs.folder.glob("*-*")}
        assert {"schedule.sqlite-wal", "schedule.sqlite-shm", "ledger.sqlite-wal"} <= beside
        assert open_to_others(outputs.folder) == {}
    outputs.run_log.write_text('{"time": "2020-01-01T00:00:00+00:00"}\n', encoding="utf-8")
    assert prune(outputs, Retention()).log_lines == 1
    assert open_to_others(outputs.folder) == {}


@pytest.mark.kernels
def test_reports_are_closed_whoever_made_their_folders(
    umask: int, own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    notebook(own_notebooks, "01_fine", *replay, "1 / (partner == '1')")
    outputs = tmp_path / "outputs"
    (outputs / "1").mkdir(parents=True)
    for folder in (outputs / "1", outputs):
        folder.chmod(0o777)
    store = tmp_path / "store"
    result = run(outputs, spec_of(store, "1"), spec_of(store, "2"), jobs=1)
    assert result.of("1").failures == ()
    assert result.of("2").failures != ()
    assert open_to_others(outputs) == {}
    assert files(outputs) == {0o640}
