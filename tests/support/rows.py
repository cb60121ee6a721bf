"""Rows as exports, a store made of them, and slices of it."""

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from insights_lib.parameters.spec import Filters, ReportSpec
from insights_lib.store.ingest import ingest_file
from insights_lib.store.partners import partner_parts
from insights_lib.store.slice import Slice, open_slice
from insights_lib.store.sql import sql_path

Rows = list[dict[str, str]]
# What decides what a report says; not which one it is.
TOLD = [name for name in ReportSpec.model_fields if name != "variant"]


def write_tsv(file: Path, rows: Rows) -> Path:
    """Rows with the same columns as a tab-separated export."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    text = "".join("\t".join(line) + "\n" for line in lines)
    file.write_text(text, encoding="utf-8", newline="")
    return file


def write_csv(file: Path, rows: Rows) -> Path:
    """Rows with the same columns as a comma-separated export."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


def fill_store(folder: Path, datasets: Mapping[str, Rows]) -> Path:
    """Ingest one export per dataset into a new store of the folder."""
    for name, rows in datasets.items():
        if rows:
            ingest_file(write_tsv(folder / f"{name}.tsv", rows), folder / "store")
    return folder / "store"


def stored_rows(store: Path, partner: str = "1", dataset: str = "") -> list[dict[str, Any]]:
    """The rows that count for a partner, of one dataset or all, as they lie in the store."""
    selects = [
        f"SELECT * FROM read_parquet({sql_path(part.file)}, hive_partitioning = false) "
        f"WHERE month = DATE '{part.month}'"
        for part in partner_parts(store, partner).parts
        if part.dataset == dataset or not dataset
    ]
    with duckdb.connect() as engine:
        found = engine.execute(" UNION ALL BY NAME ".join(selects))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def slice_of(store: Path | str, date_range: str, **options: Any) -> Slice:
    """The slice of partner `1` unless another is asked for."""
    filters = Filters(**{k: tuple(v) for k, v in options.pop("filters", {}).items()})
    values = {"partner": "1", "as_of": date(2030, 1, 1), **options}
    return open_slice(ReportSpec(store=store, date_range=date_range, filters=filters, **values))


def seats_row(month: str, customer: str, **others: str) -> dict[str, str]:
    """A row of SeatsSubscriptionsAndRevenue of partner `1`, active unless told otherwise."""
    row = {
        "Month": month,
        "PGAMpnId": "1",
        "MpnId": "11",
        "CustomerTpid": customer,
        "CustomerTenantId": "",
        "CustomerName": f"Name of {customer}",
        "SubscriptionId": f"s-{customer}",
        "SubscriptionState": "Active",
        "Product": "Office 365",
        "SKU": "E3",
        "CustomerMarket": "Sweden",
        "CustomerSegment": "Small, Medium & Corporate Commercial",
        "PartnerLocation": "Oslo",
        "PartnerAttributionType": "CSP Tier 1",
        "SalesChannel": "CSP",
        "PricingLevel": "Commercial",
    }
    return {**row, **others}


def usage_row(month: str, customer: str, users: str = "5", **others: str) -> dict[str, str]:
    """A row of OfficeUsage of partner `1`."""
    row = {
        "Month": month,
        "PGAMpnId": "1",
        "CustomerTpid": customer,
        "CustomerTenantId": "",
        "CustomerName": f"Name of {customer}",
        "WorkloadName": "Exchange",
        "MonthlyActiveUsers": users,
    }
    return {**row, **others}
