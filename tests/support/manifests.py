"""Manifests as a run could have left them."""

from datetime import UTC, datetime
from typing import Any

from insights_lib.outputs import Manifest

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def manifest_of(**values: Any) -> Manifest:
    """A complete report of partner 1, but for some values."""
    given = {
        "status": "complete",
        "partner": "1",
        "first": "2025-01",
        "last": "2025-12",
        "parameters": {"filters": [], "role": "executive_report_viewer"},
        "fingerprint": {},
        "started_at": NOON,
        "finished_at": NOON,
    }
    return Manifest.model_validate({**given, **values})
