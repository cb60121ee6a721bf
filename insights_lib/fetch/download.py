"""Downloading an export by its link: to a temporary file, which is checked before it counts."""

import logging
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import httpx

from insights_lib.disk import make_file
from insights_lib.errors import ExportError, FetchError
from insights_lib.exports.datasets import MONTH, find, folded
from insights_lib.exports.dates import parse_month
from insights_lib.exports.header import Header, read_header
from insights_lib.exports.packing import LARGEST, Source, sources
from insights_lib.store.sql import sql_path, sql_text

BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_EXPIRED = {401, 403, 404, 410}  # what a storage account says to a link that opens nothing now
_MOST_REDIRECTS = 3


class _HttpsOnly(httpx.BaseTransport):
    """Where a redirect would lead out of TLS: nowhere."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.UnsupportedProtocol("only https", request=request)


def new_client(redirects: bool = False) -> httpx.Client:
    """A client with limits to every wait, whose log tells no address: a link is a secret."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(
        timeout=httpx.Timeout(120, connect=20),
        follow_redirects=redirects,
        max_redirects=_MOST_REDIRECTS,
        mounts={"http://": _HttpsOnly()},
    )


@dataclass(frozen=True)
class Received:
    """An export that came as it was asked for.

    Attributes:
        file: Where it is as yet.
        ending: What its name ends with.
        rows: How many; None if DuckDB cannot tell, which ingest then explains.
        months: The first and the last of them; None without any.
    """

    file: Path
    ending: str
    rows: int | None
    months: tuple[date, date] | None


def download(client: httpx.Client, link: str, file: Path) -> None:
    """Download what a link leads to, without telling it who asks, and check its length.

    Raises:
        FetchError: It did not come as a whole; another link may do. The message does not have it.
    """
    make_file(file)
    headers = {"Accept": "*/*", "Accept-Encoding": "gzip"}
    try:
        with client.stream("GET", link, headers=headers) as response, file.open("wb") as out:
            if response.status_code in _EXPIRED:
                raise FetchError(f"the download link has expired ({response.status_code}).")
            if response.status_code != httpx.codes.OK:
                raise FetchError(f"the download answers {response.status_code}; try again later.")
            size = 0
            for block in response.iter_raw(BLOCK):
                size += len(block)
                if size > LARGEST:
                    raise FetchError(f"the download has more than {LARGEST >> 30} GB.")
                out.write(block)
            expected = response.headers.get("Content-Length", "")
    except httpx.TooManyRedirects as error:
        raise FetchError("the download is sent from one address to the next.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(f"the download was cut ({type(error).__name__}); try again.") from error
    if expected.isdigit() and int(expected) != size:
        raise FetchError(f"the download has {size:,} bytes of {int(expected):,}; try again.")


def received(file: Path, columns: Sequence[str]) -> Received:
    """Check what was downloaded, and count it.

    Args:
        file: What came.
        columns: That were asked for.

    Raises:
        FetchError: It is damaged, a web page, or has not these columns.
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


def _counted(
    source: Source, header: Header, packed: bool
) -> tuple[int | None, tuple[date, date] | None]:
    """How many rows there are, and of which months."""
    position = find(header.names, MONTH)
    value = "''" if position is None else f"c{position}"
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(header.names)))
    compression = "gzip" if packed else "none"
    limits: dict[str, str | bool | int | float | list[str]]
    limits = {"memory_limit": "150MB", "threads": 2, "preserve_insertion_order": "false"}
    with suppress(duckdb.Error), duckdb.connect(config=limits) as db:
        found = db.execute(
            f"""SELECT {value}, count(*) FROM read_csv({sql_path(source.path)},
                delim = {sql_text(header.delimiter)}, compression = '{compression}',
                columns = {{{columns}}}, header = true, skip = {header.line - 1}, quote = '"',
                escape = '"', auto_detect = false, strict_mode = false) GROUP BY 1 LIMIT 10000"""
        ).fetchall()
        months = []
        for text, _ in found:
            with suppress(ValueError):
                months.append(parse_month(text or ""))
        return sum(rows for _, rows in found), (min(months), max(months)) if months else None
    return None, None
