"""The share of errors over time, step by step, and what windows see of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate

from slos.schema.units import Duration


@dataclass(frozen=True, slots=True)
class Course:
    """What share of the events of each step fails; every step has as many events.

    Attributes:
        step: between two values, and two evaluations.
        shares: 0 to 1, one for each step from time 0.
        events: of each step.
    """

    step: Duration
    shares: tuple[Decimal, ...]
    events: Decimal
    _sums: tuple[Decimal, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sums", tuple(accumulate(self.shares, initial=Decimal(0))))

    def then(self, share: Decimal, steps: int) -> "Course":
        """The course and more of it."""
        return Course(self.step, (*self.shares, *[share] * steps), self.events)

    @property
    def last(self) -> int:
        """The last step."""
        return len(self.shares) - 1

    def at(self, step: int) -> Duration:
        """The time of a step."""
        return self.step * step

    def steps_in(self, window: Duration) -> int:
        """How many steps lie in a window that ends on one and leaves its start out."""
        return -(-window.ms // self.step.ms)

    def counted(self, window: Duration, step: int) -> Decimal:
        """How many events a window that ends at a step holds."""
        return self.events * min(self.steps_in(window), step + 1)

    def ratio(self, window: Duration, step: int) -> Decimal:
        """The share of errors in a window that ends at a step: their mean, as all weigh alike."""
        first = max(0, step + 1 - self.steps_in(window))
        return (self._sums[step + 1] - self._sums[first]) / (step + 1 - first)


def of(step: Duration, events: Decimal, parts: Iterable[tuple[Decimal, int]]) -> Course:
    """A course of parts, each a share and how many steps it lasts."""
    return Course(step, tuple(share for share, steps in parts for _ in range(steps)), events)
