"""A workbook that XlsxWriter wrote, as Excel would read it."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

NAMES = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


class Sheet:
    """A sheet of a workbook, as Excel would read it."""

    def __init__(self, file: Path, number: int = 1) -> None:
        with zipfile.ZipFile(file) as book:
            self.xml = ET.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
            shared = ET.fromstring(book.read("xl/sharedStrings.xml"))
            self.styles = ET.fromstring(book.read("xl/styles.xml"))
            workbook = ET.fromstring(book.read("xl/workbook.xml"))
        self.names = [s.get("name") for s in workbook.findall(".//m:sheet", NAMES)]
        texts = ["".join(t.text or "" for t in si.iter(f"{{{NAMES['m']}}}t")) for si in shared]
        formats = {
            f.get("numFmtId"): f.get("formatCode")
            for f in self.styles.iter(f"{{{NAMES['m']}}}numFmt")
        }
        styles = [xf.get("numFmtId") for xf in self.styles.findall(".//m:cellXfs/m:xf", NAMES)]
        self.cells: dict[str, object] = {}
        self.formats: dict[str, str | None] = {}
        for cell in self.xml.iter(f"{{{NAMES['m']}}}c"):
            assert cell.find("m:f", NAMES) is None
            place, value = str(cell.get("r")), cell.findtext("m:v", namespaces=NAMES)
            text = cell.get("t") == "s"
            self.cells[place] = texts[int(str(value))] if text else float(str(value))
            number = styles[int(cell.get("s", 0))]
            self.formats[place] = formats.get(number, number)
