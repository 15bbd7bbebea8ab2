"""Ranges of time that a page shows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_POINTS = 240
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200)
_DAY = 86_400
PERIOD = "period"
LENGTHS = {"1h": 3600, "6h": 6 * 3600, "1d": _DAY, "3d": 3 * _DAY, "1w": 7 * _DAY}
"""Seconds of the ranges that are shorter than a period."""
DEFAULT = "1d"
LOOKBACK = 300.0
"""Seconds after which Prometheus takes a series as gone; rules are evaluated more often."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Range of time in steps.

    Attributes:
        name: name of its length, as in `LENGTHS`, or `period`.
        end: its last point.
        length: its seconds.
        step: seconds of a step.
        is_now: True if it ends now.
    """

    name: str
    end: float
    length: float
    step: int
    is_now: bool = False

    @property
    def start(self) -> float:
        """Time of the first point."""
        return self.end - (self.count - 1) * self.step

    @property
    def count(self) -> int:
        """Number of points; each but the first one has a whole step before it."""
        return math.ceil(self.length / self.step) + 1

    @property
    def times(self) -> list[float]:
        """Times of the points."""
        return [self.start + index * self.step for index in range(self.count)]


def build_range(name: str, period: float, now: float, end: float | None) -> TimeRange:
    """Build the range of a name.

    Args:
        name: name of the length; the default if it is none.
        period: seconds of the period of the SLO.
        now: current time.
        end: end of the range; now without.
    """
    name = name if name in LENGTHS or name == PERIOD else DEFAULT
    length = float(LENGTHS.get(name, period))
    step = choose_step(length)
    is_now = end is None or end >= now - step
    last = now if end is None else min(end, now)
    return TimeRange(name, float(math.floor(last)), length, step, is_now)


def choose_step(length: float, points: int = _POINTS) -> int:
    """Choose the step of a range so that it has about a number of points."""
    return next((step for step in _STEPS if length / step <= points), _STEPS[-1])


def split_runs(times: Sequence[float], step: float) -> Iterator[tuple[float, float]]:
    """Split times of samples into runs without a gap, as the first and last time of each.

    A gap is longer than two steps, and than the evaluation interval of any rule: an alert that is
    evaluated every 5 minutes fires in between as well.
    """
    allowed = max(2 * step, LOOKBACK + step)
    starts = [i for i, at in enumerate(times) if i == 0 or at - times[i - 1] > allowed]
    for first, following in pairwise([*starts, len(times)]):
        yield times[first], times[following - 1]
