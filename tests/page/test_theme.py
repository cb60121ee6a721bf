"""The colours of both themes can be read and told apart."""

import re

import pytest

from insights_lib.page.assets import PAGE_FILES
from insights_lib.presentation import theme

TEXTS = ("ink", "quiet", "link", "good", "bad")
DRAWN = (
    *("accent", "existing", "added", "churned", "others", "quiet"),
    *(f"category-{i}" for i in range(1, 11)),
)


def luminance(color: str) -> float:
    """As WCAG 2.2 defines relative luminance."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_of_black_and_white_is_21() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_texts_and_what_is_drawn_stand_out(palette: dict[str, str]) -> None:
    for ground in ("card", "ground"):
        weak = [name for name in TEXTS if contrast(palette[name], palette[ground]) < 4.5]
        assert weak == []
    assert contrast(palette["ink"], palette["pale"]) >= 4.5
    assert [name for name in DRAWN if contrast(palette[name], palette["card"]) < 3] == []


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_the_shares_of_cohorts_are_read_on_every_shade(palette: dict[str, str]) -> None:
    style = (PAGE_FILES / "style" / "customers.css").read_text(encoding="utf-8")
    ((least, more),) = re.findall(r"opacity: calc\(([\d.]+) \+ ([\d.]+) \* var\(--share\)\)", style)
    for share in (0, 0.5, 1):
        opacity = float(least) + float(more) * share
        shade = blended(palette["accent"], palette["card"], opacity)
        assert contrast(palette["ink"], shade) >= 4.5


def blended(color: str, ground: str, opacity: float) -> str:
    pairs = [(int(color[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * opacity + b * (1 - opacity)):02x}" for a, b in pairs)


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_categories_differ(palette: dict[str, str]) -> None:
    """No two colours of one chart are close, in red, green and blue taken together."""
    colors = [palette[f"category-{i}"] for i in range(1, 11)] + [palette["others"]]
    parts = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors]
    distances = {
        (i, j): sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        for i, one in enumerate(parts)
        for j, other in enumerate(parts[:i])
    }
    assert {pair: d for pair, d in distances.items() if d < 45} == {}


def test_both_themes_have_the_same_colours() -> None:
    assert theme.LIGHT.keys() == theme.DARK.keys()
