"""Workbooks as Excel would read them, whether XlsxWriter or the page wrote them."""

import io
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

NAMES = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
SHARED = "xl/sharedStrings.xml"
HEAD = 4  # the row of the header of a sheet


def _text(element: ET.Element) -> str:
    return "".join(t.text or "" for t in element.iter(f"{{{NAMES['m']}}}t"))


class Sheet:
    """A sheet of a workbook, given as a file or its content."""

    def __init__(self, file: Path | bytes, number: int = 1) -> None:
        with zipfile.ZipFile(io.BytesIO(file) if isinstance(file, bytes) else file) as book:
            assert book.testzip() is None
            self.xml = ET.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
            shared = ET.fromstring(book.read(SHARED)) if SHARED in book.namelist() else ()
            self.styles = ET.fromstring(book.read("xl/styles.xml"))
            workbook = ET.fromstring(book.read("xl/workbook.xml"))
        self.names = [str(s.get("name")) for s in workbook.findall(".//m:sheet", NAMES)]
        texts = [_text(si) for si in shared]
        formats = {
            f.get("numFmtId"): f.get("formatCode")
            for f in self.styles.iter(f"{{{NAMES['m']}}}numFmt")
        }
        styles = [xf.get("numFmtId") for xf in self.styles.findall(".//m:cellXfs/m:xf", NAMES)]
        self.cells: dict[str, str | float] = {}
        self.formats: dict[str, str | None] = {}
        for cell in self.xml.iter(f"{{{NAMES['m']}}}c"):
            assert cell.find("m:f", NAMES) is None
            place, value = str(cell.get("r")), cell.findtext("m:v", namespaces=NAMES)
            if cell.get("t") == "inlineStr":
                self.cells[place] = _text(cell)
            else:
                text = cell.get("t") == "s"
                # XlsxWriter writes sixteen digits, the page as many as there are.
                self.cells[place] = (
                    texts[int(str(value))] if text else float(f"{float(value or 0):.13g}")
                )
            number = styles[int(cell.get("s", 0))]
            self.formats[place] = formats.get(number, number)

    @property
    def rows(self) -> list[list[str | float | None]]:
        """The rows from the header on; None is an empty cell."""
        places = [re.fullmatch(r"([A-Z]+)(\d+)", place) for place in self.cells]
        found = [(match[1], int(match[2])) for match in places if match]
        columns = [letters for letters, row in found if row == HEAD]
        last = max(row for _, row in found)
        return [
            [self.cells.get(f"{column}{row}") for column in columns]
            for row in range(HEAD, last + 1)
        ]


def sheets_of(file: Path | bytes) -> dict[str, list[list[str | float | None]]]:
    """The rows of every sheet of a workbook, by its name."""
    names = Sheet(file).names
    return {name: Sheet(file, number).rows for number, name in enumerate(names, 1)}
