"""A report in the other engines that its readers have: Firefox's, and WebKit, as in Safari."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import combinations
from pathlib import Path
from random import Random

import pytest

from tests.support.browser import report_of
from tests.support.page_filters import (
    counted_by_python,
    fragment,
    made_up,
    random_selection,
    that_follow,
)
from tests.support.processes import completed
from tests.support.webdriver import Tab, firefox, webkit
from tests.support.workbooks import sheets_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LAND = (237, 235, 233)
SUMMARY_OF_MENU = "[data-card={}] .actions summary"
ACTION = "[data-card={}] .actions .sheet button:nth-child({})"
PICTURE, CSV, EXCEL = 1, 2, 3
THUMBS = """
    const place = document.querySelector("[data-card=adds_and_churns] .period");
    place.scrollIntoView({ block: "center", behavior: "instant" });
    const [first, last] = place.querySelectorAll("input");
    const { x, y, width, height } = first.getBoundingClientRect();
    return {
        line: [x, y + height / 2, width],
        values: [Number(first.value), Number(last.value)],
        text: place.querySelector("output").textContent,
    };
"""
MOVE_FIRST = """
    const first = document.querySelector("[data-card=adds_and_churns] .period input");
    first.value = arguments[0];
    first.dispatchEvent(new Event("input"));
"""
NOTE = "return document.querySelector('[data-card=adds_and_churns] .panel > .remark').textContent"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("report"), made_up(Random(1)))


@pytest.fixture(scope="module", params=[firefox, webkit], ids=["firefox", "webkit"])
def opened(
    request: pytest.FixtureRequest, report: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tab]:
    with request.param(tmp_path_factory.mktemp("browser")) as tab:
        tab.open((report / "report.html").as_uri())
        yield tab


@pytest.fixture
def tab(opened: Tab) -> Tab:
    """The report without filters."""
    opened.choose("")
    return opened


def choose_action(tab: Tab, name: str, action: int) -> None:
    tab.click(SUMMARY_OF_MENU.format(name))
    tab.click(ACTION.format(name, action))


def test_the_tables_are_those_of_a_run_with_the_same_filters(tab: Tab, report: Path) -> None:
    random = Random(5)
    for _ in range(2):
        selection, months = random_selection(random)
        tab.choose(fragment(selection, months))
        tab.click(".page-actions button")
        [workbook] = tab.saved(1).values()
        expected = counted_by_python(report, selection, months)
        assert that_follow(sheets_of(workbook), months) == that_follow(expected, months)


@pytest.mark.parametrize("browser", [firefox, webkit])
def test_a_worker_or_the_page_counts_very_many_rows(
    browser: Callable[[Path], AbstractContextManager[Tab]], tmp_path: Path
) -> None:
    """A page as those of very many rows are; some browsers let no file make a worker."""
    report = report_of(tmp_path, made_up(Random(1)), role="report_viewer")
    page = (report / "report.html").read_text(encoding="utf-8")
    for before, after in (
        ('id="content"', 'id="content" data-worker'),
        ("form-action &#39;none&#39;", "form-action &#39;none&#39;; worker-src blob:"),
    ):
        assert page.count(before) == 1
        page = page.replace(before, after)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    selection, months = random_selection(Random(5))
    with browser(tmp_path) as tab:
        tab.open((tmp_path / "page.html").as_uri())
        tab.choose(fragment(selection, months))
        tab.click(".page-actions button")
        [workbook] = tab.saved(1).values()
        expected = that_follow(counted_by_python(report, selection, months), months)
        del expected["customers"]  # of executive report viewers alone
        assert that_follow(sheets_of(workbook), months) == expected


def test_months_are_chosen_by_presets_and_from_lists(tab: Tab) -> None:
    months = "return document.querySelector('.months').textContent"
    choose = """
        const [from, to] = document.querySelectorAll(".range-choice select");
        const select = { from, to }[arguments[0]];
        select.value = arguments[1];
        select.dispatchEvent(new Event("change"));
        return document.querySelector(".range-note").textContent;
    """
    tab.click(".presets button:nth-child(1)")
    assert tab.run(months) == "Apr 2025 – Jun 2025"
    assert tab.run(choose, "to", "2025-02") == "From was after To: it is now Feb 2025."
    assert tab.run(months) == "Feb 2025 – Feb 2025"
    assert tab.run(choose, "from", "2024-12") == ""
    assert tab.run(months) == "Dec 2024 – Feb 2025"
    tab.click(".presets button:nth-child(2)")
    assert tab.run(months) == "Jan 2025 – Jun 2025"


def test_the_thumbs_of_a_slider_push_each_other(tab: Tab) -> None:
    # In Safari, a click on a thumb leaves the focus where it was.
    tab.run("document.onfocusin = ({ target }) => target.blur()")
    x, y, width = tab.run(THUMBS)["line"]

    def text_after_drag(start: float, end: float) -> str:
        tab.drag(*((x + 10 + part * (width - 20), y) for part in (start, end)))
        return str(tab.run(THUMBS)["text"])

    try:
        assert text_after_drag(0, 0.6) == "Apr 2025 – Jun 2025"
        assert text_after_drag(1, 0.2) == "Feb 2025 – Feb 2025"
        assert tab.run(THUMBS)["values"] == [1, 1]
        tab.run(MOVE_FIRST, 5)  # where both are, only one can be reached by the pointer
        assert tab.run(THUMBS)["text"] == "Jun 2025 – Jun 2025"
        assert tab.run(THUMBS)["values"] == [5, 5]
        tab.run(MOVE_FIRST, 0)
        assert tab.run(THUMBS)["text"] == "Jan 2025 – Jun 2025"
    finally:
        tab.run("document.onfocusin = null")


def test_files_that_are_asked_for_in_a_row_all_arrive(tab: Tab) -> None:
    choose_action(tab, "products", CSV)
    choose_action(tab, "products", EXCEL)
    assert sorted(tab.saved(2)) == [f"products_1_2025-01_2025-06.{e}" for e in ("csv", "xlsx")]
    choose_action(tab, "products", PICTURE)
    [(name, picture)] = tab.saved(1).items()
    assert name == "products_1_2025-01_2025-06.png"
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"


@contextmanager
def guarded(tab: Tab) -> Iterator[None]:
    """Firefox with its protection against fingerprints."""

    def guard(wanted: bool) -> None:
        tab.say("Marionette:SetContext", value="chrome")
        tab.run("Services.prefs.setBoolPref('privacy.resistFingerprinting', arguments[0])", wanted)
        tab.say("Marionette:SetContext", value="content")

    guard(True)
    try:
        yield
    finally:
        guard(False)


@pytest.mark.parametrize("opened", [firefox], ids=["firefox"], indirect=True)
def test_where_pictures_cannot_be_read_they_are_drawings_and_the_page_says_so(tab: Tab) -> None:
    with guarded(tab):
        choose_action(tab, "adds_and_churns", PICTURE)
        [(name, drawing)] = tab.saved(1).items()
    assert name == "adds_and_churns_1_2025-01_2025-06.svg"
    assert "Existing, added and churned" in "".join(ET.fromstring(drawing).itertext())
    said = "This browser lets no page read its own pictures: this one is saved as SVG."
    assert tab.run(NOTE) == said
    choose_action(tab, "adds_and_churns", PICTURE)
    assert list(tab.saved(1)) == ["adds_and_churns_1_2025-01_2025-06.png"]
    assert tab.run(NOTE) == ""


def words_of(pdf: Path) -> list[list[tuple[str, float, float, float, float]]]:
    """The words of each page, with where they are: left, top, right and bottom."""
    found = ET.fromstring(completed(["pdftotext", "-bbox", pdf, "-"]).stdout)
    return [
        [
            (word.text or "", *(float(word.attrib[e]) for e in ("xMin", "yMin", "xMax", "yMax")))
            for word in page.iter("{http://www.w3.org/1999/xhtml}word")
        ]
        for page in found.iter("{http://www.w3.org/1999/xhtml}page")
    ]


def columns_of(pdf: Path, page: int, color: tuple[int, int, int]) -> tuple[list[int], int]:
    """Where, from left to right, a page has a colour; and how wide the page is, in pixels."""
    command = ["pdftoppm", "-r", "60", "-f", str(page), "-l", str(page), pdf, pdf.with_suffix("")]
    completed(command)
    [picture] = pdf.parent.glob(f"{pdf.stem}-*.ppm")
    _, size, _, pixels = picture.read_bytes().split(b"\n", 3)
    width = int(size.split()[0])
    wanted = bytes(color)
    places = [i for i in range(0, len(pixels), 3) if pixels[i : i + 3] == wanted]
    return sorted(i // 3 % width for i in places), width


def test_paper_shows_all_of_the_map_and_no_words_over_others(tab: Tab, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    tab.paper(pdf, width=1280)
    pages = words_of(pdf)
    assert 4 <= len(pages) <= 8
    [with_map] = [n for n, words in enumerate(pages, 1) if "Geographical" in [w[0] for w in words]]
    columns, width = columns_of(pdf, with_map, LAND)
    assert columns[-1] - columns[0] > width / 3
    assert abs((columns[0] + columns[-1]) / 2 - width / 2) < width / 20
    for words in pages:
        for (one, *a), (other, *b) in combinations(words, 2):
            across = min(a[2], b[2]) - max(a[0], b[0])
            down = min(a[3], b[3]) - max(a[1], b[1])
            assert across < 2 or down < 0.4 * (a[3] - a[1]), (one, other)
