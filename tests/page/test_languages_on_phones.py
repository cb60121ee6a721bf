"""The page in every language on a phone: what is long in one of them has room, too."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from insights_lib.page.sections import read_report
from insights_lib.page.write import write_page
from insights_lib.parameters.spec import LOCALES
from tests.support.browser import packed_rows, report_of
from tests.support.rows import seats_row, usage_row

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Words of headings, figures and controls that stand in more than one line.
BROKEN = """() => {
    const wanted = "main :is(h2, h3, summary, button, .big), .page-head :is(h1, button)";
    const broken = [];
    for (const element of document.querySelectorAll(wanted)) {
        if (!element.checkVisibility() || element.querySelector("bdi")) continue;
        const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            for (const { 0: word, index } of texts.currentNode.data.matchAll(/[^\\s-]+/g)) {
                const range = document.createRange();
                range.setStart(texts.currentNode, index);
                range.setEnd(texts.currentNode, index + word.length);
                const lines = new Set([...range.getClientRects()].map(({ top }) => top));
                if (lines.size > 1) broken.push(word);
            }
        }
    }
    return broken;
}"""

# Titles whose actions do not stand beside their first line, and key figures wider than their cards.
APART = """() => {
    const box = (element) => element.getBoundingClientRect();
    const heads = [...document.querySelectorAll(".card-head")];
    const below = heads.filter((head) => {
        const actions = head.querySelector(".actions");
        return actions && box(actions).top > box(head.querySelector("h3")).top + 8;
    });
    const wide = [...document.querySelectorAll(".kpi")].filter((card) =>
        [...card.querySelectorAll("span")].some((text) => box(text).right > box(card).right));
    return [...below, ...wide].map((found) => found.textContent);
}"""


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    months = [f"2025-{month:02d}" for month in range(1, 7)]
    products = ("O365", "Azure", "Power BI")
    seats = [
        seats_row(month, f"{n}", Product=products[n % 3], SubscriptionId=f"s{n}")
        for m, month in enumerate(months)
        for n in range(30 + m)
    ]
    usage = [usage_row(month, f"{n}") for month in months for n in range(9)]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}
    return report_of(tmp_path_factory.mktemp("english"), datasets)


def translated(report: Path, locale: str, folder: Path) -> Path:
    """A report in another language, of the same executed notebooks."""
    shutil.copytree(report / "notebooks", folder / "notebooks")
    for file in (folder / "notebooks").iterdir():
        text = file.read_text(encoding="utf-8")
        assert '"locale": "en"' in text
        file.write_text(text.replace('"locale": "en"', f'"locale": "{locale}"'), "utf-8")
    write_page(read_report(folder / "notebooks"), packed_rows(report), folder / "report.html")
    return folder


@pytest.mark.parametrize("locale", LOCALES)
def test_no_language_overflows_a_phone(
    locale: str, english: Path, reader: Any, tmp_path: Path
) -> None:
    tab = reader.open(translated(english, locale, tmp_path), width=390)
    assert tab.locator("html").get_attribute("lang") == locale
    for width in (390, 320):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(BROKEN) == []
        assert tab.evaluate(APART) == []
