"""A store at a URL of any file system that fsspec knows, such as `s3://bucket/store`: to be read.

What is read of it is held in memory for as long as it is needed; nothing of it is written here.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import duckdb

from insights_lib.errors import StoreError

_TRUSTED = 60  # seconds for which a catalog that was read is taken for the latest

_catalogs: dict[str, tuple[float, bytes]] = {}  # by URL: when it was read, and what it was


@contextmanager
def catalog(url: str) -> Iterator[sqlite3.Connection]:
    """The catalog at a URL, as it was within the last minute.

    Raises:
        StoreError: It is not there, or cannot be read.
    """
    read_at, content = _catalogs.get(url, (float("-inf"), b""))
    is_new = time.monotonic() - read_at > _TRUSTED
    if is_new:
        read_at = time.monotonic()
        (content,) = _contents([url], "no store is here; copy one to it, the catalog last")
    try:
        with closing(sqlite3.connect(":memory:")) as db:
            db.deserialize(content or b"none")  # SQLite has no room for nothing
            if is_new:
                _refuse_torn(db)
                _catalogs[url] = read_at, content
            yield db
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{url}: is not the whole catalog of a store ({error}); copy it anew while nobody "
            "ingests."
        ) from error


def _refuse_torn(db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    db.execute("SELECT 1 FROM parts").fetchone()


@contextmanager
def fetched(urls: Iterable[str], database: duckdb.DuckDBPyConnection) -> Iterator[dict[str, str]]:
    """Let a database read files at URLs; yields the names under which it finds them.

    Raises:
        StoreError: One of them is not there, or cannot be read.
    """
    urls = sorted(set(urls))
    if not urls:
        yield {}
        return
    # Few need it, and it takes a while; so also below.
    from fsspec.implementations.memory import MemoryFileSystem  # noqa: PLC0415

    contents = _contents(urls, "the catalog names it, so copy it too, and the catalog last")
    memory, folder = MemoryFileSystem(), f"memory://{uuid4()}"
    names = {url: f"{folder}/{i}.parquet" for i, url in enumerate(urls)}
    try:
        for name, content in zip(names.values(), contents, strict=True):
            memory.pipe_file(name, content)
        database.register_filesystem(memory)
        yield names
        database.unregister_filesystem("memory")
    finally:
        memory.rm(folder, recursive=True)


def _contents(urls: list[str], if_missing: str) -> list[bytes]:
    """The bytes of files, in the order of their URLs; fetched side by side where that can be."""
    from fsspec.core import url_to_fs  # noqa: PLC0415

    try:
        systems, paths = zip(*map(url_to_fs, urls), strict=True)
        found = systems[0].cat([*paths], on_error="return")
    except Exception as error:  # each file system has errors of its own
        raise _told(urls[0], error) from error
    for url, path in zip(urls, paths, strict=True):
        if isinstance(found[path], FileNotFoundError):
            raise StoreError(f"{url}: {if_missing}.") from found[path]
        if isinstance(found[path], Exception):
            raise _told(url, found[path]) from found[path]
    return [found[path] for path in paths]


def _told(url: str, error: Exception) -> StoreError:
    return StoreError(f"{url}: cannot be read ({str(error) or type(error).__name__}).")
