"""The charts of a report as pictures, for programs that run no JavaScript.

They are taken of the report's own page, by one Chromium for many reports, which can reach no
network: the page needs none.
"""

import hashlib
import logging
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from playwright.sync_api import Error

from insights_lib.disk import FILE_MODE, make_folder
from insights_lib.outputs import Outputs
from insights_lib.page.browser import OfflineBrowser
from insights_lib.page.chromium import NO_CHROMIUM

WIDTH = 600  # pixels of a message; pictures have twice as many, for screens that are so fine
_HEIGHT = 900
_PATIENCE = 30_000  # milliseconds
_KEPT = 8  # reports whose pictures are at hand for the next message
# Of a card, what a picture needs: neither what a reader would click nor what the message says.
_STYLE = """
.sentence, .period, .actions, .tab-place, .hint, .choice, .modebar { display: none !important }
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
        self.browser = OfflineBrowser()
        self._drawn = lru_cache(_KEPT)(lambda _, file, names: self._draw(file, names))

    def of(self, page_file: Path, names: Iterable[str]) -> Mapping[str, Picture]:
        """Pictures of the charts that show something; none if there is no browser, or if it fails.

        They are drawn once for a page, however many messages bring it. The log tells of a missing
        browser once, and of one that fails for each report. The names are those of tables, and of
        the cards that show their charts.
        """
        if self.browser.program is None:
            _log.warning("%s, so messages have tables for charts", NO_CHROMIUM)
            self.browser.program = ""  # logged once
        if not self.browser.program:
            return {}
        content = hashlib.sha256(page_file.read_bytes()).digest()
        return self._drawn(content, page_file, tuple(names))

    def _draw(self, page_file: Path, names: tuple[str, ...]) -> dict[str, Picture]:
        try:
            return {picture.name: picture for picture in self._taken(page_file, names)}
        except (Error, OSError) as error:
            reason = str(error).splitlines()[0]
            _log.warning("%s: no pictures, so its message has tables (%s)", page_file, reason)
            self.browser.end()
            return {}

    def close(self) -> None:
        """End the browser, if it was ever started."""
        self.browser.close()

    def _taken(self, page_file: Path, names: Iterable[str]) -> Iterator[Picture]:
        size = {"width": WIDTH, "height": _HEIGHT}
        with self.browser.opened(
            page_file, _PATIENCE, viewport=size, device_scale_factor=2
        ) as page:
            page.add_style_tag(content=_STYLE)
            for name in names:
                card = page.locator(f'[data-card="{name}"]')
                panel = card.locator(".panel")
                if not panel.locator(".plot").count():
                    continue  # there is nothing to show, which takes no picture
                sentence = " ".join(card.locator(".sentence").all_text_contents())
                png = panel.screenshot(animations="disabled")
                width, height = struct.unpack(">II", png[16:24])
                yield Picture(name, sentence.strip(), png, width // 2, height // 2)
