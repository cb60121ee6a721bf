"""The project's notebooks as they stand in their files: the sections of a report, not yet computed.

Headings and prose stand once, in the notebooks. Who shows a report without executing them, as a
widget does, reads them here; `sections` reads executed ones.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from insights_lib.page.notebooks import NOTEBOOKS, section_files
from insights_lib.page.sections import Card, Report, Section, section_of
from insights_lib.presentation.language import Language
from insights_lib.tables import TABLES

_SHOW = re.compile(r"""^report\.show\(["'](\w+)["']\)""", re.MULTILINE)


def declared_report(
    facts: dict[str, Any],
    language: Language,
    filled: Callable[[Card], Card],
    folder: Path = NOTEBOOKS,
) -> Report:
    """The report that the notebooks of a folder describe with their `report.show("…")`.

    Args:
        facts: See `notebook.facts_of`.
        language: The language of headings and prose.
        filled: Gives a card its figure and table, where the page does not count it.
        folder: Where the notebooks are.

    Returns:
        The sections with their cards; without single customers unless the role may see them.
    """
    sees_all = facts["role"] == "executive_report_viewer"
    sections = [
        _with_cards(_read(file, file.stat().st_mtime_ns, language.locale), filled, sees_all)
        for file in section_files(folder)
    ]
    return Report(facts, sections)


def _with_cards(section: Section, filled: Callable[[Card], Card], sees_all: bool) -> Section:
    seen = [card for card in section.cards if sees_all or not TABLES[card.name].personal]
    return replace(section, cards=[filled(card) for card in seen])


@lru_cache
def _read(file: Path, _: int, locale: str) -> Section:
    """The section of a notebook's file, kept until the time of its last change is another."""
    notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    return section_of(file.stem, notebook, Language(locale), _shown)


def _shown(cell: NotebookNode) -> dict[str, Any]:
    """The name of the table that a cell shows, one of those that are declared."""
    found = _SHOW.search(cell.source) if cell.cell_type == "code" else None
    return {"name": found[1]} if found and found[1] in TABLES else {}
