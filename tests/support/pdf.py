"""The texts of a PDF that Chromium wrote, page by page."""

import re
import zlib
from pathlib import Path

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)endobj", re.DOTALL)
_PAGE = re.compile(rb"/Type /Page\b(?!s)")
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj|(ET)")
_GLYPHS = re.compile(rb"^<(\w{4})> (?:<(\w{4})> )?<(\w+)>$", re.MULTILINE)


def pages_of(file: Path) -> list[str]:
    """The text of each page, in the order in which it is drawn."""
    objects = {int(n): body for n, body in _OBJECT.findall(file.read_bytes())}

    def stream(number: bytes) -> bytes:
        content = objects[int(number)].split(b"stream\n", 1)[1]
        return zlib.decompressobj().decompress(content)

    def glyphs(font: bytes) -> dict[int, str]:
        """The texts of the glyphs of a font, by their codes."""
        [table] = re.findall(rb"/ToUnicode (\d+) 0 R", objects[int(font)])
        found = {}
        for first, last, text in _GLYPHS.findall(stream(table)):
            start = int(text, 16)
            for code in range(int(first, 16), int(last or first, 16) + 1):
                found[code] = chr(start + code - int(first, 16))
        return found

    def text(page: bytes) -> str:
        fonts = {name: glyphs(n) for name, n in re.findall(rb"/(F\d+) (\d+) 0 R", page)}
        [content] = re.findall(rb"/Contents (\d+) 0 R", page)
        shown, font = [], {}
        for name, codes, end in _SHOWN.findall(stream(content)):
            font = fonts[name] if name else font
            shown += [font.get(int(codes[i : i + 4], 16), "") for i in range(0, len(codes), 4)]
            shown += [" "] * bool(end)
        return " ".join("".join(shown).split())

    return [text(body) for body in objects.values() if _PAGE.search(body)]
