"""When a condition holds, and how to isolate it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.model import SLO, BurnAlert, Firing, ThresholdAlert
from generator.outputs.tests.evaluator import Course
from slos.schema.units import Duration

# Sums of floating-point numbers are wrong in the last digits. A ratio this close to its threshold
# may be on either side of it.
_TOO_NEAR = Decimal("1e-6")

_ALL = Decimal(1)
_NONE = Decimal(0)
# Twice the threshold, or a little more if that is the threshold of another condition. Lower factors
# come last: the closer to a threshold, the further apart conditions become true.
_FACTORS = tuple(map(Decimal, ("2", "2.03", "2.07", "1.5", "1.37", "1.23", "1.1")))
_BETWEEN = tuple(map(Decimal, ("0.5", "0.55", "0.61", "0.43")))
_APART = Decimal("0.01")
# A check may be some steps late to avoid a step at which rounding decides.
_SPARE_STEPS = 3


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


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident: the error ratio before it, for as long as windows reach back, and during it."""

    before: Decimal
    share: Decimal


def trouble(
    one: Condition,
    every: Sequence[Condition],
    step: Duration,
    waits: int,
    shows: Callable[[Decimal], bool],
) -> Trouble:
    """Find the incident that only one of several conditions detects.

    If possible, half of the lowest threshold comes before it, so that a check of silence means
    something. A window that fills up more slowly than another needs a time without errors instead.

    Args:
        target: the condition to be tested.
        conditions: all conditions of its alert.
        step: the step of the course.
        pending_steps: steps for which the alert is pending before it fires.
        is_clear: checks that an alert shows an error ratio without ambiguity.
    """
    others = [each for each in every if each != one]
    possible = sorted(_possible(one, every), key=lambda found: not shows(found.share))
    for found in possible:
        first = steps_until(one, found, step)
        if first is None:
            continue
        until = first + waits + _SPARE_STEPS
        if all(_later(each, found, step, until) for each in others):
            return found
    # No incident isolates the condition, for instance with equal windows. Then the first condition
    # to become true is tested.
    return possible[0]


def steps_until(condition: Condition, found: Trouble, step: Duration) -> int | None:
    """Count the steps of an incident until a condition becomes true; None for never.

    A window of W steps has the ratio `before + (share - before) * n / W` after n of them.
    """
    if found.share <= condition.limit:
        return None
    if found.before > condition.limit:
        return 0
    missing = (condition.limit - found.before) / (found.share - found.before)
    return max(
        int(missing * (-(-window.ms // step.ms))) + 1
        for window in (condition.short, condition.long)
    )


def _possible(one: Condition, every: Sequence[Condition]) -> Iterator[Trouble]:
    shares = list(dict.fromkeys(_shares(one, every)))
    for before in (min(condition.limit for condition in every) / 2, _NONE):
        yield from (Trouble(before, share) for share in shares)


def _shares(one: Condition, every: Sequence[Condition]) -> Iterator[Decimal]:
    """List multiples of the threshold first, then values between it and the next threshold."""
    twice = [min(factor * one.limit, _ALL) for factor in _FACTORS]
    apart = [share for share in twice if all(_is_apart(share, each) for each in every)]
    yield from apart or twice[:1]
    higher = sorted({each.limit for each in every if each.limit > one.limit})
    for limit in higher[:1]:
        yield from (one.limit + (limit - one.limit) * part for part in _BETWEEN)


def _is_apart(share: Decimal, condition: Condition) -> bool:
    return abs(share - condition.limit) > _APART * condition.limit


def _later(other: Condition, found: Trouble, step: Duration, until: int) -> bool:
    first = steps_until(other, found, step)
    return first is None or first > until
