"""A real JupyterLab on loopback, driven in a real browser that reaches nothing else.

with jupyterlab(folder) as lab:
    notebook = lab.open(browser, "explore.ipynb")
    notebook.run(0)
    notebook.output(0), notebook.text(0), notebook.outputs(0)
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page

from tests.support.processes import has_text, running, wait_for

SECONDS = 120  # that a cell may take on a machine that has much else to do
# What JupyterLab would ask or show over the notebook, and what would leave cells undrawn.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@contextmanager
def jupyterlab(folder: Path) -> Iterator["Lab"]:
    """A server whose root is a folder, with settings and runtime files of its own."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as own:
        kept = Path(own)
        for name, values in SETTINGS.items():
            file = kept / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": own,
            "JUPYTER_RUNTIME_DIR": own,
            "JUPYTERLAB_SETTINGS_DIR": str(kept / "lab" / "user-settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(kept / "lab" / "workspaces"),
        }
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", "--port=0", "--IdentityProvider.token="),
            *("--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"),
        ]
        with (
            (kept / "log.txt").open("wb") as log,
            running(command, env=environment, stdout=log, stderr=log) as server,
        ):
            wait_for(lambda: any(map(has_text, kept.glob("jpserver-*.json"))), server)
            [said] = kept.glob("jpserver-*.json")
            yield Lab(folder, json.loads(said.read_text(encoding="utf-8"))["url"])
            server.terminate()
            server.wait(30)


@dataclass
class Lab:
    """A running server.

    Attributes:
        folder: Its root.
        url: Where it answers.
        wrong: What went wrong in its windows: errors, and requests that leave this machine.
    """

    folder: Path
    url: str
    wrong: list[str] = field(default_factory=list)

    def write(self, name: str, *cells: str) -> None:
        """Write a notebook of code cells."""
        new = nbformat.v4
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = new.new_notebook(
            cells=[new.new_code_cell(cell) for cell in cells], metadata={"kernelspec": spec}
        )
        nbformat.write(notebook, self.folder / name)

    def open(
        self, browser: Browser, name: str, width: int = 1280, **context: Any
    ) -> "OpenNotebook":
        """Open a notebook in a window of its own; it has a kernel when this returns."""
        viewport = {"width": width, "height": 900}
        tab = browser.new_context(viewport=viewport, **context).new_page()
        tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        tab.on("console", lambda said: self._hear(said.type, said.text))
        tab.context.route(re.compile(f"^(?!{re.escape(self.url)}|blob:|data:)"), self._refuse)
        tab.goto(f"{self.url}lab/tree/{name}?reset")
        notebook = OpenNotebook(tab, self.folder / name)
        notebook.wait_for_kernel()
        return notebook

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error":
            self.wrong.append(text)

    def _refuse(self, route: Any) -> None:
        self.wrong.append(route.request.url)
        route.abort()


@dataclass(frozen=True)
class OpenNotebook:
    """A notebook in a window of JupyterLab.

    Attributes:
        tab: The window.
        file: Where it is saved.
    """

    tab: Page
    file: Path

    def wait_for_kernel(self) -> None:
        """Wait until the kernel answers."""
        self.tab.wait_for_function(
            """() => {
                const panel = window.jupyterapp?.shell.currentWidget;
                const kernel = panel?.sessionContext?.session?.kernel;
                return panel?.content?.widgets?.length && kernel?.status === "idle";
            }""",
            timeout=1000 * SECONDS,
        )

    def command(self, name: str) -> None:
        """Execute a command of JupyterLab, such as `docmanager:save`, to its end."""
        self._do("jupyterapp.commands.execute(given).then(() => null)", name)

    def _do(self, promise: str, given: str = "") -> None:
        """Wait for a promise in the window; `evaluate` alone would wait for one for ever."""
        self.tab.evaluate(
            f"""([given, ms]) => Promise.race([
                {promise},
                new Promise((_, late) => setTimeout(late, ms, `too late: {promise} ${{given}}`)),
            ])""",
            [given, 1000 * SECONDS],
        )

    def run(self, cell: int) -> None:
        """Run a cell, and wait until it is done."""
        self.tab.evaluate(
            "cell => { jupyterapp.shell.currentWidget.content.activeCellIndex = cell; }", cell
        )
        self.command("notebook:run-cell")

    def run_all(self) -> None:
        """Run every cell up to the first that fails."""
        self.command("notebook:run-all-cells")

    def write(self, cell: int, source: str) -> None:
        """Put another source into a cell."""
        self.tab.evaluate(
            """([cell, source]) => {
                const { widgets } = jupyterapp.shell.currentWidget.content;
                widgets[cell].model.sharedModel.setSource(source);
            }""",
            [cell, source],
        )

    def restart(self) -> None:
        """Give the notebook a new kernel; outputs stay."""
        self._do("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.wait_for_kernel()

    def shut_down(self) -> None:
        """End its kernel."""
        self._do("jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    def save(self) -> nbformat.NotebookNode:
        """Save, and read what was saved."""
        self.command("docmanager:save")
        return nbformat.read(self.file, as_version=4)  # type: ignore[no-untyped-call]

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """The outputs of a cell, as a notebook file has them."""
        found: list[dict[str, Any]] = self.tab.evaluate(
            "cell => jupyterapp.shell.currentWidget.content.widgets[cell].model.outputs.toJSON()",
            cell,
        )
        return found

    def text(self, cell: int) -> str:
        """What the outputs of a cell say in plain text; an error fails the test."""
        said = []
        for output in self.outputs(cell):
            assert output["output_type"] != "error", output["evalue"]
            plain = output.get("text") or output.get("data", {}).get("text/plain", "")
            said.append(plain if isinstance(plain, str) else "".join(plain))
        return "\n".join(said)

    def output(self, cell: int) -> Locator:
        """Where the outputs of a cell are shown."""
        return self.tab.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-OutputArea").first
