"""The folder of the reports: one run at a time, reports as a whole or not at all."""

import ctypes
from pathlib import Path

import pytest

from insights_lib.errors import ReportError
from insights_lib.outputs import locked, move_into_place


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


def test_a_second_run_is_refused_while_the_first_one_writes(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ReportError, match="another run is writing reports here"):
        locked(tmp_path).__enter__()
    with locked(tmp_path):
        pass


def test_what_a_killed_run_has_left_is_cleared_away(tmp_path: Path) -> None:
    report(tmp_path / ".run-killed" / "0", "half")
    report(tmp_path / "1" / "2025-01_2025-12", "whole")
    with locked(tmp_path) as work:
        assert [entry.name for entry in tmp_path.glob(".run-*")] == [work.name]
    assert list(tmp_path.glob(".run-*")) == []
    assert content(tmp_path / "1" / "2025-01_2025-12")["report.html"] == "whole"


@pytest.mark.parametrize("exchange", [True, False])
def test_a_report_takes_the_place_of_the_old_one_as_a_whole(
    exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:  # as on a system or a file system that cannot swap folders
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    place = tmp_path / "1" / "2025-01_2025-12"
    move_into_place(report(tmp_path / "old", "old"), place)
    assert content(place)["report.html"] == "old"
    expected = content(report(tmp_path / "new", "new"))
    move_into_place(tmp_path / "new", place)
    assert content(place) == expected
    assert {entry.name for entry in tmp_path.iterdir()} == {"1"}


def test_a_report_that_cannot_move_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "1" / "2025-01_2025-12"
    move_into_place(report(tmp_path / "old", "old"), place)
    report(tmp_path / "new", "new")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if target == place and self.name == "new":
            raise OSError("no space left")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="no space"):
        move_into_place(tmp_path / "new", place)
    assert content(place)["report.html"] == "old"


def test_a_report_takes_the_place_of_a_link_and_what_that_leads_to_stays(tmp_path: Path) -> None:
    place = tmp_path / "1" / "2025-01_2025-12"
    place.parent.mkdir()
    place.symlink_to(report(tmp_path / "elsewhere", "old"))
    move_into_place(report(tmp_path / "new", "new"), place)
    assert not place.is_symlink()
    assert content(place)["report.html"] == "new"
    assert content(tmp_path / "elsewhere")["report.html"] == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"1", "elsewhere"}
