"""Pruning: reports, linked pages, log lines and names that are older than their retention."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from insights_lib.disk import write_whole
from insights_lib.mail.ledger import ledger
from insights_lib.outputs import Manifest, Outputs
from insights_lib.parameters.reports_yml import Retention
from insights_lib.run.index import refresh_index
from insights_lib.schedule.windows import recording

_PATIENCE = 600  # seconds to wait for a scheduler that is at work


@dataclass(frozen=True)
class Pruned:
    """What was deleted: folders of reports, and how much of the rest."""

    reports: tuple[Path, ...]
    linked: int
    log_lines: int
    mails: int

    def lines(self) -> Iterator[str]:
        """What a user is told of it."""
        for folder in self.reports:
            yield f"deleted: {folder}"
        for count, what in (
            (self.linked, f"{self.linked} pages that mails link to"),
            (self.log_lines, f"{self.log_lines} lines of the log of runs"),
            (self.mails, f"names and addresses of {self.mails} mails"),
        ):
            if count:
                yield f"deleted: {what}"


def prune(outputs: Outputs, retention: Retention, now: datetime | None = None) -> Pruned:
    """Delete what was finished before the retention; a folder without a manifest is not a report.

    Raises:
        BusyError: A run is writing to the same folder, or a scheduler is at work for long.
    """
    now = now or datetime.now(UTC)
    before = now - timedelta(days=retention.reports_days)
    outputs.forget_dry_run()
    outputs.forget_previews()
    with outputs.locked() as work:
        old: list[Path] = []
        for folder in [*outputs.report_folders(), *outputs.failed_folders()]:
            manifest = Manifest.read(folder)
            if manifest and manifest.finished_at < before:
                folder.rename(work / str(len(old)))  # so that no report is ever half there
                with suppress(OSError):  # up to the first that holds anything else
                    os.removedirs(folder.parent)
                old.append(folder)
        linked = [f for f in outputs.linked.glob("*") if f.stat().st_mtime < before.timestamp()]
        for file in linked:
            file.unlink()
        log_lines = _prune_log(outputs.run_log, before)
        refresh_index(outputs)
    before = now - timedelta(days=retention.ledger_days)
    mails = 0
    if outputs.ledger.exists():
        with ledger(outputs.ledger) as book:
            mails = book.prune(before)
    if outputs.schedule.exists():
        with recording(outputs, wait_seconds=_PATIENCE) as record:
            record.prune(before)
    return Pruned(tuple(old), len(linked), log_lines, mails)


def _prune_log(log: Path, before: datetime) -> int:
    lines = log.read_text("utf-8").splitlines(keepends=True) if log.exists() else []
    young = [line for line in lines if _is_young(line, before)]
    if len(young) < len(lines):
        write_whole(log, "".join(young).encode())
    return len(lines) - len(young)


def _is_young(line: str, before: datetime) -> bool:
    try:
        return datetime.fromisoformat(json.loads(line)["time"]) >= before
    except (ValueError, KeyError, TypeError):  # of a run that was killed
        return False
