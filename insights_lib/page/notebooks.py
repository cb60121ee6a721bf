"""Where the project's notebooks are, and which of them are sections of a report."""

import re
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_SECTION = re.compile(r"\d\d_\w+\.ipynb")  # not 08_seats-Copy1.ipynb, as JupyterLab makes it


def section_files(folder: Path) -> tuple[Path, ...]:
    """The notebooks of a folder that are sections of a report, in its order."""
    return tuple(file for file in sorted(folder.glob("*.ipynb")) if _SECTION.fullmatch(file.name))
