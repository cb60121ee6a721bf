"""Whether a report is still what its inputs would make of it, by their contents."""

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from insights_lib.errors import StoreError
from insights_lib.outputs import folder_of
from insights_lib.parameters.spec import DateRange, ReportSpec
from insights_lib.store.catalog import Holdings, holdings

_SOFTWARE = ("partner-insights", "papermill", "nbconvert", "pandas", "plotly", "duckdb")
_LIBRARY = Path(__file__).parents[1]

State = Literal["fresh", "stale", "failed", "never run"]


@dataclass(frozen=True)
class Standing:
    """How a report stands.

    Attributes:
        partner: Partner global account id.
        months: The months of its range, such as `2025-01_2025-12`; empty if it has none yet.
        state: `fresh`, `stale`, `failed` or `never run`.
        why: What has changed, or why it failed; empty if fresh.
        variant: As of the spec.
    """

    partner: str
    months: str
    state: State
    why: str = ""
    variant: str = ""


def standing(spec: ReportSpec, outputs: Path, notebooks: Iterable[Path]) -> Standing:
    """How the report that a spec asks for stands in a folder of reports."""
    try:
        held = holdings(spec.store, spec.partner)
        date_range = held.resolve(spec)
    except StoreError as error:
        return Standing(spec.partner, "", "failed", str(error), spec.variant)
    folder = folder_of(outputs, spec, date_range)
    found = partial(Standing, spec.partner, str(date_range), variant=spec.variant)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["status"] != "complete":
            reasons = [f"{one['section']}: {one['reason']}" for one in manifest["failures"]]
            return found("failed", "; ".join(reasons))
        now, then = fingerprint(spec, held, date_range, notebooks), manifest["fingerprint"]
        changed = [name for name, digest in now.items() if then[name] != digest]
        changed += _changed_files(folder, manifest["report_sha256"])
    except OSError:
        return found("never run", "there is no report")
    except (ValueError, KeyError, TypeError):
        return found("never run", "its manifest.json is none")
    if changed:
        return found("stale", f"changed: {', '.join(changed)}")
    return found("fresh")


def _changed_files(folder: Path, page_sha256: str) -> Iterator[str]:
    """What of a report is not there as it was made."""
    page = folder / "report.html"
    if not page.is_file():
        yield "report.html, which is gone"
    elif hashlib.sha256(page.read_bytes()).hexdigest() != page_sha256:
        yield "report.html"
    elif not (folder / "notebooks").is_dir() or not (folder / "data").is_dir():
        yield "notebooks or tables, which are gone"


def fingerprint(
    spec: ReportSpec, held: Holdings, date_range: DateRange, notebooks: Iterable[Path]
) -> dict[str, str]:
    """A digest of each thing that a report is made of: data, parameters, notebooks, software.

    The as-of date and the store's folder are not in it: what they lead to is.
    """
    return {
        "data": data_digest(held, date_range),
        "parameters": _digest(
            spec.partner,
            spec.partner_name,
            date_range,
            spec.locale,
            *spec.active_states,
            *spec.filters.texts(),
        ),
        "notebooks": _of_files(tuple(notebooks)),
        "software": software(),
    }


def data_digest(held: Holdings, date_range: DateRange) -> str:
    """A digest of the data that a report is made of."""
    months = (date_range.month_before, date_range.last)
    parts = [part for part in held.parts if months[0] <= part.month <= months[1]]
    return _digest(
        held.name,
        held.subscription_dataset,
        *(f"{part.dataset} {part.month} {part.rows} {part.hash}" for part in parts),
    )


@cache
def versions() -> dict[str, str]:
    """The versions of this library and of the packages it works with."""
    return {name: version(name) for name in _SOFTWARE}


@cache
def software() -> str:
    """A digest of this library's own files, of the packages it works with, and of Python."""
    files = [file for file in sorted(_LIBRARY.rglob("*")) if file.is_file()]
    own = _of_files(tuple(file for file in files if file.suffix not in {".pyc", ".orig"}))
    return _digest(own, platform.python_version(), *versions().values())


@cache
def _of_files(files: tuple[Path, ...]) -> str:
    return _digest(*(part for file in files for part in (file.name, file.read_bytes())))


def _digest(*parts: Any) -> str:
    """A SHA-256 of values, each with its length, so that none runs into the next."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(f"{len(data)}:".encode() + data)
    return digest.hexdigest()
