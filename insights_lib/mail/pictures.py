"""The charts of a report as pictures, for programs that run no JavaScript.

They are taken of the report's own page, by one Chromium for many reports, which can reach no
network: the page needs none.
"""

import hashlib
import logging
import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from shutil import which

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from insights_lib.disk import FILE_MODE, make_folder
from insights_lib.outputs import Outputs

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH = 600  # pixels of a message; pictures have twice as many, for screens that are so fine
_HEIGHT = 900
_PATIENCE = 30_000  # milliseconds
_KEPT = 8  # reports whose pictures are at hand for the next message
# Of our environment, what a browser needs; the rest may hold secrets, such as the mail login.
_ENVIRONMENT = re.compile(
    r"PATH|HOME|USER|TZ|LANG|LC_\w+|TMPDIR|TEMP|TMP|LD_LIBRARY_PATH|XDG_\w+|FONTCONFIG_\w+"
    r"|PLAYWRIGHT_NODEJS_PATH|SYSTEMROOT|WINDIR|USERPROFILE|LOCALAPPDATA|APPDATA|PROGRAMFILES.*",
    re.IGNORECASE,
)
_ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update")
# Of a card, what a picture needs: neither what a reader would click nor what the message says.
_STYLE = """
.sentence, .period, .actions, .tab-place, .modebar { display: none !important }
.plots { outline: none !important }
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A chart as PNG, the sentence that tells what it shows, and its size on the message."""

    name: str
    sentence: str
    png: bytes
    width: int
    height: int


@contextmanager
def pictures(outputs: Outputs) -> Iterator["Pictures"]:
    """What takes pictures for the mails of a folder of reports; its log tells when it cannot."""
    make_folder(outputs.folder)
    handler = logging.FileHandler(outputs.mail_log, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    _log.addHandler(handler)
    taken = Pictures()
    try:
        yield taken
    finally:
        taken.close()
        _log.removeHandler(handler)
        handler.close()
        if outputs.mail_log.exists():
            outputs.mail_log.chmod(FILE_MODE)


class Pictures:
    """Takes pictures with a browser, which is started when it is first needed."""

    def __init__(self) -> None:
        self._program = next(filter(None, map(which, CHROMIUM)), None)
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._drawn = lru_cache(_KEPT)(lambda _, file, names: self._draw(file, names))

    def of(self, page_file: Path, names: Iterable[str]) -> Mapping[str, Picture]:
        """Pictures of charts of a report, by name; none if there is no browser, or if it fails.

        They are drawn once for a page, however many messages bring it. The log tells of a missing
        browser once, and of one that fails for each report. The names are those of tables, and of
        the cards that show their charts.
        """
        if self._program is None:
            known = ", ".join(CHROMIUM)
            _log.warning(
                "no Chromium is on the PATH (%s), so messages have tables for charts", known
            )
            self._program = ""  # logged once
        if not self._program:
            return {}
        content = hashlib.sha256(page_file.read_bytes()).digest()
        return self._drawn(content, page_file, tuple(names))

    def _draw(self, page_file: Path, names: tuple[str, ...]) -> dict[str, Picture]:
        try:
            return {picture.name: picture for picture in self._taken(page_file, names)}
        except (Error, OSError) as error:
            reason = str(error).splitlines()[0]
            _log.warning("%s: no pictures, so its message has tables (%s)", page_file, reason)
            self._close_browser()
            return {}

    def close(self) -> None:
        """End the browser, if it was ever started."""
        self._close_browser()
        if self._playwright is not None:
            self._playwright.stop()

    def _taken(self, page_file: Path, names: Iterable[str]) -> Iterator[Picture]:
        # A page's own policy would keep out the style that hides its controls.
        with self._started().new_context(
            offline=True,
            bypass_csp=True,
            color_scheme="light",
            reduced_motion="reduce",
            viewport={"width": WIDTH, "height": _HEIGHT},
            device_scale_factor=2,
        ) as context:
            page = context.new_page()
            page.set_default_timeout(_PATIENCE)
            page.goto(page_file.absolute().as_uri())
            page.wait_for_selector(".insights[data-ready]", state="attached")
            page.add_style_tag(content=_STYLE)
            for name in names:
                card = page.locator(f'[data-card="{name}"]')
                panel = card.locator(".panel")
                if not panel.count():
                    continue
                sentence = " ".join(card.locator(".sentence").all_text_contents())
                png = panel.screenshot(animations="disabled")
                width, height = struct.unpack(">II", png[16:24])
                yield Picture(name, sentence.strip(), png, width // 2, height // 2)

    def _close_browser(self) -> None:
        """Let the next report have a new browser, whatever this one is waiting for."""
        if self._browser is not None:
            with suppress(Error):
                self._browser.close()
        self._browser = None

    def _started(self) -> Browser:
        if self._playwright is None:
            with _little_environment():
                self._playwright = sync_playwright().start()
        if self._browser is None or not self._browser.is_connected():
            sandbox = ("--no-sandbox",) if os.name == "posix" and os.geteuid() == 0 else ()
            self._browser = self._playwright.chromium.launch(
                executable_path=self._program, args=[*_ARGUMENTS, *sandbox]
            )
        return self._browser


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
