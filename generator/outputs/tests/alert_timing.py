"""Timing of an alert in a unit test: the steps at which it holds, and how others do not fire."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import gcd
from typing import Protocol

from generator.model import SLO, BurnAlert, ThresholdAlert
from generator.outputs.tests.error_timeline import ErrorTimeline
from generator.rules import tiers
from slos.schema.units import Duration

# Sums of floating-point numbers are wrong in the last digits. A ratio this close to its threshold
# may be on either side of it.
_TOO_NEAR = Decimal("1e-6")

_ALL_ERRORS = Decimal(1)
_NO_ERRORS = Decimal(0)
# Twice the threshold, or a little more if that is the threshold of another condition. Lower factors
# come last: the closer to a threshold, the further apart conditions become true.
_FACTORS = tuple(map(Decimal, ("2", "2.03", "2.07", "1.5", "1.37", "1.23", "1.1")))
_BETWEEN_LIMITS = tuple(map(Decimal, ("0.5", "0.55", "0.61", "0.43")))
_MIN_DISTANCE = Decimal("0.01")
# Steps in the shortest window of a slow alert: a window half as long again has other ones.
_STEPS_IN_SHORTEST = 4
# A check may be some steps late to avoid a step at which rounding decides.
_SPARE_STEPS = 3


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition of an alert: both windows above a limit. An error ratio alert has one window twice.

    Attributes:
        guard: minimum number of events in the long window; None for no minimum.
        min_errors: minimum number of errors in the long window; None for no minimum.
    """

    limit: Decimal
    short: Duration
    long: Duration
    guard: int | None
    min_errors: int | None = None

    def holds(self, timeline: ErrorTimeline, step: int) -> bool | None:
        """Check whether the condition is true at a step; None if rounding could decide it."""
        if self.guard is not None:
            events = timeline.count_events(self.long, step)
            if events < self.guard - Decimal("0.5"):
                return False
        is_sure, margin = True, _TOO_NEAR * self.limit
        if self.min_errors is not None:
            excess = timeline.count_errors(self.long, step) - self.min_errors + Decimal("0.5")
            if excess < -_TOO_NEAR:
                return False
            is_sure = excess > _TOO_NEAR
        for window in (self.short, self.long):
            excess = timeline.compute_ratio(window, step) - self.limit
            if excess < -margin:
                return False
            is_sure = is_sure and excess > margin
        return True if is_sure else None


class Waits(Protocol):
    """Waiting times of an alert: of its metadata, or alone."""

    @property
    def for_(self) -> Duration | None:
        """Time for which the alert is pending."""

    @property
    def keep_firing_for(self) -> Duration | None:
        """Time for which the alert is kept."""


def list_conditions(slo: SLO, alert: BurnAlert | ThresholdAlert) -> list[Condition]:
    """List the conditions of an alert; any of them fires it."""
    guards = (alert.meta.min_events, alert.meta.min_errors)
    if isinstance(alert, ThresholdAlert):
        return [Condition(alert.above, alert.over, alert.over, *guards)]
    return [
        Condition(each.factor * slo.budget, each.short, each.long, *guards)
        for each in alert.conditions
    ]


def choose_slow_step(slo: SLO, alerts: Sequence[BurnAlert | ThresholdAlert]) -> Duration:
    """Choose the step of the tests of slow alerts and long windows, a multiple of the coarse step.

    promtool takes time for each step. So the step is the longest that divides every window and
    waiting time and leaves enough steps in the shortest window.
    """
    coarse = slo.steps.coarse.ms
    windows = {window.ms for window in slo.windows if not tiers.is_fine(slo, window)}
    windows |= {
        window.ms
        for alert in alerts
        for condition in list_conditions(slo, alert)
        for window in (condition.short, condition.long)
    }
    waits = (
        _to_ms(hold) for each in alerts for hold in (each.meta.for_, each.meta.keep_firing_for)
    )
    common, shortest = gcd(*windows, *waits), min(windows, default=coarse)
    longest = shortest // (_STEPS_IN_SHORTEST * coarse)
    return Duration(
        next((coarse * n for n in range(longest, 1, -1) if common % (coarse * n) == 0), coarse)
    )


def find_alert_value(
    conditions: Sequence[Condition], timeline: ErrorTimeline, step: int
) -> Decimal:
    """Find the ratio that a firing alert shows: that of its shortest window."""
    return timeline.compute_ratio(min(condition.short for condition in conditions), step)


def evaluate_alert(
    waits: Waits, timeline: ErrorTimeline, holds: Callable[[int], bool]
) -> list[bool]:
    """Compute for each step whether the alert fires, with `for` and `keep_firing_for`."""
    wait, keep = _to_ms(waits.for_), _to_ms(waits.keep_firing_for)
    fires: list[bool] = []
    since: int | None = None
    ended: int | None = None
    for step in range(timeline.last_step + 1):
        now = timeline.compute_time(step).ms
        firing_before = bool(fires) and fires[-1]
        if holds(step):
            since, ended = now if since is None else since, None
            fires.append(now - since >= wait)
            continue
        ended = now if ended is None else ended
        is_kept = firing_before and keep > 0 and now - ended < keep
        since = since if is_kept else None
        fires.append(is_kept)
    return fires


def evaluate_alert_with_margin(
    waits: Waits, timeline: ErrorTimeline, conditions: Sequence[Condition]
) -> list[bool | None]:
    """Compute for each step whether the alert fires; None if rounding could decide it.

    What it decides at a step can show much later, with `for` and `keep_firing_for`.
    """
    states = [
        [each.holds(timeline, step) for each in conditions]
        for step in range(timeline.last_step + 1)
    ]
    least = evaluate_alert(waits, timeline, lambda step: True in states[step])
    most = evaluate_alert(waits, timeline, lambda step: {*states[step]} != {False})
    return [
        low if low is high and None not in state else None
        for low, high, state in zip(least, most, states, strict=True)
    ]


def _to_ms(length: Duration | None) -> int:
    return length.ms if length else 0


@dataclass(frozen=True, slots=True)
class SimulatedIncident:
    """An incident: the error ratio before it, for as long as windows reach back, and during it."""

    before: Decimal
    share: Decimal


def find_isolated_incident(
    target: Condition,
    conditions: Sequence[Condition],
    step: Duration,
    pending_steps: int,
    is_clear: Callable[[Decimal], bool],
) -> SimulatedIncident:
    """Find the incident that only one of several conditions detects.

    If possible, half of the lowest threshold comes before it, so that a check of silence means
    something. A window that fills up more slowly than another needs a time without errors instead.

    Args:
        target: the condition to be tested.
        conditions: all conditions of its alert.
        step: the step of the timeline.
        pending_steps: steps for which the alert is pending before it fires.
        is_clear: checks that an alert shows an error ratio without ambiguity.
    """
    others = [each for each in conditions if each != target]
    incidents = sorted(
        _list_incidents(target, conditions), key=lambda found: not is_clear(found.share)
    )
    for incident in incidents:
        first = count_steps_until(target, incident, step)
        if first is None:
            continue
        deadline = first + pending_steps + _SPARE_STEPS
        if all(_holds_later(each, incident, step, deadline) for each in others):
            return incident
    # No incident isolates the condition, for instance with equal windows. Then the first condition
    # to become true is tested.
    return incidents[0]


def count_steps_until(
    condition: Condition, incident: SimulatedIncident, step: Duration
) -> int | None:
    """Count the steps of an incident until a condition becomes true; None for never.

    A window of W steps has the ratio `before + (share - before) * n / W` after n of them.
    """
    if incident.share <= condition.limit:
        return None
    if incident.before > condition.limit:
        return 0
    missing = (condition.limit - incident.before) / (incident.share - incident.before)
    return max(
        int(missing * (-(-window.ms // step.ms))) + 1
        for window in (condition.short, condition.long)
    )


def _list_incidents(
    target: Condition, conditions: Sequence[Condition]
) -> Iterator[SimulatedIncident]:
    shares = list(dict.fromkeys(_list_shares(target, conditions)))
    for before in (min(condition.limit for condition in conditions) / 2, _NO_ERRORS):
        yield from (SimulatedIncident(before, share) for share in shares)


def _list_shares(target: Condition, conditions: Sequence[Condition]) -> Iterator[Decimal]:
    """List multiples of the threshold first, then values between it and the next threshold."""
    multiples = [min(factor * target.limit, _ALL_ERRORS) for factor in _FACTORS]
    apart = [
        share for share in multiples if all(_differs_from_limit(share, each) for each in conditions)
    ]
    yield from apart or multiples[:1]
    higher = sorted({each.limit for each in conditions if each.limit > target.limit})
    for limit in higher[:1]:
        yield from (target.limit + (limit - target.limit) * part for part in _BETWEEN_LIMITS)


def _differs_from_limit(share: Decimal, condition: Condition) -> bool:
    return abs(share - condition.limit) > _MIN_DISTANCE * condition.limit


def _holds_later(
    other: Condition, incident: SimulatedIncident, step: Duration, deadline: int
) -> bool:
    first = count_steps_until(other, incident, step)
    return first is None or first > deadline
