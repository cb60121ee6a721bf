"""The schedule: which groups of partners are due when, and doing each such window once."""
