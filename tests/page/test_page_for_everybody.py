"""The page heard, and seen in the few colours of a system."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from insights_lib.tables import TABLES
from tests.support.browser import SCREENSHOTS, card, report_of
from tests.support.rows import seats_row, usage_row

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Keeps what live regions say from now on.
LISTEN = """() => {
    window.heard = [];
    window.watch?.disconnect();
    window.watch = new MutationObserver((changes) => {
        const told = new Set(changes.map(({ target }) =>
            (target.parentElement ?? target).closest("[role=status], [aria-live]")
            ?? target.closest?.("[role=status], [aria-live]")));
        for (const region of told) {
            if (!region || region.getAttribute("aria-live") === "off") continue;
            window.heard.push(region.textContent);
        }
    });
    window.watch.observe(document.body, { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    products, markets = ("O365", "Azure", "Power BI"), ("Sweden", "Norway", "Germany")
    months = [f"2025-{month:02d}" for month in range(1, 7)]
    seats = [
        seats_row(
            month,
            f"{n}",
            Product=products[n % 3],
            SKU=f"{products[n % 3]} E{n % 4}",
            CustomerMarket=markets[n % 3],
            SubscriptionId=f"s{n}",
        )
        for m, month in enumerate(months)
        for n in range(m, 40 + 2 * m)
    ]
    usage = [usage_row(month, f"{n}") for month in months for n in range(9, 20)]
    datasets = {"SeatsSubscriptionsAndRevenue": seats, "OfficeUsage": usage}
    return report_of(tmp_path_factory.mktemp("plain"), datasets)


def heard(tab: Page, change: Any) -> list[str]:
    """What is said of a change, once it is there."""
    tab.evaluate(LISTEN)
    change()
    tab.wait_for_function("window.heard.length > 0", timeout=10_000)
    tab.evaluate("new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)))")
    said: list[str] = tab.evaluate("window.heard")
    return said


def test_each_change_is_told_in_one_sentence(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    products = tab.get_by_text("Products", exact=True).first
    products.click()
    (said,) = heard(tab, lambda: tab.get_by_role("checkbox", name="Azure").check())
    assert re.match(r"Current customers selected: \d+\. Jan 2025 – Jun 2025 · .*Azure\.$", said)
    tab.keyboard.press("Escape")
    (said,) = heard(tab, lambda: tab.get_by_role("button", name="Clear all").click())
    assert said == "Current customers, without filters: 45."
    month = tab.get_by_label("To month", exact=True)
    (said,) = heard(tab, lambda: month.select_option("2025-02"))
    assert said.startswith("Current customers selected: 41. ")
    month = tab.get_by_label("From month", exact=True)
    (said,) = heard(tab, lambda: month.select_option("2025-04"))
    assert said.startswith("To was before From: it is now Apr 2025. Current customers selected: ")
    flows = card(tab, "adds_and_churns")
    (said,) = heard(tab, lambda: flows.get_by_role("tab", name="Azure").click())
    assert said == flows.locator(".sentence").inner_text()
    market = card(tab, "geographical_spread").get_by_role("button", name="Norway")
    (said,) = heard(tab, market.click)
    assert "Norway" in said


def test_a_filter_that_nothing_matches_is_heard(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    (said,) = heard(tab, lambda: tab.evaluate("location.hash = 'product=Teams'"))
    assert said.startswith("No subscription matches the filter Product: Teams. Current customers")


@pytest.mark.parametrize("width", [320, 390])
def test_bars_use_the_width_of_a_phone(width: int, plain: Path, reader: Any) -> None:
    tab = reader.open(plain, width=width, color_scheme="dark")
    ink = tab.evaluate("getComputedStyle(document.querySelector('.insights')).color")
    for name, least in (("products", 0.55), ("distribution", 0.35)):
        bars = card(tab, name).locator(".barlayer .point path")
        boxes = [box for bar in bars.all() if (box := bar.bounding_box())]
        assert max(box["width"] for box in boxes) > least * width, name
        labels = card(tab, name).locator(".yaxislayer-above text").all()
        places = [place for label in labels if (place := label.bounding_box())]
        assert len(places) == len(boxes) > 0
        fills = {label.evaluate("label => getComputedStyle(label).fill") for label in labels}
        assert fills == {ink}, "names are as bright as other text"
        tops = [sorted(one["y"] for one in found) for found in (boxes, places)]
        for box, place in zip(*tops, strict=True):
            assert place + 8 < box < place + 25, "names stand above their bars"
        assert max(place["x"] + place["width"] for place in places) < width


def test_explanations_have_names_of_their_own(plain: Path, reader: Any) -> None:
    tips = reader.open(plain).locator(".tip > summary")
    names = tips.evaluate_all("all => all.map((one) => one.ariaLabel)")
    assert len(names) == len(set(names)) > len(TABLES)


def test_series_differ_by_more_than_colour_in_forced_colours(plain: Path, reader: Any) -> None:
    tab = reader.open(plain, forced_colors="active")
    for name in ("distribution_trend", "products", "adds_and_churns"):
        one = card(tab, name)
        one.scroll_into_view_if_needed()
        one.screenshot(path=SCREENSHOTS / f"forced-{name}.png")
        swatches = one.locator(".legend .swatch").all_inner_texts()
        assert len(swatches) == len(set(swatches)) > 1, name
        assert one.locator(".plot pattern").count() >= 1, name
    colours = "one => { const { backgroundColor: b } = getComputedStyle(one); return b; }"
    fills = card(tab, "products").locator(".swatch").evaluate_all(f"all => all.map({colours})")
    assert len(set(fills)) == len(fills)
    tabs = card(tab, "adds_and_churns").get_by_role("tab")
    lines = tabs.evaluate_all("all => all.map((one) => getComputedStyle(one).borderBottomWidth)")
    assert lines.count("3px") == 1
    slider = card(tab, "adds_and_churns").locator(".thumbs")
    track = "one => getComputedStyle(one, '::after').backgroundColor"
    rest = "one => getComputedStyle(one, '::before').backgroundColor"
    assert slider.evaluate(track) != slider.evaluate(rest)


def test_without_forced_colours_fills_are_plain(plain: Path, reader: Any) -> None:
    tab = reader.open(plain)
    assert tab.locator(".plot pattern").count() == 0
    expect(card(tab, "products").locator(".swatch").first).to_have_text("")
