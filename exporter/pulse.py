"""Heartbeat of the event loop, and the stalls between two beats. Pure."""

from collections import deque


class Pulse:
    """Records when the loop last woke, and how long it recently stalled."""

    def __init__(self, now: float, *, period: float) -> None:
        self.period = period
        """Longest regular time between two beats, in seconds; a longer time is a stall."""
        self.last_beat = now
        self._gaps: deque[tuple[float, float]] = deque(maxlen=100)

    def beat(self, now: float) -> None:
        """Record that the loop is awake."""
        if now - self.last_beat > self.period:
            self._gaps.append((self.last_beat, now))
        self.last_beat = now

    def age(self, now: float) -> float:
        """Return the seconds since the last beat."""
        return now - self.last_beat

    def stall(self, since: float, until: float) -> float:
        """Return the seconds of the longest stall that touches a span of time."""
        gaps = [*self._gaps, (self.last_beat, until)]
        touching = [end - start for start, end in gaps if end > since and start < until]
        return max(0.0, max(touching, default=0.0) - self.period)
