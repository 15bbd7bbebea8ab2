"""Epochs of a series: the samples of one process life. Each epoch is examined on its own."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exporter.leaks import starts
from exporter.leaks.series import Samples, Series


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """One process life of one series."""

    series: Series
    started: float
    """Start of the process; the time of the first sample when the start is not known."""
    samples: Samples
    current: bool
    """True for the last epoch of its series, which today's verdict is about."""

    @property
    def age(self) -> float:
        """Seconds from the start to the last sample."""
        return float(self.samples.times[-1] - self.started) if len(self.samples) else 0.0


def cut(series: Series) -> list[Epoch]:
    """Split a series at every process start.

    Epochs without samples are dropped, except for the last.
    """
    samples = series.samples
    begins = starts.merged(series.life.starts)
    first = float(samples.times[0]) if len(samples) else math.inf
    if not begins or begins[0] > first:
        begins.insert(0, first)
    epochs = [
        Epoch(series, begin, samples.between(begin, end), current=end == math.inf)
        for begin, end in pairwise([*begins, math.inf])
    ]
    return [epoch for epoch in epochs if epoch.current or len(epoch.samples)]


def counted(events: Samples, since: float) -> Samples:
    """Count the events since a time, at every reading after it.

    A counter that falls was reset and counts from zero again. Events before the first reading are
    unknown and not counted.
    """
    first = max(int(np.searchsorted(events.times, since, side="right")) - 1, 0)
    times, values = events.times[first:], events.values[first:]
    steps = np.diff(values, prepend=values[:1])
    return Samples(times, np.cumsum(np.where(steps < 0, values, steps)))
