"""Where a report goes that was made: to its place, or beside the last good one if it failed."""

import shutil
from contextlib import suppress
from pathlib import Path

from insights_lib.disk import move_folder
from insights_lib.outputs import Manifest, failed_folder


def put_in_place(made: Path, manifest: Manifest, folder: Path) -> Path:
    """Move what was made to where it belongs; return where that is.

    A report that succeeds replaces the one that is there, and clears an earlier failure. One that
    fails leaves the last good report as it is, unless that shows what is not asked for any more.

    Args:
        made: What was made, in a work folder on the same file system.
        manifest: Its manifest, which is in it.
        folder: The folder of the report.

    Raises:
        OSError: It could not be moved; the old report is where it was.
    """
    failed = failed_folder(folder)
    if manifest.status == "complete":
        if failed.exists():
            # First, so that a new report never has an old failure beside it.
            shutil.rmtree(failed)
            with suppress(OSError):  # other months have failed as well
                failed.parent.rmdir()
        move_folder(made, folder)
        return folder
    if folder.exists() and not _may_stay(Manifest.read(folder), manifest):
        folder.rename(made.with_name(f"{made.name}.old"))  # never half a report
    move_folder(made, failed)
    return failed


def _may_stay(old: Manifest | None, new: Manifest) -> bool:
    """Whether a report is good, and shows no customers that the new one was not to show."""
    if old is None or old.status == "failed":
        return False
    return set(old.parameters.get("filters", ["unknown"])) == set(new.parameters["filters"])
