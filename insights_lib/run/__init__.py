"""Runs: from the reports asked for to the reports in their folders."""
