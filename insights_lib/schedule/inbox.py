"""New exports: taken once nobody writes to them any more, and moved to where they belong."""

import errno
import gzip
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb

from insights_lib.disk import make_file, make_folder, move_to_free_name, sync
from insights_lib.errors import ExportError, NotAnExport
from insights_lib.exports.header import LONGEST
from insights_lib.exports.reader import check
from insights_lib.store.ingest import Look, ingest_file, look_at

STABLE_SECONDS = 5.0
MOST_LOOKS = 60  # at files that do not come to rest
_UNFINISHED = (".tmp", ".part", ".crdownload")
_LONGEST_NAME = 255  # bytes, on nearly every file system
# Not the file's fault: the next time may do better.
_TROUBLE = (OSError, sqlite3.Error, duckdb.OperationalError)


@dataclass(frozen=True)
class Folders:
    """Where new exports come in, what they are taken into, and where they lie afterwards."""

    incoming: Path
    store: Path
    exports: Path = Path("data/exports")
    refused: Path = Path("data/refused")


@dataclass(frozen=True)
class Arrival:
    """Where a new export is now, why it was not taken, and whether it looks like an export."""

    file: Path
    refusal: str = ""
    is_export: bool = True


def take_incoming(folders: Folders, sleep: Callable[[float], None] = time.sleep) -> list[Arrival]:
    """Ingest new exports, oldest first, and move them to the exports, or to the refused ones.

    This waits some minutes for a file that is still being written. If that does not end, or there
    is no room to take a file, it stays for the next time, and counts as refused. Hidden and
    unfinished files, folders and links are not taken.

    Raises:
        ExportError: There is no such folder.
        OSError: A file could not be moved; it is taken again the next time.
    """
    before = after = _looks(folders.incoming)
    stable: dict[Path, Look] = {}
    for _ in range(MOST_LOOKS):
        if not after:
            return []
        sleep(STABLE_SECONDS)
        before, after = after, _looks(folders.incoming)
        stable = {file: look for file, look in after.items() if before.get(file) == look}
        if len(stable) == len(after):
            break
    # The oldest first: where two exports speak of a month, the later one wins.
    oldest_first = sorted(stable, key=lambda file: (stable[file][2], file))
    arrivals = [_take(file, stable[file], folders) for file in oldest_first]
    for file in sorted(after.keys() - stable.keys()):
        growing = f"{file}: is still being written; it is taken when that has ended."
        arrivals.append(Arrival(file, growing, _may_be_export(file)))
    return arrivals


def _may_be_export(file: Path) -> bool:
    """Whether a file is an export, or may become one: by its first line, if that is whole."""
    try:
        with file.open("rb") as source:
            if b"\n" in source.read(LONGEST):
                check(file)
    except NotAnExport:
        return False
    except (ExportError, OSError):
        pass  # it can be read when it is whole
    return True


def _looks(incoming: Path) -> dict[Path, Look]:
    try:
        files = [f for f in incoming.iterdir() if f.is_file() and not f.is_symlink()]
        finished = [f for f in files if f.name[0] != "." and f.suffix.lower() not in _UNFINISHED]
        return {file: look_at(file) for file in finished}
    except FileNotFoundError as error:
        if incoming.is_dir():  # a file was taken away under our eyes
            return {}
        raise ExportError(
            f"{incoming}: no such folder; make it and put new exports there."
        ) from error


def _take(file: Path, look: Look, folders: Folders) -> Arrival:
    """Ingest and move one file, if nobody has changed it meanwhile."""
    refusal, is_export = "", True
    try:
        if not file.name.isprintable():
            is_export = _may_be_export(file)
            raise ExportError(f"{str(file)!r}: its name is not readable text; rename the file.")
        ingest_file(file, folders.store)
    except ExportError as error:
        refusal = str(error)
        is_export = is_export and not isinstance(error, NotAnExport)
        cause = error.__cause__
        if isinstance(cause, _TROUBLE) and not isinstance(cause, gzip.BadGzipFile):
            return Arrival(file, refusal)
    if not file.exists() or look_at(file) != look:
        changed = f"{file}: was changed while it was taken; it is looked at again."
        return Arrival(file, changed, is_export)
    if not refusal:
        return Arrival(_move(file, folders.exports))
    moved = _move(file, folders.refused)
    reason = folders.refused / ".reason"
    make_file(reason)
    reason.write_text(f"{refusal}\n", encoding="utf-8", errors="backslashreplace")
    _rename(reason, folders.refused, moved.name, ".reason.txt")
    return Arrival(moved, refusal, is_export)


def _move(file: Path, folder: Path) -> Path:
    """Move a file so that it is there as a whole even if the machine stops, under a free name."""
    make_folder(folder)
    name = Path("".join(c if c.isprintable() else "_" for c in file.name))
    sync(file)
    try:
        target = _rename(file, folder, name.stem, name.suffix)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copied = folder / ".moving"
        shutil.copy2(file, copied)
        sync(copied)
        target = _rename(copied, folder, name.stem, name.suffix)
        file.unlink()
    sync(folder)
    return target


def _rename(file: Path, folder: Path, stem: str, ending: str) -> Path:
    """Rename a file to a free name in a folder, with a number where the name is taken."""
    for number in count(1):
        rest = ending if number == 1 else f"-{number}{ending}"
        room = _LONGEST_NAME - len(os.fsencode(rest))
        target = folder / (os.fsencode(stem)[:room].decode(errors="ignore") + rest)
        with suppress(FileExistsError):
            move_to_free_name(file, target)
            return target
    raise AssertionError
