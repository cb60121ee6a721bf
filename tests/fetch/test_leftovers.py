"""What a fetch makes at Partner Center goes from there, if not at once then with the next one."""

import json
from datetime import timedelta

import pytest

from tests.support.fetching import Office
from tests.support.partner_center import Fault

FULL = '{"message":"User has exceeded its report creation quota of 50 active reports"}'


def leftovers(at: Office) -> int:
    return len(json.loads((at.folder / "fetch/contoso.json").read_text())["leftovers"])


def is_clean(at: Office) -> bool:
    return at.center.reports == at.center.queries == {} and leftovers(at) == 0


def test_without_a_report_its_query_goes(at: Office) -> None:
    at.center.faults = [Fault("POST", "/ScheduledReport", 400, FULL)]
    assert at.fetch("Profile")[0].failed
    assert is_clean(at)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("status", [400, 500])
def test_a_query_that_could_not_be_deleted_goes_with_the_next_fetch(
    at: Office, status: int, done: bool
) -> None:
    post = Fault("POST", "/ScheduledReport", status, FULL, done=done)
    looks = [Fault("GET", "/ScheduledReport", 404) for _ in range(4)]
    at.center.faults = [
        *(post for _ in range(3)),
        *looks,
        *(Fault("DELETE", "/Scheduled", 500) for _ in range(4)),
    ]
    assert at.fetch("Profile")[0].failed
    at.center.faults = []
    assert leftovers(at) == len(at.center.queries) == 1
    at.watch.moment += timedelta(days=1)
    assert not at.fetch("Profile")[0].failed
    assert is_clean(at)


def test_a_query_that_waits_for_a_quota_in_vain_goes_with_the_next_fetch(at: Office) -> None:
    at.center.quota, at.deadline_minutes = 0, 25
    assert at.fetch("Profile")[0].failed
    assert len(at.center.queries) == 1
    at.watch.moment += timedelta(days=1)
    at.center.quota = 5
    assert not at.fetch("Profile")[0].failed
    assert is_clean(at)


@pytest.mark.parametrize("later", [timedelta(hours=1), timedelta(days=1)])
def test_a_report_that_could_not_be_deleted_goes_with_the_next_fetch(
    at: Office, later: timedelta
) -> None:
    at.center.faults = [Fault("DELETE", "/ScheduledReport", 500) for _ in range(4)]
    [result] = at.fetch("Profile")
    assert not result.failed
    assert "the next fetch deletes its report at Partner Center, as now: " in result.text
    assert leftovers(at) == len(at.center.reports) == len(at.center.queries) == 1
    at.watch.moment += later
    at.center.rows = 27
    assert "27 rows" in at.retell("Profile")
    assert at.center.posts("/ScheduledReport") == 2
    assert is_clean(at)


def test_a_report_that_still_cannot_be_deleted_is_not_taken_for_a_new_one(at: Office) -> None:
    for number in range(1, 4):
        at.center.faults = [Fault("DELETE", "/ScheduledReport", 500) for _ in range(99)]
        assert not at.fetch("Profile")[0].failed
        assert at.center.posts("/ScheduledReport") == leftovers(at) == number
    at.center.faults = []
    at.fetch("Profile")
    assert is_clean(at)


def test_the_query_of_a_report_that_was_lost_goes(at: Office) -> None:
    at.center.looks, at.deadline_minutes = None, 1
    at.fetch("Profile")
    at.center.reports.clear()
    at.watch.moment += timedelta(days=1) - timedelta(hours=5)
    at.center.looks = 1
    at.fetch("Profile")
    at.watch.moment += timedelta(days=1)
    at.fetch("Profile")
    assert is_clean(at)
