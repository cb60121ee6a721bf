"""Other engines than Chromium, driven by the same few calls: Firefox, and WebKit as GTK has it.

Playwright drives neither of them as Debian has them. Both take the commands of W3C WebDriver:
WebKit's driver over HTTP, and Firefox itself over a socket, in what it calls Marionette.
"""

import json
import os
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, BinaryIO, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.support.processes import completed, free_port, has_text, listens, running, wait_for

_SECONDS = 60  # for each step
_SHOWN = "document.querySelector('.insights[data-whole]')?.dataset.whole"
_NOT_WHOLE = (".part", ".wkdownload")  # files that a browser is still writing
_SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
# A proxy where nobody answers, so that nothing reaches the network.
_NOBODY = "http://127.0.0.1:9"
_OFFLINE = {"http_proxy": _NOBODY, "https_proxy": _NOBODY, "no_proxy": "127.0.0.1"}
_FIREFOX = {  # of a new profile
    "browser.download.folderList": 2,  # the folder that is named
    "marionette.port": 0,  # a free one
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}
_PATHS = {
    "Navigate": ("POST", "url"),
    "ExecuteScript": ("POST", "execute/sync"),
    "PerformActions": ("POST", "actions"),
    "SetWindowRect": ("POST", "window/rect"),
    "TakeScreenshot": ("GET", "screenshot"),
}
_PYTHON_OF_SYSTEM = "/usr/bin/python3"  # which has GTK's libraries
_PRINTER = Path(__file__).with_name("webkit_printer.py")


class Say(Protocol):
    """Sends a command of WebDriver with its parameters, and returns the answer."""

    def __call__(self, command: str, /, **parameters: Any) -> Any: ...


class Tab:
    """The one window of a browser; `downloads` is the folder that it saves into."""

    def __init__(self, say: Say, downloads: Path) -> None:
        self.say = say
        self.downloads = downloads

    def open(self, address: str, width: int = 1280) -> None:
        """Open a report, and wait until all of it is shown."""
        self.say("SetWindowRect", width=width, height=900)
        self.say("Navigate", url=address)
        self.until(f"return {_SHOWN} === location.hash.slice(1)")

    def choose(self, fragment: str) -> None:
        """Have the open report show what the fragment of an address asks for."""
        self.run("location.hash = arguments[0]", fragment)
        self.until(f"return {_SHOWN} === location.hash.slice(1)")

    def run(self, script: str, *values: Any) -> Any:
        """What a script returns, in which the values are its arguments."""
        return self.say("ExecuteScript", script=script, args=list(values))

    def until(self, script: str, *values: Any) -> None:
        """Wait until a script returns something true."""
        wait_for(lambda: self.run(script, *values) or time.sleep(0.05), seconds=_SECONDS)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, which is scrolled there."""
        self._move(self._middle(selector), [])

    def drag(self, start: tuple[float, float], *stops: tuple[float, float]) -> None:
        """Press at a point of the window, move through others, and let go."""
        self._move(start, list(stops))

    def screenshot(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        file.write_bytes(b64decode(self.say("TakeScreenshot", full=False)))

    def paper(self, file: Path, width: int = 1280) -> None:
        """Print what is open as a PDF of A4 sheets."""
        self.say("SetWindowRect", width=width, height=900)
        page = {"width": 21.0, "height": 29.7}
        file.write_bytes(b64decode(self.say("Print", page=page, background=True)))

    def saved(self, count: int) -> dict[str, bytes]:
        """The files that were downloaded since the last call, once there are so many."""

        def done() -> bool:
            there = list(self.downloads.iterdir())
            return len(there) >= count and all(
                file.suffix not in _NOT_WHOLE and file.stat().st_size for file in there
            )

        wait_for(lambda: done() or time.sleep(0.05), seconds=_SECONDS)
        found = {file.name: file.read_bytes() for file in self.downloads.iterdir()}
        for name in found:
            (self.downloads / name).unlink()
        return found

    def _middle(self, selector: str) -> tuple[float, float]:
        script = (
            "const found = document.querySelector(arguments[0]);"
            "found.scrollIntoView({ block: 'center', behavior: 'instant' });"
            "const { x, y, width, height } = found.getBoundingClientRect();"
            "return [x + width / 2, y + height / 2];"
        )
        x, y = self.run(script, selector)
        return x, y

    def _move(self, start: tuple[float, float], stops: list[tuple[float, float]]) -> None:
        def at(point: tuple[float, float]) -> dict[str, Any]:
            x, y = map(round, point)
            return {"type": "pointerMove", "duration": 20, "x": x, "y": y, "origin": "viewport"}

        down, up = ({"type": name, "button": 0} for name in ("pointerDown", "pointerUp"))
        steps = [at(start), down, *map(at, stops), up]
        mouse = {"pointerType": "mouse"}
        pointer = {"type": "pointer", "id": "mouse", "parameters": mouse, "actions": steps}
        self.say("PerformActions", actions=[pointer])


class WebKitTab(Tab):
    """As WebDriver cannot print there, another program does it."""

    def __init__(self, say: Say, downloads: Path, environment: dict[str, str]) -> None:
        super().__init__(say, downloads)
        self.environment = environment

    def paper(self, file: Path, width: int = 1280) -> None:
        address = self.run("return location.href")
        command = [_PYTHON_OF_SYSTEM, _PRINTER, address, file, str(width)]
        completed(command, seconds=_SECONDS, env=self.environment)


@contextmanager
def firefox(folder: Path) -> Iterator[Tab]:
    """A Firefox that uses an empty folder, and reaches no network."""
    profile, downloads = _folders(folder, "profile", "downloads")
    settings = {**_FIREFOX, "browser.download.dir": str(downloads)}
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in settings.items()]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    program = next(filter(None, map(which, ("firefox-esr", "firefox"))))
    # What changes settings of a browser that runs is a script in its own pages, for which it asks.
    options = ("--headless", "--marionette", "--remote-allow-system-access", "--no-remote")
    with running([program, *options, "--profile", profile], **_SILENT) as browser:
        port = profile / "MarionetteActivePort"
        wait_for(lambda: has_text(port) or time.sleep(0.05), browser, _SECONDS)
        with (
            socket.create_connection(("127.0.0.1", int(port.read_text())), _SECONDS) as wire,
            wire.makefile("rb") as answers,
        ):
            say = _marionette(wire, answers)
            say("NewSession", capabilities={})
            yield Tab(say, downloads)


def _marionette(wire: socket.socket, answers: BinaryIO) -> Say:
    """How Firefox is spoken to: JSON after its length, with a number that the answer repeats."""

    def answer() -> Any:
        length = b""
        while (byte := answers.read(1)) != b":":
            length += byte
        return json.loads(answers.read(int(length)))

    answer()  # who it is

    def say(command: str, /, **parameters: Any) -> Any:
        name = command if ":" in command else f"WebDriver:{command}"
        message = json.dumps([0, 1, name, parameters]).encode()
        wire.sendall(b"%d:%b" % (len(message), message))
        _, _, error, value = answer()
        assert error is None, error
        return value["value"] if set(value) == {"value"} else value

    return say


@contextmanager
def webkit(folder: Path) -> Iterator[WebKitTab]:
    """GTK's small WebKit browser, which uses an empty folder, on a display that nobody sees."""
    home, downloads = _folders(folder, "home", "downloads")
    (home / "user-dirs.dirs").write_text(f'XDG_DOWNLOAD_DIR="{downloads}"\n', encoding="utf-8")
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), **_OFFLINE}
    [program] = Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser")
    with (
        _display() as environment["DISPLAY"],
        running(["WebKitWebDriver", f"--port={(port := free_port())}"], env=environment, **_SILENT),
    ):
        options = {"binary": str(program), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        start = f"http://127.0.0.1:{port}/session"
        wait_for(lambda: listens(port) or time.sleep(0.05), seconds=_SECONDS)
        session = _sent("POST", start, {"capabilities": wanted})["sessionId"]
        yield WebKitTab(_over_http(f"{start}/{session}"), downloads, environment)


def _over_http(session: str) -> Say:
    def say(command: str, /, **parameters: Any) -> Any:
        method, path = _PATHS[command]
        return _sent(method, f"{session}/{path}", parameters if method == "POST" else None)

    return say


def _sent(method: str, url: str, content: Any) -> Any:
    data = None if content is None else json.dumps(content).encode()
    try:
        with urlopen(Request(url, data, method=method), timeout=_SECONDS) as answer:  # noqa: S310 - our own
            return json.load(answer)["value"]
    except HTTPError as error:
        raise AssertionError(error.read().decode()) from error


@contextmanager
def _display() -> Iterator[str]:
    """The name of a display of its own."""
    reading, writing = os.pipe()
    size = ("-screen", "0", "2000x1400x24")
    command = ["Xvfb", "-displayfd", str(writing), *size, "-nolisten", "tcp"]
    with running(command, pass_fds=[writing], **_SILENT), os.fdopen(reading) as number:
        os.close(writing)
        yield f":{number.readline().strip()}"


def _folders(folder: Path, *names: str) -> list[Path]:
    made = [folder / name for name in names]
    for each in made:
        each.mkdir(parents=True)
    return made
