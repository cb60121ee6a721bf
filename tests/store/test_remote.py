"""A store at a URL says what the same store in a folder says, or nothing."""

import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pandas.testing import assert_frame_equal

from insights_lib import metrics
from insights_lib.errors import ParameterError, StoreError
from insights_lib.notebook import open_report
from insights_lib.outputs import Outputs
from insights_lib.page.rows import compact_rows
from insights_lib.parameters.spec import report_spec
from insights_lib.run import report as render
from insights_lib.run.plan import data_digest, plan_reports
from insights_lib.run.request import RenderRequest
from insights_lib.store import remote
from insights_lib.store.partners import partner_parts
from tests.support.http_server import Served, served
from tests.support.mailing import AS_OF, insights, person
from tests.support.rows import fill_store, seats_row, slice_of, usage_row
from tests.support.strategies import METRICS

pytestmark = pytest.mark.slow

RANGE = "2025-02_2025-04"
MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04")
NOWHERE = "http://127.0.0.1:9/store"  # nobody listens there


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Partners 1 and 2, for some months out of a later export."""
    seats = [
        seats_row(month, customer, PGAMpnId=partner)
        for month in MONTHS
        for customer in "abc"
        for partner in "12"
    ]
    again = [seats_row("2025-03", customer, Product="Azure") for customer in "bcd"]
    usage = [usage_row(month, "a") for month in MONTHS[:3]]
    return fill_store(tmp_path, {"seats": seats, "again": again, "usage": usage})


@pytest.fixture
def at_url(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The same store behind a web server."""
    monkeypatch.setattr(remote, "_catalogs", {})
    with served(store) as shown:
        yield shown


def test_the_tables_and_rows_of_a_slice_are_those_of_the_folder(
    store: Path, at_url: Served
) -> None:
    here, there = slice_of(store, RANGE), slice_of(at_url.url, RANGE)
    for of in METRICS.values():
        assert_frame_equal(of(there), of(here))
    assert compact_rows(there) == compact_rows(here)
    assert there.spec.store == at_url.url


def test_only_the_catalog_and_what_the_slice_needs_are_fetched_and_nothing_is_kept(
    store: Path, at_url: Served
) -> None:
    slice_of(at_url.url, "2025-04_2025-04")
    catalog, *parts = at_url.asked
    assert catalog == "catalog.sqlite"
    needed = {f"parts/1/{file.name}" for file in (store / "parts" / "1").iterdir()}
    assert sorted(parts) == sorted(needed)
    assert not MemoryFileSystem.store


def test_a_catalog_counts_for_a_minute_and_is_then_read_again(
    at_url: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def products() -> list[str]:
        return [*metrics.products(slice_of(at_url.url, "2025-04_2025-04"))["product"].unique()]

    now = 1000.0
    monkeypatch.setattr(remote.time, "monotonic", lambda: now)
    assert products() == ["Office 365"]
    fill_store(tmp_path, {"later": [seats_row("2025-04", "a", Product="Azure")]})
    now += 59
    assert products() == ["Office 365"]
    now += 2
    assert products() == ["Azure"]
    assert at_url.asked.count("catalog.sqlite") == 2


def test_a_notebook_opens_a_report_of_a_store_at_a_url(at_url: Served) -> None:
    report = open_report("2", RANGE, options={"store": f"{at_url.url}/"})
    assert report.table("summary")["value"][0] == 3


def test_run_and_status_take_a_url(at_url: Served, tmp_path: Path) -> None:
    outputs = ["--outputs", str(tmp_path / "outputs"), "--parameters", str(tmp_path)]
    asked = ["--partner", "1", "--store", at_url.url, *outputs]
    done = insights("run", *asked, "--range", "last_12_months")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "outputs/1/2024-05_2025-04/report.html").exists()
    assert '"state": "fresh"' in insights("status", *asked, "--json").stdout


def test_send_takes_a_url(here: Path, people: Callable[..., None]) -> None:
    people(person("anna"))
    with served(here / "data" / "store") as shown:
        sent = insights("send", "--dry-run", "--as-of", AS_OF, "--store", shown.url)
    assert sent.exit_code == 0, sent.output
    assert shown.asked[0] == "catalog.sqlite"
    assert [file.suffix for file in Path("outputs/_dry-run").rglob("*.eml")] == [".eml"]


def test_a_store_that_is_not_there_is_told(at_url: Served, tmp_path: Path) -> None:
    asked = ["--partner", "1", "--parameters", str(tmp_path), "--outputs", str(tmp_path / "out")]
    told = insights("run", "--store", f"{at_url.url}/none", *asked)
    assert told.exit_code == 2
    assert told.stderr == (
        f"{at_url.url}/none/catalog.sqlite: no store is here; copy one to it, the catalog last.\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_part_that_is_not_there_is_told(store: Path, at_url: Served) -> None:
    gone = min((store / "parts" / "1").iterdir())
    gone.unlink()
    with pytest.raises(StoreError, match=rf"{gone.name}: the catalog names it, so copy it too"):
        slice_of(at_url.url, RANGE)
    assert not MemoryFileSystem.store


def test_a_part_of_another_store_is_refused(store: Path, at_url: Served, tmp_path: Path) -> None:
    """Though it has as many rows in each month."""
    (tmp_path / "other").mkdir()
    rows = [seats_row(m, c, Product="Azure") for m in MONTHS for c in "abc"]
    other = fill_store(tmp_path / "other", {"seats": rows})
    (file,) = (other / "parts" / "1").glob("Seats*")
    (mine,) = (store / "parts" / "1").glob("Seats*-1-*")
    shutil.copy(file, mine)
    with pytest.raises(StoreError, match=rf"{mine.name}: holds other rows than the catalog says"):
        slice_of(at_url.url, RANGE)
    mine.write_bytes(b"<html>Sign in</html>")
    with pytest.raises(StoreError, match=rf"{mine.name}: is not a part of a store; copy it again"):
        slice_of(at_url.url, RANGE)
    assert not MemoryFileSystem.store


def test_a_catalog_that_only_its_indexes_contradict_is_refused(store: Path, at_url: Served) -> None:
    catalog = store / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'parts_of_account'")
        (size,) = db.execute("PRAGMA page_size").fetchone()
    content = bytearray(catalog.read_bytes())
    start = (page[0] - 1) * size
    index = content[start : start + size]
    assert b"1\x082" not in index
    # Partners 1 and 2 change places in the index alone, as if half of it were of another catalog.
    swapped = index.translate(bytes.maketrans(b"12", b"21"))
    content[start + 100 : start + size] = swapped[100:]
    catalog.write_bytes(content)
    with closing(sqlite3.connect(catalog)) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    with pytest.raises(StoreError, match=r"is not the whole catalog of a store \(row 1 missing"):
        slice_of(at_url.url, RANGE)


def test_a_report_of_a_catalog_that_was_old_is_not_taken_for_fresh(
    store: Path, at_url: Served, tmp_path: Path
) -> None:
    """A worker of a cluster may have read it before the run began."""
    spec = report_spec(partner="1", date_range=RANGE, store=at_url.url)
    outputs = Outputs(tmp_path / "outputs")
    old = partner_parts(at_url.url, "1")
    fill_store(tmp_path, {"later": [seats_row("2025-04", "a", Product="Azure")]})
    read_at, content = remote._catalogs[f"{at_url.url}/catalog.sqlite"]
    remote.read_again()
    [planned] = plan_reports([spec], outputs)
    assert planned.months is not None
    assert planned.fingerprint is not None
    now = planned.fingerprint["data"]
    remote._catalogs[f"{at_url.url}/catalog.sqlite"] = read_at, content
    data, digest = render._open(RenderRequest(planned, (), tmp_path, 60, 60), now)
    assert digest == now != data_digest(old, planned.months)
    assert "Azure" in set(metrics.products(data)["product"])


def test_why_a_catalog_could_not_be_read_is_not_asked_again_within_a_minute(
    at_url: Served,
) -> None:
    for _ in range(2):
        with pytest.raises(StoreError, match="no store is here"):
            partner_parts(f"{at_url.url}/none", "1")
    assert at_url.asked == ["none/catalog.sqlite"]


def test_a_reason_does_not_tell_a_signature() -> None:
    error = OSError("403, message='Forbidden', url='http://host/part?X-Signature=secret&a=b'\nno")
    told = str(remote._told("http://host/part", error))
    assert told == (
        "http://host/part: cannot be read (403, message='Forbidden', url='http://host/part?…' no)"
        "; see that it can be, and try again."
    )


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_SILENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/store"
        with pytest.raises(StoreError, match=r"cannot be read \(no answer within 0\.2 seconds\)"):
            partner_parts(url, "1")


@pytest.mark.parametrize("kept", [5000, 8192], ids=["within a page", "after a page"])
def test_half_a_catalog_is_refused_and_read_again_when_it_is_whole(
    kept: int, store: Path, at_url: Served
) -> None:
    catalog = store / "catalog.sqlite"
    whole = catalog.read_bytes()
    assert len(whole) > 2 * kept
    catalog.write_bytes(whole[:kept])
    with pytest.raises(StoreError, match=r"catalog\.sqlite: is not the whole catalog"):
        slice_of(at_url.url, RANGE)
    catalog.write_bytes(whole)
    remote.read_again()
    assert slice_of(at_url.url, RANGE).months_without_subscriptions == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [("<html>Sign in</html>", "file is not a database"), ("", "file is not a database")],
)
def test_what_is_no_catalog_is_refused(
    content: str, reason: str, store: Path, at_url: Served
) -> None:
    (store / "catalog.sqlite").write_text(content)
    with pytest.raises(StoreError, match=rf"is not the whole catalog of a store \({reason}\)"):
        slice_of(at_url.url, RANGE)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (NOWHERE, r"cannot be read \(Cannot connect to host"),
        ("nonsense://store", r"cannot be read \(Protocol not known: nonsense"),
        ("abfs://store@account/here", r"cannot be read \(Install adlfs to access"),
    ],
)
def test_a_url_that_cannot_be_read_is_told_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(StoreError, match=rf"{url}/catalog\.sqlite: {reason}"):
        slice_of(url, RANGE)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://me:secret@host/store", "http://token@host/store", "s3://store#x", "s3://b/[a]"),
        *("https://host/store?signature=secret", "https://host/store?", "abfs://a:secret@b/store"),
    ],
)
def test_what_notebooks_would_tell_everybody_is_refused(url: str) -> None:
    with pytest.raises(ParameterError, match="store: a URL has no login, and none of") as told:
        report_spec(partner="1", store=url)
    assert "secret" not in f"{told.value} {told.value.__cause__}"


@pytest.mark.parametrize(
    "url",
    [
        *("file:///tmp/store", "file://store", "local://store", "s3://", "://store"),
        "simplecache::http://me:secret@host/store",
    ],
)
def test_what_is_no_url_of_somewhere_else_is_refused(url: str) -> None:
    with pytest.raises(ParameterError, match="store: is no URL such as s3://bucket/store") as told:
        report_spec(partner="1", store=url)
    assert "secret" not in f"{told.value} {told.value.__cause__}"


@pytest.mark.parametrize("url", ["S3://bucket/Store/", " s3://bucket/Store "])
def test_a_url_is_written_in_one_way(url: str) -> None:
    assert report_spec(partner="1", store=url).store == "s3://bucket/Store"
    container = "abfs://container@account.example/store"
    assert report_spec(partner="1", store=container).store == container


@pytest.mark.parametrize(
    "command", [["ingest", "exports"], ["forget", "--customer", "a"], ["schedule"]]
)
def test_nothing_is_written_to_a_url(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    told: Any = insights(*command, "--store", "s3://bucket/store")
    assert told.exit_code == 2
    assert "a store at a URL can only be read" in told.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["exports"]
