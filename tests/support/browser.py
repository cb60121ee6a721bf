"""A report in a real browser: rendered by real notebooks, opened from disk, the network off."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from insights_lib.outputs import Outputs
from insights_lib.page import assets
from insights_lib.page.chromium import chromium as program
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import plan_reports
from insights_lib.run.reports import Settings, run_reports
from tests.support.rows import fill_store

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
QUIET = ("--disable-background-networking", "--disable-component-update", "--no-first-run")


def report_of(
    folder: Path,
    datasets: Any,
    locale: str = "en",
    filters: Any = (),
    role: str = "executive_report_viewer",
    as_of: date = date(2025, 8, 1),
) -> Path:
    """Render partner `1` for the first half of 2025 and return the report's folder."""
    store = fill_store(folder, datasets)
    spec = ReportSpec(
        partner="1",
        date_range="2025-01_2025-06",
        as_of=as_of,
        locale=locale,
        filters=list(filters),
        role=role,
        store=store,
    )
    settings = Settings(Outputs(folder / "outputs"), jobs=1, section_timeout=120)
    planned = plan_reports([spec], settings.outputs)
    (outcome,) = run_reports(planned, settings, lambda _: None)
    assert not outcome.failures, outcome.failures
    assert outcome.folder
    return outcome.folder


def packed_rows(report: Path) -> dict[str, Any]:
    """The rows that the page of a report holds."""
    source = (report / "report.html").read_text(encoding="utf-8")
    (packed,) = re.findall(r'id="content"[^>]*>([^<]*)<', source)
    rows: dict[str, Any] = json.loads(assets.unpacked(packed))["rows"]
    return rows


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(), args=["--no-sandbox", "--disable-gpu", *QUIET]
        )
        yield browser
        browser.close()


class Reader:
    """Opens reports; whatever goes wrong in a page is kept in `wrong`."""

    def __init__(self, browser: Browser) -> None:
        self.wrong: list[str] = []
        self.browser = browser

    def open(self, report: Path, fragment: str = "", width: int = 1280, **context: Any) -> Page:
        """The report in a window of its own, when all of it is shown."""
        tab = self.blank(report, width, **context)
        tab.goto((report / context.get("name", "report.html")).as_uri() + fragment)
        ready(tab)
        return tab

    def blank(
        self, report: Path, width: int = 1280, name: str = "report.html", **context: Any
    ) -> Page:
        """A window in which nothing is open yet, but for which only the report is no surprise."""
        options: dict[str, Any] = {"locale": "en-GB", "accept_downloads": True, **context}
        viewport = {"width": width, "height": 900}
        tab = self.browser.new_context(offline=True, viewport=viewport, **options).new_page()
        own = ((report / name).as_uri(), "blob:null/", "blob:file:///")
        tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        tab.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        tab.on("console", lambda said: self.wrong.append(said.text))
        tab.on(
            "request",
            lambda asked: None if asked.url.startswith(own) else self.wrong.append(asked.url),
        )
        return tab

    def tests(self, document: Path) -> Page:
        """A document whose own script offers `tests`, once that is there."""
        tab = self.blank(document)
        tab.goto((document / "report.html").as_uri())
        tab.wait_for_function("window.tests")
        return tab


def axe_violations(tab: Page) -> list[Any]:
    """What axe finds wrong in a page that was opened with `bypass_csp`."""
    tab.add_script_tag(path=AXE)
    found = tab.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert len(found["passes"]) > 20
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]
    ]


def ready(tab: Page) -> None:
    """Wait until all of the page shows what its address asks for."""
    asked = tab.evaluate("location.hash.slice(1)")
    # Long, for a machine that has much else to do.
    mounted = expect(tab.locator(".insights[data-whole]"))
    mounted.to_have_attribute("data-whole", asked, timeout=30_000)


def card(tab: Page, name: str) -> Any:
    """A card of a report, which shows what is selected."""
    ready(tab)
    return tab.locator(f"[data-card={name}]")


def action(place: Any, name: str) -> Any:
    """What the menu of a card, or of the open list, offers by a name; the menu is opened."""
    menu = place.locator(".actions .menu")
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    return menu.get_by_role("button", name=name)


def unfold(place: Any) -> None:
    """Open the table of a card, whose rows are made then."""
    place.locator(".data-table summary").click()
    expect(place.locator(".data-table tbody tr").first).to_be_attached()


def centred(shape: Locator) -> Any:
    """Where a shape is, once it is in the middle of the window."""
    shape.evaluate("one => one.scrollIntoView({ block: 'center', behavior: 'instant' })")
    return shape.bounding_box()


def click_on(tab: Page, shape: Locator) -> None:
    box = centred(shape)
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def drawn(tab: Page, name: str, plot: int = 0) -> list[dict[str, Any]]:
    """What plotly has drawn on a card: the traces with their numbers."""
    traces: list[dict[str, Any]] = (
        card(tab, name)
        .locator(".plot")
        .nth(plot)
        .evaluate(
            "plot => plot.data.map(({type, x, y, z, labels, values, locations, name}) =>"
            " ({type, x, y, z, labels, values, locations, name}))"
        )
    )
    return traces


def downloaded(tab: Page, place: Any) -> tuple[str, bytes]:
    """Name and content of the file that a click on a place hands out."""
    with tab.expect_download() as waiting:
        place.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()
