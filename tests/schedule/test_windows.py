"""Windows are instants: each is due once, however the clocks on the wall are set."""

import sqlite3
import stat
from contextlib import closing, nullcontext
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from insights_lib.errors import ReportError
from insights_lib.outputs import Outputs
from insights_lib.parameters.schedule_yml import Group
from insights_lib.parameters.validation import validated
from insights_lib.schedule.windows import Window, due, recording

NOON = datetime(2025, 6, 5, 12, tzinfo=UTC)
WINDOW = Window("monthly", datetime(2025, 6, 5, 4, tzinfo=UTC), "Europe/Stockholm")


def group_of(cron: str, zone: str, hours: int = 72) -> Group:
    values: dict[str, Any] = {
        "partners": "all",
        "cron": cron,
        "time_zone": zone,
        "catch_up_hours": hours,
        "alert_to": "ops@example.com",
    }
    return validated(Group, values, "a group")


def instants(group: Group, now: str) -> list[str]:
    windows = due("g", group, datetime.fromisoformat(now))
    return [f"{window.scheduled:%m-%d %H:%M}" for window in windows]


@pytest.mark.parametrize(
    ("cron", "zone", "now", "expected"),
    [
        # Clocks go from 02:00 to 03:00, so 02:30 is not there: 03:30 comes instead.
        (
            *("30 2 * * *", "Europe/Stockholm", "2025-03-31T12:00Z"),
            ["03-29 01:30", "03-30 01:30", "03-31 00:30"],
        ),
        (
            *("30 2 * * *", "America/New_York", "2025-03-10T12:00Z"),
            ["03-08 07:30", "03-09 07:30", "03-10 06:30"],
        ),
        # They go back from 03:00 (New York: 02:00), and the first of both 02:30 (01:30) counts.
        (
            *("30 2 * * *", "Europe/Stockholm", "2025-10-27T12:00Z"),
            ["10-25 00:30", "10-26 00:30", "10-27 01:30"],
        ),
        (
            *("30 1 * * *", "America/New_York", "2025-11-03T12:00Z"),
            ["11-01 05:30", "11-02 05:30", "11-03 06:30"],
        ),
        # 02:30, which is skipped, and 03:30 are the same instant.
        (
            *("30 2,3 * * *", "Europe/Stockholm", "2025-03-30T12:00Z"),
            ["03-28 01:30", "03-28 02:30", "03-29 01:30", "03-29 02:30", "03-30 01:30"],
        ),
    ],
)
def test_windows_where_clocks_are_set(cron: str, zone: str, now: str, expected: list[str]) -> None:
    assert instants(group_of(cron, zone), now) == expected


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        ("0 12 31 * *", "2025-05-01T00:00Z", ["03-31 12:00"]),  # April has none
        ("0 12 29 2 *", "2025-03-10T00:00Z", []),  # February of that year has none
        ("0 12 29 2 *", "2024-03-10T00:00Z", ["02-29 12:00"]),
        (
            *("*/20 0-1 1 3 *", "2025-03-02T00:00Z"),
            [f"03-01 0{hour}:{minute}" for hour in (0, 1) for minute in ("00", "20", "40")],
        ),
        ("15 6 * mar fri", "2025-03-22T00:00Z", ["03-07 06:15", "03-14 06:15", "03-21 06:15"]),
        (
            "0 6 * feb sat,SUN",
            "2025-03-17T00:00Z",
            ["02-15 06:00", "02-16 06:00", "02-22 06:00", "02-23 06:00"],
        ),
    ],
)
def test_a_cron_line_means_what_it_means_to_cron(cron: str, now: str, expected: list[str]) -> None:
    assert instants(group_of(cron, "UTC", hours=31 * 24), now) == expected


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("Europe/Stockholm", "2025-03-30T04:00Z", ["00", "01", "02", "03", "04"]),
        ("America/New_York", "2025-03-09T09:00Z", ["05", "06", "07", "08", "09"]),
        # The hour that comes twice has one window, the first time.
        ("Europe/Stockholm", "2025-10-26T04:00Z", ["00", "02", "03", "04"]),
        ("America/New_York", "2025-11-02T09:00Z", ["05", "07", "08", "09"]),
    ],
)
def test_hourly_windows_where_clocks_are_set(zone: str, now: str, expected: list[str]) -> None:
    found = instants(group_of("0 * * * *", zone, hours=5), now)
    assert [text[6:8] for text in found] == expected
    assert {text[8:] for text in found} == {":00"}


def test_a_window_of_the_second_hour_of_an_overlap_is_not_due_before_its_time() -> None:
    hourly = group_of("45 * * * *", "Europe/Stockholm", hours=2)
    assert instants(hourly, "2025-10-26T01:10Z") == ["10-25 23:45", "10-26 00:45"]
    assert instants(hourly, "2025-10-26T02:10Z") == ["10-26 00:45"]


def test_a_skipped_time_is_due_even_if_all_that_counts_comes_after_the_gap() -> None:
    daily = group_of("30 2 * * *", "Europe/Stockholm", hours=1)
    assert instants(daily, "2025-03-30T02:00Z") == ["03-30 01:30"]


def test_a_zone_that_skipped_a_day_has_the_windows_of_that_day_at_once() -> None:
    """Samoa had no 30 December 2011: noon of it is noon of the 31st."""
    group = group_of("0 12 * * *", "Pacific/Apia")
    assert instants(group, "2011-12-31T22:00Z") == ["12-29 22:00", "12-30 22:00", "12-31 22:00"]


def test_missed_windows_are_caught_up_with_for_so_many_hours_and_no_longer() -> None:
    group = group_of("0 6 * * *", "UTC", hours=24)
    assert instants(group, "2025-06-05T06:00Z") == ["06-05 06:00"]
    assert instants(group, "2025-06-05T05:59:59Z") == ["06-04 06:00"]
    assert instants(group_of("0 6 * * *", "UTC", hours=25), "2025-06-05T06:00Z") == [
        "06-04 06:00",
        "06-05 06:00",
    ]


def test_the_weekday_is_the_one_that_was_named() -> None:
    sundays = group_of("0 6 * * sun", "Europe/Stockholm", hours=14 * 24)
    assert instants(sundays, "2025-06-16T00:00Z") == ["06-08 04:00", "06-15 04:00"]


def test_the_as_of_day_is_the_one_on_the_wall() -> None:
    window = Window("g", datetime(2025, 5, 31, 22, 30, tzinfo=UTC), "Europe/Stockholm")
    assert window.local.date() == date(2025, 6, 1)


def test_a_window_is_claimed_once_whatever_the_clock_says(tmp_path: Path) -> None:
    with recording(Outputs(tmp_path)) as record:
        assert record.claim(WINDOW, NOON)
        assert not record.claim(WINDOW, NOON)
        record.settle(WINDOW, "", NOON)
        assert not record.claim(WINDOW, NOON - timedelta(days=400))
    with recording(Outputs(tmp_path)) as record:
        assert not record.claim(WINDOW, NOON)
        assert record.status(WINDOW) == ("done", "")
        assert record.claim(Window("other", WINDOW.scheduled, "UTC"), NOON)


def test_a_window_that_failed_is_not_tried_again(tmp_path: Path) -> None:
    with recording(Outputs(tmp_path)) as record:
        record.claim(WINDOW, NOON)
        record.settle(WINDOW, "no room", NOON)
    with recording(Outputs(tmp_path)) as record:
        assert record.status(WINDOW) == ("failed", "no room")
        assert not record.claim(WINDOW, NOON)


def test_a_window_whose_process_died_can_be_claimed_once_more(tmp_path: Path) -> None:
    with recording(Outputs(tmp_path)) as record:
        record.claim(WINDOW, NOON)
    with recording(Outputs(tmp_path)) as record:
        assert record.interrupted() == [WINDOW]
        assert record.claim(WINDOW, NOON)
        assert not record.claim(WINDOW, NOON)
        assert record.interrupted() == []


def test_a_second_scheduler_is_told_of_the_first(tmp_path: Path) -> None:
    with (
        recording(Outputs(tmp_path)),
        pytest.raises(ReportError, match="another scheduler is at work"),
    ):
        recording(Outputs(tmp_path)).__enter__()
    with recording(Outputs(tmp_path)):
        pass


def test_alerts_keep_to_the_grace_period_even_if_the_clock_is_set_back(tmp_path: Path) -> None:
    grace = timedelta(hours=6)
    with recording(Outputs(tmp_path)) as record:
        assert record.may_alert("monthly", NOON, grace)
        record.owner_notified("monthly", NOON)
        assert not record.may_alert("monthly", NOON + grace - timedelta(seconds=1), grace)
        assert not record.may_alert("monthly", NOON - timedelta(hours=1), grace)
        assert record.may_alert("monthly", NOON + grace, grace)
        assert record.may_alert("other", NOON, grace)
        # A clock that was a year ahead must not silence a group for a year.
        assert record.may_alert("monthly", NOON - timedelta(days=365), grace)


def test_the_record_is_for_its_owner_and_group_and_survives_a_power_cut(tmp_path: Path) -> None:
    with recording(Outputs(tmp_path)) as record:
        files = list(tmp_path.glob("schedule.sqlite*"))
        assert record._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert record._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert len(files) == 3
        assert {stat.S_IMODE(file.stat().st_mode) & 0o007 for file in files} == {0}
    assert stat.S_IMODE((tmp_path / "schedule.sqlite").stat().st_mode) == 0o640


def test_a_record_of_an_earlier_version_is_gone_on_with(tmp_path: Path) -> None:
    """Its column `owner_notified` was called `told`."""
    with closing(sqlite3.connect(tmp_path / "schedule.sqlite")) as db:
        db.execute(
            """CREATE TABLE windows (name TEXT, scheduled TEXT, time_zone TEXT, state TEXT,
               reason TEXT, started_at TEXT, finished_at TEXT, told INTEGER,
               PRIMARY KEY (name, scheduled))"""
        )
        for name, told in (("monthly", 0), ("other", 1)):
            row = (name, WINDOW.scheduled.isoformat(), "Europe/Stockholm", "failed", "no room")
            db.execute("INSERT INTO windows VALUES (?, ?, ?, ?, ?, '', '', ?)", (*row, told))
        db.commit()
    for _ in range(2):
        with recording(Outputs(tmp_path)) as record:
            assert record.owner_not_notified("monthly") == [(WINDOW, "no room")]
            assert record.owner_not_notified("other") == []
            assert not record.claim(WINDOW, NOON)
    with recording(Outputs(tmp_path)) as record:
        record.owner_notified("monthly", NOON)
        assert record.owner_not_notified("monthly") == []


def test_a_file_that_is_not_a_record_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "schedule.sqlite").write_text("not a database, though long enough" * 99)
    with pytest.raises(ReportError, match=r"schedule\.sqlite: cannot be read or written"):
        recording(Outputs(tmp_path)).__enter__()


def claim_all(outputs: Outputs, barrier: Any, won: Any) -> None:
    """Claim 50 windows in a record that another process has too, past the lock."""
    import insights_lib.schedule.windows as module  # noqa: PLC0415 - in a process of its own

    module.locked = lambda *_: nullcontext()  # type: ignore[assignment]
    with module.recording(outputs) as record:
        for day in range(50):
            window = Window("g", NOON + timedelta(days=day), "UTC")
            barrier.wait(60)
            if record.claim(window, NOON):
                won.put(day)


def test_claims_are_exclusive_even_without_the_lock(tmp_path: Path) -> None:
    with recording(Outputs(tmp_path)):
        pass  # two that switch a new file to WAL at once lock each other out; the lock sees to it
    context = get_context("spawn")
    barrier, won = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=claim_all, args=(Outputs(tmp_path), barrier, won)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    days = [won.get(timeout=60) for _ in range(50)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert won.empty()
    assert sorted(days) == list(range(50))
