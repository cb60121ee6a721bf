"""The live report in a real JupyterLab, in a real browser that reaches nothing but the server."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from insights_lib.analysis.partner import open_partner
from tests.support.jupyterlab import Lab, OpenNotebook, jupyterlab
from tests.support.processes import completed, wait_for
from tests.support.rows import fill_store, seats_row, usage_row

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.kernels]

MONTHS = [f"2025-{m:02d}" for m in range(1, 7)]
IMPORT = "from insights_lib.analysis.explorer import explore"
OPEN = "explore('1', months='last_6_months', as_of='2025-08-01')"
CHURNED_IN_APRIL = """
    SELECT key FROM churned JOIN details_keys USING (customer) WHERE month = '2025-04-01' ORDER BY 1
"""
# So many rows take a moment, in which cells can run.
WAIT = "import time\nwhile x.picked is None:\n    time.sleep(0.05)"
DARK, LIGHT = "JupyterLab Dark", "JupyterLab Light"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab in whose root there is a store: a partner of ninety customers, one of 50,000."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "data").mkdir()
    seats = [
        seats_row(month, str(n), Product=("Office 365", "Azure")[n % 3 == 0])
        for month in MONTHS
        for n in range(90)
        if n % 10 or month < "2025-04"
    ]
    seats += [
        seats_row(month, f"many-{n}", PGAMpnId="2", MpnId="22", PartnerLocation=f"Oslo {n % 7}")
        for month in MONTHS[4:]
        for n in range(50_000)
    ]
    usage = [usage_row(month, "7") for month in MONTHS]
    fill_store(folder / "data", {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage})
    with jupyterlab(folder) as running:
        yield running
    # Of a widget without a kernel, JupyterLab itself says so on the console, at its leisure.
    assert [one for one in running.wrong if "widget model not found" not in one] == []


@pytest.fixture(autouse=True)
def windows(browser: Browser) -> Iterator[None]:
    yield
    for context in browser.contexts:
        context.close()


def live(notebook: OpenNotebook, cell: int) -> Locator:
    """The live report of a cell, once all of it is shown."""
    place = notebook.output(cell).locator(".insights-live")
    place.locator(".insights[data-whole]").wait_for(timeout=120_000)
    return place


def opened(lab: Lab, browser: Browser, *cells: str) -> tuple[OpenNotebook, Locator]:
    """A notebook whose second cell shows the report, followed by other cells."""
    lab.write("live.ipynb", IMPORT, f"x = {OPEN}\nx", *cells)
    notebook = lab.open(browser, "live.ipynb")
    notebook.run(0)
    notebook.run(1)
    return notebook, live(notebook, 1)


def big(place: Locator) -> Locator:
    return place.locator("[data-metric=current_customers] .big")


def choose(place: Locator, product: str) -> None:
    place.locator(".menu summary").first.click()
    place.get_by_label(product, exact=True).check()
    place.page.keyboard.press("Escape")


def test_reader_and_python_share_the_selection(lab: Lab, browser: Browser) -> None:
    notebook, place = opened(
        lab,
        browser,
        "x.selection",
        "x.selection = {'product': 'office 365', 'from': '2025-03'}",
        "x.partner.query('SELECT count(DISTINCT customer) AS n FROM current')['n'][0].item()",
        "x.selection = {'product': 'Offce 365'}",
    )
    assert big(place).inner_text() == "81"
    choose(place, "Azure")
    notebook.run(2)
    assert ast.literal_eval(notebook.text(2)) == {"product": ["Azure"]}
    notebook.run(3)
    expect(place.locator(".chips.applied li").nth(1)).to_have_text("Product: Office 365 ✕")
    expect(place.locator(".months")).to_have_text("Mar 2025 – Jun 2025")
    expect(big(place)).to_have_text("54")
    notebook.run(4)
    assert notebook.text(4) == "60"
    notebook.run(5)
    [refused] = notebook.outputs(5)
    assert "did you mean 'Office 365'?" in refused["evalue"]


def test_a_bar_that_is_clicked_is_who_sql_says(lab: Lab, browser: Browser) -> None:
    notebook, place = opened(
        lab, browser, "print(x.picked.attrs['what'], *x.picked['customer'], sep='\\n')"
    )
    card = place.locator("[data-card=adds_and_churns]")
    churned = card.locator(".plot .barlayer .trace").nth(1).locator(".point path").nth(3)

    def pointed_at() -> bool:
        churned.hover(force=True)  # again, for JupyterLab scrolls when it likes
        return card.locator(".plot.opens-here").count() == 1

    wait_for(pointed_at)
    notebook.tab.mouse.down()
    notebook.tab.mouse.up()
    search = place.locator("dialog[open] input[type=search]")
    search.press_sequentially("add")  # letters that are commands of a notebook
    assert search.input_value() == "add"
    place.get_by_role("button", name="Back to the report").click()
    notebook.run(2)
    what, *customers = notebook.text(2).split()[:4], *notebook.text(2).splitlines()[1:]
    assert what == ["churned", "in", "Apr", "2025"]
    partner = open_partner(
        "1", "last_6_months", as_of="2025-08-01", store=lab.folder / "data/store"
    )
    expected = partner.query(CHURNED_IN_APRIL)["key"].tolist()
    assert len(expected) == 9
    assert sorted(customers) == expected
    assert notebook.tab.locator(".jp-Cell").count() == 3


def test_python_knows_of_a_change_within_300_milliseconds(lab: Lab, browser: Browser) -> None:
    notebook, place = opened(
        lab,
        browser,
        "import time\nheard = []\nx.observe(lambda _: heard.append(time.time()), 'selection')",
        "print(*heard)",
    )
    notebook.run(2)
    said = []
    for month in MONTHS[1:5]:
        change = """(select, month) => {
            select.value = month;
            select.dispatchEvent(new Event('change'));
            return Date.now() / 1000;
        }"""
        chooser = place.locator(".filters").get_by_label("From month")
        said.append(chooser.evaluate(change, month))
        expect(place.locator(".months")).to_contain_text(
            ["Feb", "Mar", "Apr", "May"][len(said) - 1]
        )
    notebook.run(3)
    heard = [float(time) for time in notebook.text(3).split()]
    # The best of four, for a machine that has much else to do.
    assert min(after - before for before, after in zip(said, heard, strict=True)) < 0.3


def test_the_theme_of_jupyterlab_is_followed_live(lab: Lab, browser: Browser) -> None:
    notebook, place = opened(lab, browser)
    report = place.locator(".insights[data-whole]")
    for theme, name, ground in (
        (DARK, "dark", "rgb(27, 26, 25)"),
        (LIGHT, "light", "rgb(245, 245, 244)"),
    ):
        notebook.tab.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        expect(report).to_have_attribute("data-theme", name, timeout=60_000)
        assert report.evaluate("one => getComputedStyle(one).backgroundColor") == ground


def test_a_cell_that_is_run_again_leaves_nothing_behind(lab: Lab, browser: Browser) -> None:
    notebook, place = opened(lab, browser)
    left = """() => [document.querySelectorAll('.insights-live').length,
        document.querySelectorAll('[id$=tester]').length, document.head.childElementCount,
        document.body.childElementCount]"""
    before = notebook.tab.evaluate(left)
    choose(place, "Azure")
    for _ in range(2):
        notebook.run(1)
        assert big(live(notebook, 1)).inner_text() == "81"
    after = notebook.tab.evaluate(left)
    assert after[:2] == before[:2]
    # JupyterLab takes away elements of its own meanwhile.
    assert after[2] <= before[2]
    assert after[3] <= before[3]


def test_a_restarted_kernel_shows_it_again(lab: Lab, browser: Browser) -> None:
    notebook, place = opened(lab, browser, "x.selection")
    choose(place, "Azure")
    notebook.restart()
    notebook.run_all()
    place = live(notebook, 1)
    assert big(place).inner_text() == "81"
    assert notebook.text(2) == "{}"


def test_two_in_one_notebook_and_another_period_in_one_of_them(lab: Lab, browser: Browser) -> None:
    notebook, first = opened(lab, browser, f"y = {OPEN}\ny", "x.selection, y.selection, x, y")
    notebook.run(2)
    second = live(notebook, 2)
    choose(first, "Azure")
    assert big(second).inner_text() == "81"
    period = second.locator(".bar").get_by_label("Period").and_(second.locator("select"))
    period.select_option("Last 3 months")
    expect(second.locator(".months")).to_have_text("Apr 2025 – Jun 2025")
    notebook.run(3)
    assert "({'product': ['Azure']},\n {}," in notebook.text(3)
    assert "partner 1, 2025-04_2025-06" in notebook.text(3)


def test_50_000_customers_are_shown_in_the_same_widget(lab: Lab, browser: Browser) -> None:
    notebook, place = opened(lab, browser, WAIT, "len(x.picked)")
    partner = place.locator(".bar").get_by_label("Partner", exact=True)
    partner.and_(place.locator("select")).select_option("2")
    expect(big(place)).to_have_text("50K", timeout=120_000)
    expect(place.locator(".bar .said")).to_be_hidden()
    big(place).locator("button").click()
    expect(place.locator("dialog [role=status]")).to_have_text("50,000 customers", timeout=60_000)
    place.get_by_role("button", name="Back to the report").click()
    notebook.run(2)
    notebook.run(3)
    assert notebook.text(3) == "50000"


def test_the_saved_notebook_is_read_without_a_kernel(lab: Lab, browser: Browser) -> None:
    notebook, _ = opened(lab, browser)
    kept = notebook.output(1).locator(".insights-saved")
    expect(kept).to_be_hidden()
    notebook.save()
    notebook.shut_down()
    notebook.tab.context.close()
    notebook = lab.open(browser, "live.ipynb")
    kept = notebook.output(1).locator(".insights-saved")
    drawn = kept.locator("[data-figure=adds_and_churns] .main-svg")
    expect(drawn.first).to_be_visible(timeout=60_000)
    assert notebook.output(1).locator(".jp-OutputArea-child:visible").count() == 1
    assert kept.locator("td", has_text="81").first.is_visible()
    read_in_html(browser, notebook.file)


def read_in_html(browser: Browser, file: Path) -> None:
    """The same in what nbconvert makes of it, from disk and with the network off."""
    completed([sys.executable, "-m", "nbconvert", "--to", "html", file])
    tab = browser.new_context(offline=True).new_page()
    tab.goto(file.with_suffix(".html").as_uri())
    saved = tab.locator(".insights-saved")
    saved.scroll_into_view_if_needed()
    expect(saved.locator("[data-figure=adds_and_churns] .main-svg").first).to_be_visible()
    assert tab.locator(".jp-OutputArea-child:visible").count() == 1
