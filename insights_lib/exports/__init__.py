"""Export files: what Partner Center writes, and whether a file can be trusted."""
