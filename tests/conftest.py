"""The fixtures of the tests."""

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.rows import Rows, fill_store

pytest_plugins = ["tests.support.counting", "tests.support.mailing", "tests.support.notebooks"]
collect_ignore = ["warm_kernels/notebooks"]  # papermill's and nbclient's own; see `test_suites`


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs under test, also of tests that a shell started with `&`.

    Such a shell has them ignore SIGINT, and every process that they start, too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def store_of(tmp_path: Path) -> Callable[[Mapping[str, Rows]], Path]:
    """A function that makes a store of rows by dataset."""
    return lambda datasets: fill_store(tmp_path, datasets)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium."""
    from tests.support.browser import chromium  # noqa: PLC0415 - most tests need no browser

    with chromium() as opened:
        yield opened


@pytest.fixture
def reader(browser: Any) -> Iterator[Any]:
    """Opens reports offline; whatever goes wrong in a page fails the test."""
    from tests.support.browser import Reader  # noqa: PLC0415 - as above

    made = Reader(browser)
    yield made
    for context in browser.contexts:
        context.close()
    assert made.wrong == []
