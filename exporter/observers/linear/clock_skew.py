"""Clock skew between Linear and this prober, estimated from `Date` headers."""

import math
from collections import deque
from dataclasses import dataclass

from exporter.model.bounds import Bounds

_RESOLUTION = 1.0
"""Seconds; the resolution of `Date`."""
_MAX_RESPONSES = 20
_DRIFT = 1e-4
"""Seconds per second that two clocks may drift apart; ten times the drift of a bad quartz."""
_MIN_UNCERTAINTY = 0.05
"""Seconds: the writer of `Date` (the edge of Linear's network) and the writer of `createdAt` (its
database) need not agree better, for any number of responses."""


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """Estimated clock skew, in seconds."""

    offset: float
    """Linear's clock minus our clock."""
    uncertainty: float
    """The offset is correct within plus and minus this; infinite while nothing is known."""


UNKNOWN_SKEW = ClockSkew(0.0, math.inf)


class ClockSkewEstimator:
    """Estimate of the clock skew from the last responses."""

    def __init__(self) -> None:
        self._measured: deque[tuple[float, Bounds]] = deque(maxlen=_MAX_RESPONSES)
        self.current = UNKNOWN_SKEW

    def add(self, date: float, *, sent: float, received: float) -> None:
        """Add one response.

        Args:
            date: its `Date`, in seconds since 1970.
            sent: time at which the request was sent, on our clock.
            received: time at which the response was received, on our clock.
        """
        self._measured.append((received, Bounds(date - received, date + _RESOLUTION - sent)))
        offset = self._intersect_bounds(received)
        half = offset.width / 2
        self.current = ClockSkew(offset.low + half, max(half, _MIN_UNCERTAINTY))

    def _intersect_bounds(self, now: float) -> Bounds:
        """Intersect the bounds of the newest responses, up to the first that contradicts them.

        They are widened by the possible clock drift since they were measured.
        """
        newest, *older = (
            bounds.widen(_DRIFT * abs(now - at)) for at, bounds in reversed(self._measured)
        )
        for bounds in older:
            common = newest.intersect(bounds)
            if common is None:
                break
            newest = common
        return newest
