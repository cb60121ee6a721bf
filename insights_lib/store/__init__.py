"""The store: exports as Parquet files and a catalog, and slices of it."""
