"""Lines of plain text that fit 78 columns: sentences wrapped at words, tables aligned."""

import unicodedata
from collections.abc import Collection, Iterator, Sequence

WIDEST = 78  # columns: what RFC 5322 asks for, and what is left after a quote mark
_HEAD = 14  # columns of what stands above numbers, before it wraps
_GAP = "  "


def width(text: str) -> int:
    """The columns that a text takes in letters of one width, where Chinese ones take two."""
    marks = {"Mn", "Me", "Cf"}
    seen = (c for c in text if unicodedata.category(c) not in marks)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in seen)


def wrapped(text: str, mark: str = "", widest: int = WIDEST) -> str:
    """A text in lines, the first after a mark, such as of a list, and the others as far right.

    A word that is wider than a line is broken. No-break spaces hold words together.

    Example:
        >>> print(wrapped("one two three", mark="- ", widest=9))
        - one two
          three
    """
    lines = [""]
    room = widest - width(mark)
    for word in text.replace("\n", " ").split(" "):
        for piece in _pieces(word, room):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if width(joined) > room:
                lines.append(piece)
            else:
                lines[-1] = joined
    return mark + f"\n{' ' * width(mark)}".join(lines)


def grid(rows: Sequence[Sequence[str]], texts: Collection[int] = (0,)) -> str:
    """Rows of cells below each other: texts at the left of their columns, numbers at the right.

    Texts wrap when the rows would be too wide, and heads of numbers when they are long. What is
    beside a cell of several lines stands beside the last one, where reading it ends.

    Args:
        rows: The cells of each row, of its head as well; every row has as many.
        texts: Which columns hold texts.
    """
    widths = [
        max(width(cell) if number in texts else _narrow(cell) for cell in cells)
        for number, cells in enumerate(zip(*rows, strict=True))
    ]
    too_wide = sum(widths) + len(_GAP) * (len(widths) - 1) - WIDEST
    if too_wide > 0:
        widths[max(texts, key=widths.__getitem__)] -= too_wide
    return "\n".join(line for row in rows for line in _lines(row, widths, texts))


def _narrow(cell: str) -> int:
    """The columns that a number or its head takes when it wraps, and no word of it is broken."""
    longest = max(map(width, cell.split(" ")))
    return max(map(width, wrapped(cell, widest=max(longest, _HEAD)).split("\n")))


def _lines(row: Sequence[str], widths: Sequence[int], texts: Collection[int]) -> Iterator[str]:
    cells = [wrapped(c, widest=w).split("\n") for c, w in zip(row, widths, strict=True)]
    height = max(map(len, cells))
    for parts in zip(*([""] * (height - len(cell)) + cell for cell in cells), strict=True):
        filled = []
        for number, part in enumerate(parts):
            blank = " " * (widths[number] - width(part))
            filled.append(part + blank if number in texts else blank + part)
        yield _GAP.join(filled).rstrip()


def _pieces(word: str, widest: int) -> Iterator[str]:
    """A word, or the parts of one that is wider than a line."""
    piece = ""
    for character in word:
        if piece and width(piece + character) > widest:
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece
