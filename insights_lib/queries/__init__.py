"""The SQL behind the tables of a report, and how it is asked."""
