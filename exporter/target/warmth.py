"""Whether an answer came from a target that had to be woken first. Pure.

Knative keeps a target without work at zero replicas and holds the next request until one is up.
So an answer after idleness that takes far longer than usual was a cold start. Without idleness the
same answer is only slow: a target that was at work a moment ago had no reason to sleep.
"""

from collections import deque
from statistics import median

_KEPT = 20
_FAR_LONGER = 5.0
"""How many times the usual: a slow target varies by less, and waking one takes far more."""


class Warmth:
    """What is usual for a target, and what is not.

    Args:
        cold_above: seconds that waking takes at least.
        idle_after: seconds without work after which the target may sleep.
    """

    def __init__(self, *, cold_above: float, idle_after: float) -> None:
        self._cold_above = cold_above
        self._idle_after = idle_after
        self._usual: deque[float] = deque(maxlen=_KEPT)

    def may_sleep(self, idle: float | None) -> bool:
        """Whether the target may be at zero replicas; not claimed when nobody knows."""
        return idle is not None and idle >= self._idle_after

    def was_cold(self, seconds: float, *, idle: float | None) -> bool:
        """Whether an answer after so much idleness was a cold start; if not, it is usual."""
        usual = median(self._usual) if self._usual else 0.0
        cold = self.may_sleep(idle) and seconds > max(self._cold_above, _FAR_LONGER * usual)
        if not cold:
            self._usual.append(seconds)
        return cold
