"""Error ratio over time, step by step, and its value over windows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate

from slos.schema.units import Duration


@dataclass(frozen=True, slots=True)
class Course:
    """Error ratio of each step; every step has the same number of events.

    Attributes:
        step: interval between two values and two evaluations.
        shares: 0 to 1, one for each step from time 0.
        events: number of events of each step.
    """

    step: Duration
    shares: tuple[Decimal, ...]
    events: Decimal
    _sums: tuple[Decimal, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sums", tuple(accumulate(self.shares, initial=Decimal(0))))

    def then(self, share: Decimal, steps: int) -> "Course":
        """Return the course with more steps of one share."""
        return Course(self.step, (*self.shares, *[share] * steps), self.events)

    @property
    def last(self) -> int:
        """Number of the last step."""
        return len(self.shares) - 1

    def at(self, step: int) -> Duration:
        """Compute the time of a step."""
        return self.step * step

    def steps_in(self, window: Duration) -> int:
        """Count the steps in a window that ends on a step and excludes its start."""
        return -(-window.ms // self.step.ms)

    def counted(self, window: Duration, step: int) -> Decimal:
        """Count the events in a window that ends at a step."""
        return self.events * min(self.steps_in(window), step + 1)

    def ratio(self, window: Duration, step: int) -> Decimal:
        """Compute the error ratio of a window that ends at a step.

        It is the mean of the shares, as all steps have the same number of events.
        """
        first = max(0, step + 1 - self.steps_in(window))
        return (self._sums[step + 1] - self._sums[first]) / (step + 1 - first)


def of(step: Duration, events: Decimal, parts: Iterable[tuple[Decimal, int]]) -> Course:
    """Build a course of parts, each a share and a number of steps."""
    return Course(step, tuple(share for share, steps in parts for _ in range(steps)), events)
