"""Texts of an export as numbers, months, days and flags; what is none refuses the file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from insights_lib.exports.dates import DAY_FORMS, MONTH_FORMS, parse_day, parse_month
from insights_lib.store.sql import sql_text
from insights_lib.store.staging import StagedExport

_EXPONENT = r"([eE][+-]?\d+)?"
_NUMBER = rf"[+-]?(\d+(\.\d*)?|\.\d+){_EXPONENT}"
_NUMBER_WITH_COMMA = rf"[+-]?(\d+([.,]\d*)?|[.,]\d+){_EXPONENT}"
_LIMIT = "1e15"  # below it a float holds every whole number, and no sum overflows


@dataclass(frozen=True)
class ValueKind:
    """What the texts of a column are: one of these forms, which `parse` knows."""

    name: str
    sql_type: str
    parse: Callable[[str], date | bool]
    forms: str


def _flag(**meanings: bool) -> Callable[[str], bool]:
    def parse(text: str) -> bool:
        try:
            return meanings[text.lower()]
        except KeyError as error:
            raise ValueError(text) from error

    return parse


_ONE, _ZERO = {"yes": True, "1": True}, {"no": False, "0": False}
MONTH = ValueKind("a month", "DATE", parse_month, MONTH_FORMS)
DAY = ValueKind("a date", "DATE", parse_day, DAY_FORMS)
DUPLICATE = ValueKind("a flag", "BOOLEAN", _flag(**_ONE, **_ZERO), "0 or 1, Yes or No")
AUTO_RENEW = ValueKind(
    "a flag",
    "BOOLEAN",
    _flag(**_ONE, y=True, true=True, **_ZERO, n=False, false=False),
    "Yes or No, Y or N, True or False, 1 or 0",
)


def refuse_wrong_numbers(staged: StagedExport, columns: Iterable[str]) -> None:
    """Refuse values of some columns that are not numbers, or too large to be added up.

    Raises:
        ExportError: There is such a value.
    """
    with_comma = staged.export.header.delimiter == ";"
    form = sql_text(_NUMBER_WITH_COMMA if with_comma else _NUMBER)
    for column in columns:
        wrong = staged.rows(
            f"""SELECT file_row_number, "{column}" FROM staged
                WHERE NOT regexp_full_match("{column}", {form})
                    OR abs(TRY_CAST({_with_point(column)} AS DOUBLE)) >= {_LIMIT}
                ORDER BY 1 LIMIT 1"""
        )
        for row, text in wrong:
            name = staged.column_name(column)
            what = f"{name} is {text!r}; a number such as 12.5 is needed, of less than {_LIMIT}."
            raise staged.refusal(row, what)


def number(column: str) -> str:
    """An SQL expression for the number that a text of a column stands for."""
    return f"{_with_point(column)}::DOUBLE"


def _with_point(column: str) -> str:
    return f"replace(\"{column}\", ',', '.')"


def joins_of(staged: StagedExport, kinds: Mapping[str, ValueKind]) -> str:
    """The joins by which `<column>_.value` is what a text of a column stands for.

    Raises:
        ExportError: There is a text that stands for nothing.
    """
    joins = []
    for column, kind in kinds.items():
        staged.map_values(f"{column}_", _values(staged, column, kind), kind.sql_type)
        joins.append(f"LEFT JOIN {column}_ ON {column} = {column}_.text")
    return " ".join(joins)


def _values(staged: StagedExport, column: str, kind: ValueKind) -> dict[str, date | bool]:
    found = staged.rows(
        f"""SELECT {column}, min(file_row_number) FROM staged
            WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY 2"""
    )
    values = {}
    for text, row in found:
        try:
            values[text] = kind.parse(text)
        except ValueError as error:
            name = "" if kind is MONTH else f"{staged.column_name(column)} "
            what = f"{name}{text!r} is not {kind.name}; allowed: {kind.forms}."
            raise staged.refusal(row, what) from error
    return values
