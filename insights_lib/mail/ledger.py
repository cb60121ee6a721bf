"""The ledger: one row per delivery, claimed before anything is sent and settled after.

The way of a row: claimed → sending, noted right before the final dot of the message → sent,
deferred, failed, uncertain or withheld. What a dead process has left tells how far it came:
`claimed` was never sent, `sending` may have been.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from insights_lib.disk import digest, locked, make_file, make_folder
from insights_lib.errors import MailError

State = Literal["claimed", "sending", "sent", "deferred", "failed", "uncertain", "withheld"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    key TEXT PRIMARY KEY,                  -- what is left of a row that was pruned: this, …
    report TEXT NOT NULL,                  -- … this, the key without the version, …
    partner TEXT, months TEXT, variant TEXT, recipient TEXT, version TEXT,
    state TEXT NOT NULL,                   -- … this, …
    was TEXT NOT NULL,                     -- the state before the claim, to go back to
    tries INTEGER NOT NULL, next_try TEXT,
    message_id TEXT NOT NULL,              -- … and this
    changed_at TEXT NOT NULL, reason TEXT
) STRICT
"""
_CLAIM = """
INSERT INTO deliveries VALUES (
    :key, :report, :partner, :months, :variant, :recipient, :version,
    'claimed', 'deferred', 0, :now, :message_id, :now, 'not tried yet'
)
ON CONFLICT (key) DO UPDATE SET
    partner = :partner, months = :months, variant = :variant, recipient = :recipient,
    version = :version, was = state, state = 'claimed', message_id = :message_id, changed_at = :now
WHERE state = 'withheld' OR coalesce(next_try, '') <= :now
    AND (state = 'deferred' OR state IN (SELECT value FROM json_each(:again)))
RETURNING was, tries, next_try, message_id, changed_at, reason
"""
_COLUMNS = "state, tries, next_try, message_id, changed_at, reason"


@dataclass(frozen=True)
class Delivery:
    """One report to one person."""

    partner: str
    months: str  # such as 2025-01_2025-12
    variant: str  # empty for the ordinary report
    recipient: str  # address; its domain is kept in lower case
    version: str  # digest of the data that the report tells

    def __post_init__(self) -> None:
        local, at, domain = self.recipient.rpartition("@")
        object.__setattr__(self, "recipient", f"{local}{at}{domain.lower()}")

    @property
    def key(self) -> str:
        """A SHA-256 of the attributes, each with its length, so that none runs into the next."""
        return digest(*astuple(self))

    @property
    def report(self) -> str:
        """The same without the version: what all versions of a report to a person have."""
        return digest(*astuple(self)[:-1])


@dataclass(frozen=True)
class Entry:
    """What the ledger holds of a delivery; moments are in UTC."""

    delivery: Delivery
    state: State
    tries: int  # how often the server was asked to take it
    next_try: datetime | None  # the earliest moment of another try
    message_id: str  # of the message that it was, or is to be, part of
    changed_at: datetime  # since when it has stood so
    reason: str  # why, in one line; of one that was sent, the server's answer

    COLUMNS = ("changed_at", "partner", "months", "recipient", "state", "reason")

    def __str__(self) -> str:
        """How it stands, in a line."""
        one = self.delivery
        place = f"partner {one.partner}, {one.months}, {one.recipient}"
        return f"{place}: {self.state}{self.reason and ': '}{self.reason}"

    def row(self) -> dict[str, Any]:
        """It as a row to be shown."""
        return {
            **asdict(self.delivery),
            "state": self.state,
            "changed_at": self.changed_at.isoformat(timespec="seconds"),
            "next_try": self.next_try and self.next_try.isoformat(timespec="seconds"),
            "tries": self.tries,
            "message_id": self.message_id,
            "reason": self.reason,
        }


class Ledger:
    """The ledger of a file; every change is on the disk when its method returns."""

    def __init__(self, file: Path, db: sqlite3.Connection) -> None:
        self.file = file
        self._db = db

    def entry(self, delivery: Delivery) -> Entry | None:
        """How a delivery stands; None if it was never claimed."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM deliveries WHERE key = ?", [delivery.key])
        return next((_entry(delivery, *row) for row in rows.fetchall()), None)

    def entries(self, partner: str | None = None) -> list[Entry]:
        """The deliveries of a partner, or all, latest change last; without those pruned."""
        rows = self._db.execute(
            f"""SELECT partner, months, variant, recipient, version, {_COLUMNS} FROM deliveries
            WHERE partner IS NOT NULL AND partner = coalesce(?, partner)
            ORDER BY changed_at, key""",
            [partner],
        )
        return [_entry(Delivery(*row[:5]), *row[5:]) for row in rows.fetchall()]

    def earlier(self, delivery: Delivery) -> dict[State, datetime]:
        """The states of other versions of a report to a person, pruned ones too, and since when."""
        rows = self._db.execute(
            """SELECT state, max(changed_at) FROM deliveries WHERE report = ? AND key <> ?
            GROUP BY state""",
            [delivery.report, delivery.key],
        )
        return {state: datetime.fromisoformat(since) for state, since in rows.fetchall()}

    def claim(
        self,
        deliveries: Iterable[Delivery],
        message_id: str,
        now: datetime,
        again: Collection[State] = (),
    ) -> list[Entry]:
        """Note that deliveries are about to be sent: all that may be, or after an error none.

        Not claimed are those that are claimed already, sent, or deferred to a later moment, nor
        failed or uncertain ones unless `again` names that state.

        Returns:
            Those claimed, as they stood before; settled so, they are as if never claimed.
        """
        claimed = []
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for one in deliveries:
                names = {**vars(one), "key": one.key, "report": one.report}
                given = {"message_id": message_id, "now": _text(now), "again": json.dumps([*again])}
                rows = self._db.execute(_CLAIM, names | given).fetchall()
                claimed += [_entry(one, *row) for row in rows]
                if rows:  # newer data goes in place of what was put off
                    self._db.execute(
                        """UPDATE deliveries SET state = 'withheld', next_try = NULL,
                        reason = 'newer data went in its place'
                        WHERE report = ? AND key <> ? AND state = 'deferred'""",
                        [one.report, one.key],
                    )
        return claimed

    def sending(self, deliveries: Iterable[Delivery], now: datetime) -> None:
        """Note that the next byte may make the server take claimed deliveries.

        Raises:
            MailError: One of them is not claimed; none is noted.
        """
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for one in deliveries:
                changed = self._db.execute(
                    """UPDATE deliveries SET state = 'sending', changed_at = ?
                    WHERE key = ? AND state = 'claimed'""",
                    [_text(now), one.key],
                )
                if changed.rowcount != 1:
                    raise MailError(
                        f"{self.file}: a delivery of partner {one.partner} is no longer claimed, "
                        "so nothing was sent; see that one program at a time uses this ledger."
                    )

    def settle(self, entry: Entry) -> None:
        """Note how a claimed delivery stands now."""
        key, due = entry.delivery.key, entry.next_try and _text(entry.next_try)
        self._db.execute(
            """UPDATE deliveries SET state = ?, tries = ?, next_try = ?, changed_at = ?, reason = ?
            WHERE key = ? AND state IN ('claimed', 'sending')""",
            [entry.state, entry.tries, due, _text(entry.changed_at), entry.reason, key],
        )

    def recover(self, now: datetime) -> None:
        """Settle what a dead process left: as before the claim, or uncertain if being sent."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE deliveries SET state = was, changed_at = ? WHERE state = 'claimed'",
                [_text(now)],
            )
            self._db.execute(
                """UPDATE deliveries SET state = 'uncertain', tries = tries + 1, next_try = NULL,
                changed_at = ?, reason = 'sending ended before the answer of the server was noted'
                WHERE state = 'sending'""",
                [_text(now)],
            )

    def prune(self, before: datetime) -> int:
        """Forget who and what the deliveries last changed before a moment were; returns how many.

        What remains of them keeps them from being sent twice.
        """
        changed = self._db.execute(
            """UPDATE deliveries SET partner = NULL, months = NULL, variant = NULL,
            recipient = NULL, version = NULL, reason = NULL
            WHERE changed_at < ? AND partner IS NOT NULL""",
            [_text(before)],
        )
        # Else the names would still be readable in the log of changes.
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return changed.rowcount


@contextmanager
def ledger(file: Path) -> Iterator[Ledger]:
    """The ledger of a file, which is made if it is not there.

    Raises:
        MailError: The file cannot be read or written.
    """
    try:
        _make(file)
        with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA secure_delete = ON")  # what is pruned is overwritten
            db.execute(_SCHEMA)
            yield Ledger(file, db)
    except sqlite3.Error as error:
        raise MailError(
            f"{file}: the ledger of deliveries cannot be used ({error}); see that the disk has "
            "room and that the file is a ledger which this user may write."
        ) from error


def _make(file: Path) -> None:
    """Make an empty ledger, if there is none."""
    try:
        if file.exists() and file.stat().st_size:
            return
        make_folder(file.parent)
        # Two that switch a new file to WAL at once would lock each other out.
        with locked(lock_file(file)):
            make_file(file)  # SQLite would let everybody read who was mailed
            with closing(sqlite3.connect(file, timeout=60)) as db:
                db.execute("PRAGMA journal_mode = WAL")
    except OSError as error:
        raise sqlite3.OperationalError(error.strerror) from error


def lock_file(file: Path) -> Path:
    """What is locked by who makes a ledger or sends by it."""
    return file.with_name(f"{file.name}.lock")


def _entry(delivery: Delivery, *columns: Any) -> Entry:
    state, tries, next_try, message_id, changed_at, reason = columns
    due = datetime.fromisoformat(next_try) if next_try else None
    changed = datetime.fromisoformat(changed_at)
    return Entry(delivery, state, tries, due, message_id, changed, reason or "")


def _text(moment: datetime) -> str:
    """A moment in UTC; texts of all moments have one length, and so sort as they do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
