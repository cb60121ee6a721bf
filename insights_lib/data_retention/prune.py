"""Pruning: reports, linked pages, log lines and names that are older than their retention."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from insights_lib.disk import write_whole
from insights_lib.mail.ledger import ledger
from insights_lib.outputs import Manifest, Outputs
from insights_lib.parameters.reports_yml import Retention
from insights_lib.schedule.windows import recording

_PATIENCE = 600  # seconds to wait for a scheduler that is at work


@dataclass(frozen=True)
class Pruned:
    """What was deleted.

    Attributes:
        reports: The folders of reports, in the order of their names.
        linked: How many pages that mails link to.
        log_lines: How many lines of the log of runs.
        mails: How many mails no longer tell to whom they went.
    """

    reports: tuple[Path, ...]
    linked: int
    log_lines: int
    mails: int

    def lines(self) -> Iterator[str]:
        """What a user is told of it."""
        for folder in self.reports:
            yield f"deleted: {folder}"
        for count, what in (
            (self.linked, "pages that mails link to"),
            (self.log_lines, "lines of the log of runs"),
        ):
            if count:
                yield f"deleted: {count} {what}"
        if self.mails:
            yield f"deleted: names and addresses of {self.mails} mails"


def prune(outputs: Outputs, retention: Retention, now: datetime | None = None) -> Pruned:
    """Delete what was finished before the retention; a folder without a manifest is not a report.

    Args:
        outputs: The folder of the reports.
        retention: How many days each of them is kept.
        now: The time, with a zone; None for that of the system.

    Raises:
        BusyError: A run is writing to the same folder, or a scheduler is at work for long.
    """
    now = now or datetime.now(UTC)
    before = now - timedelta(days=retention.reports_days)
    outputs.forget_dry_run()
    with outputs.locked() as work:
        folders = [*outputs.report_folders(), *outputs.failed_folders()]
        old = [folder for folder in folders if _finished_at(folder, now) < before]
        for number, folder in enumerate(old):
            folder.rename(work / str(number))  # so that no report is ever half there
            _remove_empty(folder.parent, outputs.folder)
        linked = _prune_linked(outputs, before.timestamp())
        log_lines = _prune_log(outputs.run_log, before)
    mails = _prune_records(outputs, now - timedelta(days=retention.ledger_days))
    return Pruned(tuple(old), linked, log_lines, mails)


def _prune_records(outputs: Outputs, before: datetime) -> int:
    """Forget mails and windows of the schedule; return how many mails."""
    mails = 0
    if outputs.ledger.exists():
        with ledger(outputs.ledger) as book:
            mails = book.prune(before)
    if outputs.schedule.exists():
        with recording(outputs, wait_seconds=_PATIENCE) as record:
            record.prune(before)
    return mails


def _finished_at(folder: Path, otherwise: datetime) -> datetime:
    manifest = Manifest.read(folder)
    return manifest.finished_at if manifest else otherwise


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _prune_linked(outputs: Outputs, before: float) -> int:
    old = [file for file in outputs.linked.glob("*") if file.stat().st_mtime < before]
    for file in old:
        file.unlink()
    return len(old)


def _prune_log(log: Path, before: datetime) -> int:
    if not log.exists():
        return 0
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    young = [line for line in lines if _is_young(line, before)]
    if len(young) < len(lines):
        write_whole(log, "".join(young).encode())
    return len(lines) - len(young)


def _is_young(line: str, before: datetime) -> bool:
    try:
        return datetime.fromisoformat(json.loads(line)["time"]) >= before
    except (ValueError, KeyError, TypeError):  # of a run that was killed
        return False
