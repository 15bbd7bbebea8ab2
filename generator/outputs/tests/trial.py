"""Test cases of one alert: below the threshold, above it, recovery."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import gcd

from generator import names
from generator.model import SLO, AlertMeta, AlertSeverity, BurnAlert, ThresholdAlert
from generator.outputs.tests import alert_timing, promtool_file
from generator.outputs.tests.alert_timing import (
    Condition,
    Incident,
    compute_sure_timeline,
    find_alert_value,
    list_conditions,
)
from generator.outputs.tests.error_course import ErrorCourse, build_course
from generator.outputs.tests.promtool_file import (
    AlertCheck,
    ExpectedAlert,
    UnitTestCase,
    ValueCheck,
)
from generator.outputs.tests.series import build_group_labels, build_tier_series
from generator.rules import alert_rules, tiers
from slos.schema.promql import format_label_set
from slos.schema.units import Duration

SLOAlert = BurnAlert | ThresholdAlert

# Without a guard, any number of events will do.
_EVENTS = Decimal(1000)
# Steps since the first count at which an error is most of all errors.
_YOUNG_STEPS = 13
# This close to the middle of two numbers, floating-point errors may round to either.
_TOO_NEAR = Decimal("1e-3")


def expect_firing(
    meta: AlertMeta,
    eval_time: Duration,
    labels: Mapping[str, str],
    result_labels: Mapping[str, str],
    value: Decimal,
) -> AlertCheck | ValueCheck:
    """Expect an alert to fire with its labels and annotations.

    Args:
        meta: the alert.
        eval_time: the evaluation time.
        labels: labels of the alert, as in its rule.
        result_labels: labels of the result of its expression, which templates read.
        value: the result of its expression.
    """
    texts = promtool_file.expand_annotations(meta.annotations, result_labels, value)
    own_labels = promtool_file.expand_annotations(meta.labels, result_labels, value)
    if texts is not None and own_labels is not None:
        expanded = {name: text for name, text in {**labels, **own_labels}.items() if text}
        return AlertCheck(eval_time, meta.name, (ExpectedAlert(expanded, texts),))
    # A text of the user with a template that only Prometheus can expand.
    return expect_firing_state(meta, eval_time)


def expect_firing_state(meta: AlertMeta, eval_time: Duration) -> ValueCheck:
    """Expect an alert to fire, with any labels and annotations."""
    alert_labels = format_label_set({"alertname": meta.name, "alertstate": "firing"})
    return ValueCheck(eval_time, f"count(ALERTS{alert_labels})", (("{}", Decimal(1)),), meta.name)


def build_alert_cases(
    slo: SLO, slo_alerts: Sequence[SLOAlert], step: Duration
) -> Iterator[UnitTestCase]:
    """Build a case for each condition of each alert, for too few of either, and for a blip."""
    for alert in slo_alerts:
        for condition in list_conditions(slo, alert):
            builder = _CaseBuilder(slo, alert, condition, step)
            yield builder.build_case()
            if condition.guard:
                yield from builder.build_too_few_cases(condition.guard)
            if condition.min_errors:
                yield builder.build_too_few_errors_case(condition.min_errors)
        yield from _build_blip_cases(slo, alert, step)
        yield from _build_young_history_cases(slo, alert, step)


def _build_young_history_cases(slo: SLO, alert: SLOAlert, step: Duration) -> Iterator[UnitTestCase]:
    """Build the case of an error shortly after the first count, which is a large share of few."""
    conditions = list_conditions(slo, alert)
    if step != slo.steps.fine or not isinstance(alert, BurnAlert):
        return
    bad = min(conditions[0].limit * _YOUNG_STEPS * 3 / 2, Decimal(_YOUNG_STEPS))
    whole, share = int(bad), bad % 1
    parts = [(Decimal(0), _YOUNG_STEPS - whole - 1), (share, 1), (Decimal(1), whole)]
    course = build_course(step, _EVENTS, parts)
    would_fire = conditions[0].holds(course, course.last_step)
    filled = replace(course, filled=tiers.find_longest_fine_window(slo))
    shares = (
        min(filled.compute_ratio(window, course.last_step) for window in (each.short, each.long))
        / each.limit
        for each in conditions
    )
    # At three quarters of a limit, rounding decides nothing.
    if would_fire and all(each < Decimal("0.75") for each in shares):
        check = AlertCheck(course.compute_time(course.last_step), alert.meta.name)
        series = build_tier_series(slo, course)
        yield UnitTestCase(f"{alert.meta.name}: a young history", step, step, series, (check,))


def _build_blip_cases(slo: SLO, alert: SLOAlert, step: Duration) -> Iterator[UnitTestCase]:
    """Build the blip case of a page: an incident one step shorter than the short window."""
    if not isinstance(alert, BurnAlert) or alert.severity is not AlertSeverity.PAGE:
        return
    builder = _CaseBuilder(slo, alert, list_conditions(slo, alert)[0], step)
    case = builder.build_blip_case()
    if case:
        yield case


@dataclass(slots=True)
class _CaseBuilder:
    """Builder of one test case: the course as it grows, and the checks so far."""

    slo: SLO
    alert: SLOAlert
    condition: Condition
    step: Duration
    checks: list[AlertCheck | ValueCheck] = field(default_factory=list)

    def build_case(self) -> UnitTestCase:
        """Build a case: quiet for longer than any window, an incident of this condition, quiet."""
        error_course = self._append_recovery(self._append_incident(self._start_quiet()))
        name = f"{self.alert.meta.name}: over {self.condition.long} and {self.condition.short}"
        return self._finish_case(name, error_course)

    def build_too_few_cases(self, guard: int) -> Iterator[UnitTestCase]:
        """Build the same case with one event less than the guard of the condition asks for."""
        events = Decimal(guard - 1) / self._count_steps(self.condition.long)
        parts = [
            (self.incident.before, self._count_past_steps()),
            (self.incident.share, self._count_settling_steps()),
        ]
        ahead = self._build_course(events, parts)
        unguarded = replace(self.condition, guard=None)
        steps_met = (
            n for n in range(self._count_past_steps(), ahead.last_step) if unguarded.holds(ahead, n)
        )
        last_step = min(
            next(steps_met, ahead.last_step) + self._count_pending_steps(), ahead.last_step
        )
        error_course = replace(ahead, shares=ahead.shares[: last_step + 1])
        if not self._may_fire(error_course):
            self.checks = []
            self._expect_silence(error_course, error_course.last_step)
            name = f"{self.alert.meta.name}: too few events in {self.condition.long}"
            yield self._finish_case(name, error_course)

    def build_too_few_errors_case(self, min_errors: int) -> UnitTestCase:
        """Build a case in which all events are errors, one less than the condition asks for."""
        steps = self._count_steps(self.condition.long)
        parts = [(Decimal(0), self._count_past_steps()), (Decimal(1), 2 * steps)]
        error_course = self._build_course(Decimal(min_errors - 1) / steps, parts)
        self.checks = []
        self._expect_silence(error_course, error_course.last_step)
        name = f"{self.alert.meta.name}: too few errors in {self.condition.long}"
        return self._finish_case(name, error_course)

    def build_blip_case(self) -> UnitTestCase | None:
        """Build a case of an incident that ends before the shortest window is full of it."""
        short = self._count_steps(self.condition.short)
        parts = [
            (self.incident.before, self._count_steps(self.condition.long)),
            (self.incident.share, short - 1),
        ]
        error_course = self._build_course(self._choose_events(), parts)
        after = error_course.extend(self.incident.before, short)
        if self._may_fire(after):
            return None
        self._expect_silence(error_course, error_course.last_step)
        self._expect_silence(after, after.last_step)
        return self._finish_case(f"{self.alert.meta.name}: a blip", after)

    @property
    def conditions(self) -> list[Condition]:
        return list_conditions(self.slo, self.alert)

    @property
    def incident(self) -> Incident:
        return alert_timing.find_isolated_incident(
            self.condition, self.conditions, self.step, self._count_pending_steps(), self._is_clear
        )

    def _finish_case(self, name: str, error_course: ErrorCourse) -> UnitTestCase:
        series = build_tier_series(self.slo, error_course)
        interval = error_course.sample_interval
        return UnitTestCase(name, interval, self.step, series, tuple(self.checks))

    def _build_course(self, events: Decimal, parts: Iterable[tuple[Decimal, int]]) -> ErrorCourse:
        return replace(
            build_course(self.step, events, parts),
            samples=self._choose_samples(),
            filled=tiers.find_longest_fine_window(self.slo),
        )

    def _choose_samples(self) -> int:
        """Choose the samples of a step: as few as windows of the fine tier hold a whole number of.

        promtool takes time for each sample of each window.
        """
        fine = self.slo.steps.fine
        windows = {
            each for condition in self.conditions for each in (condition.short, condition.long)
        }
        interval = gcd(
            self.step.ms, *(each.ms for each in windows if tiers.is_fine(self.slo, each))
        )
        return self.step.ms // (fine.ms if interval % fine.ms else interval)

    def _start_quiet(self) -> ErrorCourse:
        error_course = self._build_course(
            self._choose_events(), [(self.incident.before, self._count_past_steps())]
        )
        self._expect_silence(error_course, error_course.last_step)
        return error_course

    def _choose_events(self) -> Decimal:
        """Choose the events of a step: the long window has as many as the guard asks for."""
        return (
            Decimal(self.condition.guard) / self._count_steps(self.condition.long)
            if self.condition.guard
            else _EVENTS
        )

    def _append_incident(self, error_course: ErrorCourse) -> ErrorCourse:
        """Append an incident up to the step at which the alert must fire."""
        ahead = error_course.extend(self.incident.share, self._count_settling_steps())
        firing = self._compute_timeline(ahead)
        first = next((n for n in range(error_course.last_step, ahead.last_step) if firing[n]), None)
        if first is None:  # a threshold so close to 100 % that only rounding exceeds it
            return error_course
        silent_step = next(
            (n for n in range(first - 1, error_course.last_step, -1) if firing[n] is False), None
        )
        firing_steps = [n for n in range(first, ahead.last_step) if firing[n]]
        shown_step = self._find_showable_step(ahead, firing_steps)
        if silent_step is not None:
            self._expect_silence(ahead, silent_step)
        if shown_step is None:
            return error_course
        self._expect_firing(ahead, shown_step)
        telling_step = self._find_telling_step(ahead, shown_step, firing_steps)
        if telling_step is not None:
            self._expect_firing(ahead, telling_step)
        return error_course.extend(
            self.incident.share, (telling_step or shown_step) - error_course.last_step
        )

    def _find_telling_step(
        self, error_course: ErrorCourse, shown_step: int, firing_steps: Iterable[int]
    ) -> int | None:
        """Find a later step that reveals the rounding of the value, if the first one does not."""
        telling_steps = (
            n
            for n in firing_steps
            if n >= shown_step
            and any(each.holds(error_course, n) for each in self.conditions)
            and self._reveals_rounding(find_alert_value(self.conditions, error_course, n))
        )
        found = self._find_showable_step(error_course, telling_steps)
        return None if found == shown_step else found

    def _append_recovery(self, error_course: ErrorCourse) -> ErrorCourse:
        ahead = error_course.extend(self.incident.before, self._count_settling_steps())
        firing = self._compute_timeline(ahead)
        silent_step = next(
            (n for n in range(error_course.last_step, ahead.last_step) if firing[n] is False), None
        )
        if silent_step is None:
            return error_course
        # As long as this condition holds; another one may hold longer.
        held_steps = [
            n
            for n in range(silent_step - 1, error_course.last_step, -1)
            if firing[n] and self.condition.holds(ahead, n)
        ]
        held_step = self._find_showable_step(ahead, held_steps)
        if held_step is not None:
            self._expect_firing(ahead, held_step)
        self._expect_silence(ahead, silent_step)
        return error_course.extend(self.incident.before, silent_step - error_course.last_step)

    def _count_steps(self, length: Duration) -> int:
        return -(-length.ms // self.step.ms)

    def _count_past_steps(self) -> int:
        """Count the steps before an incident.

        This condition's windows are full by then, and all others that are not filled up.
        """
        windows = [self.condition.long] + [
            each.long for each in self.conditions if not tiers.is_fine(self.slo, each.long)
        ]
        return max(map(self._count_steps, windows)) + 1

    def _count_pending_steps(self) -> int:
        return self._count_steps(self.alert.meta.for_) if self.alert.meta.for_ else 0

    def _count_settling_steps(self) -> int:
        """Count the steps after which a constant share has no further effect."""
        keep_firing_for = self.alert.meta.keep_firing_for
        return (
            max(self._count_steps(condition.long) for condition in self.conditions)
            + self._count_pending_steps()
            + (self._count_steps(keep_firing_for) if keep_firing_for else 0)
            + 11
        )

    def _compute_timeline(self, error_course: ErrorCourse) -> list[bool | None]:
        return compute_sure_timeline(self.alert.meta, error_course, self.conditions)

    def _may_fire(self, error_course: ErrorCourse) -> bool:
        return any(each is not False for each in self._compute_timeline(error_course))

    def _find_showable_step(self, error_course: ErrorCourse, steps: Iterable[int]) -> int | None:
        """Find the first of some steps at which a condition holds and its value rounds one way."""
        for step in steps:
            is_held = any(each.holds(error_course, step) for each in self.conditions)
            if is_held and self._rounds_one_way(
                find_alert_value(self.conditions, error_course, step)
            ):
                return step
        return None

    def _rounds_one_way(self, ratio: Decimal) -> bool:
        percentage = alert_rules.round_to_percentage(self.slo, ratio)
        half = Decimal(5).scaleb(int(percentage.as_tuple().exponent) - 1)
        return abs(abs(100 * ratio - percentage) - half) > _TOO_NEAR * half

    def _is_clear(self, ratio: Decimal) -> bool:
        """Check that a ratio rounds one way only, and that no other rounding shows the same."""
        return self._rounds_one_way(ratio) and self._reveals_rounding(ratio)

    def _reveals_rounding(self, ratio: Decimal) -> bool:
        """Check that a rounding half as fine or half as coarse again shows another number."""
        digits = int(
            "".join(map(str, alert_rules.round_to_percentage(self.slo, ratio).as_tuple().digits))
        )
        return digits % 2 != 0 and digits % 3 != 0

    def _expect_firing(self, error_course: ErrorCourse, step: int) -> None:
        percentage = alert_rules.round_to_percentage(
            self.slo, find_alert_value(self.conditions, error_course, step)
        )
        series = {**names.build_display_labels(self.slo), **build_group_labels(self.slo)}
        labels = {**series, **self.alert.meta.labels}
        self.checks.append(
            expect_firing(
                self.alert.meta, error_course.compute_time(step), labels, series, percentage
            )
        )

    def _expect_silence(self, error_course: ErrorCourse, step: int) -> None:
        self.checks.append(AlertCheck(error_course.compute_time(step), self.alert.meta.name))
