"""Whether a report must be rendered again: what it was made of decides, by content."""

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import ReportError
from insights_lib.outputs import Failure, Manifest, Outputs, failed_folder, seen
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run import plan
from insights_lib.run.plan import PlannedReport, notebooks, other_notebooks, plan_reports, software
from insights_lib.store.catalog import reading
from insights_lib.store.ingest import ingest_file
from tests.support.manifests import manifest_of
from tests.support.rows import fill_store, seats_row, write_tsv

MONTHS = "2025-02_2025-03"
DIED = (Failure(section="01_one", reason="its kernel died"),)


def spec_of(tmp_path: Path, **others: Any) -> ReportSpec:
    values = {"date_range": MONTHS, "as_of": date(2025, 5, 1), **others}
    return ReportSpec(**{"partner": "1", "store": tmp_path / "store", **values})


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A complete report of partner 1, and the notebooks that it is made of."""
    rows = [seats_row(month, "a") for month in ("2025-01", "2025-02", "2025-03", "2025-04")]
    rows += [seats_row("2025-03", "b", PGAMpnId="2")]
    fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_one.ipynb").write_text("one", encoding="utf-8")
    monkeypatch.setattr(plan, "NOTEBOOKS", tmp_path / "notebooks")
    folder = tmp_path / "outputs" / "1" / MONTHS
    folder.mkdir(parents=True)
    for name in ("report.html", "notebooks/01_one.ipynb", "data/summary.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("whole", encoding="utf-8")
    planned = planned_of(tmp_path)
    assert planned.folder == folder
    manifest_of(
        fingerprint=planned.fingerprint,
        report_sha256=hashlib.sha256(b"whole").hexdigest(),
        finished_at=datetime(2025, 6, 5, 4, tzinfo=UTC),
    ).write(folder)
    return folder


def planned_of(tmp_path: Path, **others: Any) -> PlannedReport:
    plan._digest_of_files.cache_clear()  # within a run no file changes
    [planned] = plan_reports([spec_of(tmp_path, **others)], Outputs(tmp_path / "outputs"))
    return planned


def status_of(tmp_path: Path, **others: Any) -> tuple[str, str]:
    planned = planned_of(tmp_path, **others)
    return planned.status, planned.reason


def ingest(tmp_path: Path, *rows: dict[str, str]) -> None:
    ingest_file(write_tsv(tmp_path / "later.tsv", list(rows)), tmp_path / "store")


def test_a_report_of_the_same_inputs_is_fresh(made: Path, tmp_path: Path) -> None:
    planned = planned_of(tmp_path)
    assert (planned.status, planned.reason, planned.folder) == ("fresh", "", made)
    assert str(planned.months) == MONTHS


@pytest.mark.parametrize("month", ["2025-01", "2025-03"])
def test_new_data_makes_it_stale(month: str, made: Path, tmp_path: Path) -> None:
    """The month before the range counts too: churn is told from it."""
    ingest(tmp_path, seats_row(month, "a"), seats_row(month, "new"))
    assert status_of(tmp_path) == ("stale", "changed: data")


def test_data_of_other_months_and_other_partners_does_not(made: Path, tmp_path: Path) -> None:
    """The export holds no row of partner 1 in March, so its earlier rows stay."""
    of_another = [seats_row("2025-03", customer, PGAMpnId="2") for customer in ("b", "new")]
    ingest(tmp_path, seats_row("2025-04", "a"), seats_row("2025-04", "new"), *of_another)
    assert status_of(tmp_path) == ("fresh", "")


def test_the_same_export_again_does_not(made: Path, tmp_path: Path) -> None:
    ingest_file(tmp_path / "SeatsSubscriptionsAndRevenue.tsv", tmp_path / "store")
    assert status_of(tmp_path) == ("fresh", "")


@pytest.mark.parametrize(
    "others",
    [
        {"locale": "sv"},
        {"partner_name": "Another"},
        {"filters": ["product=Azure"]},
        {"active_states": ["Active", "Suspended"]},
    ],
)
def test_other_parameters_make_it_stale(others: Any, made: Path, tmp_path: Path) -> None:
    assert status_of(tmp_path, **others) == ("stale", "changed: parameters")


def test_another_day_of_the_month_in_which_it_is_asked_for_does_not(
    made: Path, tmp_path: Path
) -> None:
    assert status_of(tmp_path, as_of=date(2025, 5, 31)) == ("fresh", "")


def test_another_month_in_which_it_is_asked_for_makes_it_stale(made: Path, tmp_path: Path) -> None:
    """What ends soon, and what has ended, is counted from it."""
    assert status_of(tmp_path, as_of=date(2025, 6, 1)) == ("stale", "changed: parameters")


def test_a_changed_notebook_makes_it_stale(made: Path, tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "01_one.ipynb").write_text("another", encoding="utf-8")
    assert status_of(tmp_path) == ("stale", "changed: notebooks")


def test_another_version_of_the_library_makes_it_stale(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "software", lambda: "another")
    assert status_of(tmp_path) == ("stale", "changed: software")


def test_the_files_of_the_page_are_part_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    before = software()
    software.cache_clear()
    plan._digest_of_files.cache_clear()
    monkeypatch.setattr(
        Path, "read_bytes", lambda file: read(file) + (b"!" if file.name == "page.css" else b"")
    )
    assert software() != before
    software.cache_clear()
    plan._digest_of_files.cache_clear()


def test_a_report_without_its_page_is_stale(made: Path, tmp_path: Path) -> None:
    (made / "report.html").write_text("hole", encoding="utf-8")
    assert status_of(tmp_path) == ("stale", "changed: report.html")
    (made / "report.html").unlink()
    assert status_of(tmp_path) == ("stale", "changed: report.html, which is gone")


@pytest.mark.parametrize("name", ["notebooks", "data"])
def test_a_report_without_its_notebooks_or_tables_is_stale(
    name: str, made: Path, tmp_path: Path
) -> None:
    shutil.rmtree(made / name)
    assert status_of(tmp_path) == ("stale", "changed: notebooks or tables, which are gone")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"status": "complete"}'])
def test_a_file_that_is_not_a_manifest_makes_nothing_fail_but_the_report_is_made_again(
    text: str, made: Path, tmp_path: Path
) -> None:
    (made / "manifest.json").write_text(text, encoding="utf-8")
    assert status_of(tmp_path) == ("never run", "its manifest.json is not a manifest")


def test_what_was_never_rendered_is_told(made: Path, tmp_path: Path) -> None:
    never = ("never run", "there is no report")
    assert status_of(tmp_path, date_range="2025-03_2025-04") == never


# Failures


def fail(folder: Path) -> None:
    """Leave beside a report what a run that failed leaves."""
    failed_folder(folder).mkdir(parents=True)
    manifest_of(status="failed", failures=DIED).write(failed_folder(folder))


def test_a_failed_run_is_told_with_its_reason_and_the_day_of_the_last_good_report(
    made: Path, tmp_path: Path
) -> None:
    fail(made)
    told = "01_one: its kernel died; the last good report is of 2025-06-05"
    assert status_of(tmp_path) == ("failed", told)


def test_a_failed_run_without_a_good_report_is_told_with_its_reason(
    made: Path, tmp_path: Path
) -> None:
    fail(made)
    (made / "report.html").unlink()
    assert status_of(tmp_path) == ("failed", "01_one: its kernel died")
    shutil.rmtree(made)
    assert status_of(tmp_path) == ("failed", "01_one: its kernel died")


def test_a_failed_report_that_an_earlier_version_put_in_its_place_is_told(
    made: Path, tmp_path: Path
) -> None:
    manifest_of(status="failed", failures=DIED).write(made)
    assert status_of(tmp_path) == ("failed", "01_one: its kernel died")


def test_a_failure_of_other_months_or_of_a_variant_is_not_this_reports(
    made: Path, tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    fail(outputs.report_folder("1", "2025-01_2025-02"))
    fail(outputs.report_folder("1", MONTHS, "abc"))
    assert status_of(tmp_path) == ("fresh", "")


def test_a_partner_that_the_store_does_not_know_has_failed(made: Path, tmp_path: Path) -> None:
    planned = planned_of(tmp_path, partner="9")
    assert (planned.status, planned.folder) == ("failed", None)
    assert "holds nothing of it" in planned.reason


@pytest.mark.parametrize("month", ["2025-13-01", "soon", "0001-01-01"])
def test_a_partner_with_an_odd_month_fails_alone(month: str, made: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store" / "catalog.sqlite")) as db:
        db.execute("UPDATE parts SET month = ? WHERE account = '2'", [month])
        db.commit()
    specs = [spec_of(tmp_path, partner="2", date_range="last_3_months"), spec_of(tmp_path)]
    odd, fine = plan_reports(specs, Outputs(tmp_path / "outputs"))
    assert (odd.spec.partner, odd.status, odd.folder) == ("2", "failed", None)
    assert odd.reason.startswith("ValueError: ")
    assert fine.status == "fresh"


def test_a_report_that_cannot_be_looked_at_fails_alone_and_its_traceback_is_kept(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Manifest.read

    def odd(folder: Path) -> Manifest | None:
        if "2" in folder.parts:
            raise ValueError("year 0 is\n  out of range")
        return read(folder)

    monkeypatch.setattr(Manifest, "read", odd)
    specs = [spec_of(tmp_path, partner=partner) for partner in "21"]
    failed, fine = plan_reports(specs, Outputs(tmp_path / "outputs"))
    assert (failed.status, failed.reason) == ("failed", "ValueError: year 0 is out of range")
    assert "in odd" in failed.traceback
    assert fine.status == "fresh"


# Notebooks


def test_sections_are_the_notebooks_named_like_one_and_others_are_left_alone(
    made: Path, tmp_path: Path
) -> None:
    for name in ("Untitled", "08_seats-Copy1", "8_seats", "00_", "008_seats", "seats"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("mine", encoding="utf-8")
    (tmp_path / "notebooks" / "08_seats.txt").touch()
    assert status_of(tmp_path) == ("fresh", "")
    assert [file.stem for file in notebooks()] == ["01_one"]
    assert [file.stem for file in other_notebooks()] == [
        *("008_seats", "00_", "08_seats-Copy1", "8_seats", "Untitled", "seats"),
    ]
    (tmp_path / "notebooks" / "08_seats.ipynb").write_text("ours", encoding="utf-8")
    assert [file.stem for file in notebooks()] == ["01_one", "08_seats"]
    assert status_of(tmp_path) == ("stale", "changed: notebooks")


def test_without_a_section_nothing_can_be_planned(made: Path, tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "01_one.ipynb").rename(tmp_path / "notebooks" / "Untitled.ipynb")
    with pytest.raises(ReportError, match=r"no notebook is here that is named like 08_seats"):
        planned_of(tmp_path)


def test_a_page_is_read_only_if_its_size_or_time_is_not_as_it_was_made(
    made: Path, tmp_path: Path
) -> None:
    page, manifest = made / "report.html", Manifest.read(made)
    assert manifest
    manifest.model_copy(update={"report_seen": seen(page)}).write(made)
    size, changed = seen(page)
    page.write_text("other", encoding="utf-8")
    os.utime(page, ns=(changed, changed))
    assert status_of(tmp_path) == ("fresh", "")  # nobody has read it
    os.utime(page, ns=(changed, changed + 1))
    assert status_of(tmp_path) == ("stale", "changed: report.html")
    page.write_text("whole", encoding="utf-8")  # as a copy of the folder has it
    assert seen(page) != (size, changed)
    assert status_of(tmp_path) == ("fresh", "")


def test_reports_are_planned_in_their_order_and_the_catalog_is_opened_once(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(plan, "reading", lambda store: opened.append(store) or reading(store))
    specs = [
        spec_of(tmp_path, partner=partner, date_range=months)
        for months in (MONTHS, "2025-03_2025-03")
        for partner in ("2", "none", "1")
    ]
    planned = plan_reports([*specs, specs[0]], Outputs(tmp_path / "outputs"))
    assert [one.spec for one in planned] == [*specs, specs[0]]
    assert opened == [tmp_path / "store"]
    assert [one.rows for one in planned] == [1, 0, 3, 1, 0, 3, 1]
    assert {one.reason for one in planned if one.spec.partner == "none"} == {
        f"partner none: the store {tmp_path / 'store'} holds nothing of it. It holds: 1, 2."
    }
