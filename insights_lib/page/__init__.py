"""The page: executed notebooks and rows in, one HTML file out."""
