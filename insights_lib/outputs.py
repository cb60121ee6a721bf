"""The layout of `outputs/`, and the manifest that tells what a report was made of.

outputs/<partner>/<months>/                        a partner's ordinary report
outputs/<partner>/failed/<months>/                 manifest and notebooks, if its last run failed
outputs/<partner>/variants/<variant>/<months>/     the same with other filters or language
outputs/<partner>/variants/<variant>/failed/<months>/

See `Outputs` for what lies beside them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from insights_lib.disk import locked, make_folder
from insights_lib.errors import BusyError

_WORK = ".run-"  # what the folders begin with in which reports are made


@dataclass
class Outputs:
    """A folder of reports; no partner can be called like anything else that lies in it."""

    folder: Path

    def __post_init__(self) -> None:
        self.ledger = self.folder / "ledger.sqlite"  # what was mailed to whom
        self.schedule = self.folder / "schedule.sqlite"  # what became of each window
        self.run_log = self.folder / "run.log"  # a line of JSON for each report that was rendered
        self.mail_log = self.folder / "mail.log"  # why messages have tables in place of charts
        self.linked = self.folder / "_linked"  # what messages link to; the only folder to serve
        self.dry_run = self.folder / "_dry-run"  # the messages of the last dry run
        self.previews = self.folder / "preview"  # what single notebooks look like as sections
        self.index = self.folder / "index.html"  # all partners at a glance
        self._mailing = self.folder / ".mailing.lock"
        self._forgetting = self.folder / ".forgetting.lock"

    def report_folder(self, partner: str, months: object, variant: str = "") -> Path:
        """Where a report belongs."""
        below = ("variants", variant) if variant else ()
        return self.folder.joinpath(partner, *below, str(months))

    def report_folders(self) -> list[Path]:
        """The folders of reports with a manifest, sorted: of ordinary ones, and of variants."""
        return self._with_manifest("*")

    def ordinary_folders(self) -> list[Path]:
        """The folders of ordinary reports with a manifest, sorted."""
        return sorted(file.parent for file in self.folder.glob("[!.]*/*_*/manifest.json"))

    def failed_folders(self) -> list[Path]:
        """The folders of the runs that failed; see `failed_folder`."""
        return self._with_manifest("failed/*")

    def _with_manifest(self, below: str) -> list[Path]:
        patterns = (f"[!.]*/{below}/manifest.json", f"[!.]*/variants/*/{below}/manifest.json")
        return sorted(file.parent for pattern in patterns for file in self.folder.glob(pattern))

    def forget_dry_run(self) -> None:
        """Delete the messages of the last dry run."""
        for file in self.dry_run.rglob("*.eml"):
            file.unlink()

    def forget_previews(self) -> None:
        """Delete what single notebooks looked like."""
        if self.previews.exists():
            shutil.rmtree(self.previews)

    @contextmanager
    def locked(self, wait: bool = False) -> Iterator[Path]:
        """Have the folder for oneself, and an empty folder in it to make reports in.

        Raises:
            BusyError: Another run is writing, and this is not to wait for it.
        """
        make_folder(self.folder)
        busy = BusyError(
            f"{self.folder}: another run is writing reports here; wait for it to end, then try "
            "again."
        )
        with locked(self.folder / ".lock", None if wait else busy):
            for left in self.folder.glob(f"{_WORK}*"):  # by a run that was killed
                shutil.rmtree(left)
            work = Path(mkdtemp(dir=self.folder, prefix=_WORK))
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def mailing(self) -> Iterator[None]:
        """Keep what reports say from being forgotten while a message, or a preview, is made."""
        make_folder(self.folder)
        with locked(self._forgetting):  # whoever forgets goes first
            pass
        with locked(self._mailing):
            yield

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Forget something after the message that is being sent, and before the next is made."""
        make_folder(self.folder)
        with locked(self._forgetting), locked(self._mailing):
            yield


def failed_folder(report: Path) -> Path:
    """Where a failed run leaves its manifest and notebooks, beside the last good report."""
    return report.parent / "failed" / report.name


def seen(file: Path) -> tuple[int, int]:
    """The size of a file and when it was changed: while they stay, nobody has to read it again."""
    found = file.stat()
    return found.st_size, found.st_mtime_ns


class Failure(BaseModel):
    """A section that failed, and why; the section is empty where the whole report failed."""

    model_config = ConfigDict(frozen=True)

    section: str
    reason: str
    traceback: str = ""


class Manifest(BaseModel):
    """What a report was made of, and what became of it: `manifest.json`.

    Attributes:
        partner_name: What the report calls the partner; empty in manifests of earlier versions.
        first: The first month, as `2025-01`.
        last: The last month.
        parameters: What the notebooks were given.
        inputs: Dataset, months, rows and hash of each dataset that was read.
        warnings: What a reader should know, in the report's language.
        unmatched_filters: Filter values that no row holds, as `facet=value`.
        software: Versions of this library and of the packages it works with.
        fingerprint: A digest of each thing that the report was made of; see `run.plan`.
        tables_sha256: A digest of its tables, null if it failed.
        report_sha256: The SHA-256 of its page, null if it failed.
        report_seen: What `seen` tells of its page, null if it failed.
        also: The SHA-256 of each file beside its page, such as `report.pdf`.
        unmade: Why a file beside its page could not be made.
        seconds: How long each section took, and the data, the tables (`metrics`) and the page.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["complete", "failed"]
    failures: tuple[Failure, ...] = ()
    partner: str
    partner_name: str = ""
    first: str
    last: str
    parameters: dict[str, Any]
    inputs: list[dict[str, Any]] = []
    warnings: tuple[str, ...] = ()
    unmatched_filters: tuple[str, ...] = ()
    software: dict[str, str] = {}
    fingerprint: dict[str, str]
    tables_sha256: str | None = None
    report_sha256: str | None = None
    report_seen: tuple[int, int] | None = None
    also: dict[str, str] = {}
    unmade: dict[str, str] = {}
    seconds: dict[str, float] = {}
    stages: dict[str, float] = {}
    started_at: AwareDatetime
    finished_at: AwareDatetime

    @property
    def months(self) -> str:
        """The months of the report, as `2025-01_2025-12`."""
        return f"{self.first}_{self.last}"

    @property
    def why(self) -> str:
        """Why it failed, in a line; empty if it did not."""
        named = (f"{failure.section}: {failure.reason}" for failure in self.failures)
        return "; ".join(text.removeprefix(": ") for text in named)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The manifest of a report's folder; None if there is none, or the file is not one."""
        try:
            return cls.model_validate_json((folder / "manifest.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None

    def write(self, folder: Path) -> None:
        """Write it into a folder that is not in its place yet."""
        (folder / "manifest.json").write_text(f"{self.model_dump_json(indent=2)}\n", "utf-8")
