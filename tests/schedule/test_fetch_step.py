"""The step `fetch` of a schedule: before `ingest`, into the folder where that looks."""

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


def test_without_a_tenant_nothing_is_fetched(at: Office, do: Callable[[str], StepResult]) -> None:
    assert do("fetch") == StepResult()
    (at.folder / "parameters/fetch.yml").write_text("tenants: {}\n")
    assert do("fetch") == StepResult()
    (at.folder / "parameters/fetch.yml").write_text("tenant: {}\n")
    with pytest.raises(ParameterError, match=r"fetch\.yml: tenants: Field required"):
        is_fetching(at.folder / "parameters")
    assert at.center.calls == []
