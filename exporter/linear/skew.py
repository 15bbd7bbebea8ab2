"""How far Linear's clock is ahead of ours, told from the `Date` of its replies. Pure.

One reply bounds it: the date was written between sending and receiving, and stands for the
whole second it begins. Each further reply cuts the bounds; those that fit together count.

Our clock is the wall clock read once at start and carried on by the monotonic one. Slots are
counted on the same one, so a step of the machine's clock moves neither.
"""

import math
from collections import deque
from dataclasses import dataclass

_RESOLUTION = 1.0
_REMEMBERED = 20
_DRIFT = 1e-4
"""Seconds per second that two clocks may part; ten times what a bad quartz does."""
_FLOOR = 0.05
"""Seconds: who writes the `Date` (the edge of Linear's network) and who writes `createdAt`
(its database) need not agree better, however often we ask."""


@dataclass(frozen=True, slots=True)
class Skew:
    """An estimate, in seconds."""

    offset: float
    """What Linear's clock shows less what ours shows."""
    uncertainty: float
    """The offset lies within plus and minus this; infinite while nothing is known."""


UNKNOWN = Skew(0.0, math.inf)


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: float
    high: float
    at: float

    def widened(self, now: float) -> "_Bounds":
        """The same, after the clocks had time to drift apart."""
        drift = _DRIFT * abs(now - self.at)
        return _Bounds(self.low - drift, self.high + drift, now)


class SkewEstimate:
    """The estimate from the last replies."""

    def __init__(self) -> None:
        self._known: deque[_Bounds] = deque(maxlen=_REMEMBERED)
        self.current = UNKNOWN

    def add(self, date: float, *, sent: float, received: float) -> None:
        """Take one reply into account.

        Args:
            date: its `Date`, seconds since 1970.
            sent: when the request left, on our clock.
            received: when the reply was there, on our clock.
        """
        self._known.append(_Bounds(date - received, date + _RESOLUTION - sent, received))
        low, high = self._agreed(received)
        half = (high - low) / 2
        self.current = Skew(low + half, max(half, _FLOOR))

    def _agreed(self, now: float) -> tuple[float, float]:
        """The bounds that the newest replies share; from where one contradicts, none older."""
        newest, *older = (known.widened(now) for known in reversed(self._known))
        low, high = newest.low, newest.high
        for bounds in older:
            if bounds.low > high or bounds.high < low:
                break
            low, high = max(low, bounds.low), min(high, bounds.high)
        return low, high
