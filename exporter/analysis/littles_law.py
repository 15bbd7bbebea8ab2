"""Little's law: the mean number in flight is the rate times the mean time. Pure.

Both sides are measured apart: the number in flight is read every second, the rate and the time
come from the events. A difference shows that the run was not steady, or that times are missing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.analysis.measurements import RunMeasurements, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST_READINGS, _FEWEST_EVENTS = 5, 20
TOLERANCE = 0.25
"""Difference, as a share, up to which the law holds: readings once a second are coarse."""


@dataclass(frozen=True, slots=True)
class LittleCheck:
    """Check of a step.

    Attributes:
        step: title of the step.
        in_flight: mean of the readings.
        expected: rate times mean time.
        readings: number of readings; with too few of them, or of events, there is no check.
    """

    step: str
    in_flight: float
    expected: float
    readings: int

    @property
    def difference(self) -> float:
        """Difference as a share of the larger one."""
        return abs(self.in_flight - self.expected) / max(self.in_flight, self.expected, 1e-9)

    @property
    def is_within_resolution(self) -> bool:
        """Return whether both differ by less than one event in flight."""
        return abs(self.in_flight - self.expected) < 1

    @property
    def holds(self) -> bool:
        """Return whether both agree."""
        return self.difference <= TOLERANCE or self.is_within_resolution

    def describe(self) -> str:
        """Describe the outcome."""
        if self.difference <= TOLERANCE:
            return "holds"
        return "differs by less than 1 event" if self.is_within_resolution else "differs"


def check_littles_law(run: RunMeasurements) -> list[LittleCheck]:
    """Check all steps that have enough readings and events."""
    checks = (_check_step(run, step) for step in run.steps)
    return [check for check in checks if check is not None]


def _check_step(run: RunMeasurements, step: Step) -> LittleCheck | None:
    readings: Sequence[float] = run.in_flight.select(step.begin, step.end)
    if len(readings) < _FEWEST_READINGS or len(step.totals) < _FEWEST_EVENTS:
        return None
    if any(other is not step and _overlaps(other, step) for other in run.steps):
        return None
    # Events that were not executed are in flight until their verdict; their time is not known.
    if step.lost_share > 0 or len(step.totals) < len(step.events):
        return None
    span = step.end - step.begin
    # An event is in flight until its verdict, which waits for a second execution.
    spent = sum((event.answered or 0.0) + run.settle for event in step.events)
    expected = spent / span if span > 0 else 0.0
    return LittleCheck(step.title, sum(readings) / len(readings), expected, len(readings))


def _overlaps(one: Step, other: Step) -> bool:
    return one.begin < other.end and other.begin < one.end
