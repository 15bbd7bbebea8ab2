"""Baseline of an epoch: the lower envelope of its samples, without the warm-up.

Memory that a process allocates and frees lies above the baseline. Memory that it never frees raises
the baseline.
"""

import math
from dataclasses import dataclass
from statistics import median

import numpy as np

from exporter.probes.leak.policy import HOUR, Reason, Tier
from exporter.probes.leak.series import Epoch, Floats, Samples, counted

_FILLED = 0.5
"""Minimum share of its expected samples that a bucket needs."""
_FEWEST = 5
"""Minimum number of samples of a bucket, for any interval."""
_COVERED = 0.75
"""Minimum share of the buckets that must have a value."""


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """Baseline of an epoch under one policy: one low value per bucket."""

    begins: Floats
    """Start of each bucket."""
    values: Floats
    bucket: float
    """Length of a bucket in seconds."""

    @property
    def hours(self) -> Floats:
        """Middle of each bucket, in hours since the start of the first."""
        hours: Floats = (self.begins - self.begins[0] + self.bucket / 2) / HOUR
        return hours

    @property
    def lowest(self) -> float:
        """Lowest value of the baseline, at least 1, so that shares of it are defined."""
        return max(float(self.values.min()), 1.0)

    @property
    def end(self) -> float:
        """End of the last bucket."""
        return float(self.begins[-1]) + self.bucket

    def parts(self, count: int) -> tuple[slice, slice]:
        """Return the slices of the first and the last of `count` equal parts."""
        size = math.ceil(len(self) / count)
        return slice(None, size), slice(-size, None)

    def rise(self) -> float:
        """Compute the median of the last third minus the median of the first third."""
        first, last = self.parts(3)
        return float(np.median(self.values[last]) - np.median(self.values[first]))

    def __len__(self) -> int:
        return int(self.begins.size)


def floor(epoch: Epoch, tier: Tier) -> Floor | Reason:
    """Compute the baseline of an epoch, or the reason why there is none."""
    if not len(epoch.samples):
        return Reason.NO_SAMPLES
    warm = warm_since(epoch, tier)
    end = float(epoch.samples.times[-1])
    if warm > end:
        return Reason.WARMING_UP
    watched = max(float(epoch.samples.times[0]), end - tier.window)
    begin = warm + max(math.ceil((watched - warm) / tier.bucket), 0) * tier.bucket
    if end - begin < (tier.buckets - 1) * tier.bucket:
        return Reason.TOO_FEW_BUCKETS
    samples = epoch.samples.between(begin, math.inf)
    return _floor(samples, begin, tier=tier, interval=epoch.series.interval)


def warm_since(epoch: Epoch, tier: Tier) -> float:
    """Find the time at which the epoch was warm; infinity while it is not."""
    warm = epoch.started + tier.warm_up
    events = epoch.series.life.events
    if events is None:
        return warm
    count = counted(events, epoch.started)
    enough = np.flatnonzero(count.values >= tier.warm_up_events)
    return max(warm, float(count.times[enough[0]])) if enough.size else math.inf


def _floor(samples: Samples, begin: float, *, tier: Tier, interval: float | None) -> Floor | Reason:
    bucket = ((samples.times - begin) // tier.bucket).astype(np.int64)
    order = np.lexsort((samples.values, bucket))
    numbers, firsts, counts = np.unique(bucket, return_index=True, return_counts=True)
    floors = samples.values[order][firsts + (tier.quantile * (counts - 1)).astype(np.int64)]
    full = counts >= max(_FEWEST, _FILLED * tier.bucket / _step(samples, interval))
    span = int(numbers[-1]) + int(full[-1])  # the last bucket may have just begun
    if full.sum() < max(tier.buckets, _COVERED * span):
        return Reason.SCRAPE_GAPS if span >= tier.buckets else Reason.TOO_FEW_BUCKETS
    begins: Floats = (begin + numbers[full] * tier.bucket).astype(np.float64)
    return Floor(begins, floors[full], tier.bucket)


def _step(samples: Samples, interval: float | None) -> float:
    """Estimate the seconds between two samples: the known interval, or the median."""
    return interval or median(np.diff(samples.times).tolist() or [math.inf])
