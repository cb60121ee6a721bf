"""A preview: one notebook, as the section of a report that it would be."""

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from papermill import PapermillExecutionError

from insights_lib.disk import make_folder, move_file
from insights_lib.errors import ParameterError, ReportError
from insights_lib.outputs import Outputs
from insights_lib.page.rows import compact_rows
from insights_lib.page.sections import report_of
from insights_lib.page.write import write_page
from insights_lib.parameters.reports_yml import read_reports_file
from insights_lib.parameters.requests import Overrides, requested_specs
from insights_lib.parameters.spec import ReportSpec, found_above
from insights_lib.run.plan import plan_reports
from insights_lib.run.report import refuse_other
from insights_lib.run.reports import begin
from insights_lib.run.request import RenderRequest
from insights_lib.run.section import COLOURS, execute, short_reason
from insights_lib.store.partners import partner_ids
from insights_lib.store.saved_slice import save_slice
from insights_lib.store.slice import Slice, open_slice

WORKBENCH = Path("workbench")
_SECONDS = 120
_LATE = f"it ran for more than {_SECONDS} seconds"
# An error of this library shows itself without a traceback, which tells the line.
_SHOW_LINES = "import insights_lib.errors as e; del e.InsightsError._render_traceback_; del e"


@dataclass(frozen=True)
class Preview:
    """The page of a preview, or why there is none, with the traceback of the cell that failed."""

    page: Path | None
    failure: str = ""
    traceback: str = ""


def preview_spec(parameters: Path, partner: str | None, store: str) -> ReportSpec:
    """What a preview asks for: the report that `reports.yml` lists for a partner.

    Args:
        parameters: The folder of the parameter files.
        partner: The partner; None for the first that the file lists and the store holds, else the
            first of the store.
        store: The folder or URL of the store.

    Raises:
        ParameterError: A value is wrong.
        StoreError: There is no store.
    """
    if partner is None:
        held = partner_ids(ReportSpec(partner="any", store=store).store)
        listed: list[str] = []
        if (parameters / "reports.yml").exists():
            listed = [one.id for one in read_reports_file(parameters).partners]
        known = [one for one in listed if one in held] or held
        if not known:
            raise ParameterError(f"{store}: no partner is here; run `insights ingest` first.")
        partner = known[0]
    return requested_specs(parameters, Overrides((partner,), store=store, with_variants=False))[0]


def preview_of(notebook: Path, spec: ReportSpec, outputs: Outputs) -> Preview:
    """Make the page of one section, in place of the one that the last preview has made of it.

    Args:
        notebook: A path; also one within `workbench/`, and from a folder below.
        spec: What the notebook is asked for.
        outputs: Has a folder for previews.

    Raises:
        ParameterError: There is no such notebook.
        ReportError: The store has nothing for it.
    """
    tried = map(found_above, (notebook, WORKBENCH / notebook))
    file = next((one for one in tried if one.is_file()), None)
    if file is None or file.suffix != ".ipynb":
        raise ParameterError(f"{notebook}: no notebook is here; give one such as 11_seats.ipynb.")
    begin()
    [planned] = plan_reports([spec], outputs)
    if planned.folder is None:
        raise ReportError(planned.reason)
    make_folder(outputs.previews)
    # What is forgotten meanwhile would come back.
    with outputs.mailing(), TemporaryDirectory(dir=outputs.previews, prefix=".") as work:
        request = RenderRequest(replace(planned, sections=(file,)), Path(work), _SECONDS, _SECONDS)
        data = open_slice(request.spec)
        for name in ("slice", "notebooks"):
            (request.workdir / name).mkdir()
        save_slice(data, request.workdir / "slice")
        try:
            made = _page(request, data, file)
        except PapermillExecutionError as error:
            failure = f"{notebook}: {_where(error, file)}: {short_reason(error)}"
            return Preview(None, failure, _frames(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this notebook's
            return Preview(None, f"{notebook}: {short_reason(error, _LATE)}")
        page = outputs.previews / f"{file.stem}.html"
        move_file(made, page)
    return Preview(page)


def _page(request: RenderRequest, data: Slice, file: Path) -> Path:
    """The page of a notebook, which is executed as in a run."""
    executed = execute(request, time.monotonic() + _SECONDS, file, _SHOW_LINES)
    content = report_of({file.stem: executed})
    refuse_other(content.facts, data)
    page = request.workdir / "page.html"
    write_page(content, compact_rows(data), page)
    return page


def _frames(error: PapermillExecutionError) -> str:
    return COLOURS.sub("", "\n".join(error.traceback))


def _where(error: PapermillExecutionError, file: Path) -> str:
    """The cell that failed, as its author counts, and the line."""
    written = nbformat.read(file, as_version=4).cells  # type: ignore[no-untyped-call]
    tags = [cell.metadata.get("tags", ()) for cell in written]
    parameters = next(i for i, found in enumerate(tags, 1) if "parameters" in found)
    # Behind the parameters papermill adds a cell of its own.
    number = error.cell_index + (error.cell_index < parameters)
    lines = re.findall(rf"Cell In\[{error.exec_count}\], line (\d+)", _frames(error))
    if not lines:
        return f"cell {number}"
    line = int(lines[-1])
    return f"cell {number}, line {line}, `{error.source.splitlines()[line - 1].strip()}`"
