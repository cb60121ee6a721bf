"""New exports: taken once nobody writes to them any more, and moved to where they belong."""

import errno
import gzip
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb

from insights_lib.disk import FILE_MODE, make_folder, sync
from insights_lib.errors import ExportError
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
    """What became of a new export.

    Attributes:
        file: Where it lies now.
        refusal: Why it was not taken, in a sentence; empty if it was.
    """

    file: Path
    refusal: str = ""


def take_incoming(folders: Folders, sleep: Callable[[float], None] = time.sleep) -> list[Arrival]:
    """Ingest new exports, oldest first, and move them to the exports, or to the refused ones.

    A file that is still being written is waited for some minutes, and else stays for the next
    time, as does one that could not be taken for want of room; both are told as refused. Hidden
    and unfinished files, folders and links are not taken.

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
    arrivals = [_take(file, stable[file], folders) for file in sorted(stable, key=_age(stable))]
    growing = [
        Arrival(file, f"{file}: is still being written; it is taken when that has ended.")
        for file in sorted(after.keys() - stable.keys())
    ]
    return arrivals + growing


def _age(looks: dict[Path, Look]) -> Callable[[Path], tuple[int, Path]]:
    """Sorts the oldest first: where two exports speak of a month, the later one wins."""
    return lambda file: (looks[file][2], file)


def _looks(incoming: Path) -> dict[Path, Look]:
    try:
        with os.scandir(incoming) as entries:
            files = [e for e in entries if e.is_file(follow_symlinks=False) and _finished(e.name)]
        return {Path(entry): look_at(Path(entry)) for entry in files}
    except FileNotFoundError as error:
        if incoming.is_dir():  # a file was taken away under our eyes
            return {}
        raise ExportError(
            f"{incoming}: no such folder; make it and put new exports there."
        ) from error


def _finished(name: str) -> bool:
    return not name.startswith(".") and not name.lower().endswith(_UNFINISHED)


def _take(file: Path, look: Look, folders: Folders) -> Arrival:
    """Ingest and move one file, if nobody has changed it meanwhile."""
    refusal = ""
    try:
        if not file.name.isprintable():
            raise ExportError(f"{str(file)!r}: its name is not readable text; rename the file.")
        ingest_file(file, folders.store)
    except ExportError as error:
        refusal = str(error)
        cause = error.__cause__
        if isinstance(cause, _TROUBLE) and not isinstance(cause, gzip.BadGzipFile):
            return Arrival(file, refusal)
    if not file.exists() or look_at(file) != look:
        return Arrival(file, f"{file}: was changed while it was taken; it is looked at again.")
    if not refusal:
        return Arrival(_move(file, folders.exports))
    moved = _move(file, folders.refused)
    reason = _reserve(folders.refused, moved.name, ".reason.txt")
    reason.write_text(f"{refusal}\n", encoding="utf-8", errors="backslashreplace")
    return Arrival(moved, refusal)


def _move(file: Path, folder: Path) -> Path:
    """Move a file so that it is there as a whole even if the machine stops, under a free name."""
    make_folder(folder)
    name = Path("".join(c if c.isprintable() else "_" for c in file.name))
    target = _reserve(folder, name.stem, name.suffix)
    try:
        sync(file)
        _rename(file, target)
    except OSError:
        target.unlink()
        raise
    sync(folder)
    return target


def _rename(file: Path, target: Path) -> None:
    try:
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        unfinished = target.with_name(".moving")
        shutil.copy2(file, unfinished)
        sync(unfinished)
        unfinished.replace(target)
        file.unlink()


def _reserve(folder: Path, stem: str, ending: str) -> Path:
    """Make an empty file of that name, with a number where the name is taken already."""
    for number in count(1):
        rest = ending if number == 1 else f"-{number}{ending}"
        room = _LONGEST_NAME - len(os.fsencode(rest))
        target = folder / (os.fsencode(stem)[:room].decode(errors="ignore") + rest)
        try:
            target.touch(FILE_MODE, exist_ok=False)
        except FileExistsError:
            continue
        return target
    raise AssertionError
