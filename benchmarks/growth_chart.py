"""How time and memory grow, drawn as an SVG: both axes in powers of ten."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 460, 250  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 132, 34, 34  # around the lines in it
_COLORS = ("#0067b8", "#b4009e", "#4f6b00")

Line = Sequence[tuple[float, float]]  # size and value


@dataclass(frozen=True)
class Panel:
    """One chart.

    Attributes:
        title: What its values are.
        lines: By name.
    """

    title: str
    lines: Mapping[str, Line]

    @property
    def x_axis(self) -> tuple[float, float]:
        """The first and the last size, as powers of ten."""
        sizes = [log10(size) for line in self.lines.values() for size, _ in line]
        return min(sizes), max(sizes)

    @property
    def y_axis(self) -> tuple[int, int]:
        """The powers of ten between which all values are."""
        values = [log10(value) for line in self.lines.values() for _, value in line]
        return floor(min(values)), ceil(max(values))

    def at(self, size: float, value: float) -> tuple[float, float]:
        """Where a point is drawn."""
        shares = [
            (log10(number) - low) / (high - low)
            for number, (low, high) in ((size, self.x_axis), (value, self.y_axis))
        ]
        x = _LEFT + shares[0] * (_WIDTH - _LEFT - _RIGHT)
        return round(x, 1), round(_HEIGHT - _BOTTOM - shares[1] * (_HEIGHT - _TOP - _BOTTOM), 1)


def svg(panels: Sequence[Panel]) -> str:
    """An SVG of panels, two in a row."""
    width, height = 2 * _WIDTH, _HEIGHT * ceil(len(panels) / 2)
    font = 'font-family="sans-serif" font-size="12" fill="#1b1a19"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font}>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        place = f"{number % 2 * _WIDTH} {number // 2 * _HEIGHT}"
        parts += [f'<g transform="translate({place})">', *_drawn(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _drawn(panel: Panel) -> Iterator[str]:
    yield f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(panel.title)}</text>'
    yield from _axes(panel)
    ends = []
    for (name, line), color in zip(panel.lines.items(), _COLORS, strict=False):
        places = [panel.at(*point) for point in line]
        points = " ".join(f"{x},{y}" for x, y in places)
        yield f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>'
        yield from (f'<circle cx="{x}" cy="{y}" r="3" fill="{color}"/>' for x, y in places)
        ends.append((places[-1][1], name, color))
    above = 0.0
    for y, name, color in sorted(ends):
        above = max(y + 4, above + 14)  # so that no name is on another
        x = _WIDTH - _RIGHT + 8
        yield f'<text x="{x}" y="{above}" fill="{color}">{escape(name)}</text>'


def _axes(panel: Panel) -> Iterator[str]:
    """Lines at powers of ten, and a dashed one as steep as what is in proportion."""
    (first, last), (low, high) = panel.x_axis, panel.y_axis
    for power in range(round(low), round(high) + 1):
        x, y = panel.at(10**first, 10**power)
        end = _WIDTH - _RIGHT
        yield f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}" stroke="#e1dfdd"/>'
        yield f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{10.0**power:,g}</text>'
    for power in range(ceil(first), floor(last) + 1):
        x, y = panel.at(10**power, 10**low)
        yield f'<text x="{x}" y="{y + 18}" text-anchor="middle">{10**power:,}</text>'
    rise = min(last - first, high - low)
    (x1, y1), (x2, y2) = (
        panel.at(10**first, 10**low),
        panel.at(10 ** (first + rise), 10 ** (low + rise)),
    )
    yield (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#a19f9d" stroke-dasharray="3 4"/>'
    )
