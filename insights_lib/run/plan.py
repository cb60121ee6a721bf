"""The plan: what each report asked for would be made of now, and its status."""

import hashlib
import platform
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from sqlite3 import DatabaseError
from typing import Literal

from insights_lib.disk import digest
from insights_lib.errors import ParameterError, ReportError, StoreError, reason_of
from insights_lib.outputs import Manifest, Outputs, failed_folder, seen
from insights_lib.page.chromium import NO_CHROMIUM, chromium
from insights_lib.page.notebooks import NOTEBOOKS, section_files
from insights_lib.parameters.spec import DateRange, ReportSpec
from insights_lib.parameters.validation import unknown
from insights_lib.store.catalog import reading
from insights_lib.store.partners import PartnerParts, parts_of

_SOFTWARE = ("partner-insights", "papermill", "nbconvert", "pandas", "plotly", "duckdb")
_LIBRARY = Path(__file__).parents[1]
TOUR = "explore.ipynb"  # leads through Python, and is no section

Status = Literal["fresh", "stale", "failed", "never run"]
Fingerprint = dict[str, str]


@dataclass(frozen=True)
class PlannedReport:
    """One report that was asked for.

    Attributes:
        spec: What was asked for.
        status: `fresh`, `stale`, `failed` or `never run`.
        reason: What has changed, or why it failed; empty if fresh.
        months: The months that the spec means for the partner; None if it has no data for it.
        folder: Where the report belongs; None without months.
        name: The partner's name as the store tells it; empty if it holds nothing.
        rows: How many rows of the store the report is made of.
        sections: The notebooks that make it.
        fingerprint: A digest of each thing that the report would be made of now.
        traceback: Of an error by which the report could not even be planned.
    """

    spec: ReportSpec
    status: Status
    reason: str = ""
    months: DateRange | None = None
    folder: Path | None = None
    name: str = ""
    rows: int = 0
    sections: tuple[Path, ...] = ()
    fingerprint: Fingerprint | None = None
    traceback: str = ""

    COLUMNS = ("partner", "months", "variant", "state", "why")

    def row(self) -> dict[str, str]:
        """It as a row to be shown."""
        return {
            "partner": self.spec.partner,
            "months": str(self.months or ""),
            "state": self.status,
            "why": self.reason,
            "variant": self.spec.variant,
        }


def notebooks(sections: tuple[str, ...] = ()) -> tuple[Path, ...]:
    """The notebooks of some sections, or of all, in the order of the page.

    Raises:
        ReportError: There is none.
        ParameterError: A section is not known.
    """
    found = section_files(NOTEBOOKS)
    if not found:
        raise ReportError(
            f"{NOTEBOOKS}: no notebook is here that is named like 08_seats.ipynb; run from the "
            "project's own folder."
        )
    names = [file.stem for file in found]
    for name in sections:
        if name not in names:
            raise ParameterError(f"sections: {unknown(name, names)}.")
    return tuple(file for file in found if not sections or file.stem in sections)


def other_notebooks() -> list[Path]:
    """The notebooks beside the sections and the tour, which no report is made of."""
    known = (*section_files(NOTEBOOKS), NOTEBOOKS / TOUR)
    return [file for file in sorted(NOTEBOOKS.glob("*.ipynb")) if file not in known]


def plan_reports(specs: Iterable[ReportSpec], outputs: Outputs) -> list[PlannedReport]:
    """Plan reports, in the order of their specs; each catalog is opened once.

    Whatever goes wrong with one partner is the failure of its reports alone.

    Raises:
        StoreError: The store cannot be read, which no report could change.
        ReportError: There are no notebooks.
    """
    specs = list(specs)
    sections = {names: notebooks(names) for names in {spec.sections for spec in specs}}
    # Those of a partner one after the other: what the store holds of all is too much to keep.
    by_partner = sorted(specs, key=lambda spec: (str(spec.store), spec.partner))
    with ExitStack() as opened:
        catalogs = {
            store: opened.enter_context(reading(store)) for store in {spec.store for spec in specs}
        }
        held = lru_cache(1)(lambda store, partner: parts_of(catalogs[store], store, partner))
        planned = {
            spec: _planned(spec, held, outputs, sections[spec.sections]) for spec in by_partner
        }
    return [planned[spec] for spec in specs]


def _planned(
    spec: ReportSpec,
    held: Callable[[Path | str, str], PartnerParts],
    outputs: Outputs,
    sections: tuple[Path, ...],
) -> PlannedReport:
    try:
        parts = held(spec.store, spec.partner)
        months = parts.resolve(spec)
        folder = outputs.report_folder(spec.partner, months, spec.variant)
        now = fingerprint(spec, parts, months, sections)
        status, reason = _status(folder, now, spec.also)
    except StoreError as error:
        return PlannedReport(spec, "failed", str(error))
    except DatabaseError:  # the catalog is broken, which no report could change
        raise
    except Exception as error:  # noqa: BLE001 - this partner alone has failed
        frames = "".join(traceback.format_exception(error))
        return PlannedReport(spec, "failed", reason_of(error), traceback=frames)
    rows = sum(part.rows for part in parts.within(months))
    return PlannedReport(spec, status, reason, months, folder, parts.name, rows, sections, now)


def _status(folder: Path, now: Fingerprint, also: Iterable[str]) -> tuple[Status, str]:
    """The status of the report in a folder, and the reason for it."""
    manifest = Manifest.read(folder)
    if failed := Manifest.read(failed_folder(folder)):
        last = ""
        if manifest and manifest.status == "complete" and (folder / "report.html").is_file():
            last = f"; the last good report is of {manifest.finished_at:%Y-%m-%d}"
        return "failed", f"{failed.why}{last}"
    if manifest is None:
        there = (folder / "manifest.json").exists()
        return "never run", "its manifest.json is not a manifest" if there else "there is no report"
    if manifest.status == "failed":  # by an earlier version, which put it in the report's place
        return "failed", manifest.why
    changed = [name for name, value in now.items() if manifest.fingerprint.get(name) != value]
    changed += _changed_files(folder, manifest)
    changed += _missing_files(folder, manifest, also)
    return ("stale", f"changed: {', '.join(changed)}") if changed else ("fresh", "")


def _changed_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The parts of a report that are not as they were made."""
    page = folder / "report.html"
    if not page.is_file():
        yield "report.html, which is gone"
    elif seen(page) != manifest.report_seen and not _is_as_made(page, manifest):
        yield "report.html"
    elif not (folder / "notebooks").is_dir() or not (folder / "data").is_dir():
        yield "notebooks or tables, which are gone"


def _is_as_made(page: Path, manifest: Manifest) -> bool:
    return hashlib.sha256(page.read_bytes()).hexdigest() == manifest.report_sha256


def _missing_files(folder: Path, manifest: Manifest, also: Iterable[str]) -> Iterator[str]:
    """What is asked for beside the page and is not there, but could be."""
    for kind in also:
        name = f"report.{kind}"
        reason = manifest.unmade.get(name, "it was not asked for")
        if not (folder / name).is_file() and (NO_CHROMIUM not in reason or chromium()):
            yield f"{name}, which is not there ({reason})"


def fingerprint(
    spec: ReportSpec, parts: PartnerParts, months: DateRange, sections: Iterable[Path]
) -> Fingerprint:
    """A digest of each thing that a report is made of: data, parameters, notebooks, software.

    The store's folder is not in it, what it leads to is; and of the as-of date only its month, from
    which renewals are counted.
    """
    return {
        "data": data_digest(parts, months),
        "parameters": digest(
            spec.partner,
            spec.partner_name,
            months,
            spec.locale,
            spec.role,
            f"{spec.as_of:%Y-%m}",
            *spec.active_states,
            *spec.filters.texts(),
        ),
        "notebooks": _digest_of_files(tuple(sections)),
        "software": software(),
    }


def data_digest(parts: PartnerParts, months: DateRange) -> str:
    """A digest of the data that a report is made of."""
    return digest(
        parts.name,
        parts.subscription_dataset,
        parts.absent_dimensions(months),
        "\n".join(f"{p.dataset} {p.month} {p.rows} {p.hash}" for p in parts.within(months)),
    )


@cache
def versions() -> dict[str, str]:
    """The versions of this library and of the packages it works with."""
    return {name: version(name) for name in _SOFTWARE}


@cache
def software() -> str:
    """A digest of this library's own files, of the packages it works with, and of Python."""
    files = [file for file in sorted(_LIBRARY.rglob("*")) if file.is_file()]
    own = _digest_of_files(tuple(f for f in files if f.suffix not in {".pyc", ".orig"}))
    return digest(own, platform.python_version(), *versions().values())


@cache
def _digest_of_files(files: tuple[Path, ...]) -> str:
    return digest(*(part for file in files for part in (file.name, file.read_bytes())))
