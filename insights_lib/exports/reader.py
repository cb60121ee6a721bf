"""Reading export files: what a file is, and whether every line of it can be trusted.

`check` reads the start of a file, and refuses most files that are not exports. What `open_export`
returns can be `checked`: each byte is read once, in blocks, and a file that could be misunderstood
is refused. Lines and fields are counted there, not by the parser, which may run meanwhile.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from os import SEEK_END, truncate
from pathlib import Path
from shutil import copyfile
from typing import BinaryIO, ClassVar, TextIO

from insights_lib.errors import ExportError
from insights_lib.exports.datasets import notes_on_absence
from insights_lib.exports.header import Header, read_header
from insights_lib.exports.integrity import LONGEST_RECORD, LineCounter, count_byte
from insights_lib.exports.packing import Source, sources
from insights_lib.exports.parquet import ParquetExport, ParquetSource, is_parquet

BLOCK = 1 << 18  # bytes; for much larger ones the system has to find new memory each time


@dataclass(frozen=True)
class TextExport:
    """An export as a text that passed every check.

    Attributes:
        file: The file as the user named it.
        text: The same as plain UTF-8, without what follows the last row.
        header: Its columns, and which dataset it is.
        multiline: Whether some quoted field holds a line end.
        rows: How many rows follow the header.
        blank_lines: Which lines hold nothing but delimiters, all of them at the end.
        notes: What the user should know although nothing is wrong.
        unit: What its rows are counted in, in messages.
    """

    file: Path
    text: Path
    header: Header
    multiline: bool
    rows: int
    blank_lines: Sequence[int]
    notes: tuple[str, ...]
    unit: ClassVar[str] = "line"

    def lines_of(self, rows: list[int]) -> list[int]:
        """The lines of the file on which the rows of these numbers (from 0) begin."""
        first = self.header.line + 1
        if not self.multiline:
            return [row + first for row in rows]
        wanted = {row + first for row in rows}
        with self.text.open(newline="", encoding="utf-8-sig") as lines:
            numbered = enumerate(_rows(lines, self.header.delimiter), 1)
            found = {n - first: line for n, (line, _) in numbered if n in wanted}
        return [found[row] for row in rows]

    def misshapen(self) -> ExportError:
        """The error that names the first line whose number of fields is not the header's."""
        fields, first = len(self.header.names), self.header.line
        line, what = first, "a line is too long, or has another number of fields than the header"
        with self.text.open(newline="", encoding="utf-8-sig") as lines:
            rows = islice(_rows(lines, self.header.delimiter), first - 1, None)
            try:
                line, row = next((n, row) for n, row in rows if len(row) != fields)
                what = f"has {len(row)} fields, the header has {fields}" if any(row) else "is blank"
                if any(row) and len(row) < fields and next(rows, None) is None:
                    what += "; the file seems to be cut short there"
            except StopIteration:
                pass
            except csv.Error as error:
                line, what = error.args[1], "a quote is not closed, or not doubled as RFC 4180 asks"
        return ExportError(f"{self.file}, line {line}: {what}. Export it again.")


Export = TextExport | ParquetExport


@dataclass(frozen=True)
class OpenedText:
    """An export as a text that nobody has looked through yet.

    Attributes:
        source: Where it is.
        text: The same as plain UTF-8, without what follows the last row.
        header: Its columns, and which dataset it is.
        blank: How many lines without any value followed the last row.
    """

    source: Source
    text: Path
    header: Header
    blank: int

    def checked(self) -> TextExport:
        """Read it from its first byte to its last.

        Raises:
            ExportError: It is damaged, or could be misunderstood; the sentence tells the line.
        """
        file, before = self.source.file, self.header.line - 1
        count = LineCounter(file, self.header.delimiter.encode(), before)
        with self.source.readable(), self.text.open("rb") as text:
            for _ in range(before):
                text.readline()
            for block in _blocks(file, text, before):
                count.add(block)
        return self._counted(count)

    def _counted(self, count: LineCounter) -> TextExport:
        first, last = self.header.line, count.lines
        export = TextExport(
            file=self.source.file,
            text=self.text,
            header=self.header,
            multiline=count.records != last - first + 1 + (not count.ended),
            rows=count.records - 1,
            blank_lines=range(last + 1, last + 1 + self.blank),
            notes=tuple(notes_on_absence(self.header.dataset, self.header.names)),
        )
        if not count.fits(len(self.header.names)):
            raise export.misshapen()
        if not count.ended:
            note = "the last line has no line end; was the file cut?"
            return replace(export, notes=(*export.notes, note))
        return export


OpenedExport = OpenedText | ParquetExport


def check(file: Path) -> Sequence[Source | ParquetSource]:
    """Look at the start of a file, which tells at once whether it can be an export.

    Returns:
        The exports in it: one, or those in a zip archive.

    Raises:
        ExportError: It is not an export; the sentence tells line and reason.
    """
    if is_parquet(file):
        whole = ParquetSource(file)
        whole.read()
        return [whole]
    found = sources(file)
    for source in found:
        read_header(source.file, source.start())
    return found


def open_export(source: Source | ParquetSource, workdir: Path) -> OpenedExport:
    """An export as what can be read and checked, at the same time.

    Args:
        source: Where it is.
        workdir: An empty folder for a plain copy of it.

    Raises:
        ExportError: It is not an export, or cannot be read.
    """
    if isinstance(source, ParquetSource):
        return source.read()
    header = read_header(source.file, source.start())
    text = source.text(workdir)
    with source.readable():
        end, blank = _end_of_rows(text, header.delimiter)
        if blank:
            if text == source.path:
                text = Path(copyfile(text, workdir / "text"))
            truncate(text, end)
    return OpenedText(source, text, header, blank)


def _end_of_rows(text: Path, delimiter: str) -> tuple[int, int]:
    """Where the last line ends that holds more than delimiters, and how many lines follow it."""
    with text.open("rb") as source:
        end = size = source.seek(0, SEEK_END)
        content = b""
        while end and not content:
            start = max(0, end - BLOCK)
            source.seek(start)
            content = source.read(end - start).rstrip(f"{delimiter} \t\r\n".encode())
            end = start + len(content)
        source.seek(end)
        end += len(source.readline(LONGEST_RECORD))
        blank = sum(block.count(b"\n") for block in iter(lambda: source.read(BLOCK), b""))
        source.seek(size - 1)
        return end, blank + (end < size and source.read(1) != b"\n")


def _blocks(file: Path, source: BinaryIO, lines: int) -> Iterator[bytes]:
    """The file in blocks that end with a line end, so that no character is cut in two.

    Args:
        file: The file as the user named it.
        source: The file behind some lines.
        lines: How many these are.
    """
    while block := source.read(BLOCK):
        block += source.readline(LONGEST_RECORD)
        start = 0
        while len(block) - start > LONGEST_RECORD:
            end = block.rfind(b"\n", start, start + LONGEST_RECORD)
            if end < 0:
                line = lines + block.count(b"\n", 0, start) + 1
                raise ExportError(f"{file}, line {line}: is longer than 1 MiB; is it an export?")
            start = end + 1
        lines += count_byte(block, b"\n")
        yield block


def _rows(lines: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line it begins on."""
    if delimiter == "\t":
        for number, line in enumerate(lines, 1):
            yield number, line.rstrip("\r\n").split("\t")
    else:
        csv.field_size_limit(sys.maxsize)
        reader, line_number = csv.reader(lines, delimiter=delimiter, strict=True), 1
        try:
            for row in reader:
                yield line_number, row
                line_number = reader.line_num + 1
        except csv.Error as error:
            raise csv.Error(str(error), line_number) from error
