"""The plan: what the reports asked for would be made of now, and how those that are there stand."""

import hashlib
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from insights_lib.disk import digest
from insights_lib.errors import ParameterError, ReportError, StoreError
from insights_lib.outputs import Manifest, Outputs
from insights_lib.parameters.spec import DateRange, ReportSpec
from insights_lib.parameters.validation import unknown
from insights_lib.store.catalog import PartnerParts, partner_parts, reading

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_SOFTWARE = ("partner-insights", "papermill", "nbconvert", "pandas", "plotly", "duckdb")
_LIBRARY = Path(__file__).parents[1]

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
        parts: What the store holds of the partner; None if it holds nothing.
        sections: The notebooks that make it.
        fingerprint: A digest of each thing that the report would be made of now.
    """

    spec: ReportSpec
    status: Status
    reason: str = ""
    months: DateRange | None = None
    folder: Path | None = None
    parts: PartnerParts | None = None
    sections: tuple[Path, ...] = ()
    fingerprint: Fingerprint | None = None

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

    @property
    def rows(self) -> int:
        """How many rows of the store the report is made of."""
        if self.parts is None or self.months is None:
            return 0
        return sum(part.rows for part in self.parts.within(self.months))


def notebooks(sections: tuple[str, ...] = ()) -> tuple[Path, ...]:
    """The notebooks of some sections, or of all, in the order of the page.

    Raises:
        ReportError: There is none.
        ParameterError: A section is not known.
    """
    found = tuple(sorted(NOTEBOOKS.glob("*.ipynb")))
    if not found:
        raise ReportError(f"{NOTEBOOKS}: no notebook is here; run from the project's own folder.")
    names = [file.stem for file in found]
    for name in sections:
        if name not in names:
            raise ParameterError(f"sections: {unknown(name, names)}.")
    return tuple(file for file in found if not sections or file.stem in sections)


def plan_reports(specs: Iterable[ReportSpec], outputs: Outputs) -> list[PlannedReport]:
    """Plan reports, in the order of their specs; the catalog is asked once for each partner.

    Raises:
        StoreError: The store cannot be read, which no report could change.
        ReportError: There are no notebooks.
    """
    specs = list(specs)
    sections = {spec.sections: notebooks(spec.sections) for spec in specs}
    for store in {spec.store for spec in specs}:
        with reading(store) as catalog:
            catalog.execute("SELECT count(*) FROM parts").fetchall()
    parts: dict[tuple[Path | str, str], PartnerParts | StoreError] = {}
    for spec in specs:
        if (spec.store, spec.partner) not in parts:
            parts[spec.store, spec.partner] = _parts_of(spec)
    return [
        _planned(spec, parts[spec.store, spec.partner], outputs, sections[spec.sections])
        for spec in specs
    ]


def _parts_of(spec: ReportSpec) -> PartnerParts | StoreError:
    try:
        return partner_parts(spec.store, spec.partner)
    except StoreError as error:
        return error


def _planned(
    spec: ReportSpec,
    parts: PartnerParts | StoreError,
    outputs: Outputs,
    sections: tuple[Path, ...],
) -> PlannedReport:
    try:
        if isinstance(parts, StoreError):
            raise parts
        months = parts.resolve(spec)
    except StoreError as error:
        return PlannedReport(spec, "failed", str(error))
    folder = outputs.report_folder(spec.partner, months, spec.variant)
    now = fingerprint(spec, parts, months, sections)
    status, reason = _status(folder, now)
    return PlannedReport(spec, status, reason, months, folder, parts, sections, now)


def _status(folder: Path, now: Fingerprint) -> tuple[Status, str]:
    """How the report in a folder stands, and why."""
    manifest = Manifest.read(folder)
    if manifest is None:
        there = (folder / "manifest.json").exists()
        return "never run", "its manifest.json is not a manifest" if there else "there is no report"
    if manifest.status == "failed":
        reasons = (f"{failure.section}: {failure.reason}" for failure in manifest.failures)
        return "failed", "; ".join(reasons)
    changed = [name for name, value in now.items() if manifest.fingerprint.get(name) != value]
    changed += _changed_files(folder, manifest)
    return ("stale", f"changed: {', '.join(changed)}") if changed else ("fresh", "")


def _changed_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What of a report is no longer as it was made."""
    page = folder / "report.html"
    if not page.is_file():
        yield "report.html, which is gone"
    elif hashlib.sha256(page.read_bytes()).hexdigest() != manifest.report_sha256:
        yield "report.html"
    elif not (folder / "notebooks").is_dir() or not (folder / "data").is_dir():
        yield "notebooks or tables, which are gone"


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
        *(f"{p.dataset} {p.month} {p.rows} {p.hash}" for p in parts.within(months)),
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
