"""Whether a report must be rendered again: what it was made of decides, by content."""

import hashlib
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from insights_lib.parameters.spec import ReportSpec
from insights_lib.run import plan as freshness
from insights_lib.run.plan import ReportStatus, fingerprint, software
from insights_lib.store.catalog import partner_parts
from insights_lib.store.ingest import ingest_file
from tests.support.rows import fill_store, seats_row, write_tsv

MONTHS = "2025-02_2025-03"


def spec_of(tmp_path: Path, **others: Any) -> ReportSpec:
    values = {"date_range": MONTHS, "as_of": date(2025, 5, 1), **others}
    return ReportSpec(partner="1", store=tmp_path / "store", **values)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A complete report of partner 1, and the notebooks that it is made of."""
    rows = [seats_row(month, "a") for month in ("2025-01", "2025-02", "2025-03", "2025-04")]
    rows += [seats_row("2025-03", "b", PGAMpnId="2")]
    fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01.ipynb").write_text("one", encoding="utf-8")
    folder = tmp_path / "outputs" / "1" / MONTHS
    folder.mkdir(parents=True)
    for name in ("report.html", "notebooks/01.ipynb", "data/summary.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("whole", encoding="utf-8")
    spec = spec_of(tmp_path)
    held = partner_parts(spec.store, "1")
    digests = fingerprint(spec, held, held.resolve(spec), notebooks(tmp_path))
    manifest = {
        "status": "complete",
        "failures": [],
        "fingerprint": digests,
        "report_sha256": hashlib.sha256(b"whole").hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def notebooks(tmp_path: Path) -> list[Path]:
    freshness._of_files.cache_clear()  # within a run no file changes
    return sorted((tmp_path / "notebooks").glob("*.ipynb"))


def standing_of(tmp_path: Path, **others: Any) -> ReportStatus:
    return report_status(spec_of(tmp_path, **others), tmp_path / "outputs", notebooks(tmp_path))


def ingest(tmp_path: Path, *rows: dict[str, str]) -> None:
    ingest_file(write_tsv(tmp_path / "later.tsv", list(rows)), tmp_path / "store")


def test_a_report_of_the_same_inputs_is_fresh(made: Path, tmp_path: Path) -> None:
    assert standing_of(tmp_path) == ReportStatus("1", MONTHS, "fresh")


@pytest.mark.parametrize("month", ["2025-01", "2025-03"])
def test_new_data_makes_it_stale(month: str, made: Path, tmp_path: Path) -> None:
    """The month before the range counts too: churn is told from it."""
    ingest(tmp_path, seats_row(month, "new"))
    assert standing_of(tmp_path) == ReportStatus("1", MONTHS, "stale", "changed: data")


def test_data_of_other_months_and_other_partners_does_not(made: Path, tmp_path: Path) -> None:
    ingest(tmp_path, seats_row("2025-04", "new"), seats_row("2025-03", "new", PGAMpnId="2"))
    found = standing_of(tmp_path)
    # The export holds no row of partner 1 in March, so its earlier rows stay.
    assert found.state == "fresh"


def test_the_same_export_again_does_not(made: Path, tmp_path: Path) -> None:
    ingest_file(tmp_path / "SeatsSubscriptionsAndRevenue.tsv", tmp_path / "store")
    assert standing_of(tmp_path).state == "fresh"


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
    assert standing_of(tmp_path, **others).why == "changed: parameters"


def test_the_day_on_which_it_is_asked_for_does_not(made: Path, tmp_path: Path) -> None:
    assert standing_of(tmp_path, as_of=date(2031, 1, 1)).state == "fresh"


def test_a_changed_notebook_makes_it_stale(made: Path, tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "01.ipynb").write_text("another", encoding="utf-8")
    assert standing_of(tmp_path).why == "changed: notebooks"


def test_another_version_of_the_library_makes_it_stale(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "software", lambda: "another")
    assert standing_of(tmp_path).why == "changed: software"


def test_the_files_of_the_page_are_part_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    before = software()
    software.cache_clear()
    freshness._of_files.cache_clear()
    monkeypatch.setattr(
        Path, "read_bytes", lambda file: read(file) + (b"!" if file.name == "count.js" else b"")
    )
    assert software() != before
    software.cache_clear()
    freshness._of_files.cache_clear()


def test_a_report_without_its_page_is_stale(made: Path, tmp_path: Path) -> None:
    (made / "report.html").write_text("hole", encoding="utf-8")
    assert standing_of(tmp_path).why == "changed: report.html"
    (made / "report.html").unlink()
    assert standing_of(tmp_path).why == "changed: report.html, which is gone"


@pytest.mark.parametrize("name", ["notebooks", "data"])
def test_a_report_without_its_notebooks_or_tables_is_stale(
    name: str, made: Path, tmp_path: Path
) -> None:
    shutil.rmtree(made / name)
    assert standing_of(tmp_path).why == "changed: notebooks or tables, which are gone"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"status": "complete"}'])
def test_a_manifest_that_is_none_makes_nothing_fail_but_is_made_anew(
    text: str, made: Path, tmp_path: Path
) -> None:
    (made / "manifest.json").write_text(text, encoding="utf-8")
    found = standing_of(tmp_path)
    assert found == ReportStatus("1", MONTHS, "never run", "its manifest.json is none")


def test_a_failed_report_is_told_with_its_reason(made: Path, tmp_path: Path) -> None:
    failures = [{"section": "01", "reason": "its kernel died"}]
    manifest = {"status": "failed", "failures": failures, "fingerprint": {}}
    (made / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert standing_of(tmp_path) == ReportStatus("1", MONTHS, "failed", "01: its kernel died")


def test_what_was_never_rendered_is_told(made: Path, tmp_path: Path) -> None:
    found = standing_of(tmp_path, date_range="2025-03_2025-04")
    assert found == ReportStatus("1", "2025-03_2025-04", "never run", "there is no report")


def test_a_partner_that_the_store_does_not_know_has_failed(made: Path, tmp_path: Path) -> None:
    spec = ReportSpec(partner="9", store=tmp_path / "store")
    found = report_status(spec, tmp_path / "outputs", notebooks(tmp_path))
    assert found.state == "failed"
    assert "holds nothing of it" in found.why
