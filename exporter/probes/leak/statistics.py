"""Trend test, Holm correction, growth attribution."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt

import numpy as np

from exporter.probes.leak.baseline import Floor
from exporter.probes.leak.policy import HOUR, LEVEL, Signal
from exporter.probes.leak.series import Floats, Samples, Series, counted

_EXACT = 1e-9
"""Residuals below this share of the range are rounding, which has no correlation."""

_FEWEST = 3
"""Minimum number of values for the variance; fewer prove no trend."""

_CLEARLY = 0.7
"""A line explains growth clearly better than another if its misfit is at most this share."""
_COVERED = 0.75
"""Minimum share of the buckets in which events, or work in flight, must have been read."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Slope of a baseline, in its unit per hour."""

    slope: float
    low: float
    high: float
    """Bounds of the slope: the probability that it is below `low` is the significance level, above
    `high` likewise."""
    p: float
    """One-sided p-value: the probability of such a baseline, or a steeper one, without a rise."""
    n: int
    """Number of values."""


def trend(hours: Floats, values: Floats, *, level: float) -> Trend:
    """Fit the Theil-Sen slope and run the Mann-Kendall test with the variance of Hamed and Rao.

    Neighbouring values are correlated, which makes chance look like a trend. The variance of Hamed
    and Rao corrects for that. It is used only where it is the larger one: for alternating values it
    would be smaller than the plain variance, or negative. The bounds of the slope widen by the same
    factor.
    """
    from scipy import stats  # noqa: PLC0415 - lazy, see above

    n = int(values.size)
    if n < _FEWEST or np.ptp(values) == 0:
        return Trend(0.0, 0.0, 0.0, p=1.0, n=n)
    z, inflation = _mann_kendall(values)
    bound = float(stats.norm.sf(stats.norm.isf(level) * sqrt(inflation)))
    line = stats.theilslopes(values, hours, alpha=2 * max(bound, sys.float_info.min))
    return Trend(
        float(line.slope),
        float(line.low_slope),
        float(line.high_slope),
        p=float(stats.norm.sf(z / sqrt(inflation))),
        n=n,
    )


def slope(x: Floats, y: Floats) -> float:
    """Compute the Theil-Sen slope."""
    from scipy import stats  # noqa: PLC0415 - lazy, see above

    return float(stats.theilslopes(y, x).slope)


def misfit(x: Floats, y: Floats) -> float:
    """Compute the mean distance of `y` from its straight line over `x`."""
    rest = y - slope(x, y) * x
    return float(np.abs(rest - np.median(rest)).mean())


def _mann_kendall(values: Floats) -> tuple[float, float]:
    """Return the plain z-score and the factor by which the corrected variance is larger."""
    import pymannkendall  # type: ignore[import-untyped]  # noqa: PLC0415 - lazy, see above

    with np.errstate(invalid="ignore", divide="ignore"):  # its variance may come out negative
        plain = pymannkendall.original_test(values)
        wide = pymannkendall.hamed_rao_modification_test(values)
    rest = values - np.arange(values.size) * wide.slope
    inflation = float(wide.var_s / plain.var_s)
    if not isfinite(inflation) or np.ptp(rest) <= _EXACT * np.ptp(values):
        return float(plain.z), 1.0
    return float(plain.z), max(inflation, 1.0)


def adjusted(ps: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down method.

    A level then bounds the probability of any false positive among all tests. It holds for
    dependent tests, and the signals of one process are dependent.
    """
    raised = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        raised[index] = highest
    return raised


"""A misfit below this share of the range is rounding."""


class Growth(StrEnum):
    """Causes of growth; a closed set."""

    PER_EVENT = "per_event"
    TIME = "time"
    QUEUE = "queue"
    UNDETERMINED = "undetermined"
    """Events arrive so evenly, or are counted so badly, that they cannot be told from time."""


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Events during the time of a baseline."""

    counts: Floats
    """Events counted by the middle of each bucket."""
    per_hour: float
    """Events per hour, over all buckets."""


def load(floor: Floor, series: Series) -> Load | None:
    """Measure the events during a baseline; None when they were not counted all the time."""
    events = series.life.events
    begin = float(floor.begins[0])
    if events is None or not _covers(events, floor):
        return None
    count = counted(events, begin)
    at = np.array([begin, *(floor.begins + floor.bucket / 2), floor.end])
    counts = np.interp(at, count.times, count.values)
    return Load(counts[1:-1], float(counts[-1] - counts[0]) * HOUR / (floor.end - begin))


def growth(floor: Floor, series: Series) -> Growth:
    """Attribute the growth of a baseline to its cause."""
    if series.signal is Signal.QUEUE_DEPTH or _more_in_flight(floor, series.life.in_flight):
        return Growth.QUEUE
    seen = load(floor, series)
    if seen is None:
        return Growth.UNDETERMINED
    if seen.per_hour == 0:
        return Growth.TIME
    if np.ptp(seen.counts) == 0:  # all of them at one end
        return Growth.UNDETERMINED
    by_events, by_clock = misfit(seen.counts, floor.values), misfit(floor.hours, floor.values)
    rounding = _EXACT * np.ptp(floor.values)
    if by_events + rounding <= _CLEARLY * by_clock:
        return Growth.PER_EVENT
    return Growth.TIME if by_clock + rounding <= _CLEARLY * by_events else Growth.UNDETERMINED


def _covers(samples: Samples, floor: Floor) -> bool:
    """Return True if there are samples in the first bucket, in the last, and in most in between."""
    first, behind = np.searchsorted(samples.times, [floor.begins, floor.begins + floor.bucket])
    seen = behind > first
    return bool(seen[0] and seen[-1] and seen.mean() >= _COVERED)


def _more_in_flight(floor: Floor, in_flight: Samples | None) -> bool:
    """Return True if the work in flight rose significantly during the baseline."""
    if in_flight is None or not _covers(in_flight, floor):
        return False
    buckets = (in_flight.between(begin, begin + floor.bucket).values for begin in floor.begins)
    seen = [
        (hour, float(np.median(work)))
        for hour, work in zip(floor.hours, buckets, strict=True)
        if work.size
    ]
    hours, work = np.array(seen).T
    found = trend(hours, work, level=LEVEL)
    return found.p < LEVEL and found.low > 0
