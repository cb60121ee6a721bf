"""A slice that one process saves and another takes."""

import pickle
import sys
from pathlib import Path

import duckdb
import pytest
from pandas.testing import assert_frame_equal

from insights_lib import metrics
from insights_lib.notebook import Report
from insights_lib.page.rows import compact_rows
from insights_lib.presentation.language import Language
from insights_lib.store import saved_slice as saved_slices
from insights_lib.store.saved_slice import save_slice, save_table, saved_slice, use_saved_slice
from insights_lib.store.slice import Slice
from tests.support.processes import completed
from tests.support.rows import fill_store, seats_row, slice_of, usage_row
from tests.support.strategies import METRICS

RANGE = "2025-02_2025-04"
MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slice:
    monkeypatch.setattr(saved_slices, "_folder", None)
    rows = [seats_row(month, customer) for month in MONTHS for customer in "abc"]
    rows += [seats_row("2025-03", "d", CustomerMarket="Sweden", Product="Azure")]
    rows += [seats_row(month, "z", PGAMpnId="2") for month in MONTHS]
    usage = [usage_row(month, "a") for month in MONTHS[:3]]
    tables = {"SeatsSubscriptionsAndRevenue": rows, "OfficeUsage": usage}
    return slice_of(fill_store(tmp_path, tables), RANGE)


@pytest.mark.parametrize("name", ["saved", "a {b} 'q' \"d\" [x] *%", "é;--"])
def test_what_was_saved_makes_the_same_tables_without_the_store(
    data: Slice, name: str, tmp_path: Path
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    save_slice(data, folder)
    (tmp_path / "store").rename(tmp_path / "gone")
    use_saved_slice(str(folder))
    taken = saved_slice(data.spec)
    assert taken is not None
    for of in METRICS.values():
        assert_frame_equal(of(taken), of(data))
    assert compact_rows(taken) == compact_rows(data)
    assert (taken.partner_name, taken.inputs) == (data.partner_name, data.inputs)


def test_a_kernel_cannot_change_what_the_next_one_sees(data: Slice, tmp_path: Path) -> None:
    save_slice(data, tmp_path)
    use_saved_slice(str(tmp_path))
    first = saved_slice(data.spec)
    assert first is not None
    first.database.execute("CREATE TABLE subscription_spans AS SELECT 1 AS nothing")
    second = saved_slice(data.spec)
    assert second is not None
    assert_frame_equal(metrics.products(second), metrics.products(data))
    with pytest.raises(Exception, match="read-only"):
        second.database.execute("DELETE FROM saved.subscription_spans")


@pytest.mark.parametrize(
    "asked", [{"partner": "2"}, {"locale": "sv"}, {"filters": {"product": ["Azure"]}}]
)
def test_no_other_slice_is_taken_for_the_one_asked_for(
    asked: dict[str, object], data: Slice, tmp_path: Path
) -> None:
    save_slice(data, tmp_path)
    use_saved_slice(str(tmp_path))
    assert saved_slice(slice_of(tmp_path / "store", RANGE, **asked).spec) is None


def test_without_a_slice_or_with_a_question_mark_there_is_none(data: Slice, tmp_path: Path) -> None:
    assert saved_slice(data.spec) is None
    folder = tmp_path / "what?"
    folder.mkdir()
    save_slice(data, folder)
    use_saved_slice(str(folder))
    assert saved_slice(data.spec) is None
    assert list(folder.iterdir()) == []


def test_a_table_that_was_saved_is_there_without_the_database(data: Slice, tmp_path: Path) -> None:
    save_slice(data, tmp_path)
    save_table(metrics.products(data), "products", tmp_path)
    use_saved_slice(str(tmp_path))
    (tmp_path / "slice.duckdb").rename(tmp_path / "gone")
    taken = saved_slice(data.spec)
    assert taken is not None
    assert_frame_equal(Report(taken, Language("en")).table("products"), metrics.products(data))
    with pytest.raises(duckdb.IOException, match=r"slice\.duckdb"):
        Report(taken, Language("en")).table("signals")


def test_a_slice_that_was_opened_has_no_saved_tables(data: Slice, tmp_path: Path) -> None:
    save_slice(data, tmp_path)
    save_table(metrics.products(data).head(0), "products", tmp_path)
    use_saved_slice(str(tmp_path))
    assert_frame_equal(Report(data, Language("en")).table("products"), metrics.products(data))


def test_a_kernel_asks_its_database_in_one_thread(data: Slice, tmp_path: Path) -> None:
    save_slice(data, tmp_path)
    use_saved_slice(str(tmp_path))
    taken = saved_slice(data.spec)
    assert taken is not None
    assert taken.query("SELECT current_setting('threads') AS threads")["threads"].tolist() == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set as on Linux")
def test_a_slice_for_which_there_is_no_room_is_told_of_in_one_line(
    data: Slice, tmp_path: Path
) -> None:
    (tmp_path / "spec").write_bytes(pickle.dumps(data.spec))
    program = """
import pickle, sys
from pathlib import Path
from insights_lib.store.slice import open_slice
from insights_lib.store.saved_slice import save_slice
folder = Path(sys.argv[1])
try:
    save_slice(open_slice(pickle.loads((folder / "spec").read_bytes())), folder)
except OSError as error:
    print(error)
"""
    limited = ["prlimit", "--fsize=20000", sys.executable, "-c", program, str(tmp_path)]
    told = completed(limited).stdout.splitlines()
    assert len(told) == 1
    assert "File too large" in told[0]
