"""All partners at a glance: rows in, `index.html` out; and what such a page holds."""

import json
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from insights_lib.page import assets
from insights_lib.presentation.language import Language

_CONTENT = re.compile(r'id="content">([^<]*)<')


def index_page(rows: Sequence[dict[str, Any]], locale: str, written: str) -> str:
    """The index as one HTML document that asks the network for nothing.

    Args:
        rows: What it tells of each report; see `run.index.IndexRow`.
        locale: The language of its texts.
        written: When it was known, in ISO 8601.
    """
    language = Language(locale)
    content = {
        "locale": locale,
        "written": written,
        "texts": language.texts,
        "palettes": assets.PALETTES,
        "rows": rows,
    }
    script = assets.text_of("index.min.js")
    page: str = assets.template("index.html.j2").render(
        rows=rows,
        language=language,
        policy=assets.content_security_policy([assets.GATE, script]),
        gate=assets.markup(assets.GATE),
        script=assets.markup(script),
        style=assets.markup(assets.text_of("index.min.css")),
        palettes=assets.PALETTES,
        content=assets.packed(json.dumps(content, separators=(",", ":"))),
        version=version("partner-insights"),
    )
    return page


def content_of(file: Path) -> dict[str, Any]:
    """What an index was made of; see `index_page`."""
    found = _CONTENT.search(file.read_text(encoding="utf-8"))
    content: dict[str, Any] = json.loads(assets.unpacked(found[1])) if found else {}
    return content
