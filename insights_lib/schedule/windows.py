"""The windows, which are the moments at which groups are due, and the record of each of them.

A window is a group and an instant. Wall clocks are set forward and back, instants are not.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from insights_lib.disk import locked, make_file, make_folder
from insights_lib.errors import BusyError, ReportError
from insights_lib.outputs import Outputs
from insights_lib.parameters.schedule_yml import Group

_SCHEMA = """
CREATE TABLE IF NOT EXISTS windows (
    name TEXT, scheduled TEXT, time_zone TEXT,
    state TEXT,                           -- running, interrupted, done or failed
    reason TEXT, started_at TEXT, finished_at TEXT,
    owner_notified INTEGER,               -- of its failure
    PRIMARY KEY (name, scheduled)
);
CREATE TABLE IF NOT EXISTS alerts (name TEXT PRIMARY KEY, alerted_at TEXT);
"""
# A zone that changed sides of the date line has set its clocks by a whole day.
_LARGEST_SHIFT = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """One moment at which a group is due: the instant, in UTC, and the group's name and zone."""

    group: str
    scheduled: datetime
    time_zone: str

    @property
    def local(self) -> datetime:
        """The same instant in the group's zone; its day is the as-of date of the reports."""
        return self.scheduled.astimezone(ZoneInfo(self.time_zone))

    @property
    def when(self) -> str:
        """The same for a reader."""
        return f"{self.local:%Y-%m-%d %H:%M} {self.time_zone}"


def due(name: str, group: Group, now: datetime) -> list[Window]:
    """The windows of a group that are due, oldest first: those within its catch-up hours.

    A wall clock time that is skipped when clocks go forward becomes the instant as much later,
    one that comes twice when they go back is the first of the two.
    """
    oldest = now - timedelta(hours=group.catch_up_hours)
    zone = ZoneInfo(group.time_zone)
    first = oldest.astimezone(zone).replace(tzinfo=UTC) - _LARGEST_SHIFT
    last = now.astimezone(zone).replace(tzinfo=UTC) + _LARGEST_SHIFT
    # Marked as UTC, as cronsim would shift times of other zones where clocks are set.
    walls = takewhile(lambda wall: wall <= last, CronSim(group.cron, first))
    instants = {wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls}
    return [Window(name, i, group.time_zone) for i in sorted(instants) if oldest < i <= now]


class Record:
    """The state of each window, and when owners were notified; see `recording`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def claim(self, window: Window, now: datetime) -> bool:
        """Begin a window, unless that was done before and it came to an end."""
        claimed = self._db.execute(
            """INSERT INTO windows VALUES (?, ?, ?, 'running', '', ?, NULL, 0)
               ON CONFLICT DO UPDATE SET state = 'running', started_at = excluded.started_at
               WHERE state = 'interrupted'""",
            (*_key(window), window.time_zone, _text(now)),
        )
        return claimed.rowcount == 1

    def settle(self, window: Window, reason: str, now: datetime) -> None:
        """End a window; it has failed if there is a reason."""
        self._db.execute(
            """UPDATE windows SET state = ?, reason = ?, finished_at = ?, owner_notified = 0
               WHERE name = ? AND scheduled = ?""",
            ("failed" if reason else "done", reason, _text(now), *_key(window)),
        )

    def interrupted(self) -> list[Window]:
        """The windows whose process died before they came to an end, oldest first."""
        found = self._db.execute(
            """SELECT name, scheduled, time_zone FROM windows WHERE state = 'interrupted'
               ORDER BY scheduled, name"""
        )
        return [Window(name, datetime.fromisoformat(at), zone) for name, at, zone in found]

    def status(self, window: Window) -> tuple[str, str]:
        """State and reason of a window; both are empty if it was never begun."""
        row = self._db.execute(
            "SELECT state, reason FROM windows WHERE name = ? AND scheduled = ?", _key(window)
        ).fetchone()
        return row or ("", "")

    def prune(self, before: datetime) -> None:
        """Forget the windows that ended before a moment: reasons may name people."""
        self._db.execute("DELETE FROM windows WHERE finished_at < ?", [_text(before)])

    def may_alert(self, name: str, now: datetime, grace: timedelta) -> bool:
        """Whether the last alert for a group is longer ago than its grace period."""
        row = self._db.execute("SELECT alerted_at FROM alerts WHERE name = ?", [name]).fetchone()
        return row is None or abs(now - datetime.fromisoformat(row[0])) >= grace

    def owner_not_notified(self, name: str) -> list[tuple[Window, str]]:
        """The failed windows of a group that its owner does not know of, with their reasons."""
        found = self._db.execute(
            """SELECT scheduled, time_zone, reason FROM windows
               WHERE name = ? AND state = 'failed' AND NOT owner_notified ORDER BY scheduled""",
            [name],
        )
        return [(Window(name, datetime.fromisoformat(at), zone), why) for at, zone, why in found]

    def owner_notified(self, name: str, now: datetime) -> None:
        """Record an alert for a group that told of all its failed windows."""
        self._db.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?)", (name, _text(now)))
        self._db.execute("UPDATE windows SET owner_notified = 1 WHERE name = ?", [name])


@contextmanager
def recording(outputs: Outputs, wait_seconds: float = 0) -> Iterator[Record]:
    """Have the record of a folder of reports; one scheduler works there at a time.

    Windows that the record calls running were interrupted: their process is dead.

    Raises:
        BusyError: Another scheduler is still at work after so many seconds.
        ReportError: The record cannot be read.
    """
    make_folder(outputs.folder)
    busy = BusyError(f"{outputs.folder}: another scheduler is at work here; it does what is due.")
    file = outputs.schedule
    with locked(outputs.folder / ".schedule.lock", busy, wait_seconds):
        make_file(file)
        try:
            with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA secure_delete = ON")
                db.executescript(_SCHEMA)
                columns = [name for _, name, *_ in db.execute("PRAGMA table_info(windows)")]
                if "told" in columns:  # it was made before the column had its name
                    db.execute("ALTER TABLE windows RENAME COLUMN told TO owner_notified")
                db.execute("UPDATE windows SET state = 'interrupted' WHERE state = 'running'")
                yield Record(db)
        except sqlite3.DatabaseError as error:
            raise ReportError(f"{file}: cannot be read or written ({error}).") from error


def _key(window: Window) -> tuple[str, str]:
    return window.group, _text(window.scheduled)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
