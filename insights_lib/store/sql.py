"""SQL in files, values and paths as SQL writes them, and texts as it compares them."""

from glob import escape as glob_escape
from pathlib import Path

from insights_lib.exports.datasets import DIMENSION_COLUMNS

FILES = Path(__file__).parent / "files"


def sql_file(name: str) -> str:
    """The statements of a file: it may name all dimensions, and rows and keys with the same."""
    text = (FILES / f"{name}.sql").read_text(encoding="utf-8")
    same = " AND ".join(f"rows.{d} IS NOT DISTINCT FROM keys.{d}" for d in DIMENSION_COLUMNS)
    return text.replace("$same_dimensions", same).replace(
        "$dimensions", ", ".join(DIMENSION_COLUMNS)
    )


def sql_text(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def sql_path(path: Path | str) -> str:
    """A path as an SQL text that stands for this one file, where a pattern could stand too."""
    return sql_text(glob_escape(str(path)))


def lower_case(text: str) -> str:
    """Simple Unicode lower case, as SQL has it: each character by itself, and one for one."""
    return "".join("i" if character == "İ" else character.lower() for character in text)
