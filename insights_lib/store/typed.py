"""Texts of an export as numbers, dates and flags; what is none of these refuses the file."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from insights_lib.exports.reader import DAY_FORMS, parse_day
from insights_lib.store.staging import StagedExport

NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_FLAGS = {"yes": True, "y": True, "true": True, "1": True} | dict.fromkeys(
    ("no", "n", "false", "0"), False
)


def refuse_wrong_numbers(staged: StagedExport, columns: Mapping[str, str]) -> None:
    """See that every value of some columns is a number, or missing.

    Args:
        staged: The export.
        columns: The columns of `staged`, each with the name that the file gives it.

    Raises:
        ExportError: One is not; the sentence names the line.
    """
    for column, name in columns.items():
        wrong = staged.rows(
            f"""SELECT file_row_number, "{column}" FROM staged
                WHERE NOT regexp_full_match("{column}", '{NUMBER}') ORDER BY 1 LIMIT 1"""
        )
        for row, text in wrong:
            raise staged.refusal(row, f"{name} is {text!r}; a number such as 12.5 is needed.")


def map_days(staged: StagedExport, columns: Iterable[str]) -> str:
    """Make the table `days` of what the texts of some columns stand for; return its joins."""
    return _map(staged, "days", columns, ("DATE", parse_day, f"a date; allowed: {DAY_FORMS}"))


def map_flags(staged: StagedExport, columns: Iterable[str]) -> str:
    """Make the table `flags` of what the texts of some columns stand for; return its joins."""
    allowed = "a flag; allowed: Yes, No, Y, N, True, False, 1 or 0"
    return _map(staged, "flags", columns, ("BOOLEAN", _flag, allowed))


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError as error:
        raise ValueError(text) from error


def _map(
    staged: StagedExport,
    table: str,
    columns: Iterable[str],
    kind: tuple[str, Callable[[str], Any], str],
) -> str:
    sql_type, parse, allowed = kind
    columns, values = list(columns), dict[str, date | bool]()
    for column in columns:
        for text, row in staged.rows(
            f"""SELECT "{column}", min(file_row_number) FROM staged
                WHERE "{column}" IS NOT NULL GROUP BY ALL ORDER BY 2"""
        ):
            try:
                values[text] = parse(text)
            except ValueError as error:
                raise staged.refusal(row, f"{column} {text!r} is not {allowed}.") from error
    staged.map_values(table, values, sql_type)
    return " ".join(
        f'LEFT JOIN {table} "{column}_value" ON staged."{column}" = "{column}_value".text'
        for column in columns
    )
