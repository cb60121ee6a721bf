"""Exports that come by themselves: from the programmatic API of Partner Center."""
