"""The step `fetch` of a schedule: before `ingest`, into the folder where that looks."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from insights_lib.errors import ParameterError
from insights_lib.outputs import Outputs
from insights_lib.parameters.fetch_yml import is_fetching
from insights_lib.parameters.schedule_yml import Group
from insights_lib.parameters.validation import validated
from insights_lib.schedule import inbox, steps
from insights_lib.schedule.scheduler import StepResult
from insights_lib.schedule.windows import Window
from insights_lib.store.catalog import writing
from tests.support.fetching import Office, office

GROUP = {
    "partners": "all",
    "cron": "0 6 * * *",
    "time_zone": "UTC",
    "alert_to": "ops@example.com",
}


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with office(tmp_path, monkeypatch) as one:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(inbox, "STABLE_SECONDS", 0.0)
        monkeypatch.setattr(steps, "_CLOCK", one.watch.clock)
        (tmp_path / "parameters").mkdir()
        (tmp_path / "data/incoming").mkdir(parents=True)
        yield one


@pytest.fixture
def do(at: Office) -> Callable[[str], StepResult]:
    """A function that does a step of one schedule."""
    folder = at.folder
    site = steps.Site(folder / "store", Outputs(folder / "outputs"), folder / "parameters", 1)
    made = steps._steps(site)
    group = validated(Group, GROUP)
    return lambda name: made[name](Window("g", at.watch.moment, "UTC"), group)


def write(at: Office) -> None:
    (at.folder / "parameters/fetch.yml").write_text(yaml.safe_dump(at.settings))


def test_what_is_fetched_is_ingested_next(at: Office, do: Callable[[str], StepResult]) -> None:
    write(at)
    assert do("fetch") == StepResult()
    assert len([*Path("data/incoming").iterdir()]) == 3
    assert do("ingest") == StepResult()
    assert [*Path("data/incoming").iterdir()] == []
    assert {f.name.split("_")[1] for f in Path("data/exports").iterdir()} == {
        *("CustomersAndTenants", "OfficeUsage", "Profile")
    }


def test_groups_that_are_due_together_fetch_once(
    at: Office, do: Callable[[str], StepResult]
) -> None:
    write(at)
    assert do("fetch") == do("fetch")
    assert at.center.posts("/ScheduledReport") == 3


def test_one_tenant_does_not_stop_the_exports_of_another(
    at: Office, do: Callable[[str], StepResult]
) -> None:
    at.tenants = {"contoso": {}, "fabrikam": {}}
    write(at)
    result = do("fetch")
    assert not result.ends_window
    [failure] = result.failures
    assert "run insights login --tenant fabrikam" in failure


def test_if_nothing_comes_nothing_is_made_of_it(
    at: Office, do: Callable[[str], StepResult]
) -> None:
    at.tenants = {"fabrikam": {}}
    write(at)
    assert do("fetch").ends_window


def test_who_is_told_of_a_failure_reads_how_old_the_data_is(
    at: Office, do: Callable[[str], StepResult]
) -> None:
    write(at)
    do("fetch")
    do("ingest")
    at.tenants = {"fabrikam": {}}
    write(at)
    with writing(at.folder / "store") as db:
        db.execute("UPDATE exports SET ingested_at = '2026-01-10T05:00:00+00:00'")
    came = do("fetch").failures  # of the same schedule: it fetches once
    assert came == ()
    site = steps.Site(at.folder / "store", Outputs(at.folder), at.folder / "parameters", 1)
    failures = steps._fetch(validated(Group, GROUP), site).failures
    assert failures[-1] == "reports are of exports that came on 2026-01-10, 5 days ago"


def test_databases_are_fetched_like_tenants(at: Office, do: Callable[[str], StepResult]) -> None:
    with sqlite3.connect(at.folder / "lake.db") as db:
        db.execute("CREATE TABLE profile (MPNId, PGA_MPNId, Country)")
        db.execute("INSERT INTO profile VALUES ('11', '1', 'Sweden')")
    db.close()
    lake = {"url": "sqlite:///lake.db", "datasets": {"Profile": {"table": "profile"}}}
    content = {"databases": {"lake": lake}, "folder": f"{at.folder}/fetch"}
    (at.folder / "parameters/fetch.yml").write_text(yaml.safe_dump(content))
    assert do("fetch") == StepResult()
    assert do("ingest") == StepResult()
    assert [f.name for f in Path("data/exports").iterdir()] == ["2026-01-15_Profile_lake.parquet"]


def test_without_a_tenant_nothing_is_fetched(at: Office, do: Callable[[str], StepResult]) -> None:
    assert do("fetch") == StepResult()
    (at.folder / "parameters/fetch.yml").write_text("tenants: {}\n")
    assert do("fetch") == StepResult()
    (at.folder / "parameters/fetch.yml").write_text("tenant: {}\n")
    with pytest.raises(ParameterError, match=r"fetch\.yml: 'tenant' is none of: tenants, "):
        is_fetching(at.folder / "parameters")
    assert at.center.calls == []
