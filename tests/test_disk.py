"""Writing to disk: whole or not at all, and for owner and group only."""

import ctypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from insights_lib.disk import (
    digest,
    make_file,
    make_folder,
    move_file,
    move_folder,
    move_to_free_name,
    write_whole,
)


def report(folder: Path, text: str) -> Path:
    (folder / "data").mkdir(parents=True)
    for name in ("report.html", "data/summary.csv", f"data/{text}.csv"):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8")
        for file in folder.rglob("*")
        if file.is_file()
    }


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever the user's umask is."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture(params=[True, False], ids=["renameat2", "plain"])
def renaming(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With renameat2, and as on a system or a file system without it."""
    if not request.param:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())


# Whole or not at all


@pytest.mark.usefixtures("renaming")
def test_a_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "1" / "2025-01_2025-12"
    move_folder(report(tmp_path / "old", "old"), place)
    assert content(place)["report.html"] == "old"
    expected = content(report(tmp_path / "new", "new"))
    move_folder(tmp_path / "new", place)
    assert content(place) == expected
    assert {entry.name for entry in tmp_path.iterdir()} == {"1"}


def test_a_folder_that_cannot_move_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "1" / "2025-01_2025-12"
    move_folder(report(tmp_path / "old", "old"), place)
    report(tmp_path / "new", "new")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if target == place and self.name == "new":
            raise OSError("no space left")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="no space"):
        move_folder(tmp_path / "new", place)
    assert content(place)["report.html"] == "old"


def test_a_folder_takes_the_place_of_a_link_and_what_that_leads_to_stays(tmp_path: Path) -> None:
    place = tmp_path / "1" / "2025-01_2025-12"
    place.parent.mkdir()
    place.symlink_to(report(tmp_path / "elsewhere", "old"))
    move_folder(report(tmp_path / "new", "new"), place)
    assert not place.is_symlink()
    assert content(place)["report.html"] == "new"
    assert content(tmp_path / "elsewhere")["report.html"] == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"1", "elsewhere"}


@pytest.mark.usefixtures("renaming")
def test_a_file_moves_to_a_free_name_and_never_over_another_file(tmp_path: Path) -> None:
    file, target = tmp_path / "file", tmp_path / "target"
    file.write_text("new", encoding="utf-8")
    target.write_text("old", encoding="utf-8")
    with pytest.raises(FileExistsError):
        move_to_free_name(file, target)
    assert content(tmp_path) == {"file": "new", "target": "old"}
    target.unlink()
    move_to_free_name(file, target)
    assert content(tmp_path) == {"target": "new"}


def test_values_that_run_into_each_other_have_digests_of_their_own() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a") == digest(b"a")


# For owner and group only


@pytest.mark.usefixtures("umask")
def test_what_is_made_is_for_owner_and_group_whatever_the_umask(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_file(tmp_path / "a" / "file")
    write_whole(tmp_path / "a" / "whole", b"1")
    (tmp_path / "moved").touch()
    move_file(tmp_path / "moved", tmp_path / "a" / "moved")
    move_folder(report(tmp_path / "made", "x"), tmp_path / "a" / "report")
    modes = {path.is_dir(): set() for path in (tmp_path, tmp_path / "a" / "file")}
    for path in [tmp_path / "a", *(tmp_path / "a").rglob("*")]:
        modes[path.is_dir()].add(mode(path))
    assert modes == {True: {0o750}, False: {0o640}}


def test_a_folder_or_file_that_somebody_opened_to_all_is_closed(tmp_path: Path) -> None:
    for before, after in ((0o777, 0o770), (0o755, 0o750), (0o700, 0o700)):
        folder = tmp_path / f"{before:o}"
        folder.mkdir()
        folder.chmod(before)
        make_folder(folder)
        assert mode(folder) == after
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o666)
    make_file(tmp_path / "file")
    assert mode(tmp_path / "file") == 0o640


def test_folders_above_that_were_there_stay_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a")
    assert mode(tmp_path) == 0o755


def test_a_folder_that_hands_on_its_group_goes_on_doing_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o2750)
    make_folder(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o2750


def test_a_file_in_place_of_a_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o644)
    with pytest.raises(OSError, match="exists"):
        make_folder(tmp_path / "file")
    assert mode(tmp_path / "file") == 0o644
