"""All partners at a glance, in a real browser: sorted, searched, filtered, for everybody."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from playwright.sync_api import Page, expect

from insights_lib.outputs import Outputs
from insights_lib.page.index import content_of, index_page
from insights_lib.run.index import write_index
from tests.support.browser import SCREENSHOTS, Reader, axe_violations
from tests.support.hostile import HOSTILE, LONG
from tests.support.index import left_failure, left_report, planned
from tests.support.manifests import NOON
from tests.support.sweeps import sweep

pytestmark = pytest.mark.browser

NAMES = (*HOSTILE, LONG)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of partners with hostile names; 3 is stale, 4 has failed, and 5 without a report."""
    outputs = Outputs(tmp_path_factory.mktemp("index"))
    plans = []
    for number, name in enumerate(NAMES):
        partner = f"{number:02}"
        growing = range(100 + number, 112 + number)
        trend = growing if number % 2 else reversed(growing)
        filters = ["product=Azure"] if number == 6 else []
        given = {"role": "report_viewer", "filters": filters}
        if number != 5:
            finished = NOON + timedelta(days=number)
            left_report(
                outputs, partner, trend, partner_name=name, parameters=given, finished_at=finished
            )
        stale = ("stale", "changed: data") if number == 3 else ()
        plans.append(planned(outputs, partner, *stale, name=name))
    left_failure(outputs, "04", HOSTILE[0])
    left_failure(outputs, "05", HOSTILE[1])
    write_index(plans, outputs, "en")
    return outputs.folder


def opened(reader: Reader, index: Path, width: int = 1280, **context: Any) -> Page:
    return reader.open(index, width=width, name="index.html", **context)


def ids(tab: Page) -> list[str]:
    """The partners that are listed, by their ids."""
    return tab.locator("tbody th > .quiet:nth-child(2)").all_text_contents()


def big(tab: Page, card: int) -> str:
    return tab.locator(".kpi .big").nth(card).inner_text()


def test_hostile_names_stay_text_and_lead_to_their_reports(index: Path, reader: Reader) -> None:
    tab = opened(reader, index)
    assert set(tab.locator("tbody th bdi").all_text_contents()) >= {n[:500] for n in HOSTILE}
    assert tab.locator("main b, main img, main iframe, svg a, svg image, [onerror]").count() == 0
    assert tab.locator("script").count() == 3  # gate, data, the page
    links = tab.locator("tbody a").evaluate_all("all => all.map((one) => one.href)")
    assert len(links) == len(NAMES) - 1
    assert all(Path(url2pathname(urlparse(link).path)).is_file() for link in links)


def test_what_needs_attention_comes_first_and_alone_if_asked_for(
    index: Path, reader: Reader
) -> None:
    tab = opened(reader, index)
    assert set(ids(tab)[:2]) == {"04", "05"}
    assert ids(tab)[2] == "03"
    tab.get_by_role("button", name="Show them").click()
    assert set(ids(tab)) == {"03", "04", "05"}
    expect(tab.get_by_label("Show")).to_be_focused()
    expect(tab.get_by_role("status")).to_have_text(f"3 of {len(NAMES)} reports")
    failed = tab.locator("tr", has=tab.locator("th", has_text="04"))
    assert HOSTILE[0] in failed.locator(".state").inner_text()
    assert "Last good: Jan 19, 2026" in failed.locator(".state").inner_text()
    assert "111" not in failed.locator("td").nth(2).inner_text()  # 104, of its last good report
    without = tab.locator("tr", has=tab.locator("th", has_text="05"))
    assert "No report" in without.locator(".state").inner_text()
    assert without.locator("td.number .figure").all_inner_texts() == ["–"] * 5
    tab.get_by_label("Show").select_option("falling")
    assert all(int(one) % 2 == 0 for one in ids(tab))
    tab.get_by_label("Show").select_option("earlier")
    assert tab.locator("tbody").inner_text() == "There is nothing to show."


def test_rows_are_sorted_by_heads_and_by_choice_and_unknown_ones_are_last(
    index: Path, reader: Reader
) -> None:
    tab = opened(reader, index)
    head = tab.get_by_role("columnheader", name="Current customers")
    head.get_by_role("button").click()
    counts = tab.locator("tbody tr > td:nth-child(4) .figure > :first-child").all_text_contents()
    known = [int(text) for text in counts[:-1]]
    assert counts[-1] == "–"
    assert known == sorted(known, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    expect(tab.get_by_label("Sort by")).to_have_value("current_customers")
    head.get_by_role("button").click()
    again = tab.locator("tbody tr > td:nth-child(4) .figure > :first-child").all_text_contents()
    assert again == [*map(str, sorted(known)), "–"]
    tab.get_by_label("Sort by").select_option("growth")
    assert head.get_attribute("aria-sort") is None
    assert ids(tab)[0] == "01"  # from 101 to 112 is the steepest


def test_a_search_finds_names_and_ids_and_the_totals_follow(index: Path, reader: Reader) -> None:
    tab = opened(reader, index)
    counted = [n for n in range(len(NAMES)) if n not in (5, 6)]  # no report; filters
    customers = {n: 111 + n if n % 2 else 100 + n for n in counted}
    assert big(tab, 0) == str(len(NAMES))
    assert big(tab, 1) == "3"
    assert big(tab, 2) == f"{sum(customers.values()):,}"
    aside = tab.locator(".kpi .aside").nth(2).inner_text()
    assert aside == f"Dec 2025; {len(counted)} of {len(NAMES)} partners"
    tab.get_by_label("Search").fill("07")
    assert ids(tab) == ["07"]
    assert (big(tab, 0), big(tab, 1), big(tab, 2)) == ("1", "0", str(customers[7]))
    tab.get_by_label("Search").fill(HOSTILE[2].upper())
    assert "02" in ids(tab)
    tab.get_by_label("Search").fill("06")
    assert big(tab, 2) == "–"
    assert "Product: Azure" in tab.locator("tbody th").inner_text()


@pytest.mark.parametrize(
    ("width", "scheme"),
    sweep([(390, "dark"), (1100, "light"), (1280, "light"), (390, "light"), (1280, "dark")], 2),
)
def test_axe_finds_nothing_and_nothing_runs_over(
    width: int, scheme: str, index: Path, reader: Reader
) -> None:
    tab = opened(reader, index, width, color_scheme=scheme, bypass_csp=True)
    tab.screenshot(path=SCREENSHOTS / f"index-{scheme}-{width}.png", full_page=True)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    over = """all => all.filter((cell) => [...cell.querySelectorAll("*")].some((one) => {
        const [inner, outer] = [one.getBoundingClientRect(), cell.getBoundingClientRect()];
        return inner.left < outer.left - 1 || inner.right > outer.right + 1;
    })).map((one) => one.outerHTML.slice(0, 200))"""
    assert tab.locator("tbody td").evaluate_all(over) == []
    tab.locator(".tip").evaluate("one => { one.open = true; }")
    assert axe_violations(tab) == []


def test_a_choice_of_dark_or_light_stays(index: Path, reader: Reader) -> None:
    tab = opened(reader, index)
    tab.get_by_role("button", name="Dark").click()
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    tab.reload()
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_thousand_partners_are_small_and_drawn_a_hundred_at_first(
    index: Path, reader: Reader, tmp_path: Path
) -> None:
    content = content_of(index / "index.html")
    many = [
        {**row, "known": {**row["known"], "partner": f"{row['known']['partner']}-{n}"}}
        for n in range(1000 // len(NAMES) + 1)
        for row in content["rows"]
    ][:1000]
    page = index_page(many, "sv", content["written"])
    assert len(page.encode()) < 2_000_000
    (tmp_path / "index.html").write_text(page, "utf-8")
    tab = opened(reader, tmp_path)
    assert tab.locator("tbody tr").count() == 100
    expect(tab.get_by_role("status")).to_contain_text("av 1\N{NO-BREAK SPACE}000 rapporter")
    tab.get_by_role("button", name="Visa alla").click()
    assert tab.locator("tbody tr").count() == 1000
    expect(tab.locator("tbody tr").nth(100).locator("th")).to_be_focused()


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("sv", "ändrat: data, report.html, som saknas"),
        ("de", "geändert: Daten, report.html, nicht mehr vorhanden"),
        ("fr", "modifié\N{NO-BREAK SPACE}: données, report.html, qui a disparu"),
    ],
)
def test_reasons_are_in_the_language_of_the_index_and_errors_in_english(
    locale: str, told: str, index: Path, reader: Reader, tmp_path: Path
) -> None:
    content = content_of(index / "index.html")
    reasons = {"stale": "changed: data, report.html, which is gone", "failed": "disk full"}
    rows = [{**row, "why": reasons.get(row["state"], "")} for row in content["rows"]]
    (tmp_path / "index.html").write_text(index_page(rows, locale, content["written"]), "utf-8")
    tab = opened(reader, tmp_path)
    stale = tab.locator("[data-state=stale] .state .quiet").first
    expect(stale).to_have_text(told)
    assert stale.get_attribute("lang") is None
    failed = tab.locator("[data-state=failed] .state .quiet").first
    expect(failed).to_have_text("disk full")
    expect(failed).to_have_attribute("lang", "en")


def test_without_scripts_the_reports_are_a_list_of_links(index: Path, reader: Reader) -> None:
    tab = reader.blank(index, name="index.html", java_script_enabled=False)
    tab.goto((index / "index.html").as_uri())
    assert tab.locator(".plain a").count() == len(NAMES) - 1
    assert tab.locator(".plain").is_visible()
