"""Whether the prober itself is alive: beats of its loop, and the gaps between them. Pure."""

from collections import deque


class Pulse:
    """Remembers when the loop last woke, and for how long it recently did not."""

    def __init__(self, now: float, *, period: float) -> None:
        self.period = period
        """The longest regular time between two beats; a gap is what exceeds it."""
        self.last_beat = now
        self._gaps: deque[tuple[float, float]] = deque(maxlen=100)

    def beat(self, now: float) -> None:
        """Say that the loop is awake."""
        if now - self.last_beat > self.period:
            self._gaps.append((self.last_beat, now))
        self.last_beat = now

    def age(self, now: float) -> float:
        """Seconds since the last beat."""
        return now - self.last_beat

    def stall(self, since: float, until: float) -> float:
        """The longest standstill that touches a span of time, the current one included."""
        gaps = [*self._gaps, (self.last_beat, until)]
        touching = [end - start for start, end in gaps if end > since and start < until]
        return max(0.0, max(touching, default=0.0) - self.period)
