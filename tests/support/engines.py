"""The same notebook through papermill's own engine and through warm kernels."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

OTHER_EACH_TIME = (
    (re.compile(r"ipykernel_\d+/\d+"), "ipykernel_PID/HASH"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), "ID"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z?"), "TIME"),
    (re.compile(r"(CPU times|Wall time)[^\n]*"), "TIMES"),
)
_MESSAGES = ("shell.execute_reply", "iopub.execute_input", "iopub.status.busy", "iopub.status.idle")
TIMES = ("start_time", "end_time", "duration", "input_path", "output_path", *_MESSAGES)


def notebook_of(*sources: str | NotebookNode) -> NotebookNode:
    """A notebook of code cells."""
    cells = [new_code_cell(each) if isinstance(each, str) else each for each in sources]
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def outcome(notebook: NotebookNode, folder: Path, engine: str | None, **options: Any) -> list[Any]:
    """Cells, metadata and error of a notebook afterwards, without what differs each time.

    Args:
        notebook: The notebook.
        folder: A new one for its files.
        engine: `nbclient` for papermill's own; None for the one that is in use.
        **options: For `papermill.execute_notebook`.
    """
    folder.mkdir()
    nbformat.write(notebook, folder / "in.ipynb")
    error = None
    try:
        papermill.execute_notebook(
            str(folder / "in.ipynb"),
            str(folder / "out.ipynb"),
            progress_bar=False,
            engine_name=engine,
            **options,
        )
    except Exception as raised:  # noqa: BLE001 - it is what is compared
        error = f"{type(raised).__name__}: {raised}"
    done = nbformat.read(folder / "out.ipynb", as_version=4)
    cells = [_plain(cell) for cell in done.cells]
    return [same_each_time(each) for each in (*cells, dict(done.metadata), error)]


def ordinary_outcome(notebook: NotebookNode, folder: Path, **options: Any) -> list[Any]:
    """The outcome with papermill's own engine; see `outcome`.

    On a busy machine that engine may wait for ever for a cell that has long ended; it is then tried
    again.
    """
    limited = {"execution_timeout": 60, **options}
    for attempt in range(3):
        place = folder.with_name(f"{folder.name}-{attempt}")
        made = outcome(notebook, place, "nbclient", **limited)
        if limited == options or not str(made[-1]).startswith("CellTimeoutError"):
            break
    return made


def _plain(cell: NotebookNode) -> dict[str, Any]:
    plain = {key: value for key, value in cell.items() if key != "id"}
    return plain | {"outputs": _joined(cell.outputs)} if "outputs" in cell else plain


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Pieces of one stream as one: where it is cut depends on the time."""
    found: list[NotebookNode] = []
    for output in outputs:
        last = found[-1] if found else {}
        if output.output_type == "stream" and output.name == last.get("name"):
            last["text"] += output.text
        else:
            found.append(output)
    return found


def same_each_time(value: Any) -> Any:
    """A value without ids, addresses and times, whatever it holds."""
    if isinstance(value, str):
        for pattern, instead in OTHER_EACH_TIME:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, dict):
        pairs = [(same_each_time(k), same_each_time(v)) for k, v in value.items() if k not in TIMES]
        return dict(pairs) if "ID" not in dict(pairs) else sorted(pairs, key=json.dumps)
    return [same_each_time(each) for each in value] if isinstance(value, list) else value
