"""Lower and upper bound of a time that may not be known exactly. Pure."""

from dataclasses import dataclass

_CERTAIN_WIDTH = 0.005
"""Seconds between the bounds up to which a time counts as certain."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower and upper bound of a point in time or of a duration, in seconds."""

    low: float
    high: float

    @classmethod
    def exactly(cls, seconds: float) -> "Bounds":
        """Return the bounds of a known time."""
        return cls(seconds, seconds)

    @property
    def width(self) -> float:
        """Seconds between the bounds."""
        return self.high - self.low

    @property
    def is_certain(self) -> bool:
        """Return whether the time is known within 5 ms."""
        return self.width <= _CERTAIN_WIDTH

    def is_within(self, limit: float) -> bool | None:
        """Return whether the time is at most a limit; None if the bounds are on both sides of it.

        A certain time is decided by its upper bound.
        """
        if self.high <= limit:
            return True
        return False if self.low > limit or self.is_certain else None

    def measure_from(self, start: "Bounds") -> "Bounds":
        """Measure the seconds from an earlier time to this one; never negative."""
        return Bounds(max(0.0, self.low - start.high), max(0.0, self.high - start.low))

    def add(self, other: "Bounds") -> "Bounds":
        """Add two durations."""
        return Bounds(self.low + other.low, self.high + other.high)

    def widen(self, seconds: float) -> "Bounds":
        """Widen the bounds by some seconds on both sides."""
        return Bounds(self.low - seconds, self.high + seconds)

    def intersect(self, other: "Bounds") -> "Bounds | None":
        """Return the bounds that both allow; None if they contradict each other."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Bounds(low, high) if low <= high else None

    def __format__(self, spec: str) -> str:
        """Format a certain time as one number, and others as both bounds."""
        if self.is_certain:
            return format(self.high, spec)
        return f"{self.low:{spec}} to {self.high:{spec}}"

    def measure_gap(self, other: "Bounds") -> float:
        """Measure the seconds from the upper bound to the lower bound of a later time."""
        return other.low - self.high
