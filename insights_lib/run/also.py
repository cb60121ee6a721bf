"""What a report has beside its page, where it is asked for: `report.pdf` and `report.xlsx`."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from insights_lib.analysis.workbook import write_workbook
from insights_lib.errors import reason_of
from insights_lib.page.sections import Report
from insights_lib.presentation.language import Language
from insights_lib.tables import records

_LONGEST = 300  # characters of a reason


def write_also(kinds: Iterable[str], report: Report, folder: Path) -> dict[str, str]:
    """Write files beside the page of a report, each whole or not at all.

    Args:
        kinds: `pdf`, `xlsx`.
        report: What the page and its tables were made of.
        folder: Where `report.html` is.

    Returns:
        Why a file could not be written, by its name.
    """
    failures = {}
    for kind in kinds:
        file = folder / f"report.{kind}"
        try:
            WRITERS[kind](report, file)
        except Exception as error:  # noqa: BLE001 - this file alone has failed
            file.unlink(missing_ok=True)
            failures[file.name] = reason_of(error)[:_LONGEST]
    return failures


def about(report: Report, language: Language) -> str:
    """Whose report it is, which months and which filters."""
    facts = report.facts
    months = f"{language.month(facts['first'])} – {language.month(facts['last'])}"
    filters = [language.pair(language.name(f), ", ".join(of)) for f, of in facts["filters"].items()]
    name, partner = facts["partner_name"], facts["partner"]
    who = partner if name == partner else f"{name} ({partner})"
    return " · ".join([who, months, *filters])


def _write_xlsx(report: Report, file: Path) -> None:
    language = Language(report.facts["locale"])
    frames = {
        name: pd.DataFrame(records(table), columns=table["columns"])
        for name, table in report.tables().items()
    }
    write_workbook(file, frames, about(report, language), language)


def _write_pdf(report: Report, file: Path) -> None:
    """The page on paper, with partner, months and page number on each."""
    from insights_lib.page.browser import paper  # noqa: PLC0415 - a browser, for this alone

    language = Language(report.facts["locale"])
    said = escape(about(report, language)[:120])
    pages = escape(language("Page {number} of {count}"))
    numbered = pages.format(
        number='<span class="pageNumber"></span>', count='<span class="totalPages"></span>'
    )
    paper(file.with_name("report.html"), file, f"<bdi>{said}</bdi><span>{numbered}</span>")


WRITERS: Mapping[str, Callable[[Report, Path], None]] = MappingProxyType(
    {"pdf": _write_pdf, "xlsx": _write_xlsx}
)
