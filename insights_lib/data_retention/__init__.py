"""Old reports are deleted, and customers are forgotten."""
