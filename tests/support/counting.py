"""The counting of the page, which Node does for tests without a browser."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from insights_lib.page.rows import compact_rows
from insights_lib.store.slice import Slice
from insights_lib.tables import declarations
from tests.support.processes import running

Tables = dict[str, list[dict[str, Any]]]
Mark = dict[str, Any]
PROGRAM = Path(__file__).parents[1] / "numbers" / "count_lines.js"


class PageCounter:
    """What `count_lines.js` answers."""

    def __init__(self, node: "subprocess.Popen[str]") -> None:
        self.node = node

    def _answer(self, asked: Any) -> Any:
        assert self.node.stdin
        assert self.node.stdout
        self.node.stdin.write(json.dumps(asked) + "\n")
        self.node.stdin.flush()
        return json.loads(self.node.stdout.readline())

    def open(self, data: Slice) -> None:
        """Give it the rows of a slice."""
        self._answer({"rows": compact_rows(data), "declared": declarations()})

    def count(self, facets: Any, first: str, last: str) -> Tables:
        """All tables for a selection of the reader: filters, first and last month."""
        tables: Tables = self._answer({"facets": facets, "from": first, "to": last})
        return tables

    def behind(self, marks: list[Any]) -> list[Any]:
        """What is behind numbers of the selection that was counted last."""
        found: list[Any] = self._answer({"marks": marks})
        return found

    def offered(self, facet: str) -> list[str]:
        """The values of a facet that its menu offers."""
        values: list[str] = self._answer({"offered": facet})
        return values


@pytest.fixture(scope="module")
def counter() -> Iterator[PageCounter]:
    """The counting of the page."""
    # The Node of the environment, or in Conda's the one on the path.
    own = shutil.which("node", path=Path(sys.executable).parent)
    command = [own or "node", PROGRAM]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        yield PageCounter(node)
