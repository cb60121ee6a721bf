"""A report that fails is told with section and reason, and stops no other."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from insights_lib.errors import InsightsError
from insights_lib.outputs import Manifest, Outputs, failed_folder
from insights_lib.run import plan
from insights_lib.run.plan import plan_reports
from insights_lib.run.reports import Settings, run_reports
from insights_lib.tables import TABLES
from tests.support.manifests import manifest_of
from tests.support.notebooks import (
    RANGE,
    Run,
    files_in,
    note_inputs,
    notebook,
    run,
    spec_of,
)
from tests.support.rows import fill_store, seats_row

pytestmark = pytest.mark.kernels

# Each report of a run in its own way

TIMEOUT = 10  # seconds: time enough for a kernel to start on a busy machine

# What a cell does for the partner of that name, and words of the reason that is given.
FAILURES = {
    "hangs": (
        "open(store + '.pid', 'w').write(str(os.getpid())); threading.Event().wait()",
        f"{TIMEOUT} s",
    ),
    "cell-error": ('raise ValueError("no such\\n  thing")', "ValueError: no such"),
    "killed": ("os.kill(os.getpid(), 9)", "kernel died"),
    "os-exit": ("os._exit(0)", "kernel died"),
    "prints": ("while True: print('x' * 1_000_000)", "printed and showed more than 50 MB"),
    "shows": ("display('x' * 60_000_000)", "printed and showed more than 50 MB"),
    "sys-exit": ("sys.exit()", "SystemExit"),
    "sys-exit-0": ("sys.exit(0)", "SystemExit"),
    "tolerated": ("pass", "ZeroDivisionError"),
}
# What was there before: a good report of the same filters, one of others, one that failed, another
# folder, or nothing.
EARLIER = {
    "hangs": manifest_of(),
    "cell-error": manifest_of(parameters={"filters": ["product=Azure"]}),
    "killed": manifest_of(status="failed"),
    "os-exit": None,
}
fails = pytest.mark.parametrize("partner", FAILURES)


@pytest.fixture(scope="module")
def failing(replay: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run in which each report but two fails in its own way, after earlier complete ones."""
    folder = tmp_path_factory.mktemp("failing")
    branches = "".join(
        f"if partner == {partner!r}:\n    {code}\n" for partner, (code, _) in FAILURES.items()
    )
    tolerated = "1 / (partner != 'tolerated')"
    notebook(folder / "notebooks", "01_fine", *replay)
    notebook(folder / "notebooks", "02_fails", *replay[:2], tolerated, branches, "'the end'")
    file = folder / "notebooks" / "02_fails.ipynb"
    content = nbformat.read(file, as_version=4)
    content.cells[4].metadata["tags"] = ["raises-exception"]
    nbformat.write(content, file)
    partners = ["first", *FAILURES, "last"]
    rows = [seats_row("2025-02", "a", PGAMpnId=partner) for partner in partners]
    store = fill_store(folder, {"SeatsSubscriptionsAndRevenue": rows})
    note_inputs(store, *partners)
    for partner in ("first", "last", *EARLIER):
        earlier = folder / "outputs" / partner / RANGE
        (earlier / "data").mkdir(parents=True)
        for name in ("report.html", "stale.txt", "data/stale.csv"):
            (earlier / name).write_text("of an earlier run")
        if manifest := EARLIER.get(partner):
            manifest.write(earlier)
    for partner in ("last", "prints"):
        failed = failed_folder(folder / "outputs" / partner / RANGE)
        failed.mkdir(parents=True)
        (failed / "stale.txt").write_text("of an earlier run")
        manifest_of(status="failed").write(failed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "NOTEBOOKS", folder / "notebooks")
        specs = [spec_of(store, partner) for partner in ["absent", *partners]]
        yield run(folder / "outputs", *specs, timeout=TIMEOUT)


@fails
def test_a_failing_section_fails_its_report_with_section_and_reason(
    partner: str, failing: Run
) -> None:
    [(section, reason)] = failing.of(partner).failures
    words = FAILURES[partner][1]
    assert section == "02_fails"
    assert words in reason
    manifest = failing.manifest(partner, failed=True)
    assert manifest.status == "failed"
    [failure] = manifest.failures
    assert (failure.section, failure.reason) == (section, reason)


def test_a_traceback_is_in_the_manifest_and_in_the_log(failing: Run) -> None:
    [failure] = failing.manifest("cell-error", failed=True).failures
    log = (failing.outputs / "run.log").read_text(encoding="utf-8").splitlines()
    [line] = [one for one in map(json.loads, log) if one["partner"] == "cell-error"]
    for text in (failure.traceback, line["tracebacks"]["02_fails"]):
        assert "ValueError: no such" in text
        assert "Traceback" in text
        assert "\x1b" not in text


@fails
def test_a_reason_is_one_line_without_frames(partner: str, failing: Run) -> None:
    [(_, reason)] = failing.of(partner).failures
    assert re.fullmatch(r"\S.*\S", reason), repr(reason)
    assert "Traceback" not in reason
    assert "\x1b" not in reason


@fails
def test_a_failed_run_leaves_its_manifest_and_notebooks_and_neither_page_nor_tables(
    partner: str, failing: Run
) -> None:
    assert failing.of(partner).folder == failing.failed(partner)
    # A kernel that is gone, or talks without end, leaves nothing to keep of its notebook.
    kept = (
        ()
        if partner in {"hangs", "killed", "os-exit", "prints", "shows"}
        else ("notebooks/02_fails.ipynb",)
    )
    expected = {"manifest.json", "notebooks/01_fine.ipynb", *kept}
    assert files_in(failing.failed(partner)) == expected


def test_the_last_good_report_stays_byte_for_byte_when_a_run_fails(failing: Run) -> None:
    kept = failing.folder("hangs")
    assert Manifest.read(kept) == EARLIER["hangs"]
    assert files_in(kept) == {"manifest.json", "report.html", "stale.txt", "data/stale.csv"}
    for name in ("report.html", "stale.txt", "data/stale.csv"):
        assert (kept / name).read_text() == "of an earlier run"


@pytest.mark.parametrize("partner", ["cell-error", "killed", "os-exit", "prints"])
def test_what_is_not_a_good_report_of_the_same_filters_is_gone_when_a_run_fails(
    partner: str, failing: Run
) -> None:
    assert not failing.folder(partner).exists()


def test_the_next_plan_tells_of_the_failure_and_of_the_last_good_report(failing: Run) -> None:
    specs = [spec_of(failing.outputs.parent / "store", name) for name in ("hangs", "killed")]
    kept, gone = plan_reports(specs, Outputs(failing.outputs))
    reason = f"02_fails: it ran for more than {TIMEOUT} seconds"
    last = "; the last good report is of 2026-01-15"
    assert (kept.status, kept.reason) == ("failed", f"{reason}{last}")
    assert gone.status == "failed"
    assert "last good" not in gone.reason


def test_a_run_that_succeeds_clears_the_failure(failing: Run) -> None:
    assert not failing.failed("last").parent.exists()
    assert not failing.failed("first").exists()


@pytest.mark.parametrize("partner", ["first", "last"])
def test_the_other_reports_of_the_run_are_complete(partner: str, failing: Run) -> None:
    assert failing.of(partner).failures == ()
    assert failing.manifest(partner).status == "complete"
    assert (failing.folder(partner) / "report.html").stat().st_size > 500_000
    assert {f"data/{name}.csv" for name in TABLES} <= files_in(failing.folder(partner))


@pytest.mark.parametrize("partner", ["first", "last"])
def test_a_report_replaces_the_earlier_one_as_a_whole(partner: str, failing: Run) -> None:
    assert not {f for f in files_in(failing.folder(partner)) if "stale" in f}


def test_a_partner_that_the_store_does_not_know_fails_alone_and_gets_no_folder(
    failing: Run,
) -> None:
    result = failing.of("absent")
    [(section, reason)] = result.failures
    assert (section, result.folder) == ("", None)
    assert "absent" in reason
    assert not (failing.outputs / "absent").exists()


def test_a_run_accounts_for_every_section_and_leaves_nothing_beside_the_reports(
    failing: Run,
) -> None:
    partners = {"first", *FAILURES, "last"}
    assert len(failing.results) == len(partners) + 1
    left = {entry.name for entry in failing.outputs.iterdir()}
    assert left == {*partners, ".lock", "run.log"}


def test_the_kernel_of_a_cell_that_hangs_is_ended(failing: Run) -> None:
    process = int((failing.outputs.parent / "store.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


# Notebooks that no report can be made of, and places and times that do not do


def test_a_notebook_that_lacks_a_parameter_fails_rather_than_ignores_it(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Papermill only warns, and the report would show other months or customers than asked for."""
    known = [f"{name} = None" for name in ("partner", "date_range", "locale", "options")]
    notebook(own_notebooks, "01_lacking", *replay, parameters="\n".join(known))
    result = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1).of("1")
    [(section, reason)] = result.failures
    assert section == "01_lacking"
    assert "no parameter filters" in reason
    assert "locale" not in reason


def test_a_section_that_speaks_of_another_partner_fails_the_report(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """A notebook with a partner written into it would put its numbers into every folder.

    Partner 1 gets one that opens partner 3, partner 2 one that opens partner 3 after its own.
    """
    own = "partner == '2' and show(0)"
    notebook(own_notebooks, "01_other", replay[0], own, "partner = '3'", *replay[1:])
    store = tmp_path / "store"
    result = run(tmp_path / "outputs", spec_of(store, "1"), spec_of(store, "2"), jobs=1)
    for partner in ("1", "2"):
        assert result.of(partner).failures != (), partner
        assert not (result.folder(partner) / "report.html").exists()
        assert not (result.folder(partner) / "data").exists()


def test_a_report_that_cannot_move_to_its_place_fails_alone(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Its folder may be another user's, or open in a program that locks it."""
    notebook(own_notebooks, "01_fine", *replay)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "1").write_text("not a folder")
    store = tmp_path / "store"
    result = run(tmp_path / "outputs", spec_of(store, "1"), spec_of(store, "2"), jobs=1)
    assert result.of("1").failures != ()
    assert result.of("2").failures == ()
    assert result.manifest("2").status == "complete"


def test_without_any_notebook_no_report_is_taken_for_done(
    own_notebooks: Path, tmp_path: Path
) -> None:
    """As when the package is installed without the notebooks folder of the repository."""
    with pytest.raises(InsightsError, match="notebook"):
        run(tmp_path / "outputs", spec_of(tmp_path / "store"))


def test_a_report_that_takes_too_long_fails_with_the_sections_that_are_not_done(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """The first section waits; the last one finds no time left to begin in."""
    notebook(own_notebooks, "01_waits", "import signal; signal.pause()")
    notebook(own_notebooks, "02_fine", *replay)
    settings = Settings(Outputs(tmp_path / "outputs"), 1, section_timeout=500, report_timeout=3)
    planned = plan_reports([spec_of(tmp_path / "store")], settings.outputs)
    (result,) = run_reports(planned, settings, lambda _: None)
    late = "the report took more than 3 seconds"
    assert result.failures == (("01_waits", late), ("02_fine", late))


def test_sections_are_executed_side_by_side_where_there_are_more_jobs_than_reports(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Each of two sections waits for the other one to have begun."""
    for own, other in ("ab", "ba"):
        os.mkfifo(tmp_path / own)
        meet = (
            f"import threading; own, other = {str(tmp_path / own)!r}, {str(tmp_path / other)!r}\n"
            "said = threading.Thread(target=lambda: open(own, 'w').close()); said.start()\n"
            "open(other).read(); said.join()"
        )
        notebook(own_notebooks, f"01_{own}", meet, *replay)
    result = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=2, timeout=30).of("1")
    assert result.failures == ()


def test_a_reason_and_its_traceback_have_an_end(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    notebook(own_notebooks, "01_long", *replay, "raise ValueError('x' * 3_000_000)")
    result = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1).of("1")
    [(_, reason)] = result.failures
    assert reason.startswith("ValueError: xxx")
    assert len(reason) < 3_000
    failed = nbformat.read(tmp_path / "outputs/1/failed" / RANGE / "notebooks/01_long.ipynb", 4)
    assert any(o.output_type == "error" for c in failed.cells for o in c.get("outputs", ()))
    assert (tmp_path / "outputs" / "run.log").stat().st_size < 300_000
    assert (tmp_path / "outputs/1/failed" / RANGE / "manifest.json").stat().st_size < 300_000
