"""What is to be judged: one signal of one instance, and what is known of the process behind it.

Nothing here fetches anything. Whoever does hands over what came, holes and oddities included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exporter.leaks.signals import Signal

Floats = NDArray[np.float64]

LATEST = 1e11
"""Seconds: no clock shows a time so far from its epoch; what does is no reading."""
_LARGEST = 2.0**60
"""An exbibyte: no process holds so much; what does is no reading."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Readings in the order of time, one for each moment, every one a possible value.

    Attributes:
        times: seconds of any one clock.
        values: what was read; NaN, infinite and negative readings are dropped, and of several
            at one moment the last is kept.
    """

    times: Floats
    values: Floats

    @classmethod
    def of(cls, times: ArrayLike, values: ArrayLike) -> "Samples":
        """Put readings in order, and drop those that are none.

        Raises:
            ValueError: there are not as many times as values.
        """
        at = np.asarray(times, dtype=np.float64).ravel()
        read = np.asarray(values, dtype=np.float64).ravel()
        if at.size != read.size:
            raise ValueError(f"{at.size} times for {read.size} values")
        usable = (np.abs(at) <= LATEST) & (read >= 0) & (read <= _LARGEST)  # NaN is neither
        at, read = at[usable], read[usable]
        order = np.argsort(at, kind="stable")
        at, read = at[order], read[order]
        last = np.append(at[1:] != at[:-1], True)[: at.size]
        return cls(at[last], read[last])

    def between(self, begin: float, end: float) -> "Samples":
        """Those of `begin` and later, but before `end`."""
        first, last = np.searchsorted(self.times, [begin, end])
        return Samples(self.times[first:last], self.values[first:last])

    def __len__(self) -> int:
        return int(self.times.size)


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """What is known of the process behind a series, besides the series."""

    starts: Sequence[float] = ()
    """When it was started, restarted or replaced, in any order, by the clock of the samples;
    the first may lie before the first sample. Without any, life begins with the first sample."""
    events: Samples | None = None
    """A counter of the events it was given; it may be reset. None: nobody counts."""
    in_flight: Samples | None = None
    """The work it was busy with. None: nobody looks."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One signal of one instance."""

    signal: Signal
    instance: str
    samples: Samples
    life: Life = field(default_factory=Life)
    interval: float | None = None
    """Seconds between two samples when nothing is missed. None: the median of those seen, which
    cannot tell even scraping from scraping that evenly misses."""
