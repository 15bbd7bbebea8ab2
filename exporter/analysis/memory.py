"""Growth of the memory of a process with the events, for runs too short for the detector. Pure."""

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from exporter.analysis.measurements import Process, Series

_FEWEST_EVENTS = 100
_PARTS = 6
_WARM_UP = 1 / 3
"""Share of the events that counts as warm-up."""
_LEAST_RISE = 0.05
_LEAST_SPEED = 0.3
"""Speed of the last half, as a share of the first half, below which it is a warm-up."""


@dataclass(frozen=True, slots=True)
class MemoryGrowth:
    """Growth of the memory after the warm-up.

    Attributes:
        per_event: bytes an event.
        rise: rise as a share of the memory after the warm-up.
        parts: number of parts.
        is_steady: whether each part is above the one before, and the growth does not slow down.
    """

    per_event: float
    rise: float
    parts: int
    is_steady: bool


def measure_growth(process: Process, sent: Series) -> MemoryGrowth | None:
    """Measure the growth; None with too few events or readings."""
    memory = process.columns.get("rss")
    points = _pair(memory, sent) if memory else []
    if not points or points[-1][0] - points[0][0] < _FEWEST_EVENTS:
        return None
    first, last = points[0][0], points[-1][0]
    begin = first + _WARM_UP * (last - first)
    width = (last - begin) / _PARTS
    levels = []
    for number in range(_PARTS):
        low, high = begin + number * width, begin + (number + 1) * width
        inside = [rss for events, rss in points if low <= events <= high]
        if not inside:
            return None
        levels.append(median(inside))
    steps = [later - earlier for earlier, later in itertools.pairwise(levels)]
    half = _PARTS // 2
    early, late = levels[half - 1] - levels[0], levels[-1] - levels[half]
    rise = (levels[-1] - levels[0]) / levels[0]
    is_steady = min(steps) > 0 and rise >= _LEAST_RISE and late >= _LEAST_SPEED * early
    per_event = (levels[-1] - levels[0]) / (width * (_PARTS - 1))
    return MemoryGrowth(per_event, rise, _PARTS, is_steady)


def _pair(memory: Series, sent: Series) -> Sequence[tuple[float, float]]:
    """Pair each reading of the memory with the events that were sent by then."""
    pairs = []
    for t, rss in zip(memory.times, memory.values, strict=True):
        at = min(bisect_left(sent.times, t), len(sent.values) - 1)
        if rss is not None and at >= 0 and (events := sent.values[at]) is not None:
            pairs.append((events, rss))
    return pairs
