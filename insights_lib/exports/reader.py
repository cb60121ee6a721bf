"""Reading export files: what a file is, and whether every line of it can be trusted.

`read_export` looks at each byte once, in blocks, and refuses a file that a reader could
misunderstand. What it lets through can be parsed in parallel without guessing, since the lines
and the fields have been counted here, independently of the parser.
"""

import codecs
import csv
import gzip
import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO, TextIO

from insights_lib.errors import ExportError
from insights_lib.exports.datasets import (
    MARKS,
    Dataset,
    absent_dimensions,
    folded,
    missing_columns,
    near_misses,
    recognise,
)
from insights_lib.exports.integrity import LineCounter

BLOCK = 4 << 20
LONGEST_LINE = 1 << 20

_MONTH_FORMS = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})(?:-(?P<d>\d{2})(?:[T ](?P<time>.+))?)?", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})?", re.ASCII),
    re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})(?: (?P<time>.+))?", re.ASCII),
)
_TIME = re.compile(
    r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AP]M)?(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)
DAY_FORMS = "2026-03-14, 20260314 or 3/14/2026 (month first)"
MONTH_FORMS = "2025-06-01, 2025-06, 20250601, 202506 or 6/1/2025 (month first)"


@dataclass(frozen=True)
class Export:
    """An export file that passed every check.

    Attributes:
        file: The file as the user named it.
        text: The same as plain UTF-8: the file itself, or a copy if it was packed or UTF-16.
        dataset: Which dataset it is.
        header: The column names as they stand in the file, trimmed.
        delimiter: A tab or a comma.
        quoted: Whether fields stand in quotes (never in a TSV).
        multiline: Whether some quoted field holds a line end.
        rows: How many rows follow the header.
        notes: What the user should know although nothing is wrong.
    """

    file: Path
    text: Path
    dataset: Dataset
    header: list[str]
    delimiter: str
    quoted: bool
    multiline: bool
    rows: int
    notes: tuple[str, ...]

    def lines_of(self, rows: list[int]) -> list[int]:
        """The lines of the file on which the rows of these numbers (from 0) begin."""
        if not self.multiline:
            return [row + 2 for row in rows]
        wanted = {row + 1 for row in rows}
        with self.text.open(newline="", encoding="utf-8-sig") as lines:
            numbered = enumerate(_rows(lines, self.delimiter))
            found = {n - 1: line for n, (line, _) in numbered if n in wanted}
        return [found[row] for row in rows]

    def misshapen(self) -> ExportError:
        """The error that names the first line whose number of fields is not the header's."""
        return _misshapen(self.file, self.text, self.delimiter, len(self.header))


def parse_month(text: str) -> date:
    """The first day of the month that `text` names.

    Raises:
        ValueError: The text has none of the forms of `MONTH_FORMS`, or is no calendar date.
    """
    for form in _MONTH_FORMS:
        found = form.fullmatch(text)
        if found:
            parts = found.groupdict()
            if parts.get("time") and not _TIME.fullmatch(parts["time"]):
                break
            day = date(int(parts["y"]), int(parts["m"]), int(parts["d"] or 1))
            return day.replace(day=1)
    raise ValueError(f"{text!r} is no month")


def parse_day(text: str) -> date:
    """The day that `text` names, in one of the forms of months with its own day.

    Raises:
        ValueError: It has none of these forms, or is not a day of the calendar.
    """
    for form in _MONTH_FORMS:
        found = form.fullmatch(text)
        if found and found["d"]:
            parts = found.groupdict()
            if parts.get("time") and not _TIME.fullmatch(parts["time"]):
                break
            return date(int(parts["y"]), int(parts["m"]), int(parts["d"]))
    raise ValueError(f"{text!r} is not a day")


def read_export(file: Path, workdir: Path) -> Export:
    """Check a file from its first byte to its last.

    Args:
        file: A TSV or CSV export, UTF-8 (or UTF-16 with a byte order mark), possibly gzip.
        workdir: A folder for a plain copy of a packed file.

    Raises:
        ExportError: The file is no export or is damaged; the sentence tells line and reason.
    """
    try:
        return _check(file, _plain(file, workdir))
    except (EOFError, OSError, zlib.error, UnicodeError, csv.Error) as error:
        raise ExportError(f"{file}: cannot be read ({error}); export it again.") from error


def _plain(file: Path, workdir: Path) -> Path:
    """The file as text, copied to the workdir where it is gzip or declared as UTF-16."""
    start = _start(file)
    if start.startswith(b"\x1f\x8b"):
        unpacked = workdir / "unpacked"
        with gzip.open(file) as packed, unpacked.open("wb") as out:
            shutil.copyfileobj(packed, out, BLOCK)
        file, start = unpacked, _start(unpacked)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        recoded = workdir / "recoded"
        with (
            file.open(encoding="utf-16", newline="") as source,
            recoded.open("w", encoding="utf-8", newline="") as out,
        ):
            shutil.copyfileobj(source, out, BLOCK)
        file = recoded
    return file


def _start(file: Path) -> bytes:
    with file.open("rb") as raw:
        return raw.read(4)


def _check(file: Path, text: Path) -> Export:
    with text.open("rb") as source:
        head = source.readline(LONGEST_LINE)
        _refuse_what_is_no_table(file, head + source.read(1000))
        line = head.decode("utf-8-sig", errors="replace").rstrip("\r\n")
        delimiter = "\t" if "\t" in line else ","
        header = [name.strip() for name in _fields(line, delimiter)]
        dataset = _dataset(file, header)
        count = LineCounter(file, delimiter.encode())
        source.seek(0)
        for block in _blocks(file, source):
            count.add(block)
    if not count.fits(len(header)):
        raise _misshapen(file, text, delimiter, len(header))
    notes = absent_dimensions(dataset, header)
    if not count.ended:
        notes.append("the last line has no line end; was the file cut?")
    return Export(
        file=file,
        text=text,
        dataset=dataset,
        header=header,
        delimiter=delimiter,
        quoted=count.quoted,
        multiline=count.records != count.lines + (not count.ended),
        rows=count.records - 1,
        notes=tuple(notes),
    )


def _refuse_what_is_no_table(file: Path, start: bytes) -> None:
    """Refuse, with the likely reason, what is no text table at all."""
    reason = None
    if not start.strip():
        reason = "is empty; an export has at least a line of column names"
    elif start.startswith(b"PK\x03\x04"):
        reason = "is a zip archive or a workbook, not a TSV or CSV file; unpack it"
    elif b"\0" in start[:400]:
        reason = "holds NUL bytes: it is UTF-16 without a byte order mark, or no text"
    elif start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<":
        reason = "is a web page, perhaps of a sign-in, not an export"
    elif b"\r" in start and b"\n" not in start:
        reason = "ends its lines with CR alone; LF or CR LF is needed"
    if reason:
        raise ExportError(f"{file}: {reason}. Export it again from Partner Center.")


def _dataset(file: Path, header: list[str]) -> Dataset:
    dataset = recognise(header)
    if dataset is None:
        known = "; ".join(f"{name}: {marks}" for name, marks in MARKS.items())
        near = ", ".join(f"{c!r} is near {known}" for c, known in near_misses(header))
        raise ExportError(
            f"{file}, line 1: the columns ({', '.join(header)[:300]}) are of no known dataset"
            f"{'; ' + near if near else ''}. What tells a dataset: {known}."
        )
    lacking = missing_columns(dataset, header)
    if lacking:
        raise ExportError(
            f"{file}, line 1: {dataset.name} lacks the column {', and '.join(lacking)}. "
            "Export it again with that column."
        )
    names = [folded(name) for name in header]
    twice = sorted({h for h, n in zip(header, names, strict=True) if names.count(n) > 1})
    if twice:
        raise ExportError(f"{file}, line 1: the column {' and '.join(twice)} stands twice.")
    return dataset


def _fields(line: str, delimiter: str) -> list[str]:
    return line.split("\t") if delimiter == "\t" else next(csv.reader([line]), [])


def _blocks(file: Path, source: BinaryIO) -> Iterator[bytes]:
    """The file in blocks that end with a line end, so that no character is cut in two."""
    lines = 0
    while block := source.read(BLOCK):
        block += source.readline(LONGEST_LINE)
        start = 0
        while len(block) - start > LONGEST_LINE:
            end = block.rfind(b"\n", start, start + LONGEST_LINE)
            if end < 0:
                line = lines + block.count(b"\n", 0, start) + 1
                raise ExportError(f"{file}, line {line}: is longer than 1 MiB; is it an export?")
            start = end + 1
        lines += block.count(b"\n")
        yield block


def _misshapen(file: Path, text: Path, delimiter: str, fields: int) -> ExportError:
    """The error that names the first line whose number of fields is not the header's."""
    line, what = 1, "a line is too long, or has another number of fields than the header"
    with text.open(newline="", encoding="utf-8-sig") as lines:
        rows = _rows(lines, delimiter)
        try:
            line, row = next((n, row) for n, row in rows if len(row) != fields)
            what = f"has {len(row)} fields, the header has {fields}" if any(row) else "is blank"
            if any(row) and len(row) < fields and next(rows, None) is None:
                what += "; the file seems to be cut short there"
        except StopIteration:
            pass
        except csv.Error as error:
            line, what = error.args[1], "a quote is not closed, or not doubled, as RFC 4180 asks"
    return ExportError(f"{file}, line {line}: {what}. Export it again.")


def _rows(lines: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line it begins on."""
    if delimiter == "\t":
        for number, line in enumerate(lines, 1):
            yield number, line.rstrip("\r\n").split("\t")
    else:
        csv.field_size_limit(sys.maxsize)
        reader, line_number = csv.reader(lines, strict=True), 1
        try:
            for row in reader:
                yield line_number, row
                line_number = reader.line_num + 1
        except csv.Error as error:
            raise csv.Error(str(error), line_number) from error
