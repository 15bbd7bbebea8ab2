"""Formats of numbers and times on the pages, and the templates that use them."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import jinja2

from generator.status.slo_states import SLOState
from generator.status.table import format_forecast
from slos.schema.promql import format_label_set
from slos.schema.units import Duration

UNKNOWN = "\N{EN DASH}"
_SYMBOLS = {
    SLOState.PAGE: "●",
    SLOState.EXHAUSTED: "■",
    SLOState.ALERT: "▲",
    SLOState.BURNING: "◆",
    SLOState.NO_DATA: "○",
    SLOState.OK: "✓",
}
_SPARK_WIDTH, _SPARK_HEIGHT = 72, 20
_BAR_WIDTH = 90
_LEAST_BURN = 2.0
"""Burn rate at the top of a sparkline, at least; so the line of 1 is in the picture."""


def format_percent(value: float | None, digits: int = 1) -> str:
    """Format a ratio as a percentage."""
    return (
        UNKNOWN
        if value is None or math.isnan(value)
        else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"
    )


def format_objective(value: float | None) -> str:
    """Format an objective with the digits that it has."""
    return UNKNOWN if value is None else f"{100 * value:.6g}\N{NO-BREAK SPACE}%"


def format_number(value: float | None) -> str:
    """Format a burn rate or a count: three digits are enough to compare."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1000:  # noqa: PLR2004 - thousands are separated
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"  # noqa: PLR2004


def format_time(timestamp: float | None) -> str:
    """Format a time in UTC."""
    if timestamp is None:
        return UNKNOWN
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M")


def format_length(seconds: float) -> str:
    """Format a length of time with two units: `2d3h`, `1h5m`, `45s`."""
    unit = 3600 if seconds >= 86_400 else 60 if seconds >= 60 else 1  # noqa: PLR2004
    return str(Duration(int(max(seconds, 1) // unit * unit * 1000)))


def draw_sparkline(values: Sequence[float | None]) -> dict[str, object] | None:
    """Draw burn rates as points of polylines; a gap ends one. None without values."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    scale = (_SPARK_HEIGHT - 2) / max(_LEAST_BURN, *known)
    step = _SPARK_WIDTH / max(1, len(values) - 1)
    lines: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{index * step:.0f},{_SPARK_HEIGHT - 1 - scale * value:.0f}")
    # A point alone is drawn as a short line.
    lines = [line * 2 if len(line) == 1 else line for line in lines if line]
    return {
        "lines": [" ".join(line) for line in lines],
        "one": f"{_SPARK_HEIGHT - 1 - scale:.0f}",
        "highest": format_number(max(known)),
    }


@cache
def load_templates() -> jinja2.Environment:
    """Load the templates; all values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("generator.web", "templates"),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": format_percent,
        "objective": format_objective,
        "number": format_number,
        "time": format_time,
        "lasting": format_length,
        "forecast": format_forecast,
        "bar_width": lambda budget: f"{min(1.0, budget) * _BAR_WIDTH:.1f}",
        "spark": draw_sparkline,
        "symbol": lambda state: _SYMBOLS[state],
        "slug": lambda state: str(state).replace(" ", "-"),
        "label_set": format_label_set,
    }
    return environment
