"""The folder of the reports: one run at a time, and each report there as a whole or not at all."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout

from insights_lib.errors import BusyError
from insights_lib.parameters.spec import ReportSpec

FILE_MODE, FOLDER_MODE = 0o640, 0o750  # reports are for their owner and group
_WORK = ".run-"  # what folders begin with in which reports are made
_AT_CWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def claimed(outputs: Path, wait: bool = False) -> Iterator[Path]:
    """Have the folder of the reports for oneself, and a folder in it to make reports in.

    Args:
        outputs: The folder of the reports.
        wait: Whether to wait until nobody else has it.

    Raises:
        BusyError: Another run has it.
    """
    make_folder(outputs)
    lock = FileLock(outputs / ".lock")
    try:
        lock.acquire(blocking=wait)
    except Timeout as error:
        raise BusyError(
            f"{outputs}: another run is writing reports here; wait for it to end, then try again."
        ) from error
    with lock:
        for left in outputs.glob(f"{_WORK}*"):  # by a run that was killed
            shutil.rmtree(left)
        work = Path(mkdtemp(dir=outputs, prefix=_WORK))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def folder_of(outputs: Path, spec: ReportSpec, months: object) -> Path:
    """Where a report belongs: `<partner>/<months>`, a variant of it below `variants/`."""
    variant = ("variants", spec.variant) if spec.variant else ()
    return outputs.joinpath(spec.partner, *variant, str(months))


def make_folder(folder: Path) -> None:
    """Make a folder for reports, with those above it that are missing."""
    for made in (*reversed(folder.parents), folder):  # mkdir's own parents would be for everybody
        made.mkdir(FOLDER_MODE, exist_ok=True)


def move_into_place(made: Path, folder: Path) -> None:
    """Put a whole folder where the old one is, in one step where the system can do that.

    Raises:
        OSError: It could not be moved; the old one is where it was.
    """
    for file in [*made.rglob("*"), made]:
        file.chmod(FOLDER_MODE if file.is_dir() else FILE_MODE)
        sync(file)
    make_folder(folder.parent)
    if folder.exists():
        _exchange(made, folder)
        if made.is_symlink():  # what it leads to is not ours
            made.unlink()
        else:
            shutil.rmtree(made)
    else:
        made.rename(folder)
    sync(folder.parent)


def _exchange(made: Path, folder: Path) -> None:
    """Swap two folders; made is then the old one."""
    if os.name == "posix" and hasattr(libc := ctypes.CDLL(None, use_errno=True), "renameat2"):
        paths = (os.fsencode(made), os.fsencode(folder))
        if libc.renameat2(_AT_CWD, paths[0], _AT_CWD, paths[1], _RENAME_EXCHANGE) == 0:
            return
    # Elsewhere, and on file systems that cannot, it takes three steps.
    old = made.with_name(f"{made.name}.old")
    folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    old.rename(made)


def sync(file: Path) -> None:
    """Have the system write a file or a folder's entries to the disk."""
    if os.name == "posix" or file.is_file():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
