"""Input of the leak detector: one signal of one instance, and known facts of its process.

Nothing here fetches data. Gaps and invalid readings are allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exporter.leaks.signals import Signal

Floats = NDArray[np.float64]

LATEST = 1e11
"""Seconds; a larger time is not a valid reading."""
_LARGEST = 2.0**60
"""An exbibyte; a larger value is not a valid reading."""


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
    def of(cls, times: ArrayLike, values: ArrayLike) -> "Samples":
        """Sort readings by time and drop invalid ones.

        Raises:
            ValueError: the numbers of times and values differ.
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
        """Select the samples from `start` (included) to `end` (excluded)."""
        first, last = np.searchsorted(self.times, [begin, end])
        return Samples(self.times[first:last], self.values[first:last])

    def __len__(self) -> int:
        return int(self.times.size)


@dataclass(frozen=True, slots=True, eq=False)
class Life:
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
class Series:
    """Samples of one signal of one instance."""

    signal: Signal
    instance: str
    samples: Samples
    life: Life = field(default_factory=Life)
    interval: float | None = None
    """Seconds between two samples when none is missed. None: the median of the samples, which
    cannot tell a regular loss of samples from a longer interval."""
