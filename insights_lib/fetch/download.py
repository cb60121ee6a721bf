"""Downloading an export by its link: to a temporary file, which is checked before it counts."""

import logging
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from ssl import SSLError
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import duckdb
import httpx

from insights_lib.disk import make_file
from insights_lib.errors import ExportError, FetchError
from insights_lib.exports.datasets import MONTH, find, folded
from insights_lib.exports.dates import parse_month
from insights_lib.exports.header import Header, read_header
from insights_lib.exports.packing import LARGEST, Source, sources
from insights_lib.fetch.time_limit import ends_by, new_tls_context
from insights_lib.store.sql import sql_path, sql_text
from insights_lib.timing import Clock

BLOCK = 1 << 20
_BUFFER = 8 << 20  # bytes that DuckDB reads at a time; by itself it takes 32 MB
_GZIP = b"\x1f\x8b"
_EXPIRED = {401, 403, 404, 410}  # what a storage account says to a link that opens nothing now
_REDIRECTS = {301, 302, 303, 307, 308}
_PATIENCE = 120  # seconds without a byte
_PATIENCE_WITH_BLOCK = timedelta(minutes=3)  # before the first, and for each


class _HttpsOnly(HTTPRedirectHandler):
    """Follows redirects within TLS only."""

    max_redirections = 3

    def redirect_request(self, *asked: Any, **named: Any) -> Request | None:
        """The request to where a redirect leads, which comes last.

        Raises:
            FetchError: It leads out of TLS.
        """
        _refuse_without_tls(asked[-1])
        asked[1].close()  # what is said with a redirect has no limit
        return super().redirect_request(*asked, **named)


def _refuse_without_tls(link: str) -> None:
    if not link.startswith("https://"):
        raise FetchError("the download link leads to an address without TLS.")


def new_client() -> httpx.Client:
    """A client for the API with limits to every wait, whose log tells no address."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    timeout = httpx.Timeout(_PATIENCE, connect=20)
    return httpx.Client(timeout=timeout, verify=new_tls_context())


@dataclass(frozen=True)
class Received:
    """An export that came as it was asked for.

    Attributes:
        file: Where it is as yet.
        ending: What its name ends with.
        rows: How many.
        months: The first and the last of them; None without any.
    """

    file: Path
    ending: str
    rows: int
    months: tuple[date, date] | None


def download(link: str, file: Path, clock: Clock) -> None:
    """Download what a link leads to, without telling it who asks, and check that all came.

    This reads with the standard library: for large files, httpx takes twice the processor time.

    Raises:
        FetchError: It did not come as a whole; another link may do. The message does not have it.
    """
    make_file(file)
    _refuse_without_tls(link)
    opener = build_opener(HTTPSHandler(context=new_tls_context()), _HttpsOnly())
    request = Request(link, headers={"Accept-Encoding": "gzip"})  # noqa: S310 - was checked above
    try:
        with ends_by(clock, clock.end_of(_PATIENCE_WITH_BLOCK)):
            response = opener.open(request, timeout=_PATIENCE)
        with response, file.open("wb") as out:
            _refuse_part(response)
            size = _copied(response, out, clock)
    except HTTPError as error:
        error.close()
        if error.code in _EXPIRED:
            raise FetchError(f"the download link has expired ({error.code}).") from None
        if error.code in _REDIRECTS:
            raise FetchError("the download is sent from one address to the next.") from None
        raise FetchError(f"the download answers {error.code}; try again later.") from None
    except TimeoutError:
        raise FetchError("the download came to a stop, or is too slow; try again.") from None
    except (URLError, HTTPException, ConnectionError, SSLError, ValueError) as error:
        # Without its cause: that has the link.
        raise FetchError(f"the download was cut ({type(error).__name__}); try again.") from None
    expected = response.headers.get("Content-Length", "")
    if expected.isdecimal() and int(expected) != size:
        raise FetchError(f"the download has {size:,} bytes of {int(expected):,}; try again.")
    if not expected.isdecimal() and not response.chunked and not _is_packed(file):
        raise FetchError("the download does not say where it ends, so it may be cut; try again.")


def _refuse_part(response: HTTPResponse) -> None:
    if response.status != httpx.codes.OK:
        raise FetchError(
            f"the download answers {response.status}, which is not the whole export; try again."
        )


def _copied(response: HTTPResponse, out: BinaryIO, clock: Clock) -> int:
    """Copy a body to a file, each block of it in time; return its length."""
    block, size = memoryview(bytearray(BLOCK)), 0
    while True:
        with ends_by(clock, clock.end_of(_PATIENCE_WITH_BLOCK)):
            count = response.readinto(block)
        if not count:
            return size
        size += count
        if size > LARGEST:
            raise FetchError(f"the download has more than {LARGEST >> 30} GB.")
        out.write(block[:count])


def received(file: Path, columns: Sequence[str]) -> Received:
    """Check what was downloaded, and count it.

    Args:
        file: What came.
        columns: That were asked for.

    Raises:
        FetchError: It is damaged, cut, a web page, or has not these columns.
    """
    try:
        [source] = sources(file)  # of a zip archive with several, none was asked for
        header = read_header(source.file, source.start())
    except (ExportError, ValueError) as error:
        what = str(error).replace(f"{file}", "the file") if isinstance(error, ExportError) else ""
        raise FetchError(f"what came is not the export: {what or 'it is an archive.'}") from error
    came, asked = ({folded(name) for name in names} for names in (header.names, columns))
    if came != asked:
        wrong = ", ".join(sorted(came ^ asked)[:5])
        raise FetchError(f"what came has other columns than were asked for: {wrong}.")
    packed = _is_packed(file)
    rows, months = _counted(source, header, packed)
    return Received(file, ".csv.gz" if packed else ".csv", rows, months)


def _is_packed(file: Path) -> bool:
    """Whether a file is gzip.

    Raises:
        FetchError: It is, but cut or damaged.
    """
    with file.open("rb") as stream:
        if stream.read(2) != _GZIP:
            return False
        stream.seek(0)
        unpacking, left = zlib.decompressobj(wbits=31), LARGEST
        try:
            while block := stream.read(BLOCK):
                while block and left > 0:
                    left -= len(unpacking.decompress(block, BLOCK))
                    block = unpacking.unconsumed_tail
                    if unpacking.eof and unpacking.unused_data:  # gzip can have several parts
                        block, unpacking = unpacking.unused_data, zlib.decompressobj(wbits=31)
        except zlib.error as error:
            raise FetchError("what came is damaged gzip; try again.") from error
        if not unpacking.eof or left <= 0:
            raise FetchError("what came is gzip that is cut, or unpacks to too much; try again.")
    return True


def _counted(source: Source, header: Header, packed: bool) -> tuple[int, tuple[date, date] | None]:
    """How many rows there are, and of which months.

    Raises:
        FetchError: It does not consist of rows to its end.
    """
    position = find(header.names, MONTH)
    value = "''" if position is None else f"c{position}"
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(header.names)))
    compression = "gzip" if packed else "none"
    limits: dict[str, str | bool | int | float | list[str]]
    limits = {"memory_limit": "150MB", "threads": 2, "preserve_insertion_order": "false"}
    with duckdb.connect(config=limits) as db:
        try:
            found = db.execute(
                f"""SELECT {value}, count(*) FROM read_csv({sql_path(source.path)},
                    delim = {sql_text(header.delimiter)}, compression = '{compression}',
                    columns = {{{columns}}}, header = true, skip = {header.line - 1}, quote = '"',
                    escape = '"', auto_detect = false, strict_mode = false,
                    buffer_size = {_BUFFER}) GROUP BY 1 LIMIT 10000"""
            ).fetchall()
        except duckdb.Error as error:
            raise FetchError(
                "the rows of what came cannot be counted, perhaps as it was cut; fetch again."
            ) from error
    months = months_among(text for text, _ in found)
    return sum(rows for _, rows in found), (months[0], months[-1]) if months else None


def months_among(texts: Iterable[str | None]) -> list[date]:
    """The months that some texts name, in their order; what names none is for ingest to refuse."""
    months = []
    for text in texts:
        with suppress(ValueError):
            months.append(parse_month(text or ""))
    return sorted(months)
