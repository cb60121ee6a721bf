"""Rows into a store, and what the store holds then, in its catalog and on disk."""

from pathlib import Path

from insights_lib.errors import ExportError
from insights_lib.store.ingest import Ingested, ingest_file, ingest_files
from insights_lib.store.partners import partner_parts
from tests.support.rows import Rows, stored_rows, write_tsv


def take(store: Path, rows: Rows, name: str = "export.tsv") -> Ingested:
    """Ingest rows as a TSV that lies beside the store."""
    (result,) = ingest_file(write_tsv(store.parent / name, rows), store)
    return result


def taken(store: Path, *exports: Rows, **options: bool) -> list[Ingested | ExportError]:
    """What becomes of several exports in one call, `1.tsv` and so on."""
    numbered = enumerate(exports, 1)
    files = [write_tsv(store.parent / f"{number}.tsv", rows) for number, rows in numbered]
    return list(ingest_files(files, store, **options))


def take_text(store: Path, text: str) -> Ingested:
    file = store.parent / "export"
    file.write_text(text, encoding="utf-8")
    (result,) = ingest_file(file, store)
    return result


def held(store: Path, partner: str = "1") -> set[tuple[object, ...]]:
    """What the store holds of a partner, whatever its files are called."""
    parts = partner_parts(store, partner).parts
    return {(p.dataset, p.month, p.rows, p.subscription_ids, p.hash) for p in parts}


def customers(store: Path, partner: str = "1", dataset: str = "") -> dict[str, list[str]]:
    """The customers of a partner by month."""
    found: dict[str, list[str]] = {}
    for row in sorted(stored_rows(store, partner, dataset), key=lambda row: row["customer"]):
        key = row["customer"].removeprefix("tpid:")
        found.setdefault(f"{row['month']:%Y-%m}", []).append(key)
    return found


def tree(store: Path) -> dict[str, bytes]:
    """Every file of the store with its content, and every folder."""
    return {
        str(path.relative_to(store)): path.read_bytes() if path.is_file() else b""
        for path in store.rglob("*")
    }


def parts_on_disk(store: Path) -> set[Path]:
    return set((store / "parts").rglob("*.parquet"))


def parts_named(store: Path, *partners: str) -> set[Path]:
    return {part.file for partner in partners for part in partner_parts(store, partner).parts}
