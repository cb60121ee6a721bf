"""Tests of which every run does a few, and `make test-slow` all the others."""

from collections.abc import Iterable
from typing import Any

import pytest


def sweep(values: Iterable[Any], ordinary: int = 1) -> list[Any]:
    """Parameters of a test, of which only the first ones are ordinary; the others are slow."""
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=[pytest.mark.slow] if number >= ordinary else [],
        )
        for number, value in enumerate(values)
    ]
