"""The committed bundle of the page is what its sources build, and plotly shares nothing."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from insights_lib.page.assets import PAGE_FILES, plotly
from insights_lib.page.write import PALETTES
from insights_lib.presentation.offline import BUNDLED_TRACES
from tests.support.processes import completed

ROOT = Path(__file__).parents[2]
BUNDLES = ("page", "index", "widget", "saved")
BUILT = (*(f"{name}.min.{kind}" for name in BUNDLES for kind in ("js", "css")), "LICENSES.txt")


def node(*arguments: str | Path) -> str:
    """What a JavaScript program prints."""
    # The Node of the environment, or in Conda's the one on the path.
    own = shutil.which("node", path=Path(sys.executable).parent) or "node"
    return completed([own, *arguments], cwd=ROOT).stdout


def bundled(file: Path) -> str:
    """A JavaScript module or a style sheet with all that it imports."""
    code = """
        import { build } from "esbuild";
        const options = { bundle: true, format: "esm", write: false, target: "safari16.4" };
        const { outputFiles } = await build({ entryPoints: [process.argv[1]], ...options });
        process.stdout.write(outputFiles[0].text);
    """
    return node("--input-type=module", "--eval", code, "--", file)


def test_the_bundle_is_what_its_sources_build(tmp_path: Path) -> None:
    node(PAGE_FILES / "build.js", tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(BUILT)
    for name in BUILT:
        built, committed = (tmp_path / name).read_bytes(), (PAGE_FILES / name).read_bytes()
        assert built == committed, f"run `make page`: {name} is not what the sources build"


def test_the_licence_of_every_package_in_the_bundle_stands_beside_it() -> None:
    asked = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    notices = (PAGE_FILES / "LICENSES.txt").read_text(encoding="utf-8")
    assert asked
    for name, pinned in asked.items():
        assert f"---- {name} {pinned} (MIT)" in notices
    assert "Permission is hereby granted" in notices


def test_the_page_and_the_guide_name_the_browsers_that_it_is_built_for() -> None:
    built = (PAGE_FILES / "build.js").read_text(encoding="utf-8")
    [versions] = re.findall(r'target: \["chrome(\d+)", "firefox(\d+)", "safari([\d.]+)"\]', built)
    told = "Chrome or Edge {}, Firefox {}, Safari {}, or newer".format(*versions)
    for file in (PAGE_FILES / "page.html.j2", ROOT / "docs" / "analysts.md"):
        assert told in file.read_text(encoding="utf-8")


def test_the_style_sheet_touches_nothing_outside_of_a_report() -> None:
    """Every rule of a report is one of an element within it, so that it can be mounted anywhere."""
    text = re.sub(r"/\*.*?\*/", "", bundled(PAGE_FILES / "style" / "insights.css"), flags=re.DOTALL)
    lists = re.findall(r"([^{}]+)\{[^{}]*\}", re.sub(r"@media[^{]*\{", "", text))
    # A comma within parentheses, as in :is(.a, .b), parts no selectors.
    selectors = [one.strip() for found in lists for one in re.split(r",(?![^(]*\))", found)]
    assert len(selectors) > 150
    assert [one for one in selectors if not one.startswith(".insights")] == []


def test_every_colour_of_the_style_sheet_is_one_of_the_theme() -> None:
    style = "".join(file.read_text(encoding="utf-8") for file in PAGE_FILES.glob("style/*.css"))
    used = {part.split(")")[0] for part in style.split("var(--")[1:]}
    assert used - {"from", "to", "share", "rows"} <= PALETTES["light"].keys()


@pytest.mark.parametrize(
    "kinds", [BUNDLED_TRACES, frozenset({"histogram"})], ids=["small", "whole"]
)
def test_plotly_shares_nothing_with_the_document(kinds: frozenset[str]) -> None:
    text = plotly(kinds)
    assert "PlotlyGeoAssets" in text
    assert "js-plotly-tester" not in text
    assert re.findall(r"window\.(\w+) ?=(?!=)", text) == []
