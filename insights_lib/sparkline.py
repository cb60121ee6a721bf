"""Micro charts: a few numbers as the points of a small area, to be drawn as SVG."""

from collections.abc import Sequence
from itertools import groupby

WIDTH, HEIGHT = 120, 36


def sparkline(numbers: Sequence[float | None]) -> list[str]:
    """The runs of known numbers as SVG points in a box of `WIDTH` by `HEIGHT`, from zero up."""
    top = max((n for n in numbers if n is not None), default=0) or 1
    step = WIDTH / max(len(numbers) - 1, 1)
    points = [
        None if n is None else (i * step, HEIGHT - 2 - (HEIGHT - 4) * n / top)
        for i, n in enumerate(numbers)
    ]
    runs = groupby(points, key=lambda point: point is None)
    return [
        " ".join(f"{point[0]:.1f},{point[1]:.1f}" for point in run if point)
        for unknown, run in runs
        if not unknown
    ]
