"""Statistics of the leak detector: trend test and growth per event."""

import sys
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt

import numpy as np

from exporter.leakdetection.baseline import Baseline
from exporter.leakdetection.policy import HOUR, SIGNIFICANCE_LEVEL, LeakSignal
from exporter.leakdetection.series import Floats, Samples, SignalSeries, count_events_since

_NUMERIC_NOISE = 1e-9
"""Residuals below this share of the range are rounding, which has no correlation."""

_MIN_VALUES = 3
"""Minimum number of values for the variance; fewer prove no trend."""

_MAX_MISFIT_RATIO = 0.7
"""A line explains growth clearly better than another if its misfit is at most this share."""
_MIN_COVERAGE = 0.75
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


def fit_trend(hours: Floats, values: Floats, *, level: float) -> Trend:
    """Fit the Theil-Sen slope and run the Mann-Kendall test with the variance of Hamed and Rao.

    Neighbouring values are correlated, which makes chance look like a trend. The variance of Hamed
    and Rao corrects for that. It is used only where it is the larger one: for alternating values it
    would be smaller than the plain variance, or negative. The bounds of the slope widen by the same
    factor.
    """
    from scipy import stats  # noqa: PLC0415 - lazy, see above

    n = int(values.size)
    if n < _MIN_VALUES or np.ptp(values) == 0:
        return Trend(0.0, 0.0, 0.0, p=1.0, n=n)
    z, inflation = _run_mann_kendall(values)
    bound = float(stats.norm.sf(stats.norm.isf(level) * sqrt(inflation)))
    theil_sen = stats.theilslopes(values, hours, alpha=2 * max(bound, sys.float_info.min))
    return Trend(
        float(theil_sen.slope),
        float(theil_sen.low_slope),
        float(theil_sen.high_slope),
        p=float(stats.norm.sf(z / sqrt(inflation))),
        n=n,
    )


def compute_slope(x: Floats, y: Floats) -> float:
    """Compute the Theil-Sen slope."""
    from scipy import stats  # noqa: PLC0415 - lazy, see above

    return float(stats.theilslopes(y, x).slope)


def compute_misfit(x: Floats, y: Floats) -> float:
    """Compute the mean distance of `y` from its straight line over `x`."""
    residuals = y - compute_slope(x, y) * x
    return float(np.abs(residuals - np.median(residuals)).mean())


def _run_mann_kendall(values: Floats) -> tuple[float, float]:
    """Return the plain z-score and the factor by which the corrected variance is larger."""
    import pymannkendall  # type: ignore[import-untyped]  # noqa: PLC0415 - lazy, see above

    with np.errstate(invalid="ignore", divide="ignore"):  # its variance may come out negative
        plain = pymannkendall.original_test(values)
        corrected = pymannkendall.hamed_rao_modification_test(values)
    residuals = values - np.arange(values.size) * corrected.slope
    inflation = float(corrected.var_s / plain.var_s)
    if not isfinite(inflation) or np.ptp(residuals) <= _NUMERIC_NOISE * np.ptp(values):
        return float(plain.z), 1.0
    return float(plain.z), max(inflation, 1.0)


"""A misfit below this share of the range is rounding."""


class GrowthCause(StrEnum):
    """Causes of growth; a closed set."""

    PER_EVENT = "per_event"
    TIME = "time"
    QUEUE = "queue"
    UNDETERMINED = "undetermined"
    """Events arrive so evenly, or are counted so badly, that they cannot be told from time."""


@dataclass(frozen=True, slots=True, eq=False)
class EventLoad:
    """Events during the time of a baseline."""

    counts: Floats
    """Events counted by the middle of each bucket."""
    per_hour: float
    """Events per hour, over all buckets."""


def measure_event_load(baseline: Baseline, series: SignalSeries) -> EventLoad | None:
    """Measure the events during a baseline; None when they were not counted all the time."""
    events = series.life.events
    start = float(baseline.starts[0])
    if events is None or not _covers_baseline(events, baseline):
        return None
    count = count_events_since(events, start)
    times = np.array([start, *(baseline.starts + baseline.bucket / 2), baseline.end])
    counts = np.interp(times, count.times, count.values)
    return EventLoad(counts[1:-1], float(counts[-1] - counts[0]) * HOUR / (baseline.end - start))


def attribute_growth(baseline: Baseline, series: SignalSeries) -> GrowthCause:
    """Attribute the growth of a baseline to its cause."""
    if series.signal is LeakSignal.QUEUE_DEPTH or _has_rising_in_flight(
        baseline, series.life.in_flight
    ):
        return GrowthCause.QUEUE
    event_load = measure_event_load(baseline, series)
    if event_load is None:
        return GrowthCause.UNDETERMINED
    if event_load.per_hour == 0:
        return GrowthCause.TIME
    if np.ptp(event_load.counts) == 0:  # all of them at one end
        return GrowthCause.UNDETERMINED
    event_misfit, time_misfit = (
        compute_misfit(event_load.counts, baseline.values),
        compute_misfit(baseline.hours, baseline.values),
    )
    rounding = _NUMERIC_NOISE * np.ptp(baseline.values)
    if event_misfit + rounding <= _MAX_MISFIT_RATIO * time_misfit:
        return GrowthCause.PER_EVENT
    return (
        GrowthCause.TIME
        if time_misfit + rounding <= _MAX_MISFIT_RATIO * event_misfit
        else GrowthCause.UNDETERMINED
    )


def _covers_baseline(samples: Samples, baseline: Baseline) -> bool:
    """Return True if there are samples in the first bucket, in the last, and in most in between."""
    first, ends = np.searchsorted(
        samples.times, [baseline.starts, baseline.starts + baseline.bucket]
    )
    covered = ends > first
    return bool(covered[0] and covered[-1] and covered.mean() >= _MIN_COVERAGE)


def _has_rising_in_flight(baseline: Baseline, in_flight: Samples | None) -> bool:
    """Return True if the work in flight rose significantly during the baseline."""
    if in_flight is None or not _covers_baseline(in_flight, baseline):
        return False
    buckets = (
        in_flight.select_range(begin, begin + baseline.bucket).values for begin in baseline.starts
    )
    medians = [
        (hour, float(np.median(work)))
        for hour, work in zip(baseline.hours, buckets, strict=True)
        if work.size
    ]
    hours, work = np.array(medians).T
    in_flight_trend = fit_trend(hours, work, level=SIGNIFICANCE_LEVEL)
    return in_flight_trend.p < SIGNIFICANCE_LEVEL and in_flight_trend.low > 0
