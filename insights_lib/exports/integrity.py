"""Counting the lines and fields of a text table without building any field.

The counts are independent of the parser that reads the file later. If they agree with the header,
and the parser finds no line with too few fields, every line has as many fields as the header.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from insights_lib.errors import ExportError


@dataclass
class LineCounter:
    """Lines, records and fields, counted block by block without building any field.

    A quote splits a text into what is outside and what is inside quotes, in turn; a delimiter
    or a line end counts outside only. Lines and records differ where a field holds a line end.
    """

    file: Path
    delimiter: bytes
    lines: int = 0
    records: int = 0
    delimiters: int = 0
    crlf: int = 0
    quoted: bool = False
    inside: bool = False
    ended: bool = True

    def add(self, block: bytes) -> None:
        """Count the next block, which ends with a line end unless it is the last."""
        self._refuse_bad_bytes(block)
        self.ended = block.endswith(b"\n")
        block = block if self.lines else block.removeprefix(codecs.BOM_UTF8)
        inside = self.inside
        outside = block
        if self.delimiter == b"," and (self.inside or b'"' in block):
            outside = self._outside_quotes(block)
        crlf = outside.count(b"\r\n")
        if outside.count(b"\r") != crlf:
            line = self._line(block[: _lone_cr(block, inside, self.delimiter)])
            raise ExportError(
                f"{self.file}, line {line}: a CR stands without LF. "
                "Lines end with LF or CR LF; export it again."
            )
        self.crlf += crlf
        self.lines += block.count(b"\n")
        self.records += outside.count(b"\n") + (not self.ended)
        self.delimiters += outside.count(self.delimiter)

    def fits(self, fields: int) -> bool:
        """Whether the counts allow every record to have that many fields."""
        lf_alone = self.records - (not self.ended) - self.crlf
        if self.crlf and lf_alone:
            raise ExportError(
                f"{self.file}: {self.crlf} lines end with CR LF and {lf_alone} with LF. "
                "All must end alike; export it again."
            )
        return not self.inside and self.delimiters == self.records * (fields - 1)

    def _refuse_bad_bytes(self, block: bytes) -> None:
        position, what = block.find(b"\0"), "holds a NUL byte; the file is damaged"
        if position < 0 and not block.isascii():
            try:
                block.decode("utf-8")
            except UnicodeDecodeError as error:
                position, what = error.start, "is not UTF-8 (but Latin-1, perhaps)"
        if position >= 0:
            line = self._line(block[:position])
            raise ExportError(f"{self.file}, line {line}: {what}. Export it again as UTF-8.")

    def _line(self, before: bytes) -> int:
        return self.lines + before.count(b"\n") + 1

    def _outside_quotes(self, block: bytes) -> bytes:
        self.quoted = True
        pieces = block.split(b'"')
        first = 1 if self.inside else 0
        for i in range(first, len(pieces), 2):
            piece = pieces[i]
            opens = i + 1 < len(pieces) and not piece.endswith((b",", b"\n"))
            closes = i > 0 and not piece.startswith((b",", b"\r\n", b"\n"))
            # An empty piece within a field is a doubled quote, which stands for one quote.
            if piece and (opens or closes):
                line = self._line(b'"'.join(pieces[: i + opens]))
                raise ExportError(
                    f"{self.file}, line {line}: a quote stands inside a field that is not "
                    "quoted as a whole. In CSV such a field is put in quotes and its quotes "
                    "are doubled (RFC 4180)."
                )
        self.inside = (len(pieces) - first) % 2 == 0
        return b"".join(pieces[first::2])


def _lone_cr(block: bytes, inside: bool, delimiter: bytes) -> int:
    """The position of the first CR outside quotes that no LF follows."""
    position = 0
    for piece in block.split(b'"') if delimiter == b"," else [block]:
        found = None if inside else re.search(rb"\r(?!\n)", piece)
        if found:
            return position + found.start()
        position += len(piece) + 1
        inside = not inside
    return position
