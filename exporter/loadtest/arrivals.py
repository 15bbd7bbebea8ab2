"""Plan of the arrivals of a load, for an engine that cannot wait for verdicts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil


@dataclass(frozen=True, slots=True)
class ArrivalStep:
    """Step of a constant rate, or of senders that wait for their replies.

    Attributes:
        rate: events a second; with `repeat`, number of senders.
        duration: seconds.
        phase: part of the load that it belongs to.
        start: seconds from the start of the load.
        repeat: events of each sender, one after the other; 0 for a constant rate.
        rest: seconds that a sender waits after a reply.
    """

    rate: float
    duration: float
    phase: str
    start: float = 0.0
    repeat: int = 0
    rest: float = 0.0

    @property
    def events(self) -> int:
        """Number of events."""
        return round(self.rate) * self.repeat if self.repeat else ceil(self.rate * self.duration)


@dataclass(frozen=True, slots=True)
class ArrivalPlan:
    """Plan of a load.

    Attributes:
        steps: steps in order.
        least: share of the events of a step that must be processed.
    """

    steps: Sequence[ArrivalStep]
    least: Decimal

    def scale(self, *, rate: float = 1.0, time: float = 1.0) -> "ArrivalPlan":
        """Multiply all rates by one factor, and all times by another."""
        steps = [
            replace(
                step, rate=step.rate * rate, duration=step.duration * time, start=step.start * time
            )
            for step in self.steps
        ]
        return replace(self, steps=steps)


def schedule_steps(steps: Iterable[ArrivalStep], *, pause: float) -> list[ArrivalStep]:
    """Let each step start after the one before, with a pause between them."""
    lined_up, start = [], 0.0
    for step in steps:
        lined_up.append(replace(step, start=start))
        start += step.duration + pause
    return lined_up
