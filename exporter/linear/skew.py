"""Clock skew between Linear and this machine, estimated from the `Date` of responses. Pure.

One response bounds the skew: its date was written between sending and receiving, and stands for a
whole second. Each further response narrows the bounds; responses that contradict the newest ones
are ignored.

Our clock is the wall clock read once at start and carried on by the monotonic clock. Slots are
counted on the same clock, so a step of the machine's clock changes neither.
"""

import math
from collections import deque
from dataclasses import dataclass

_RESOLUTION = 1.0
_REMEMBERED = 20
_DRIFT = 1e-4
"""Seconds per second that two clocks may drift apart; ten times the drift of a bad quartz."""
_FLOOR = 0.05
"""Seconds: the writer of `Date` (the edge of Linear's network) and the writer of `createdAt` (its
database) need not agree better, for any number of responses."""


@dataclass(frozen=True, slots=True)
class Skew:
    """Estimated clock skew, in seconds."""

    offset: float
    """Linear's clock minus our clock."""
    uncertainty: float
    """The offset is correct within plus and minus this; infinite while nothing is known."""


UNKNOWN = Skew(0.0, math.inf)


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: float
    high: float
    at: float

    def widened(self, now: float) -> "_Bounds":
        """Widen the bounds by the possible clock drift since they were measured."""
        drift = _DRIFT * abs(now - self.at)
        return _Bounds(self.low - drift, self.high + drift, now)


class SkewEstimate:
    """Estimate of the clock skew from the last responses."""

    def __init__(self) -> None:
        self._known: deque[_Bounds] = deque(maxlen=_REMEMBERED)
        self.current = UNKNOWN

    def add(self, date: float, *, sent: float, received: float) -> None:
        """Add one response.

        Args:
            date: its `Date`, in seconds since 1970.
            sent: time at which the request was sent, on our clock.
            received: time at which the response was received, on our clock.
        """
        self._known.append(_Bounds(date - received, date + _RESOLUTION - sent, received))
        low, high = self._agreed(received)
        half = (high - low) / 2
        self.current = Skew(low + half, max(half, _FLOOR))

    def _agreed(self, now: float) -> tuple[float, float]:
        """Intersect the bounds of the newest responses, up to the first that contradicts them."""
        newest, *older = (known.widened(now) for known in reversed(self._known))
        low, high = newest.low, newest.high
        for bounds in older:
            if bounds.low > high or bounds.high < low:
                break
            low, high = max(low, bounds.low), min(high, bounds.high)
        return low, high
