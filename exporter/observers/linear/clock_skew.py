"""Clock skew between Linear and this prober, estimated from `Date` headers."""

import math
from collections import deque
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: float
    high: float
    at: float

    def widen(self, now: float) -> "_Bounds":
        """Widen the bounds by the possible clock drift since they were measured."""
        drift = _DRIFT * abs(now - self.at)
        return _Bounds(self.low - drift, self.high + drift, now)


class ClockSkewEstimator:
    """Estimate of the clock skew from the last responses."""

    def __init__(self) -> None:
        self._bounds: deque[_Bounds] = deque(maxlen=_MAX_RESPONSES)
        self.current = UNKNOWN_SKEW

    def add(self, date: float, *, sent: float, received: float) -> None:
        """Add one response.

        Args:
            date: its `Date`, in seconds since 1970.
            sent: time at which the request was sent, on our clock.
            received: time at which the response was received, on our clock.
        """
        self._bounds.append(_Bounds(date - received, date + _RESOLUTION - sent, received))
        low, high = self._intersect_bounds(received)
        half = (high - low) / 2
        self.current = ClockSkew(low + half, max(half, _MIN_UNCERTAINTY))

    def _intersect_bounds(self, now: float) -> tuple[float, float]:
        """Intersect the bounds of the newest responses, up to the first that contradicts them."""
        newest, *older = (entry.widen(now) for entry in reversed(self._bounds))
        low, high = newest.low, newest.high
        for bounds in older:
            if bounds.low > high or bounds.high < low:
                break
            low, high = max(low, bounds.low), min(high, bounds.high)
        return low, high
