"""What `index.html` tells of each report: its state, its key figures, and where it is.

It knows reports by their manifests and tables, and what these cannot tell (that a report is stale,
or could not even be planned) by the plan of the run that writes it.
"""

import csv
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from insights_lib.disk import write_whole
from insights_lib.errors import ParameterError
from insights_lib.outputs import Manifest, Outputs, failed_folder
from insights_lib.parameters.spec import DateRange
from insights_lib.run.plan import PlannedReport
from insights_lib.run.request import RenderResult

TRENDS = ("current_customers", "active_customers", "subscriptions")
FIGURES = (*TRENDS, "customers_added", "customers_churned", "churn_rate_pct")
_LONGEST = 500  # characters of a text that the index shows
_UNSAID = "this run was not asked for it, and reports.yml does not list it"
_FAILED = "its last run failed"

State = Literal["fresh", "stale", "failed", "earlier"]


@dataclass(frozen=True)
class Known:
    """What a run knows of a report that its folder does not tell."""

    partner: str
    name: str
    months: str  # as `2025-01_2025-12`, or a preset that could not be resolved
    state: str
    why: str = ""


@dataclass(frozen=True)
class IndexRow:
    """A row of the index.

    Attributes:
        known: What the run knew of it.
        state: `fresh`; `stale`; `failed`; or `earlier`: good, but no longer asked for.
        why: Why it is not fresh.
        on_disk: Whether a run has left anything of it.
        link: Where its last good report is, seen from the index; None without one.
        made: When that was finished.
        role: Of that report; empty without one.
        filters: Of that report, as `facet=value`.
        month: The last month with customers, as `2025-12`.
        figures: Value and change in percent by metric: of levels the growth over the range, of
            flows the change against the period before.
        trends: The metric by month.
    """

    known: Known
    state: str
    why: str
    on_disk: bool
    link: str | None = None
    made: str | None = None
    role: str = ""
    filters: tuple[str, ...] = ()
    month: str | None = None
    figures: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    trends: dict[str, list[float | None]] = field(default_factory=dict)


def ended(planned: Iterable[PlannedReport], results: Iterable[RenderResult]) -> list[PlannedReport]:
    """Planned reports as they are after a run."""
    planned = list(planned)
    places = {one.spec: one.folder or one.spec for one in planned}
    after = {places[result.spec]: result for result in results}
    return [_after(one, after.get(one.folder or one.spec)) for one in planned]


def _after(one: PlannedReport, result: RenderResult | None) -> PlannedReport:
    if result is None:
        return one
    if result.complete:
        return replace(one, status="fresh", reason="")
    if result.folder:  # where a manifest tells why
        return replace(one, status="stale", reason=_FAILED)
    return replace(one, status="failed", reason="; ".join(why for _, why in result.failures))


def write_index(planned: Iterable[PlannedReport], outputs: Outputs, locale: str) -> None:
    """Write the index of ordinary reports: those planned, and what earlier runs have left.

    Args:
        planned: Reports as they are now; variants, which are for certain people, are left out.
        outputs: The folder of reports, which no other run is writing to.
        locale: The language of the index.
    """
    known = [
        Known(
            one.spec.partner,
            one.spec.partner_name or one.name,
            str(one.months or one.spec.date_range),
            "stale" if one.status == "never run" else one.status,
            one.reason,
        )
        for one in planned
        if not one.spec.variant
    ]
    rows = _rows(known, outputs)
    _write([*rows, *_earlier(rows, outputs)], outputs, locale, datetime.now(UTC))


def refresh_index(outputs: Outputs) -> None:
    """Write the index again, if there is one, after reports were deleted."""
    if not outputs.index.exists():
        return
    from insights_lib.page.index import content_of  # noqa: PLC0415 - where there is none

    try:
        content = content_of(outputs.index)
        old = [(Known(**row["known"]), row["on_disk"]) for row in content["rows"]]
        locale, written = content["locale"], datetime.fromisoformat(content["written"])
    except (ValueError, TypeError, KeyError, EOFError, OSError):  # of another version, or broken
        outputs.index.unlink()
        return
    rows = [(_row(known, outputs), was_there) for known, was_there in old]
    _write([row for row, was_there in rows if _stays(row, was_there)], outputs, locale, written)


def _stays(row: IndexRow, was_there: bool) -> bool:
    """Whether there is still something to tell of a report."""
    if row.known.state == "earlier":
        return bool(row.link)
    return row.on_disk or not was_there or row.known.state == "failed"


def _write(rows: Iterable[IndexRow], outputs: Outputs, locale: str, written: datetime) -> None:
    from insights_lib.page.index import index_page  # noqa: PLC0415 - babel, for this alone

    packed = [{**vars(row), "known": vars(row.known)} for row in rows]
    page = index_page(packed, locale, written.isoformat(timespec="seconds"))
    write_whole(outputs.index, page.encode())


def _rows(known: Iterable[Known], outputs: Outputs) -> list[IndexRow]:
    # The first to speak of a report knows most of it.
    each_once = {(one.partner, one.months): one for one in reversed(list(known))}
    return [_row(one, outputs) for one in reversed(each_once.values())]


def _row(known: Known, outputs: Outputs) -> IndexRow:
    folder = outputs.report_folder(known.partner, known.months)
    manifest = Manifest.read(folder)
    failed = Manifest.read(failed_folder(folder))
    state, why, page = known.state, known.why, folder / "report.html"
    if failed:
        state, why = "failed", failed.why
    elif state == "fresh" and not page.is_file():
        state, why = "stale", "report.html is gone"
    row = IndexRow(_cut(known), state, why[:_LONGEST], bool(manifest or failed))
    if manifest is None or manifest.status == "failed" or not page.is_file():
        return row
    summary = {line["metric"]: line for line in _table(folder, "summary")}
    flows = {"customers_added": "change_pct", "customers_churned": "change_pct"}
    return replace(
        row,
        known=_cut(replace(known, name=manifest.partner_name or known.name)),
        link=quote(page.relative_to(outputs.folder).as_posix()),
        made=manifest.finished_at.isoformat(timespec="seconds"),
        role=manifest.parameters.get("role", ""),
        filters=tuple(text[:_LONGEST] for text in manifest.parameters.get("filters", ())),
        month=summary.get("current_customers", {}).get("month") or None,
        figures={
            name: (_number(line.get("value")), _number(line.get(flows.get(name, "growth_pct"))))
            for name, line in summary.items()
            if name in FIGURES
        },
        trends=_trends(folder),
    )


def _cut(known: Known) -> Known:
    return replace(known, name=known.name[:_LONGEST], why=known.why[:_LONGEST])


def _trends(folder: Path) -> dict[str, list[float | None]]:
    lines = list(_table(folder, "summary_trend"))
    return {name: [_number(line.get(name)) for line in lines] for name in TRENDS if lines}


def _table(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """The lines of a table; none where its section is not in the report."""
    with suppress(FileNotFoundError), (folder / "data" / f"{name}.csv").open("rb") as file:
        yield from csv.DictReader(file.read().decode("utf-8", "replace").splitlines())


def _number(text: str | None) -> float | None:
    """A number of a table, as exact as the index shows it."""
    try:
        number = round(float(text or ""), 2)
    except ValueError:  # it is not known
        return None
    return int(number) if number.is_integer() else number


def _earlier(rows: Iterable[IndexRow], outputs: Outputs) -> list[IndexRow]:
    """The newest report of each partner and length of range of which no row tells."""
    rows = list(rows)
    told = {(row.known.partner, _length(row.known.months)) for row in rows if row.link}
    listed = {(row.known.partner, row.known.months) for row in rows}
    newest = {}
    for folder in outputs.ordinary_folders():  # in the order of their months
        partner, months = folder.parent.name, folder.name
        if (partner, months) not in listed and (partner, _length(months)) not in told:
            newest[partner, _length(months)] = Known(partner, "", months, "earlier", _UNSAID)
    return [row for row in _rows(newest.values(), outputs) if row.link]


def _length(months: str) -> int:
    """How many months a range has; 0 if it is not one."""
    try:
        return len(DateRange.parse(months))
    except ParameterError:
        return 0
