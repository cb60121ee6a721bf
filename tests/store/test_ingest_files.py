"""A file of any name is taken as a whole, or refused and the store left as it was."""

import re
import stat
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import ExportError, StoreError
from insights_lib.store import ingest as ingest_module
from insights_lib.store import publish as publish_module
from insights_lib.store.ingest import files_of, ingest_file
from insights_lib.store.partners import partner_parts
from tests.support.ingesting import customers, held, take, take_text, tree
from tests.support.rows import seats_row, slice_of, usage_row, write_tsv

# A refused file leaves the store as it was

SEATS_TEXT = "".join(
    "\t".join(line) + "\n" for line in (seats_row("", ""), seats_row("2025-01", "b").values())
)
USAGE_TEXT = "".join(
    "\t".join(line) + "\n" for line in (usage_row("", ""), usage_row("2025-01", "b").values())
)
REFUSED = {
    "no export": "a\tb\n",
    "cut": SEATS_TEXT[:-40],
    "long and short line": SEATS_TEXT
    + "2025-01\t1\n"
    + SEATS_TEXT.split("\n")[1]
    + "\t" * 14
    + "\n",
    "wrong month": SEATS_TEXT.replace("2025-01", "13/1/2025"),
    "wrong measure": USAGE_TEXT.replace("\t5\n", "\tfive\n"),
    "two datasets": USAGE_TEXT + USAGE_TEXT.split("\n")[1].replace("Exchange", "Intune") + "\n",
    "unsafe profile": "MPNId\tPGA_MPNId\tCountry\n11\t../1\tSweden\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
def test_a_refused_file_leaves_every_byte_of_the_store(text: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    take(store, [seats_row("2025-01", "a")])  # leaves a replaced file for the next to sweep
    before = tree(store)
    with pytest.raises(ExportError, match=f"^{re.escape(str(tmp_path))}/export[,:]"):
        take_text(store, text)
    assert tree(store) == before


def test_a_refused_first_file_leaves_no_store(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no known dataset"):
        take_text(tmp_path / "store", REFUSED["no export"])
    with pytest.raises(StoreError, match="no store is here"):
        partner_parts(tmp_path / "store", "1")


def test_a_file_that_is_written_to_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a")])
    before = tree(store)
    file = write_tsv(tmp_path / "half.tsv", [seats_row("2025-01", "b")])
    staged = ingest_module.StagedExport

    def slowly(*given: Any) -> Any:
        result = staged(*given)
        with file.open("a", encoding="utf-8") as growing:
            growing.write("more")
        return result

    monkeypatch.setattr(ingest_module, "StagedExport", slowly)
    with pytest.raises(ExportError, match=r"half\.tsv: was being written; ingest it when"):
        ingest_file(file, store)
    assert tree(store) == before


def test_workloads_of_two_datasets_are_refused_with_the_line(tmp_path: Path) -> None:
    names = ["Intune", "", "Intune", "Teams", "AIP"]
    rows = [usage_row("2025-01", "a", WorkloadName=name) for name in names]
    with pytest.raises(ExportError, match=r"line 5: the workload 'Teams' and 'Intune' of an"):
        take(tmp_path / "store", rows)


def test_an_error_while_files_are_moved_leaves_the_old_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "stays", PGAMpnId=partner) for partner in "12"])
    before = held(store), held(store, "2")
    moved: list[Path] = []

    def move_one_only(file: Path, target: Path) -> None:
        if moved:
            raise OSError(28, "No space left on device")
        moved.append(file.rename(target))

    with monkeypatch.context() as patch:
        patch.setattr(publish_module, "move_into_store", move_one_only)
        with pytest.raises(ExportError, match="No space left"):
            take(
                store, [seats_row("2025-01", c, PGAMpnId=p) for p in "12" for c in ("new", "stays")]
            )
    assert len(moved) == 1
    assert not moved[0].exists()
    assert (held(store), held(store, "2")) == before
    assert customers(store) == {"2025-01": ["stays"]}


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000], ids=["only just begun", "damaged"])
def test_a_catalog_that_cannot_be_read_is_told_in_a_sentence(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(content)
    with pytest.raises(StoreError):
        partner_parts(tmp_path, "1")


def test_who_the_customers_are_is_for_the_owner_and_the_group(tmp_path: Path) -> None:
    take(tmp_path / "store", [seats_row("2025-01", "a")])
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) & 0o007 == 0


# Names of files and folders

FILE_NAMES = [
    *("a[1].tsv", "a*?.tsv", 'it\'s "quoted".tsv', " blank .tsv", "{a,b}.tsv", "back\\slash.tsv"),
    *("%41 é 名#?&.tsv", "a\nb.tsv", "c0=7", "-rf", "export.tsv.gz"),
]
STORE_NAMES = [
    *("a[1]*?", 'it\'s "quoted"', " {a,b}%41 é 名#?&", "account=9", "product=Azure"),
    *("CustomerTpid=7", "state=Churned", "c0=7"),
]


@pytest.mark.parametrize("name", FILE_NAMES)
def test_any_name_of_a_file_or_its_folder_is_fine(name: str, tmp_path: Path) -> None:
    """DuckDB takes globs, `key=value` folders and endings of names for instructions."""
    folder = tmp_path / name
    folder.mkdir()
    file = write_tsv(folder / name, [seats_row("2025-01", "a"), seats_row("2025-01", "b")])
    write_tsv(folder / "a1.tsv", [seats_row("2025-01", "a neighbour that a glob would match")])
    assert [result.file for result in ingest_file(file, tmp_path / "store")] == [file]
    assert customers(tmp_path / "store") == {"2025-01": ["a", "b"]}


@pytest.mark.parametrize("name", STORE_NAMES)
def test_any_name_of_the_stores_folder_is_fine(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    store = tmp_path / name / "store"
    take(store, [seats_row("2025-01", "a"), seats_row("2025-01", "b")])
    take(store, [usage_row("2025-01", "a"), usage_row("2025-01", "b", "0")])
    data = slice_of(store, "2025-01_2025-01")
    assert data.query("SELECT month, count(*) FROM current GROUP BY 1").values.tolist()[0][1] == 2
    assert len(data.query("FROM active")) == 1
    found = data.query("SELECT DISTINCT product, sku FROM subscriptions").values.tolist()
    assert found == [["Office 365", "E3"]]


def test_a_store_can_be_named_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    take(Path("store"), [seats_row("2025-01", "a")])
    assert customers(Path("store")) == {"2025-01": ["a"]}


def test_a_folder_means_its_visible_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.tsv", "a.tsv", ".hidden", "C.tsv"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert [f.name for f in files_of([tmp_path])] == ["C.tsv", "a.tsv", "b.tsv"]
    named = [tmp_path / "b.tsv", tmp_path / ".hidden"]
    assert files_of(named) == named


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nowhere: no such file or folder"):
        files_of([tmp_path / "nowhere"])
    with pytest.raises(ExportError, match="the folder holds no file"):
        files_of([tmp_path])
