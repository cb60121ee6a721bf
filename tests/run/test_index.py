"""What the index tells of each report, and that it stays true when reports go."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from insights_lib import disk
from insights_lib.data_retention.forget import forget
from insights_lib.data_retention.prune import prune
from insights_lib.outputs import Outputs
from insights_lib.page.index import content_of
from insights_lib.parameters.reports_yml import Retention
from insights_lib.parameters.requests import Overrides
from insights_lib.run import run as runs
from insights_lib.run.index import ended, refresh_index, write_index
from insights_lib.run.reports import Settings
from insights_lib.run.request import RenderResult
from tests.support.index import YEAR, left_failure, left_report, planned
from tests.support.manifests import NOON
from tests.support.rows import fill_store, seats_row


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    (tmp_path / "outputs").mkdir()
    return Outputs(tmp_path / "outputs")


def rows_of(outputs: Outputs) -> dict[tuple[str, str], dict[str, Any]]:
    rows = content_of(outputs.index)["rows"]
    return {(row["known"]["partner"], row["known"]["months"]): row for row in rows}


def row_of(outputs: Outputs, partner: str) -> dict[str, Any]:
    return rows_of(outputs)[partner, YEAR]


def test_a_row_has_figures_change_trend_role_and_a_link(outputs: Outputs) -> None:
    given = {"role": "report_viewer", "filters": ["product=Azure"]}
    left_report(outputs, "1", [None, *range(100, 111)], parameters=given, partner_name="Contoso")
    write_index([planned(outputs, "1")], outputs, "en")
    row = row_of(outputs, "1")
    assert (row["state"], row["why"], row["known"]["name"]) == ("fresh", "", "Contoso")
    assert row["figures"]["current_customers"] == [110, None]  # its first month is not known
    assert row["figures"]["customers_churned"] == [7, 75]  # against the period before
    assert row["figures"]["churn_rate_pct"] == [6.25, None]
    assert row["trends"]["active_customers"] == [None, *(n // 2 for n in range(100, 111))]
    assert (row["role"], row["filters"], row["month"]) == (*given.values(), "2025-12")
    assert (outputs.folder / row["link"]).is_file()
    assert row["made"].startswith(f"{NOON:%Y-%m-%d}")


def test_states_and_reasons_are_those_of_plan_and_manifests(outputs: Outputs) -> None:
    for partner in "1234":
        left_report(outputs, partner)
    left_failure(outputs, "2", "no memory")
    left_failure(outputs, "5", "no disk")
    (outputs.report_folder("4", YEAR) / "report.html").unlink()
    plans = [planned(outputs, one) for one in "1245"]
    plans.append(planned(outputs, "3", "stale", "changed: data"))
    plans.append(planned(outputs, "6", "failed", "the store has nothing of partner 6."))
    write_index(plans, outputs, "en")
    told = {partner: (row["state"], row["why"]) for (partner, _), row in rows_of(outputs).items()}
    assert told == {
        "1": ("fresh", ""),
        "2": ("failed", "03_adds_and_churns: no memory"),
        "3": ("stale", "changed: data"),
        "4": ("stale", "report.html is gone"),
        "5": ("failed", "03_adds_and_churns: no disk"),
        "6": ("failed", "the store has nothing of partner 6."),
    }
    linked = {partner for (partner, _), row in rows_of(outputs).items() if row["link"]}
    assert linked == {"1", "2", "3"}  # 2 to its last good report
    assert row_of(outputs, "4")["figures"] == row_of(outputs, "5")["figures"] == {}


def test_limited_variants_and_customers_are_not_in_it(outputs: Outputs) -> None:
    folder = left_report(outputs, "1")
    (folder / "data" / "customers.csv").write_text("customer\ncanary-5f3a\n", "utf-8")
    variant = left_report(outputs, "2")
    variant.parent.rename(outputs.folder / "moved")
    (outputs.folder / "1" / "variants").mkdir()
    (outputs.folder / "moved").rename(outputs.folder / "1" / "variants" / "abc0")
    write_index([planned(outputs, "1"), planned(outputs, "1", variant="abc0")], outputs, "en")
    assert list(rows_of(outputs)) == [("1", YEAR)]
    said = json.dumps(content_of(outputs.index)) + outputs.index.read_text("utf-8")
    assert "canary" not in said
    assert "abc0" not in said


def test_of_what_is_no_longer_asked_for_the_newest_report_stays(outputs: Outputs) -> None:
    for months in ("2024-01_2024-12", "2024-06_2025-05", "2025-10_2025-12"):
        left_report(outputs, "1", range(12) if months < "2025-1" else range(3), months)
        left_report(outputs, "2", range(12) if months < "2025-1" else range(3), months)
    left_report(outputs, "1")
    write_index([planned(outputs, "1")], outputs, "en")
    states = {key: row["state"] for key, row in rows_of(outputs).items()}
    assert states == {
        ("1", YEAR): "fresh",
        ("1", "2025-10_2025-12"): "earlier",
        ("2", "2024-06_2025-05"): "earlier",
        ("2", "2025-10_2025-12"): "earlier",
    }


def test_plans_are_as_they_are_after_a_run(outputs: Outputs) -> None:
    plans = [planned(outputs, one, "stale", "changed: data") for one in "1234"]
    failures = (("", "no memory"),)
    results = [
        RenderResult(plans[0].spec, plans[0].folder),
        RenderResult(plans[1].spec, plans[1].folder, failures),
        RenderResult(plans[2].spec, None, failures),
    ]
    assert [(one.status, one.reason) for one in ended(plans, results)] == [
        ("fresh", ""),
        ("stale", "its last run failed"),  # the manifest tells why, while it is there
        ("failed", "no memory"),
        ("stale", "changed: data"),
    ]


def test_what_is_pruned_is_in_the_index_no_more(outputs: Outputs) -> None:
    left_report(outputs, "1")
    left_report(outputs, "2")
    left_failure(outputs, "2", "no memory")
    write_index([planned(outputs, one) for one in "12"], outputs, "sv")
    before = content_of(outputs.index)
    prune(outputs, Retention(reports_days=1), now=NOON.replace(day=30))
    after = content_of(outputs.index)
    assert [row["known"]["partner"] for row in after["rows"]] == ["2"]
    assert row_of(outputs, "2")["link"] is None
    assert row_of(outputs, "2")["state"] == "failed"
    assert (after["written"], after["locale"]) == (before["written"], "sv")


def test_no_figure_of_a_customer_who_is_forgotten_stays(outputs: Outputs, tmp_path: Path) -> None:
    store = fill_store(tmp_path, {"seats": [seats_row("2025-12", one) for one in "ab"]})
    left_report(outputs, "1")
    left_failure(outputs, "1", "KeyError: 'Name of a'")
    left_report(outputs, "2")
    write_index([planned(outputs, one) for one in "12"], outputs, "en")
    forget("a", store, outputs)
    row = row_of(outputs, "1")
    assert (row["state"], row["why"]) == ("stale", "report.html is gone")
    assert (row["link"], row["figures"], row["trends"]) == (None, {}, {})
    assert row_of(outputs, "2")["figures"]["current_customers"][0] == 111


@pytest.mark.parametrize("content", ["", "<p>half", '<script id="content">e30=</script>'])
def test_an_index_that_cannot_be_read_goes_until_the_next_run(
    content: str, outputs: Outputs
) -> None:
    outputs.index.write_text(content, "utf-8")
    refresh_index(outputs)
    assert not outputs.index.exists()


def test_the_index_is_written_whole_or_not_at_all(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_index([planned(outputs, "1")], outputs, "en")
    before = outputs.index.read_bytes()
    assert stat.S_IMODE(outputs.index.stat().st_mode) == 0o640

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "move_file", full)
    with pytest.raises(OSError, match="No space"):
        write_index([planned(outputs, "2")], outputs, "en")
    assert outputs.index.read_bytes() == before


def test_a_run_for_one_partner_writes_the_index_of_all_and_names_it(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [seats_row("2025-12", "a", PGAMpnId=one) for one in "12"]
    store = fill_store(tmp_path, {"seats": rows})
    partners = "partners: [{id: '1'}, {id: '2'}, {id: '3'}]"
    text = f"locale: sv\nranges: [{YEAR}]\n{partners}\n"
    (tmp_path / "reports.yml").write_text(text, "utf-8")
    asked = Overrides(partners=("1",), as_of="2026-01-15", store=store)
    failed: list[RenderResult] = []

    def fail(wanted: Any, *_: Any) -> list[RenderResult]:
        failed.extend(RenderResult(one.spec, None, (("", "no memory"),)) for one in wanted)
        return failed

    monkeypatch.setattr(runs, "run_reports", fail)
    summary = runs.plan_run(tmp_path, asked, Settings(outputs, jobs=1)).do()
    assert [one.spec.partner for one in failed] == ["1"]
    told = {partner: (row["state"], row["why"]) for (partner, _), row in rows_of(outputs).items()}
    assert told["1"] == ("failed", "no memory")
    assert told["2"] == ("stale", "there is no report")
    assert told["3"][0] == "failed"
    assert content_of(outputs.index)["locale"] == "sv"
    assert list(summary.lines())[-1] == f"all partners at a glance: {outputs.index}"


def test_a_run_that_cannot_write_the_index_says_so_and_has_its_reports(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fill_store(tmp_path, {"seats": [seats_row("2025-12", "a")]})
    monkeypatch.setattr(runs, "run_reports", lambda *_: [])
    outputs.index.mkdir()
    asked = Overrides(partners=("1",), date_range=YEAR, as_of="2026-01-15", store=store)
    summary = runs.plan_run(tmp_path, asked, Settings(outputs, jobs=1)).do()
    [note] = [note for note in summary.notes() if "index.html" in note]
    assert note.startswith(f"note: {outputs.index} could not be written: ")
    assert not summary.failed
