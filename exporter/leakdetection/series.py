"""Series of a signal: samples, process restarts, epochs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exporter.leakdetection.policy import LeakSignal

Floats = NDArray[np.float64]

MAX_TIME = 1e11
"""Seconds; a larger time is not a valid reading."""
_MAX_VALUE = 2.0**60
"""An exbibyte; a larger value is not a valid reading."""

_MERGE_WITHIN = 60.0
"""Seconds: starts this close count as one, seen by several sources or under a corrected clock. If
they were two, the life between them was too short to examine."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples ordered by time, one for each time, all of them valid.

    Attributes:
        times: seconds of any one clock.
        values: readings; NaN, infinite and negative readings are dropped, and of several readings
            at one time the last is kept.
    """

    times: Floats
    values: Floats

    @classmethod
    def from_readings(cls, times: ArrayLike, values: ArrayLike) -> "Samples":
        """Sort readings by time and drop invalid ones.

        Raises:
            ValueError: the numbers of times and values differ.
        """
        sample_times = np.asarray(times, dtype=np.float64).ravel()
        sample_values = np.asarray(values, dtype=np.float64).ravel()
        if sample_times.size != sample_values.size:
            raise ValueError(f"{sample_times.size} times for {sample_values.size} values")
        usable = (
            (np.abs(sample_times) <= MAX_TIME)
            & (sample_values >= 0)
            & (sample_values <= _MAX_VALUE)
        )  # NaN is neither
        sample_times, sample_values = sample_times[usable], sample_values[usable]
        order = np.argsort(sample_times, kind="stable")
        sample_times, sample_values = sample_times[order], sample_values[order]
        is_last = np.append(sample_times[1:] != sample_times[:-1], True)[: sample_times.size]
        return cls(sample_times[is_last], sample_values[is_last])

    def select_range(self, start: float, end: float) -> "Samples":
        """Select the samples from `start` (included) to `end` (excluded)."""
        first, last = np.searchsorted(self.times, [start, end])
        return Samples(self.times[first:last], self.values[first:last])

    def __len__(self) -> int:
        return int(self.times.size)


@dataclass(frozen=True, slots=True, eq=False)
class ProcessLife:
    """Known facts of the process behind a series."""

    starts: Sequence[float] = ()
    """Times at which the process was started, restarted or replaced, in any order, on the clock of
    the samples. The first may lie before the first sample. If empty, the first sample counts as the
    start."""
    events: Samples | None = None
    """Counter of the events that the process received; it may be reset. None: not counted."""
    in_flight: Samples | None = None
    """Work in flight. None: not measured."""


@dataclass(frozen=True, slots=True, eq=False)
class SignalSeries:
    """Samples of one signal of one instance."""

    signal: LeakSignal
    instance: str
    samples: Samples
    life: ProcessLife = field(default_factory=ProcessLife)
    interval: float | None = None
    """Seconds between two samples when none is missed. None: the median of the samples, which
    cannot tell a regular loss of samples from a longer interval."""


def list_start_times(samples: Samples) -> list[float]:
    """List the starts in a gauge of the start time, such as `process_start_time_seconds`."""
    return [float(start) for start in np.unique(samples.values)]


def find_change_times(times: Sequence[float], markers: Sequence[object]) -> list[float]:
    """Find the times at which a marker changed: a restart count, a pod id, an image.

    None is no marker. The change happened between two readings. The new life starts right after the
    first of them, so that a sample of the old process falls into the warm-up of the new one, not
    the reverse.
    """
    readings = sorted(
        (
            (time, marker)
            for time, marker in zip(times, markers, strict=True)
            if marker is not None and marker == marker and math.isfinite(time)  # noqa: PLR0124 - NaN
        ),
        key=lambda reading: reading[0],
    )
    return [
        math.nextafter(change_after, math.inf)
        for (change_after, old), (_, new) in pairwise(readings)
        if old != new
    ]


def merge_starts(starts: Iterable[float]) -> list[float]:
    """Sort starts, drop invalid ones, and keep only the last of several close starts."""
    valid = sorted(start for start in starts if abs(start) <= MAX_TIME)
    return [
        start
        for start, following in pairwise([*valid, math.inf])
        if following - start > _MERGE_WITHIN
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """One process life of one series."""

    series: SignalSeries
    started: float
    """Start of the process; the time of the first sample when the start is not known."""
    samples: Samples
    current: bool
    """True for the last epoch of its series, which today's verdict is about."""

    @property
    def age(self) -> float:
        """Seconds from the start to the last sample."""
        return float(self.samples.times[-1] - self.started) if len(self.samples) else 0.0


def split_epochs(series: SignalSeries) -> list[Epoch]:
    """Split a series at every process start.

    Epochs without samples are dropped, except for the last.
    """
    samples = series.samples
    boundaries = merge_starts(series.life.starts)
    first = float(samples.times[0]) if len(samples) else math.inf
    if not boundaries or boundaries[0] > first:
        boundaries.insert(0, first)
    epochs = [
        Epoch(series, begin, samples.select_range(begin, end), current=end == math.inf)
        for begin, end in pairwise([*boundaries, math.inf])
    ]
    return [epoch for epoch in epochs if epoch.current or len(epoch.samples)]


def count_events_since(events: Samples, start: float) -> Samples:
    """Count the events since a time, at every reading after it.

    A counter that falls was reset and counts from zero again. Events before the first reading are
    unknown and not counted.
    """
    first = max(int(np.searchsorted(events.times, start, side="right")) - 1, 0)
    times, values = events.times[first:], events.values[first:]
    steps = np.diff(values, prepend=values[:1])
    return Samples(times, np.cumsum(np.where(steps < 0, values, steps)))
