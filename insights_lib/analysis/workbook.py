"""Tables as an Excel workbook that looks finished: titles, formats, widths, filters."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from io import BytesIO
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from insights_lib.disk import write_whole
from insights_lib.errors import ParameterError
from insights_lib.presentation.language import Language
from insights_lib.tables import TABLES, Kind

Sheets = Mapping[str, pd.DataFrame]
# What Excel allows.
_LONGEST_NAME = 31
_NOT_IN_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")
_LONGEST_CELL = 32_767
_MOST_ROWS = 1_048_576

_HEAD = 3  # the row of the header: title, filters and an empty row are above it
_NARROWEST, _WIDEST = 8, 60
_LINE = 15  # points
_ROWS_MEASURED = 500  # of a column, for its width
_MONTH = re.compile(r"\d{4}-\d\d")
_FORMATS: dict[str, str] = {
    "count": "#,##0",
    "number": "#,##0.##",
    "percent": '0.0"\N{NO-BREAK SPACE}%"',
    "money": "#,##0.00",
    "month": "mmm yyyy",
    "date": "yyyy-mm-dd",
}


def write_workbook(file: Path, sheets: Sheets, subtitle: str, language: Language) -> Path:
    """Write frames as a workbook, a sheet for each, replacing one that is there.

    No text is run as a formula or turned into a link. Months and days are dates of Excel.

    Args:
        file: Where to.
        sheets: Frames by the names of their sheets; a table of the report has its name.
        subtitle: What all sheets speak of, such as the partner and its filters.
        language: The language of titles and headers.

    Returns:
        The file.

    Raises:
        ParameterError: A name or a frame is not fit for Excel, or the file cannot be written.
    """
    _refuse_unfit(sheets)
    content = BytesIO()
    options = {"in_memory": True, "remove_timezone": True}
    with xlsxwriter.Workbook(content, options) as book:
        formats = _Formats(book)
        for name, frame in sheets.items():
            _write_sheet(book.add_worksheet(name), _Frame(name, frame, language), subtitle, formats)
    try:
        write_whole(file, content.getvalue())
    except OSError as error:
        raise ParameterError(
            f"{file}: cannot be written ({error.strerror}); name a file in a folder that is there."
        ) from error
    return file


class _Formats:
    """The formats of a workbook."""

    def __init__(self, book: Any) -> None:
        self.title = book.add_format({"bold": True, "font_size": 15})
        self.quiet = book.add_format({"font_color": "#605e5c"})
        self.head = book.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "bg_color": "#f5f5f4"}
        )
        self.of = {kind: book.add_format({"num_format": f}) for kind, f in _FORMATS.items()}


class _Frame:
    """A frame with a heading and a kind for each column."""

    def __init__(self, name: str, frame: pd.DataFrame, language: Language) -> None:
        declared = TABLES[name].columns if name in TABLES else {}
        self.title = language.name(name) if declared else name
        self.frame = frame
        self.written = f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
        self.kinds = {
            column: declared.get(str(column)) or _kind_of(frame[column]) for column in frame
        }
        self.heads = [
            language.name(str(column)) if column in declared else str(column) for column in frame
        ]
        self.language = language

    def values(self, column: Any) -> Iterator[Any]:
        """The values of a column as Excel is to have them."""
        kind = self.kinds[column]
        for value in self.frame[column]:
            if pd.api.types.is_scalar(value) and pd.isna(value):
                yield None
            elif isinstance(value, pd.Period):
                yield value.start_time.date()
            elif isinstance(value, str):
                yield self._of_text(value, kind)
            else:
                yield value

    def _of_text(self, text: str, kind: Kind) -> Any:
        if kind == "month" and _MONTH.fullmatch(text):
            return date.fromisoformat(f"{text}-01")
        if kind == "date":
            return date.fromisoformat(text)
        if kind in {"name", "names", "month"}:
            return self.language.cell(text, kind)
        return text


def _kind_of(column: "pd.Series[Any]") -> Kind:
    if isinstance(column.dtype, pd.PeriodDtype):
        return "month"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    if pd.api.types.is_integer_dtype(column):
        return "count"
    return "number" if pd.api.types.is_float_dtype(column) else "text"


def _write_sheet(sheet: Any, frame: _Frame, subtitle: str, formats: _Formats) -> None:
    sheet.write_string(0, 0, _fit(frame.title), formats.title)
    sheet.write_string(1, 0, _fit(f"{subtitle} · {frame.written}"), formats.quiet)
    for number, (column, head) in enumerate(zip(frame.frame, frame.heads, strict=True)):
        sheet.write_string(_HEAD, number, _fit(head), formats.head)
        width = max(map(len, head.split()), default=0) + 3  # and the button of the filter
        of_kind = formats.of.get(frame.kinds[column])
        for row, value in enumerate(frame.values(column), _HEAD + 1):
            _write_cell(sheet, row, number, value, of_kind)
            if row < _ROWS_MEASURED:
                width = max(width, _width(value))
        sheet.set_column(number, number, min(max(width, _NARROWEST), _WIDEST))
    last = max(len(frame.heads) - 1, 0)
    sheet.autofilter(_HEAD, 0, _HEAD + len(frame.frame), last)
    sheet.set_row(_HEAD, 2 * _LINE)
    sheet.freeze_panes(_HEAD + 1, 1)
    _set_paper(sheet)


def _set_paper(sheet: Any) -> None:
    """Across, with the header on each page, and the first column beside the others."""
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.repeat_rows(_HEAD)
    sheet.repeat_columns(0)


def _write_cell(sheet: Any, row: int, column: int, value: Any, of_kind: Any) -> None:
    if value is None:
        return
    if isinstance(value, (date, datetime)):
        sheet.write_datetime(row, column, value, of_kind)
    elif isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        sheet.write_string(row, column, _fit(str(value)))
    else:
        sheet.write_number(row, column, value, of_kind)


def _width(value: Any) -> int:
    if value is None:
        return 0
    return len(f"{value:,.2f}" if isinstance(value, float) else str(value)) + 1


def _fit(text: str) -> str:
    """A text without what no workbook can hold: halves of characters, and more than a cell has."""
    return text[:_LONGEST_CELL].encode("utf-8", "replace").decode()


def _refuse_unfit(sheets: Sheets) -> None:
    if not sheets:
        raise ParameterError("tables: there is none; name at least one.")
    seen = set()
    for name, frame in sheets.items():
        if not 0 < len(name) <= _LONGEST_NAME or _NOT_IN_NAME.search(name):
            raise ParameterError(
                f"sheet {name!r}: Excel allows 1 to {_LONGEST_NAME} characters and none of "
                "[ ] : * ? / \\; give it another name."
            )
        if name.casefold() in seen:
            raise ParameterError(f"sheet {name!r}: another one is called so; rename one of them.")
        seen.add(name.casefold())
        if len(frame) + _HEAD + 1 > _MOST_ROWS:
            raise ParameterError(f"sheet {name!r}: {len(frame):,} rows are more than Excel holds.")
