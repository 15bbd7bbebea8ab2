"""The floor of an epoch: its warm-up dropped, and of each bucket only what is always held.

What a process allocates and frees shows above its floor; what it never frees lifts the floor.
"""

import math
from dataclasses import dataclass
from statistics import median

import numpy as np

from exporter.leaks.epochs import Epoch, counted
from exporter.leaks.reasons import Reason
from exporter.leaks.series import Floats, Samples
from exporter.leaks.tiers import HOUR, Tier

_FILLED = 0.5
"""The share of its samples that a bucket needs."""
_FEWEST = 5
"""Samples that a bucket needs, however rarely it is read."""
_COVERED = 0.75
"""The share of the buckets that must have a floor."""


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """The floors of an epoch, seen by one tier."""

    begins: Floats
    """When each bucket begins."""
    values: Floats
    bucket: float
    """Seconds that each bucket takes."""

    @property
    def hours(self) -> Floats:
        """The middle of each bucket, in hours since the first began."""
        hours: Floats = (self.begins - self.begins[0] + self.bucket / 2) / HOUR
        return hours

    @property
    def lowest(self) -> float:
        """The floor of the epoch; at least 1, for a share of nothing says nothing."""
        return max(float(self.values.min()), 1.0)

    @property
    def end(self) -> float:
        """When the last bucket ends."""
        return float(self.begins[-1]) + self.bucket

    def parts(self, count: int) -> tuple[slice, slice]:
        """The first and the last of so many parts."""
        size = math.ceil(len(self) / count)
        return slice(None, size), slice(-size, None)

    def rise(self) -> float:
        """By how much the middle floor of the last third lies above that of the first."""
        first, last = self.parts(3)
        return float(np.median(self.values[last]) - np.median(self.values[first]))

    def __len__(self) -> int:
        return int(self.begins.size)


def floor(epoch: Epoch, tier: Tier) -> Floor | Reason:
    """The floors of an epoch, or why there are none."""
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
    """When the epoch was warm; infinite while it is not."""
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
    """Seconds between two samples, as they should be or as most are."""
    return interval or median(np.diff(samples.times).tolist() or [math.inf])
