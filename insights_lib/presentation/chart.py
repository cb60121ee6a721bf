"""A chart: a plotly figure that a saved notebook keeps."""

from typing import Any

import plotly.graph_objects as go

from insights_lib.presentation.offline import drawing, figure_output, world_output


class Chart(go.Figure):  # type: ignore[misc]
    """A plotly figure that also draws itself where there is no plotly, with the network off.

    So it is seen in what `jupyter nbconvert --to html` makes of a notebook.
    """

    def _ipython_display_(self) -> None:
        from IPython.display import display  # noqa: PLC0415 - which is what calls this

        if not _running():  # IPython in a terminal
            super()._ipython_display_()
            return
        script = due_drawing()
        own = {"text/plain": f"Chart of {len(self.data)} traces", **figure_output(self)}
        outputs = [world_output(self), {"text/html": script} if script else None, own]
        for output in filter(None, outputs):
            display({"text/plain": "", **output}, raw=True)  # type: ignore[no-untyped-call]


def due_drawing() -> str:
    """The `drawing` of charts below, once in a notebook; else nothing.

    It is due in the first cell that asks for it, and again whenever this cell is run again.
    """
    asked = _running()
    # Not every program tells the id of a cell; its source then tells it from the others.
    cell = asked.get("metadata", {}).get("cellId") or asked.get("content", {}).get("code", "")
    return drawing() if _place.is_due(cell, asked.get("header", {}).get("msg_id", "")) else ""


def _running() -> dict[str, Any]:
    """What a notebook's kernel was asked for last; nothing outside of notebooks."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - only notebooks need it

    kernel = getattr(get_ipython(), "kernel", None)
    return kernel.get_parent() if kernel else {}


class Place:
    """The cell that has what draws the charts, and its last execution."""

    cell: str | None = None
    execution: str | None = None

    def is_due(self, cell: str, execution: str) -> bool:
        """Whether this execution of a cell is to bring it; it then counts as brought."""
        if self.cell not in {None, cell} or self.execution == execution:
            return False
        self.cell, self.execution = cell, execution
        return True


_place = Place()
