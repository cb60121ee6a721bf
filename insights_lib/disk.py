"""Writing to disk: whole or not at all, one process at a time, for owner and group only."""

import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from insights_lib.errors import InsightsError

FILE_MODE, FOLDER_MODE = 0o640, 0o750
_AT_CWD, _NO_REPLACE, _EXCHANGE = -100, 1, 2  # of renameat2(2)


def digest(*parts: object) -> str:
    """A SHA-256 of bytes and of values as text, each with its length: none runs into the next."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        hashed.update(f"{len(data)}:".encode() + data)
    return hashed.hexdigest()


@contextmanager
def locked(file: Path, busy: InsightsError | None = None, seconds: float = 0) -> Iterator[None]:
    """Lock a file, and make it if need be; the system unlocks it even if this process is killed.

    Raises `busy` if another process locks it for so many seconds; without it, waits for ever.
    """
    try:
        held = FileLock(file, mode=FILE_MODE).acquire(timeout=seconds if busy else -1)
    except Timeout as error:
        raise (busy or error) from error
    with held:
        yield


def make_folder(folder: Path) -> None:
    """Make a folder and the missing ones above it; take one of our own from all others."""
    for made in (*reversed(folder.parents), folder):
        try:
            made.mkdir(FOLDER_MODE)
        except OSError:  # not always FileExistsError
            if not made.is_dir():
                raise
            continue
        made.chmod(FOLDER_MODE | made.stat().st_mode & stat.S_ISGID)  # whatever the umask
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o007:
        with suppress(PermissionError):  # it is somebody else's to open or close
            folder.chmod(mode & ~0o007)


def make_file(file: Path) -> None:
    """Make an empty file if it is not there; take one of our own from all but owner and group."""
    file.touch(FILE_MODE)
    with suppress(PermissionError):  # as above
        file.chmod(FILE_MODE)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file so that anybody sees the old content or the new one, even after a power cut."""
    unfinished = file.with_name(f".{file.name}.tmp")
    unfinished.unlink(missing_ok=True)
    make_file(unfinished)
    unfinished.write_bytes(content)
    move_file(unfinished, file)


def write_private(file: Path, content: bytes) -> None:
    """Write a file as a whole, as `write_whole` does, that only its owner can read."""
    unfinished = file.with_name(f".{file.name}.tmp")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    sync(unfinished)
    unfinished.replace(file)
    sync(file.parent)


def move_file(file: Path, target: Path) -> None:
    """Move a file within its file system so that it stays there even if the machine stops."""
    file.chmod(FILE_MODE)
    sync(file)
    file.replace(target)
    sync(target.parent)


def move_to_free_name(file: Path, target: Path) -> None:
    """Move a file within its file system, in one step, to a name that nothing has.

    Raises:
        FileExistsError: Something has that name.
    """
    if not _renameat2(file, target, _NO_REPLACE):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        file.rename(target)


def move_folder(made: Path, folder: Path) -> None:
    """Put a whole folder where an old one is, in one step where the system can do that.

    Raises:
        OSError: It could not be moved; the old one is where it was.
    """
    for file in [*made.rglob("*"), made]:
        file.chmod(FOLDER_MODE if file.is_dir() else FILE_MODE)
        sync(file)
    make_folder(folder.parent)
    old = made
    if not folder.exists():
        made.rename(folder)
    elif not _renameat2(made, folder, _EXCHANGE):  # not every file system can swap
        old = made.with_name(f"{made.name}.old")
        folder.rename(old)
        try:
            made.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    if old.is_symlink():  # what it leads to is not ours
        old.unlink()
    elif old.exists():
        shutil.rmtree(old)
    sync(folder.parent)


def _renameat2(old: Path, new: Path, flag: int) -> bool:
    """Rename as renameat2(2) does; return whether it was: not every system can."""
    if os.name != "posix" or not hasattr(libc := ctypes.CDLL(None), "renameat2"):
        return False
    paths = os.fsencode(old), os.fsencode(new)
    return bool(libc.renameat2(_AT_CWD, paths[0], _AT_CWD, paths[1], flag) == 0)


def sync(file: Path) -> None:
    """Have the system write a file, or the entries of a folder, to the disk."""
    if os.name == "posix" or file.is_file():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
