"""Error timelines of the tests of an alert, and the steps at which it fires or is silent.

They depend on the numbers of an alert only, and many SLOs have alerts with the same numbers. So
they are computed once for each set of numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from math import ceil, gcd

from generator.model import SLO, BurnAlert, ThresholdAlert
from generator.outputs.tests import alert_timing
from generator.outputs.tests.alert_timing import (
    Condition,
    SimulatedIncident,
    evaluate_alert_with_margin,
    find_alert_value,
    list_conditions,
)
from generator.outputs.tests.error_timeline import ErrorTimeline, build_timeline
from generator.rules import alert_rules, tiers
from slos.schema.units import Duration

# Without a guard, any number of events will do.
EVENTS = Decimal(1000)
# This close to the middle of two numbers, floating-point errors may round to either.
_TOO_NEAR = Decimal("1e-3")


@dataclass(frozen=True, slots=True)
class AlertNumbers:
    """Numbers of an alert of which its error timelines are made.

    Attributes:
        budget: error budget of the SLO; the digits of the shown value depend on it.
        conditions: conditions of the alert.
        for_: time for which the alert is pending.
        keep_firing_for: time for which the alert is kept.
        step: step of the test.
        fine: fine step of the SLO.
        longest_fine: longest window that is summed from fine steps.
    """

    budget: Decimal
    conditions: tuple[Condition, ...]
    for_: Duration | None
    keep_firing_for: Duration | None
    step: Duration
    fine: Duration
    longest_fine: Duration

    @classmethod
    def from_alert(
        cls, slo: SLO, alert: BurnAlert | ThresholdAlert, step: Duration
    ) -> "AlertNumbers":
        """Collect the numbers of an alert."""
        return cls(
            budget=slo.budget,
            conditions=tuple(list_conditions(slo, alert)),
            for_=alert.meta.for_,
            keep_firing_for=alert.meta.keep_firing_for,
            step=step,
            fine=slo.steps.fine,
            longest_fine=tiers.find_longest_fine_window(slo),
        )


@dataclass(frozen=True, slots=True)
class CheckedTimeline:
    """Error timeline with the steps to check.

    Attributes:
        name: name of the test case, without that of the alert.
        timeline: the error timeline.
        checks: steps, and the percentage that the alert shows there; None where it is silent.
    """

    name: str
    timeline: ErrorTimeline
    checks: tuple[tuple[int, Decimal | None], ...]


@lru_cache(maxsize=128)
def build_condition_timelines(
    numbers: AlertNumbers, condition: Condition
) -> tuple[CheckedTimeline, ...]:
    """Build the timeline of an incident of a condition, and those of too few events or errors."""
    builder = _TimelineBuilder(numbers, condition)
    found = [builder.build_incident()]
    if condition.guard:
        found += builder.build_too_few(condition.guard)
    if condition.min_errors:
        found += builder.build_few_errors(condition.min_errors)
    return tuple(found)


@lru_cache(maxsize=128)
def build_blip_timeline(numbers: AlertNumbers) -> CheckedTimeline | None:
    """Build the timeline of an incident one step shorter than the short window of an alert."""
    return _TimelineBuilder(numbers, numbers.conditions[0]).build_blip()


@dataclass(slots=True)
class _TimelineBuilder:
    """Builder of one error timeline: the timeline as it grows, and the checks so far."""

    numbers: AlertNumbers
    condition: Condition
    checks: list[tuple[int, Decimal | None]] = field(default_factory=list)

    def build_incident(self) -> CheckedTimeline:
        """Build a timeline: quiet for longer than any window, an incident, quiet."""
        timeline = self._append_recovery(self._append_incident(self._start_quiet()))
        name = f"over {self.condition.long} and {self.condition.short}"
        return self._finish(name, timeline)

    def build_too_few(self, guard: int) -> Iterator[CheckedTimeline]:
        """Build the same timeline with one event less than the guard of the condition asks for."""
        events = Decimal(guard - 1) / self._count_steps(self.condition.long)
        parts = [
            (self.incident.before, self._count_past_steps()),
            (self.incident.share, self._count_settling_steps()),
        ]
        ahead = self._build_timeline(events, parts)
        unguarded = replace(self.condition, guard=None)
        steps_met = (
            n for n in range(self._count_past_steps(), ahead.last_step) if unguarded.holds(ahead, n)
        )
        last_step = min(
            next(steps_met, ahead.last_step) + self._count_pending_steps(), ahead.last_step
        )
        timeline = replace(ahead, shares=ahead.shares[: last_step + 1])
        if not self._may_fire(timeline):
            self.checks = []
            self._expect_silence(timeline.last_step)
            yield self._finish(f"too few events in {self.condition.long}", timeline)

    def build_few_errors(self, min_errors: int) -> Iterator[CheckedTimeline]:
        """Build timelines whose long window has one error too few at the end, or just enough."""
        too_few = self._build_too_few_errors(min_errors - 1)
        self.checks = []
        if not self._may_fire(too_few):
            self._expect_silence(too_few.last_step)
            yield self._finish(f"too few errors in {self.condition.long}", too_few)
        enough = self._build_enough_errors(min_errors)
        if enough:
            yield self._finish(f"enough errors in {self.condition.long}", enough)

    def _build_too_few_errors(self, errors: int) -> ErrorTimeline:
        """Build a timeline with some errors in the long window.

        The longest window has as many right before it. They count for no condition.
        """
        long = self._count_steps(self.condition.long)
        share, past = self.incident.share, self._count_past_steps()
        events = Decimal(errors) / (share * long)
        steps = ceil(share * long)
        older = [(share * long / steps, steps), (Decimal(0), long)]
        is_longest = all(each.long.ms <= self.condition.long.ms for each in self.conditions)
        parts = (
            [(Decimal(0), past), *older, older[0]]
            if is_longest and not self.numbers.for_
            else [(Decimal(0), past), (share, long + self._count_pending_steps())]
        )
        return self._build_timeline(events, parts)

    def _build_enough_errors(self, errors: int) -> ErrorTimeline | None:
        """Build a timeline with just enough errors; if possible, no other condition holds."""
        long = self._count_steps(self.condition.long)
        longest = max(self._count_steps(each.long) for each in self.conditions) + 1
        fallback: tuple[ErrorTimeline, tuple[tuple[int, Decimal | None], ...]] | None = None
        for share, past in (
            (self.incident.share, self._count_past_steps()),
            (self.condition.limit * 5 / 4, longest),
        ):
            if share > 1:
                continue
            parts = [(Decimal(0), past), (share, long + self._count_pending_steps())]
            timeline = self._build_timeline(Decimal(errors) / (share * long), parts)
            firing = self._evaluate_alert(timeline)
            steps = [n for n, fires in enumerate(firing) if fires]
            shown_step = self._find_showable_step(timeline, steps)
            if shown_step is None:
                continue
            self.checks = []
            if firing[steps[0] - 1] is False:
                self._expect_silence(steps[0] - 1)
            self._expect_firing(timeline, shown_step)
            if self._holds_alone(timeline, shown_step):
                return timeline
            fallback = fallback or (timeline, tuple(self.checks))
        if fallback is None:
            return None
        self.checks = [*fallback[1]]
        return fallback[0]

    def _holds_alone(self, timeline: ErrorTimeline, step: int) -> bool:
        """Return whether no other condition holds at a step."""
        others = (each for each in self.conditions if each != self.condition)
        return all(each.holds(timeline, step) is False for each in others)

    def build_blip(self) -> CheckedTimeline | None:
        """Build a timeline of an incident that ends before the shortest window is full of it."""
        short = self._count_steps(self.condition.short)
        parts = [
            (self.incident.before, self._count_steps(self.condition.long)),
            (self.incident.share, short - 1),
        ]
        timeline = self._build_timeline(self._choose_events(), parts)
        after = timeline.extend(self.incident.before, short)
        if self._may_fire(after):
            return None
        self._expect_silence(timeline.last_step)
        self._expect_silence(after.last_step)
        return self._finish("a blip", after)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return self.numbers.conditions

    @property
    def incident(self) -> SimulatedIncident:
        return alert_timing.find_isolated_incident(
            self.condition,
            self.conditions,
            self.numbers.step,
            self._count_pending_steps(),
            self._is_clear,
        )

    def _finish(self, name: str, timeline: ErrorTimeline) -> CheckedTimeline:
        return CheckedTimeline(name, timeline, tuple(self.checks))

    def _build_timeline(
        self, events: Decimal, parts: Iterable[tuple[Decimal, int]]
    ) -> ErrorTimeline:
        return replace(
            build_timeline(self.numbers.step, events, parts),
            samples=self._choose_samples(),
            filled=self.numbers.longest_fine,
        )

    def _choose_samples(self) -> int:
        """Choose the samples of a step: as few as windows of the fine tier hold a whole number of.

        promtool takes time for each sample of each window. A minimum of errors is a sum of fine
        steps, so that it needs a sample for each.
        """
        step, fine = self.numbers.step, self.numbers.fine
        if any(condition.min_errors for condition in self.conditions):
            return step.ms // fine.ms
        windows = {
            each for condition in self.conditions for each in (condition.short, condition.long)
        }
        interval = gcd(
            step.ms, *(each.ms for each in windows if each.ms <= self.numbers.longest_fine.ms)
        )
        return step.ms // (fine.ms if interval % fine.ms else interval)

    def _start_quiet(self) -> ErrorTimeline:
        timeline = self._build_timeline(
            self._choose_events(), [(self.incident.before, self._count_past_steps())]
        )
        self._expect_silence(timeline.last_step)
        return timeline

    def _choose_events(self) -> Decimal:
        """Choose the events of a step: the long window has as many as the guard asks for."""
        return (
            Decimal(self.condition.guard) / self._count_steps(self.condition.long)
            if self.condition.guard and not self.condition.min_errors
            else EVENTS
        )

    def _append_incident(self, timeline: ErrorTimeline) -> ErrorTimeline:
        """Append an incident up to the step at which the alert must fire."""
        ahead = timeline.extend(self.incident.share, self._count_settling_steps())
        firing = self._evaluate_alert(ahead)
        first = next((n for n in range(timeline.last_step, ahead.last_step) if firing[n]), None)
        if first is None:  # a threshold so close to 100 % that only rounding exceeds it
            return timeline
        silent_step = next(
            (n for n in range(first - 1, timeline.last_step, -1) if firing[n] is False), None
        )
        firing_steps = [n for n in range(first, ahead.last_step) if firing[n]]
        shown_step = self._find_showable_step(ahead, firing_steps)
        if silent_step is not None:
            self._expect_silence(silent_step)
        if shown_step is None:
            return timeline
        self._expect_firing(ahead, shown_step)
        telling_step = self._find_telling_step(ahead, shown_step, firing_steps)
        if telling_step is not None:
            self._expect_firing(ahead, telling_step)
        return timeline.extend(
            self.incident.share, (telling_step or shown_step) - timeline.last_step
        )

    def _find_telling_step(
        self, timeline: ErrorTimeline, shown_step: int, firing_steps: Iterable[int]
    ) -> int | None:
        """Find a later step that reveals the rounding of the value, if the first one does not."""
        telling_steps = (
            n
            for n in firing_steps
            if n >= shown_step
            and any(each.holds(timeline, n) for each in self.conditions)
            and self._reveals_rounding(find_alert_value(self.conditions, timeline, n))
        )
        found = self._find_showable_step(timeline, telling_steps)
        return None if found == shown_step else found

    def _append_recovery(self, timeline: ErrorTimeline) -> ErrorTimeline:
        ahead = timeline.extend(self.incident.before, self._count_settling_steps())
        firing = self._evaluate_alert(ahead)
        silent_step = next(
            (n for n in range(timeline.last_step, ahead.last_step) if firing[n] is False),
            None,
        )
        if silent_step is None:
            return timeline
        # As long as this condition holds; another one may hold longer.
        held_steps = [
            n
            for n in range(silent_step - 1, timeline.last_step, -1)
            if firing[n] and self.condition.holds(ahead, n)
        ]
        held_step = self._find_showable_step(ahead, held_steps)
        if held_step is not None:
            self._expect_firing(ahead, held_step)
        self._expect_kept(ahead, firing, silent_step - 1)
        self._expect_silence(silent_step)
        return timeline.extend(self.incident.before, silent_step - timeline.last_step)

    def _count_steps(self, length: Duration) -> int:
        return -(-length.ms // self.numbers.step.ms)

    def _count_past_steps(self) -> int:
        """Count the steps before an incident.

        This condition's windows are full by then, and all others that are not filled up.
        """
        windows = [self.condition.long] + [
            each.long for each in self.conditions if each.long.ms > self.numbers.longest_fine.ms
        ]
        return max(map(self._count_steps, windows)) + 1

    def _count_pending_steps(self) -> int:
        return self._count_steps(self.numbers.for_) if self.numbers.for_ else 0

    def _count_settling_steps(self) -> int:
        """Count the steps after which a constant share has no further effect."""
        keep_firing_for = self.numbers.keep_firing_for
        return (
            max(self._count_steps(condition.long) for condition in self.conditions)
            + self._count_pending_steps()
            + (self._count_steps(keep_firing_for) if keep_firing_for else 0)
            + 11
        )

    def _evaluate_alert(self, timeline: ErrorTimeline) -> list[bool | None]:
        return evaluate_alert_with_margin(self.numbers, timeline, self.conditions)

    def _may_fire(self, timeline: ErrorTimeline) -> bool:
        return any(each is not False for each in self._evaluate_alert(timeline))

    def _find_showable_step(self, timeline: ErrorTimeline, steps: Iterable[int]) -> int | None:
        """Find the first of some steps at which a condition holds and its value rounds one way."""
        for step in steps:
            is_held = any(each.holds(timeline, step) for each in self.conditions)
            if is_held and self._rounds_one_way(find_alert_value(self.conditions, timeline, step)):
                return step
        return None

    def _rounds_one_way(self, ratio: Decimal) -> bool:
        percentage = alert_rules.round_to_percentage(self.numbers.budget, ratio)
        half = Decimal(5).scaleb(int(percentage.as_tuple().exponent) - 1)
        return abs(abs(100 * ratio - percentage) - half) > _TOO_NEAR * half

    def _is_clear(self, ratio: Decimal) -> bool:
        """Check that a ratio rounds one way only, and that no other rounding shows the same."""
        return self._rounds_one_way(ratio) and self._reveals_rounding(ratio)

    def _reveals_rounding(self, ratio: Decimal) -> bool:
        """Check that a rounding half as fine or half as coarse again shows another number."""
        digits = int(
            "".join(
                map(
                    str,
                    alert_rules.round_to_percentage(self.numbers.budget, ratio).as_tuple().digits,
                )
            )
        )
        return digits % 2 != 0 and digits % 3 != 0

    def _expect_firing(self, timeline: ErrorTimeline, step: int) -> None:
        ratio = find_alert_value(self.conditions, timeline, step)
        percentage = alert_rules.round_to_percentage(self.numbers.budget, ratio)
        self.checks.append((step, percentage))

    def _expect_kept(
        self, timeline: ErrorTimeline, firing: Sequence[bool | None], step: int
    ) -> None:
        """Expect an alert that `keep_firing_for` keeps to show its last value, if one is sure."""
        if not self.numbers.keep_firing_for or not firing[step]:
            return
        last_held = next(n for n in range(step, -1, -1) if self._holds(timeline, n) is not False)
        if last_held == step or not self._holds(timeline, last_held):
            return
        ratio = find_alert_value(self.conditions, timeline, last_held)
        if self._rounds_one_way(ratio):
            percentage = alert_rules.round_to_percentage(self.numbers.budget, ratio)
            self.checks.append((step, percentage))

    def _holds(self, timeline: ErrorTimeline, step: int) -> bool | None:
        """Return whether a condition holds at a step; None if rounding could decide it."""
        states = [each.holds(timeline, step) for each in self.conditions]
        return True if True in states else None if None in states else False

    def _expect_silence(self, step: int) -> None:
        self.checks.append((step, None))
