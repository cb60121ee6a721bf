"""A Chromium that reaches no network: for pictures of a page, and for a page on paper."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

from insights_lib.errors import ReportError
from insights_lib.page.chromium import NO_CHROMIUM, chromium

_PATIENCE = 60_000  # milliseconds for each step on the way to paper
# Of our environment, what a browser needs; the rest may hold secrets, such as the mail login.
_ENVIRONMENT = re.compile(
    r"PATH|HOME|USER|TZ|LANG|LC_\w+|TMPDIR|TEMP|TMP|LD_LIBRARY_PATH|XDG_\w+|FONTCONFIG_\w+"
    r"|PLAYWRIGHT_NODEJS_PATH|SYSTEMROOT|WINDIR|USERPROFILE|LOCALAPPDATA|APPDATA|PROGRAMFILES.*",
    re.IGNORECASE,
)
_FOOTER = (
    '<div style="width: 100%; margin: 0 14mm; font: 8px sans-serif; color: #605e5c; '
    'display: flex; justify-content: space-between; gap: 5mm">{}</div>'
)
_ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update")


class OfflineBrowser:
    """A browser that is started when it is first needed, and again after it has failed."""

    def __init__(self) -> None:
        self.program = chromium()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    @contextmanager
    def opened(self, page_file: Path, patience: float, **context: Any) -> Iterator[Page]:
        """A report that is shown, in a window of its own, light and without motion.

        Args:
            page_file: The page of a report.
            patience: Milliseconds for each step.
            context: How the window is, as Playwright calls it.

        Raises:
            playwright.sync_api.Error: The browser does not start, or fails later.
        """
        # A page's own policy would keep out the styles that we add.
        with self._started().new_context(
            offline=True,
            bypass_csp=True,
            color_scheme="light",
            reduced_motion="reduce",
            **context,
        ) as window:
            page = window.new_page()
            page.set_default_timeout(patience)
            page.goto(page_file.absolute().as_uri())
            page.wait_for_selector(".insights[data-whole]", state="attached")
            yield page

    def end(self) -> None:
        """Let the next report have a new browser, whatever this one is waiting for."""
        if self._browser is not None:
            with suppress(Error):
                self._browser.close()
        self._browser = None

    def close(self) -> None:
        """End the browser, if it was ever started."""
        self.end()
        if self._playwright is not None:
            self._playwright.stop()
        self._playwright = None

    def _started(self) -> Browser:
        if self._playwright is None:
            with _little_environment():
                self._playwright = sync_playwright().start()
        if self._browser is None or not self._browser.is_connected():
            sandbox = ("--no-sandbox",) if os.name == "posix" and os.geteuid() == 0 else ()
            self._browser = self._playwright.chromium.launch(
                executable_path=self.program, args=[*_ARGUMENTS, *sandbox]
            )
        return self._browser


def paper(page_file: Path, file: Path, footer: str) -> None:
    """Write the page of a report as PDF, with a line at the foot of each sheet.

    Args:
        page_file: The page of a report.
        file: Where to.
        footer: HTML of the line, in which classes stand for numbers, as Playwright's `Page.pdf`
            has them; all texts in it are escaped.

    Raises:
        ReportError: There is no Chromium.
        playwright.sync_api.Error: It fails.
    """
    with closing(OfflineBrowser()) as browser:
        if not browser.program:
            raise ReportError(f"{NO_CHROMIUM}; install one and run it again.")
        size = {"width": 1280, "height": 900}
        with browser.opened(page_file, _PATIENCE, viewport=size) as page:
            page.pdf(
                path=file,
                prefer_css_page_size=True,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=_FOOTER.format(footer),
                tagged=True,
                outline=True,
            )


@contextmanager
def _little_environment() -> Iterator[None]:
    """Let a program that is started meanwhile, and those that it starts, have what they need.

    Playwright takes no environment for its Node, which hands its own on to the browser.
    """
    whole = dict(os.environ)
    for name in whole:
        if not _ENVIRONMENT.fullmatch(name):
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(whole)
