"""The folder of the reports: its layout, one run at a time, and the manifest."""

import stat
from pathlib import Path

import pytest

from insights_lib.errors import BusyError
from insights_lib.outputs import Failure, Manifest, Outputs, failed_folder
from tests.support.manifests import manifest_of

MONTHS = "2025-01_2025-12"


def test_a_second_run_is_refused_while_the_first_one_writes(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    with (
        outputs.locked(),
        pytest.raises(BusyError, match="another run is writing reports here"),
    ):
        outputs.locked().__enter__()
    with outputs.locked():
        pass


def test_what_a_killed_run_has_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".run-killed" / "0").mkdir(parents=True)
    (tmp_path / ".run-killed" / "0" / "report.html").write_text("half", encoding="utf-8")
    whole = tmp_path / "1" / MONTHS / "report.html"
    whole.parent.mkdir(parents=True)
    whole.write_text("whole", encoding="utf-8")
    with Outputs(tmp_path).locked() as work:
        assert [entry.name for entry in tmp_path.glob(".run-*")] == [work.name]
    assert list(tmp_path.glob(".run-*")) == []
    assert whole.read_text(encoding="utf-8") == "whole"


def test_the_lock_is_for_owner_and_group_and_the_folder_too(tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()
    folder.chmod(0o755)
    with Outputs(folder).locked():
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / ".lock")}
    assert modes == {0o750, 0o640}


def test_reports_and_failed_runs_are_found_apart(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    reports = [outputs.report_folder("1", MONTHS), outputs.report_folder("1", MONTHS, "abc")]
    assert [str(folder.relative_to(tmp_path)) for folder in reports] == [
        f"1/{MONTHS}",
        f"1/variants/abc/{MONTHS}",
    ]
    failed = [failed_folder(folder) for folder in reports]
    assert [str(folder.relative_to(tmp_path)) for folder in failed] == [
        f"1/failed/{MONTHS}",
        f"1/variants/abc/failed/{MONTHS}",
    ]
    for folder in (*reports, *failed, tmp_path / ".run-1" / "a"):
        folder.mkdir(parents=True)
        manifest_of().write(folder)
    assert outputs.report_folders() == reports
    assert outputs.failed_folders() == failed


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    failures = (Failure(section="01_summary", reason="no room"),)
    manifest = manifest_of(status="failed", failures=failures, seconds={"data": 1.5})
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert manifest.months == MONTHS


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"status": "complete"}'])
def test_a_file_that_is_not_a_manifest_is_read_as_none(text: str, tmp_path: Path) -> None:
    assert Manifest.read(tmp_path) is None
    assert Manifest.read(tmp_path / "manifest.json" / "below") is None
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    assert Manifest.read(tmp_path) is None
