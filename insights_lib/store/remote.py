"""A store at a URL of any file system that fsspec knows, such as `s3://bucket/store`: to be read.

What is read of it is held in memory for as long as it is needed; nothing of it is written here.
"""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import duckdb

from insights_lib.errors import StoreError
from insights_lib.store.parts import Part, counts_by_month

_SILENCE = 30  # seconds for which a server may say nothing
_TRUSTED = 60  # seconds for which a catalog that was read is taken for the latest

# By URL: when it was read, and what it was, or why it could not be read.
_catalogs: dict[str, tuple[float, bytes | StoreError]] = {}


@contextmanager
def catalog(url: str) -> Iterator[sqlite3.Connection]:
    """The catalog at a URL, as it was within the last minute.

    Raises:
        StoreError: It is not there, or cannot be read.
    """
    if time.monotonic() - _catalogs.get(url, (float("-inf"), b""))[0] > _TRUSTED:
        _catalogs[url] = time.monotonic(), _whole_catalog(url)
    content = _catalogs[url][1]
    if isinstance(content, StoreError):
        raise content
    with closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(content)
        yield db


def read_again() -> None:
    """Read every catalog again, however short a while ago it was read."""
    _catalogs.clear()


def _whole_catalog(url: str) -> bytes | StoreError:
    """A catalog in which nothing contradicts anything else, or why there is none."""
    try:
        (content,) = _contents([url], "no store is here; copy one to it, the catalog last")
        with closing(sqlite3.connect(":memory:")) as db:
            db.deserialize(content or b"none")  # SQLite has no room for nothing
            # Of two catalogs that are mixed, only the indexes may tell.
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            db.execute("SELECT 1 FROM parts").fetchone()
    except StoreError as error:
        return error
    except sqlite3.DatabaseError as error:
        return StoreError(
            f"{url}: is not the whole catalog of a store ({error}); copy it again while nobody "
            "ingests."
        )
    return content


@contextmanager
def at_hand(
    parts: Sequence[Part], database: duckdb.DuckDBPyConnection
) -> Iterator[tuple[Part, ...]]:
    """Let a database read parts, also those at URLs.

    Yields:
        The parts in their order, with the files under the names by which the database finds them.

    Raises:
        StoreError: A file at a URL is not there, cannot be read, or is not the one that the
            catalog speaks of.
    """
    urls = sorted({part.file for part in parts if isinstance(part.file, str)})
    if not urls:
        yield tuple(parts)
        return
    # Few need it, and its import takes a while; so also below.
    from fsspec.implementations.memory import MemoryFileSystem  # noqa: PLC0415

    contents = _contents(urls, "the catalog names it, so copy it too, and the catalog last")
    memory, folder = MemoryFileSystem(), f"memory://{uuid4()}"
    names = {url: f"{folder}/{i}.parquet" for i, url in enumerate(urls)}
    try:
        for name, content in zip(names.values(), contents, strict=True):
            memory.pipe_file(name, content)
        database.register_filesystem(memory)
        for url, name in names.items():
            _refuse_other(url, name, [part for part in parts if part.file == url], database)
        yield tuple(part._replace(file=names.get(str(part.file), part.file)) for part in parts)
        database.unregister_filesystem("memory")
    finally:
        memory.rm(folder, recursive=True)


def _refuse_other(
    url: str, name: str, parts: list[Part], database: duckdb.DuckDBPyConnection
) -> None:
    """Make sure that a file at a URL holds the rows that the catalog says.

    Raises:
        StoreError: It does not.
    """
    try:
        counts = counts_by_month(database, name, parts[0].dataset)
    except duckdb.Error as error:
        raise StoreError(f"{url}: is not a part of a store; copy it again.") from error
    found = {month: (rows, rows_hash) for month, rows, _, rows_hash in counts}
    if any(found.get(part.month) != (part.rows, part.hash) for part in parts):
        raise StoreError(
            f"{url}: holds other rows than the catalog says; copy the store there again, its parts "
            "first and the catalog last. If that does not help, ingest it again by this version "
            "of the program."
        )


def _contents(urls: list[str], if_missing: str) -> list[bytes]:
    """The bytes of files, in the order of their URLs; fetched side by side where that can be."""
    from fsspec.core import url_to_fs  # noqa: PLC0415

    try:
        found_at = [url_to_fs(url, **_options(url)) for url in urls]
        paths = [path for _, path in found_at]
        found = found_at[0][0].cat(paths, on_error="return")
    except Exception as error:  # each file system has errors of its own
        raise _told(urls[0], error) from error
    for url, path in zip(urls, paths, strict=True):
        if isinstance(found[path], FileNotFoundError):
            raise StoreError(f"{url}: {if_missing}.") from found[path]
        if isinstance(found[path], Exception):
            raise _told(url, found[path]) from found[path]
    return [found[path] for path in paths]


def _options(url: str) -> dict[str, Any]:
    """What a file system is told: how long to wait, where nobody else sets a sensible limit."""
    if not url.startswith("http"):
        return {}
    from aiohttp import ClientTimeout  # noqa: PLC0415 - as above

    timeout = ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
    return {"client_kwargs": {"timeout": timeout}}


def _told(url: str, error: Exception) -> StoreError:
    reason = f"no answer within {_SILENCE} seconds"
    if not isinstance(error, TimeoutError):
        # What follows a question mark may be a signature that lets everybody in.
        reason = re.sub(r"\?[^\s'\")]+", "?…", " ".join(str(error).split()))
    return StoreError(
        f"{url}: cannot be read ({reason or type(error).__name__}); see that it can be, and try "
        "again."
    )
