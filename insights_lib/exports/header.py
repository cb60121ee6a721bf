"""The first line of an export: what separates its values, its columns, and which dataset it is."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from insights_lib.errors import ExportError, NotAnExport
from insights_lib.exports.datasets import (
    Dataset,
    folded,
    missing_columns,
    misspelt_identities,
    nearest,
    recognise,
)

LONGEST = 1 << 15  # bytes of a header; more than that is looked at
MOST_COLUMNS = 500  # ten times what any export has
_SHOWN = 5  # columns in a message
_SEPARATORS = {
    "\t": ", separated by tabs,",
    ",": ", separated by commas,",
    ";": ", separated by semicolons,",
    "": "",
}
# What Excel writes, and takes for an instruction rather than for a line of the table.
_SEP_LINE = re.compile(r'"?sep=([,;\t])"?', re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """The columns of an export.

    Attributes:
        names: As they stand in the file, trimmed.
        delimiter: A tab, a comma or a semicolon; empty in a file that is not a text.
        line: On which line of the file they stand: 2 if the first says what separates values.
        dataset: Which dataset it is.
    """

    names: list[str]
    delimiter: str
    line: int
    dataset: Dataset


def read_header(file: Path, start: bytes) -> Header:
    """Read the header of an export.

    Args:
        file: The file as the user named it.
        start: Its first bytes, in UTF-8.

    Raises:
        ExportError: It is too long, of no dataset, lacks a column, or has one twice.
    """
    lines = start.decode("utf-8-sig", errors="replace").split("\n")
    told = _SEP_LINE.fullmatch(lines[0].rstrip("\r"))
    number = 2 if told and len(lines) > 1 else 1
    line = lines[number - 1].rstrip("\r")
    if len(line.encode()) > LONGEST:
        raise ExportError(
            f"{file}, line {number}: is longer than {LONGEST >> 10} KiB; is it an export?"
        )
    delimiter = told[1] if told else _delimiter(line)
    fields = (
        line.split("\t") if delimiter == "\t" else next(csv.reader([line], delimiter=delimiter), [])
    )
    return header_of(f"{file}, line {number}", fields, delimiter, number)


def header_of(where: str, fields: list[str], delimiter: str = "", line: int = 0) -> Header:
    """The header that column names are.

    Args:
        where: The file, as a message names it.
        fields: The names as they stand there.
        delimiter: What separates them; empty in a file that is not a text.
        line: On which line of the file they stand.

    Raises:
        ExportError: They are of no dataset, lack a column, or have one twice.
    """
    names = [name.strip() for name in fields]
    if len(names) > MOST_COLUMNS:
        raise ExportError(
            f"{where}: has {len(names):,} columns; an export has at most {MOST_COLUMNS}."
        )
    dataset = recognise(names)
    if dataset is None:
        raise _unknown(where, names, delimiter)
    _refuse_bad_columns(where, names, dataset)
    return Header(names, delimiter, line, dataset)


def _delimiter(line: str) -> str:
    if "\t" in line:
        return "\t"
    return ";" if line.count(";") > line.count(",") else ","


def _unknown(where: str, names: list[str], delimiter: str) -> NotAnExport:
    shown = ", ".join(_short(name) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    near = [f"{_short(c)!r} is like {known}" for c, known in nearest(names).items()][:_SHOWN]
    hint = f" Nearest known columns: {', '.join(near)}." if near else ""
    return NotAnExport(
        f"{where}: the columns ({shown}{more}){_SEPARATORS[delimiter]} are of no known dataset."
        f"{hint} docs/exports.md lists the columns that tell one."
    )


def _refuse_bad_columns(where: str, names: list[str], dataset: Dataset) -> None:
    lacking = missing_columns(dataset, names)
    if lacking:
        raise ExportError(
            f"{where}: {dataset.name} lacks the column {', and '.join(lacking)}. "
            "Export it again with that column."
        )
    for column, known in misspelt_identities(dataset, names).items():
        raise ExportError(
            f"{where}: the column {_short(column)!r} is not {known}, but looks like it; without "
            f"{known} the rows would count for somebody else. Correct the name, or export it again."
        )
    counts = Counter(map(folded, names))
    nameless = [str(i) for i, name in enumerate(names, 1) if not folded(name)]
    if len(nameless) > 1:
        raise ExportError(
            f"{where}: the columns {', '.join(nameless[:_SHOWN])} have no name; delete them, or "
            "export it again."
        )
    twice = [_short(name) for name in names if counts[folded(name)] > 1]
    if twice:
        raise ExportError(f"{where}: the column {' and '.join(twice[:_SHOWN])} stands twice.")


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"
