"""What a run shows while it goes on, and at its end."""

import io
import re

import pytest
from rich.console import Console

from insights_lib.commands import progress as view
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import PlannedReport
from insights_lib.run.request import RenderResult
from insights_lib.run.run import RunSummary

FAILED = (("02_x", "it said no"),)
STAGES = (("kernel", 6.0), ("data", 1.5), ("metrics", 1.5), ("figures", 0.5), ("page", 0.5))


def result_of(partner: str, failures: tuple[tuple[str, str], ...] = ()) -> RenderResult:
    spec = ReportSpec(partner=partner, date_range="2025-01_2025-03")
    return RenderResult(spec, None, failures, seconds=2.0, stages=() if failures else STAGES)


def shown(monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, color_system=None)
    monkeypatch.setattr(view, "errors", console)
    with view.following(3, 2, quiet) as follow:
        follow(result_of("1"))
        follow(result_of("2", FAILED))
    return written.getvalue()


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (False, True), (True, True)])
def test_without_a_terminal_or_when_quiet_each_report_is_a_line(
    terminal: bool, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(monkeypatch, terminal, quiet).splitlines() == [
        "[1/3] done in 2.0 s: partner 1",
        "[2/3] failed in 2.0 s: partner 2",
    ]


def test_a_terminal_has_a_live_view_of_what_is_done_running_failed_and_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = shown(monkeypatch, terminal=True, quiet=False)
    assert re.search(r"2/3 reports, 1 running, 1 failed in \S+ left: ", told)


def waited(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, color_system=None)
    monkeypatch.setattr(view, "errors", console)
    monkeypatch.setattr(view, "out", console)
    with view.Waiting() as waiting:
        for text in ("contoso: Profile Pending", "contoso: Profile Running"):
            waiting.follow(text)
            waiting.follow(text)
        waiting.tell("contoso Profile: 26 rows", failed=False)
        waiting.follow("contoso: [AzureUsage] Pending")
    return written.getvalue()


def test_a_result_has_a_line_of_its_own_between_live_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    told = waited(monkeypatch, terminal=True)
    assert re.search(r"\d:\d\d:\d\d contoso: Profile Running", told)
    before, after = told.split("contoso Profile: 26 rows\n")
    assert re.search(r"(\x1b\[2K|\n)$", before)  # the live line is gone
    assert re.search(r"\d:\d\d:\d\d contoso: \[AzureUsage\] Pending", after)


def test_without_a_terminal_what_is_waited_for_is_a_line_where_it_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert waited(monkeypatch, terminal=False).splitlines() == [
        "contoso: Profile Pending",
        "contoso: Profile Running",
        "contoso Profile: 26 rows",
        "contoso: [AzureUsage] Pending",
    ]


def test_the_summary_counts_what_was_rendered_what_was_fresh_and_what_failed() -> None:
    fresh = [PlannedReport(result_of(str(n)).spec, "fresh") for n in range(5)]
    summary = RunSummary(fresh, [result_of("1"), result_of("2", FAILED)], 60.04)
    assert str(summary) == "1 rendered, 5 fresh already, 1 failed; 60.0 s"
    assert summary.failed == 1


def test_the_stages_of_all_reports_are_added_up() -> None:
    summary = RunSummary([], [result_of("1"), result_of("3"), result_of("2", FAILED)], 1)
    assert summary.STAGE_COLUMNS == ("stage", "seconds", "share")
    assert [list(row.values()) for row in summary.stages()] == [
        ["kernel", "12.00", "60%"],
        ["data", "3.00", "15%"],
        ["metrics", "3.00", "15%"],
        ["figures", "1.00", "5%"],
        ["page", "1.00", "5%"],
    ]
