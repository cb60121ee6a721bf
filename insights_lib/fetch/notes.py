"""What was asked for and is not yet here: the next fetch goes on from it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from insights_lib.disk import locked, make_folder, write_whole
from insights_lib.errors import FetchError

RUNS_AN_HOUR = 5  # that Partner Center begins at once
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Note:
    """What is known of one dataset at Partner Center.

    Attributes:
        text: The query in its language.
        query: Its id there.
        report: The id of the report there.
        asked_at: When it was made, in UTC.
        name: Of the report.
        fetched: The id of the run of it that is here.
        placed: What was told of the export that is here, while its report is to be deleted there.
    """

    text: str
    query: str
    report: str
    asked_at: str
    name: str
    fetched: str = ""
    placed: str = ""

    def age(self, now: datetime) -> timedelta:
        """How long ago it was asked for."""
        return now - datetime.fromisoformat(self.asked_at)


@dataclass(frozen=True)
class Leftover:
    """What is still to be deleted at Partner Center.

    Attributes:
        name: Of the report.
        report: Its id; empty if it is not known, or not whether there is one.
        query: The id of its query.
    """

    name: str
    report: str
    query: str


class Notes:
    """The notes of one tenant: on the disk before anything else is done. See `noting`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._runs: list[str] = []
        self._notes: dict[str, Note] = {}
        self._leftovers: list[Leftover] = []
        if file.exists():
            try:
                content = json.loads(file.read_text(encoding="utf-8"))
                self._runs = [str(run) for run in content["runs"]]
                self._notes = {name: Note(**note) for name, note in content["datasets"].items()}
                self._leftovers = [Leftover(**one) for one in content.get("leftovers", [])]
                for moment in (*self._runs, *(note.asked_at for note in self._notes.values())):
                    datetime.fromisoformat(moment)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise FetchError(f"{file}: is damaged; delete it and fetch again.") from error

    def of(self, dataset: str) -> Note | None:
        """What is noted of a dataset."""
        return self._notes.get(dataset)

    def note(self, dataset: str, note: Note) -> None:
        """Note what is known of a dataset now."""
        self._notes[dataset] = note
        self._write()

    def change(self, dataset: str, **values: str) -> None:
        """Note that something of it has changed."""
        self.note(dataset, replace(self._notes[dataset], **values))

    def forget(self, dataset: str) -> None:
        """Forget what was noted of a dataset."""
        self._notes.pop(dataset, None)
        self._write()

    def leftovers(self, dataset: str) -> list[Leftover]:
        """What of a dataset is still to be deleted there."""
        return [one for one in self._leftovers if f"-{dataset}-" in one.name]

    def leave(self, leftover: Leftover) -> None:
        """Note that something is still to be deleted there."""
        if leftover not in self._leftovers:
            self._leftovers.append(leftover)
            self._write()

    def settle(self, leftover: Leftover) -> None:
        """Note that nothing of it is to be deleted any more."""
        if leftover in self._leftovers:
            self._leftovers.remove(leftover)
            self._write()

    def note_run(self, now: datetime) -> None:
        """Note that a run begins at once now, which Partner Center allows a few times an hour."""
        self._runs = [run for run in self._runs if datetime.fromisoformat(run) > now - _HOUR]
        self._runs.append(now.astimezone(UTC).isoformat())
        self._write()

    def next_run(self, now: datetime) -> datetime:
        """When another run may begin at once."""
        recent = sorted(datetime.fromisoformat(run) for run in self._runs)[-RUNS_AN_HOUR:]
        return max(now, recent[0] + _HOUR) if len(recent) == RUNS_AN_HOUR else now

    def _write(self) -> None:
        datasets = {name: asdict(note) for name, note in self._notes.items()}
        content: dict[str, Any] = {"runs": self._runs, "datasets": datasets}
        content["leftovers"] = [asdict(one) for one in self._leftovers]
        write_whole(self._file, f"{json.dumps(content, indent=2)}\n".encode())


@contextmanager
def noting(folder: Path, tenant: str) -> Iterator[Notes]:
    """Have the notes of a tenant; one fetch at a time works for it.

    Raises:
        FetchError: Another fetch does, or the notes are damaged.
    """
    make_folder(folder)
    busy = FetchError(f"{tenant}: another fetch is under way; wait for it.")
    with locked(folder / f".{tenant}.lock", busy):
        yield Notes(folder / f"{tenant}.json")
