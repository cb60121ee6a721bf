"""What an export comes in: text in UTF-8 or UTF-16, gzip or zip, unpacked within limits.

The start of a file is read before anything is unpacked: it shows most files that are not exports.
"""

import codecs
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from gzip import GzipFile
from io import BufferedReader
from lzma import LZMAError
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from insights_lib.errors import ExportError, NotAnExport

BLOCK = 4 << 20
LARGEST = 64 << 30  # bytes of an export, unpacked
MOST_GROWTH = 200  # how many times larger than its file an unpacked export may be …
ALWAYS_FITS = 16 << 20  # … unless it is smaller than this
MOST_MEMBERS = 1000  # exports in a zip archive
START = 80_000  # bytes that are looked at before all are

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
# What other programs write, by the first bytes, and what to do about it.
_AS_CSV = "in Excel choose Save As and “CSV UTF-8 (Comma delimited)”, or export it again"
_OTHER_KINDS = {
    b"\xd0\xcf\x11\xe0": f"is an old Excel workbook or another Office file; {_AS_CSV}",
    b"PAR1": "is a packed Parquet file; unpack it",
    b"%PDF": "is a PDF file; export it again as CSV or TSV",
}
_WORKBOOK = f"is an Excel workbook or another Office file; {_AS_CSV}"
# What file systems add to an archive, and what is certainly not an export.
_NOT_IN_ARCHIVE = re.compile(r"(.*/)?(__MACOSX/.*|\..*|Thumbs\.db|desktop\.ini)", re.DOTALL)
# What goes wrong in files that are cut or damaged, or where the disk is.
UNREADABLE = (
    *(EOFError, OSError, RuntimeError, UnicodeError),
    *(zlib.error, struct.error, LZMAError, BadZipFile),
)


@dataclass
class _Room:
    """The bytes that may still be unpacked out of a file."""

    left: int


@dataclass(frozen=True)
class Source:
    """An export in its file, or one of those in a zip archive.

    Attributes:
        file: The file as the user named it; in an archive, with the name in there behind it.
        path: The file that is opened.
        member: What of the archive.
    """

    file: Path
    path: Path
    room: _Room = field(repr=False)
    member: ZipInfo | None = None

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The bytes of the export, unpacked: files of three kinds, of which each has `peek`."""
        with ExitStack() as stack:
            stream: Any = stack.enter_context(self.path.open("rb"))
            if self.member:
                archive = stack.enter_context(ZipFile(stream))
                stream = stack.enter_context(archive.open(self.member))
            if stream.peek(2)[:2] == _GZIP:
                stream = stack.enter_context(GzipFile(fileobj=stream))
            yield stream

    def start(self) -> bytes:
        """The first bytes of the export, as UTF-8.

        Raises:
            ExportError: The file is of another kind, or cannot be read.
        """
        with self.readable(), self._opened() as stream:
            start: bytes = stream.read(START)
            if start.startswith(_UTF_16):
                text = codecs.getincrementaldecoder("utf-16")().decode(start)
                start = text.encode("utf-8", "surrogatepass")
        _refuse_other_kinds(self.file, start)
        return start

    def text(self, workdir: Path) -> Path:
        """The export as a file in UTF-8: the file itself, or a copy where it is packed or UTF-16.

        Raises:
            ExportError: It cannot be read, or is too large.
        """
        with self.readable(), self._opened() as stream:
            if stream.peek(2)[:2] in _UTF_16:
                return self._recoded(stream, workdir / "text")
            if isinstance(stream, BufferedReader):  # neither a member nor gzip
                return self.path
            with (workdir / "text").open("wb") as out:
                while block := stream.read(BLOCK):
                    self._spend(len(block))
                    out.write(block)
            return workdir / "text"

    def _recoded(self, stream: Any, text: Path) -> Path:
        decoder = codecs.getincrementaldecoder("utf-16")()
        with text.open("wb") as out:
            while block := stream.read(BLOCK):
                self._spend(len(block))
                out.write(decoder.decode(block).encode())
            out.write(decoder.decode(b"", final=True).encode())
        return text

    def _spend(self, size: int) -> None:
        self.room.left -= size
        if self.room.left < 0:
            raise ExportError(
                f"{self.file}: unpacks to more than {MOST_GROWTH} times its size, or to more than "
                f"{LARGEST >> 30} GB, which no export does. Unpack it and see what it is."
            )

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Tell in a sentence what cannot be read."""
        try:
            yield
        except UNREADABLE as error:
            raise ExportError(
                f"{self.file}: cannot be read ({str(error) or 'it is cut'}); export it again."
            ) from error


def sources(file: Path) -> list[Source]:
    """The exports in a file: itself, or those in a zip archive in the order of their names.

    Raises:
        ExportError: It is not a file, too large, or an archive that cannot be taken.
    """
    whole = Source(file, file, _Room(LARGEST))
    with whole.readable():
        size = file.stat().st_size
        if not file.is_file():  # a pipe would be waited for
            raise ExportError(f"{file}: is not a regular file; save the export as one.")
        with file.open("rb") as stream:
            start = stream.read(4)
            if size > LARGEST:
                raise ExportError(
                    f"{file}: has more than {LARGEST >> 30} GB; export fewer months at a time."
                )
            room = _Room(min(LARGEST, max(ALWAYS_FITS, MOST_GROWTH * size)))
            if start not in _ZIP:
                packed = start[:2] == _GZIP
                return [Source(file, file, room if packed else _Room(LARGEST))]
            with ZipFile(stream) as archive:
                return _members(file, archive.infolist(), room)


def _members(file: Path, listed: list[ZipInfo], room: _Room) -> list[Source]:
    names = {info.filename for info in listed}
    reason = ""
    if "[Content_Types].xml" in names:
        reason = _WORKBOOK
    elif "mimetype" in names or any(name.startswith("Index/") for name in names):
        reason = "is a spreadsheet; save it as CSV in UTF-8"
    exports = [i for i in listed if not i.is_dir() and not _NOT_IN_ARCHIVE.fullmatch(i.filename)]
    if any(info.flag_bits & 1 for info in exports):
        reason = "is encrypted; unpack it"
    elif len(exports) > MOST_MEMBERS or sum(info.file_size for info in exports) > room.left:
        reason = f"holds more than {MOST_MEMBERS} files, or more than {MOST_GROWTH} times its size"
    elif not exports:
        reason = "is a zip archive without any file; export it again"
    if reason:
        raise ExportError(f"{file}: {reason}.")
    exports.sort(key=lambda info: info.filename)
    return [Source(file / _readable(info.filename), file, room, info) for info in exports]


def _readable(name: str) -> str:
    return "".join(c if c.isprintable() else "_" for c in name)


def _refuse_other_kinds(file: Path, start: bytes) -> None:
    """Refuse, with the likely reason, what is not a text table at all."""
    reason = next((why for bytes_, why in _OTHER_KINDS.items() if start.startswith(bytes_)), "")
    if not start.strip():
        reason = "is empty; an export has at least a line of column names"
    elif start.startswith(_ZIP):
        reason = "is a zip archive within another, or within gzip; unpack it"
    elif not reason and b"\0" in start[:400]:
        reason = "holds NUL bytes: it is UTF-16 without a byte order mark, or not a text"
    elif start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<":
        reason = "is a web page, perhaps of a sign-in, not an export; export it again"
    elif b"\r" in start and b"\n" not in start:
        reason = "ends its lines with CR alone; LF or CR LF is needed"
    if reason:
        raise NotAnExport(f"{file}: {reason}.")
