"""Exports from a fake Partner Center: asked for, waited for, checked, put in their place."""

from pathlib import Path

from insights_lib.store.ingest import ingest_file
from tests.support.fetching import Office


def test_what_is_offered_comes_and_can_be_ingested(at: Office, tmp_path: Path) -> None:
    results = {result.dataset: result for result in at.fetch()}
    assert at.exports() == [
        "2026-01-15_CustomersAndTenants_contoso.csv",
        "2026-01-15_OfficeUsage_contoso.csv",
        "2026-01-15_Profile_contoso.csv",
    ]
    assert "2024-01 to 2025-12, 26 rows" in results["CustomersAndTenants"].text
    assert "not offered to this user" in results["AzureUsage"].text
    assert not any(result.failed for result in results.values())
    for file in sorted((tmp_path / "exports").iterdir()):
        ingest_file(file, tmp_path / "store")
    assert at.center.reports == at.center.queries == {}  # nothing of ours stays there
