"""The page: executed notebooks and rows in, one HTML file out."""

from insights_lib.page.write import write_page

__all__ = ["write_page"]
