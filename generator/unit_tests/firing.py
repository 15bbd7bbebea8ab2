"""Times at which an alert fires on a course, by the definition of its windows and its timing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.model import SLO, BurnAlert, Firing, ThresholdAlert
from generator.unit_tests.course import Course
from slos.schema.units import Duration

# Sums of floating-point numbers are wrong in the last digits. A ratio this close to its threshold
# may be on either side of it.
_TOO_NEAR = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition of an alert: both windows above a limit. An error ratio alert has one window twice.

    Attributes:
        guard: minimum number of events in the long window; None for no minimum.
    """

    limit: Decimal
    short: Duration
    long: Duration
    guard: int | None

    def holds(self, course: Course, step: int) -> bool:
        """Check whether the condition is true at a step."""
        enough = self.guard is None or course.counted(self.long, step) >= self.guard - Decimal(
            "0.5"
        )
        return enough and all(
            course.ratio(window, step) > self.limit for window in (self.short, self.long)
        )

    def is_near(self, course: Course, step: int) -> bool:
        """Check whether rounding could decide the condition at a step."""
        ratios = (course.ratio(window, step) for window in (self.short, self.long))
        return any(abs(ratio - self.limit) <= _TOO_NEAR * self.limit for ratio in ratios)


def conditions(slo: SLO, alert: BurnAlert | ThresholdAlert) -> list[Condition]:
    """List the conditions of an alert; any of them fires it."""
    guard = alert.firing.min_events
    if isinstance(alert, ThresholdAlert):
        return [Condition(alert.above, alert.over, alert.over, guard)]
    return [
        Condition(each.factor * slo.budget, each.short, each.long, guard)
        for each in alert.conditions
    ]


def value(any_of: Sequence[Condition], course: Course, step: int) -> Decimal:
    """Find the ratio that a firing alert shows: the short window of the first true condition."""
    held = next(condition for condition in any_of if condition.holds(course, step))
    return course.ratio(held.short, step)


def timeline(firing: Firing, course: Course, holds: Callable[[int], bool]) -> list[bool]:
    """Compute for each step whether the alert fires, with `for` and `keep_firing_for`."""
    wait, keep = _ms(firing.for_), _ms(firing.keep_firing_for)
    fires: list[bool] = []
    since: int | None = None
    gone: int | None = None
    for step in range(course.last + 1):
        now = course.at(step).ms
        firing_before = bool(fires) and fires[-1]
        if holds(step):
            since, gone = now if since is None else since, None
            fires.append(now - since >= wait)
            continue
        gone = now if gone is None else gone
        kept = firing_before and keep > 0 and now - gone < keep
        since = since if kept else None
        fires.append(kept)
    return fires


def _ms(length: Duration | None) -> int:
    return length.ms if length else 0
