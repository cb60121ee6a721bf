"""Somebody who fetches from a fake Partner Center."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fetching import Office, office


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with office(tmp_path, monkeypatch) as one:
        yield one
