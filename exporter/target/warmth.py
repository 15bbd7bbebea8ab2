"""Cold start detection. Pure.

Knative keeps an idle target at zero replicas and holds the next request until a replica is up. So a
reply after idleness that takes far longer than usual was a cold start. Without idleness such a
reply is only slow: a busy target is not scaled to zero.
"""

from collections import deque
from statistics import median

_KEPT = 20
_FAR_LONGER = 5.0
"""Ratio to the usual time: a slow target varies by less, and a cold start takes far more."""


class Warmth:
    """Cold start detector of a target.

    Args:
        cold_above: minimum seconds of a cold start.
        idle_after: seconds without requests after which the target may be at zero replicas.
    """

    def __init__(self, *, cold_above: float, idle_after: float) -> None:
        self._cold_above = cold_above
        self._idle_after = idle_after
        self._usual: deque[float] = deque(maxlen=_KEPT)

    def may_sleep(self, idle: float | None) -> bool:
        """Return True if the target may be at zero replicas; False for an unknown idle time."""
        return idle is not None and idle >= self._idle_after

    def was_cold(self, seconds: float, *, idle: float | None) -> bool:
        """Return True if a reply was a cold start; otherwise add its time to the usual times."""
        usual = median(self._usual) if self._usual else 0.0
        cold = self.may_sleep(idle) and seconds > max(self._cold_above, _FAR_LONGER * usual)
        if not cold:
            self._usual.append(seconds)
        return cold
