"""The page's files, made ready to stand in one HTML document that loads nothing."""

import base64
import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from insights_lib.presentation import colors
from insights_lib.presentation.offline import plotly_source

PAGE_FILES = Path(__file__).parent / "files"
# Run before anything is shown: whether this browser can unpack the rows.
GATE = 'if ("DecompressionStream" in window) document.documentElement.className = "live";'
PALETTES = {"light": colors.LIGHT, "dark": colors.DARK}

# What plotly.js would share with the whole document, and what each has for itself instead.
_SHARED = {
    "window.PlotlyGeoAssets": "PlotlyGeoAssets",
    '"js-plotly-tester"': "testerId",
    "window.Plotly = ": "module.Plotly = ",
    **{
        f"window.{name}": f"module.{name}"
        for name in ("PolyBool", "sprintf", "vsprintf", "__TYPEDARRAY_POOL")
    },
}


def text_of(name: str) -> str:
    """A file of the page."""
    return (PAGE_FILES / name).read_text(encoding="utf-8")


@cache
def template(name: str) -> Any:
    """A template of the page's files, which escapes what it is given."""
    environment = Environment(
        loader=FileSystemLoader(PAGE_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


@cache
def plotly(kinds: frozenset[str]) -> str:
    """A plotly.js that can draw these kinds of traces: the small one wherever it can.

    Returns:
        A script that leaves no trace in the document. It gives its own element a function `plotly`
        that makes a plotly of one's own, of the shapes of countries and an id for the element by
        which it measures texts.
    """
    source = plotly_source(kinds)
    for shared, own in _SHARED.items():
        source = source.replace(shared, own)
    # In parentheses, because browsers then compile all of it at once.
    return (
        "document.currentScript.plotly = ((PlotlyGeoAssets, testerId) => {\n"
        f"const module = {{ exports: {{}} }};\n{source}\nreturn module.exports;\n}});\n"
    )


def packed(text: str, level: int = 6) -> str:
    """A text as base64 of gzip, which can stand anywhere in HTML. Equal texts pack the same."""
    return base64.b64encode(gzip.compress(text.encode(), level, mtime=0)).decode()


def unpacked(text: str) -> str:
    """The text that was packed; see `packed`."""
    return gzip.decompress(base64.b64decode(text)).decode()


@cache
def packed_once(text: str) -> str:
    """Pack as small as it gets what is the same in every page; see `packed`."""
    return packed(text, level=9)


def content_security_policy(scripts: list[str], *, worker: bool = False) -> str:
    """What the page may do: run these very scripts, and nothing that could reach the network.

    Args:
        scripts: The scripts.
        worker: Whether the page makes a worker of one of them.
    """
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; base-uri 'none'; form-action 'none'{'; worker-src blob:' * worker}"
    )


def markup(text: str) -> Markup:
    """A script or style sheet of this project or of plotly, as it stands in the page."""
    if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
        raise ValueError("a file of the page holds what would end its element")
    return Markup(text)  # noqa: S704 - what could end the element has just been ruled out
