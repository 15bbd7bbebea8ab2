"""Charts as inline SVG, drawn without a script. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 40
_COLOURS = (
    *("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a"),
    *("#bf3989", "#00a0a0", "#e36209", "#7a4b2a", "#4ac26b", "#000000"),
)
_TICKS = 5
_MOST_POINTS = 400
_TENTH_POWERS = (1, 2, 5, 10)
_SMALL, _LARGE = 0.01, 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """Line of a chart.

    Attributes:
        name: name in the legend.
        points: pairs of x and y, by x.
        is_stepped: whether the value holds until the next point.
        has_marks: whether each point is marked.
    """

    name: str
    points: Sequence[tuple[float, float]]
    is_stepped: bool = False
    has_marks: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """Axis of a chart; a logarithmic one starts above zero."""

    title: str
    is_logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    """Scale from values to pixels."""

    low: float
    high: float
    start: float
    end: float
    is_logarithmic: bool

    def place(self, value: float) -> float:
        low, high, value = map(self._convert, (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def _convert(self, value: float) -> float:
        return log10(max(value, self.low)) if self.is_logarithmic else value

    def list_ticks(self) -> list[float]:
        if self.is_logarithmic:
            powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            return [10.0**power for power in powers if self.low <= 10.0**power <= self.high]
        raw = (self.high - self.low) / _TICKS or 1.0
        power = 10.0 ** floor(log10(raw))
        step = next(power * factor for factor in _TENTH_POWERS if power * factor >= raw)
        first = ceil(self.low / step)
        return [number * step for number in range(first, floor(self.high / step) + 1)]


def draw_chart(lines: Sequence[Line], x: Axis, y: Axis) -> Markup | None:
    """Draw a chart; None without a point.

    Args:
        lines: the lines; those without points are left out.
        x: horizontal axis.
        y: vertical axis.
    """
    drawn = [line for line in lines if _keep_points(line.points, x, y)]
    points = [point for line in drawn for point in _keep_points(line.points, x, y)]
    if not points:
        return None
    across = _build_scale([px for px, _ in points], x, _LEFT, _WIDTH - _RIGHT)
    up = _build_scale([py for _, py in points], y, _HEIGHT - _BOTTOM, _TOP)
    height = _HEIGHT + 18 * len(drawn)
    label = f"{y.title} by {x.title}"
    parts = [
        Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            _WIDTH, height, label
        ),
        *_draw_axes(across, up, x, y),
    ]
    for number, line in enumerate(drawn):
        parts += _draw_line(line, _keep_points(line.points, x, y), across, up, number)
    return Markup("").join([*parts, Markup("</svg>")])


def _keep_points(
    points: Sequence[tuple[float, float]], x: Axis, y: Axis
) -> list[tuple[float, float]]:
    kept = [
        (px, py)
        for px, py in points
        if (px > 0 or not x.is_logarithmic) and (py > 0 or not y.is_logarithmic)
    ]
    every = max(1, ceil(len(kept) / _MOST_POINTS))
    return kept[::every] + ([kept[-1]] if len(kept) % every != 1 and every > 1 else [])


def _build_scale(values: Sequence[float], axis: Axis, start: float, end: float) -> _Scale:
    low, high = min(values), max(values)
    if not axis.is_logarithmic:
        low, high = min(0.0, low), high or 1.0
        high += 0.05 * (high - low)
    elif high <= low:
        low, high = low / 2, high * 2
    return _Scale(low, high, start, end, axis.is_logarithmic)


def _draw_axes(across: _Scale, up: _Scale, x: Axis, y: Axis) -> Iterable[Markup]:
    grid = Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="grid"/>')
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    bottom = _HEIGHT - _BOTTOM
    for tick in across.list_ticks():
        at = across.place(tick)
        yield grid.format(at, _TOP, at, bottom)
        yield text.format(at, bottom + 15, "middle", _format_tick(tick))
    for tick in up.list_ticks():
        at = up.place(tick)
        yield grid.format(_LEFT, at, _WIDTH - _RIGHT, at)
        yield text.format(_LEFT - 6, at + 4, "end", _format_tick(tick))
    yield text.format((_LEFT + _WIDTH) / 2, bottom + 32, "middle", x.title)
    yield Markup(
        '<text transform="rotate(-90)" x="{:.1f}" y="12" text-anchor="middle">{}</text>'
    ).format(-(_TOP + bottom) / 2, y.title)


def _format_tick(value: float) -> str:
    if value and (abs(value) < _SMALL or abs(value) >= _LARGE):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:g}"


def _draw_line(
    line: Line, points: Sequence[tuple[float, float]], across: _Scale, up: _Scale, number: int
) -> Iterable[Markup]:
    colour = _COLOURS[number % len(_COLOURS)]
    placed = [(across.place(px), up.place(py)) for px, py in points]
    path, last = [], None
    for at in placed:
        if line.is_stepped and last is not None:
            path.append((at[0], last[1]))
        path.append(at)
        last = at
    coordinates = " ".join(f"{px:.1f},{py:.1f}" for px, py in path)
    yield Markup('<polyline points="{}" stroke="{}" class="line"/>').format(coordinates, colour)
    for px, py in placed if line.has_marks else ():
        yield Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>').format(px, py, colour)
    top = _HEIGHT + 18 * number
    yield Markup('<rect x="{}" y="{}" width="14" height="4" fill="{}"/>').format(
        _LEFT, top + 2, colour
    )
    yield Markup('<text x="{}" y="{}">{}</text>').format(_LEFT + 20, top + 8, line.name)
