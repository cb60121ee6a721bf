"""A fetch that was killed is gone on with, whatever it was at; tenants do not stop each other."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from insights_lib.errors import FetchError
from insights_lib.fetch.notes import noting
from tests.support.fetching import Office
from tests.support.partner_center import Fault
from tests.support.processes import completed, running
from tests.support.sweeps import sweep

# Runs a fetch that kills itself at the call of a function, before or after it.
KILLED = """
import os, signal, sys
from importlib import import_module
from insights_lib.cli import app

module, name, when = sys.argv[1:4]
holder = import_module(module)
*inside, name = name.split(".")
for part in inside:
    holder = getattr(holder, part)
whole = getattr(holder, name)

def killed(*given, **named):
    if when == "after":
        whole(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(holder, name, killed)
app(["fetch", "--dataset", "Profile", "--to", sys.argv[-2], "--parameters", sys.argv[-1]])
"""
WHOLE = f"import sys\nfrom insights_lib.cli import app\n{KILLED.splitlines()[-1]}"
MOMENTS = [
    ("fetch.partner_center", "PartnerCenter.report", "after"),  # it is there, and not noted
    ("fetch.dataset_fetch", "download", "before"),
    ("fetch.dataset_fetch", "move_file", "before"),
    ("fetch.dataset_fetch", "move_file", "after"),
    ("fetch.partner_center", "PartnerCenter.delete_report", "before"),
    ("fetch.partner_center", "PartnerCenter.delete_report", "after"),
]


def command_line(at: Office, program: str, *arguments: str) -> list[str]:
    parameters = at.folder / "parameters"
    parameters.mkdir(exist_ok=True)
    (parameters / "fetch.yml").write_text(yaml.safe_dump(at.settings))
    folders = [str(at.folder / "exports"), str(parameters)]
    return [sys.executable, "-c", program, *arguments, *folders]


def command(at: Office, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return completed(command_line(at, program, *arguments), 120, expected=None)


@pytest.mark.parametrize(
    ("module", "name", "when"), sweep(MOMENTS), ids=lambda part: part.split(".")[-1]
)
def test_what_was_killed_is_gone_on_with(at: Office, module: str, name: str, when: str) -> None:
    at.center.looks = 0
    at.center.now = lambda: datetime.now(UTC)  # as the process sees it
    killed = command(at, KILLED, f"insights_lib.{module}", name, when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run = command(at, WHOLE)
    assert run.returncode == 0, run.stderr
    assert len(at.exports()) == 1
    assert at.center.reports == at.center.queries == {}
    assert at.center.posts("/ScheduledReport") == 1
    assert json.loads((at.folder / "fetch/contoso.json").read_text())["datasets"] == {}


def test_ctrl_c_while_it_waits_ends_it_and_the_same_command_goes_on(at: Office) -> None:
    at.center.looks = None
    at.center.now = lambda: datetime.now(UTC)  # as the process sees it
    with running(command_line(at, WHOLE), stderr=subprocess.PIPE) as process:
        assert process.stderr
        assert process.stderr.readline() == "contoso: Profile Pending\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert told.endswith("stopped; what is finished stays, and the same command does the rest.\n")
    assert process.returncode == 130
    assert at.exports() == []
    at.center.looks = 0
    run = command(at, WHOLE)
    assert run.returncode == 0, run.stderr
    assert at.center.posts("/ScheduledReport") == len(at.exports()) == 1
    assert at.center.reports == at.center.queries == {}


def test_tenants_do_not_stop_each_other(at: Office) -> None:
    at.tenants = {"contoso": {}, "fabrikam": {}, "tailspin": {}}
    at.log_in("tailspin")
    told = [str(result) for result in at.fetch("Profile")]
    assert told[0].startswith("fabrikam: nobody is signed in; run insights login --tenant fabrikam")
    assert at.exports() == [f"2026-01-15_Profile_{name}.csv" for name in ("contoso", "tailspin")]


def test_a_dataset_that_fails_does_not_stop_the_others(at: Office) -> None:
    at.center.faults = [Fault("POST", "/ScheduledQueries", 400, '{"message":"Invalid table name"}')]
    failed = [result for result in at.fetch() if result.failed]
    assert [str(result) for result in failed] == [
        "contoso Profile: ScheduledQueries: Partner Center answers 400: Invalid table name."
    ]
    assert len(at.exports()) == 2


def test_one_fetch_at_a_time_works_for_a_tenant(at: Office) -> None:
    with noting(at.folder / "fetch", "contoso"):
        assert at.retell() == "contoso: another fetch is under way; wait for it."


def test_damaged_notes_are_told(at: Office) -> None:
    (at.folder / "fetch/contoso.json").write_text('{"runs": ["yesterday"], "datasets": {}}')
    assert "contoso.json: is damaged; delete it" in at.retell()


def test_a_dataset_that_does_not_exist_is_told(at: Office) -> None:
    with pytest.raises(FetchError, match="did you mean 'AzureUsage'"):
        at.fetch("AzureUse")


def test_a_scheduled_report_is_made_once_and_its_exports_are_taken_once_each(at: Office) -> None:
    at.tenants["contoso"] = {"runs": "scheduled"}
    at.center.looks = 1
    text = at.retell("OfficeUsage")
    assert text == "contoso OfficeUsage: is scheduled; no export is ready yet, fetch again tomorrow"
    [body] = [body for body in at.center.bodies if "ReportName" in body]
    assert (body["RecurrenceInterval"], body["RecurrenceCount"]) == (24, 365)
    assert body["StartTime"] == "2026-01-15T10:15:00Z"
    assert "QueryStartTime" not in body
    at.watch.moment += timedelta(days=1)
    assert "26 rows" in at.retell("OfficeUsage")
    assert at.exports() == ["2026-01-16_OfficeUsage_contoso.csv"]
    assert "has no newer export" in at.retell("OfficeUsage")
    assert len(at.center.downloads) == at.center.posts("/ScheduledReport") == 1
    [report] = at.center.reports.values()
    report["reportStatus"] = "Inactive"  # all its runs are over
    at.retell("OfficeUsage")
    assert at.center.posts("/ScheduledReport") == 2
