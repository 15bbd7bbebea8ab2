"""Baseline of an epoch: the lower envelope of its samples, without the warm-up.

Memory that a process allocates and frees lies above the baseline. Memory that it never frees raises
the baseline.
"""

import math
from dataclasses import dataclass
from statistics import median

import numpy as np

from exporter.leakdetection.policy import HOUR, LeakPolicy, LeakReason
from exporter.leakdetection.series import Epoch, Floats, Samples, count_events_since

_MIN_FILLED = 0.5
"""Minimum share of its expected samples that a bucket needs."""
_MIN_SAMPLES = 5
"""Minimum number of samples of a bucket, for any interval."""
_MIN_COVERAGE = 0.75
"""Minimum share of the buckets that must have a value."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Baseline of an epoch under one policy: one low value per bucket."""

    starts: Floats
    """Start of each bucket."""
    values: Floats
    bucket: float
    """Length of a bucket in seconds."""

    @property
    def hours(self) -> Floats:
        """Middle of each bucket, in hours since the start of the first."""
        hours: Floats = (self.starts - self.starts[0] + self.bucket / 2) / HOUR
        return hours

    @property
    def lowest(self) -> float:
        """Lowest value of the baseline, at least 1, so that shares of it are defined."""
        return max(float(self.values.min()), 1.0)

    @property
    def end(self) -> float:
        """End of the last bucket."""
        return float(self.starts[-1]) + self.bucket

    def split(self, count: int) -> tuple[slice, slice]:
        """Return the slices of the first and the last of `count` equal parts."""
        size = math.ceil(len(self) / count)
        return slice(None, size), slice(-size, None)

    def compute_rise(self) -> float:
        """Compute the median of the last third minus the median of the first third."""
        first, last = self.split(3)
        return float(np.median(self.values[last]) - np.median(self.values[first]))

    def __len__(self) -> int:
        return int(self.starts.size)


def compute_baseline(epoch: Epoch, policy: LeakPolicy) -> Baseline | LeakReason:
    """Compute the baseline of an epoch, or the reason why there is none."""
    if not len(epoch.samples):
        return LeakReason.NO_SAMPLES
    warm_at = find_warm_time(epoch, policy)
    end = float(epoch.samples.times[-1])
    if warm_at > end:
        return LeakReason.WARMING_UP
    window_start = max(float(epoch.samples.times[0]), end - policy.window)
    start = warm_at + max(math.ceil((window_start - warm_at) / policy.bucket), 0) * policy.bucket
    if end - start < (policy.min_buckets - 1) * policy.bucket:
        return LeakReason.TOO_FEW_BUCKETS
    samples = epoch.samples.select_range(start, math.inf)
    return _build_baseline(samples, start, policy=policy, interval=epoch.series.interval)


def find_warm_time(epoch: Epoch, policy: LeakPolicy) -> float:
    """Find the time at which the epoch was warm; infinity while it is not."""
    warm_at = epoch.started + policy.warm_up
    events = epoch.series.life.events
    if events is None:
        return warm_at
    count = count_events_since(events, epoch.started)
    enough = np.flatnonzero(count.values >= policy.warm_up_events)
    return max(warm_at, float(count.times[enough[0]])) if enough.size else math.inf


def _build_baseline(
    samples: Samples, start: float, *, policy: LeakPolicy, interval: float | None
) -> Baseline | LeakReason:
    bucket = ((samples.times - start) // policy.bucket).astype(np.int64)
    order = np.lexsort((samples.values, bucket))
    numbers, firsts, counts = np.unique(bucket, return_index=True, return_counts=True)
    minima = samples.values[order][firsts + (policy.quantile * (counts - 1)).astype(np.int64)]
    full = counts >= max(
        _MIN_SAMPLES, _MIN_FILLED * policy.bucket / _estimate_interval(samples, interval)
    )
    span = int(numbers[-1]) + int(full[-1])  # the last bucket may have just begun
    if full.sum() < max(policy.min_buckets, _MIN_COVERAGE * span):
        return LeakReason.SCRAPE_GAPS if span >= policy.min_buckets else LeakReason.TOO_FEW_BUCKETS
    starts: Floats = (start + numbers[full] * policy.bucket).astype(np.float64)
    return Baseline(starts, minima[full], policy.bucket)


def _estimate_interval(samples: Samples, interval: float | None) -> float:
    """Estimate the seconds between two samples: the known interval, or the median."""
    return interval or median(np.diff(samples.times).tolist() or [math.inf])
