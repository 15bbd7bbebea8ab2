"""Alert cases: below, above, recovery."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from generator import names
from generator.model import SLO, BurnAlert, Firing, Severity, ThresholdAlert
from generator.outputs.tests import alert_timing, evaluator, promtool_file
from generator.outputs.tests.alert_timing import Condition, Trouble, conditions, timeline, value
from generator.outputs.tests.evaluator import Course
from generator.outputs.tests.promtool_file import AlertCheck, Case, Expected, ValueCheck
from generator.outputs.tests.series import build_group_labels, build_tier_series
from generator.rules import alert_rules
from slos.schema.promql import label_set
from slos.schema.units import Duration

Alert = BurnAlert | ThresholdAlert

# Without a guard, any number of events will do.
_EVENTS = Decimal(1000)
# This close to the middle of two numbers, floating-point errors may round to either.
_TOO_NEAR = Decimal("1e-3")


def fires(
    firing: Firing,
    at: Duration,
    labels: Mapping[str, str],
    series: Mapping[str, str],
    value: Decimal,
) -> AlertCheck | ValueCheck:
    """Expect an alert to fire with its labels and annotations.

    Args:
        meta: the alert.
        eval_time: the evaluation time.
        labels: labels of the alert.
        result_labels: labels of the result of its expression, which templates read.
        value: the result of its expression.
    """
    texts = promtool_file.expanded(firing.annotations, series, value)
    if texts is not None:
        return AlertCheck(at, firing.name, (Expected(labels, texts),))
    # A text of the user with a template that only Prometheus can expand.
    return just_fires(firing, at)


def just_fires(firing: Firing, at: Duration) -> ValueCheck:
    """Expect an alert to fire, with any labels and annotations."""
    own = label_set({"alertname": firing.name, "alertstate": "firing"})
    return ValueCheck(at, f"count(ALERTS{own})", (("{}", Decimal(1)),))


def cases(slo: SLO, every: Sequence[Alert], step: Duration) -> Iterator[Case]:
    """Build a case for each condition of each alert, one for too few events, and one for a blip."""
    for alert in every:
        for condition in conditions(slo, alert):
            trial = _Trial(slo, alert, condition, step)
            yield trial.case()
            if condition.guard:
                yield from trial.too_few(condition.guard)
        yield from _blip(slo, alert, step)


def _blip(slo: SLO, alert: Alert, step: Duration) -> Iterator[Case]:
    """Build the blip case of a page: an incident one step shorter than the short window."""
    if not isinstance(alert, BurnAlert) or alert.severity is not Severity.PAGE:
        return
    trial = _Trial(slo, alert, conditions(slo, alert)[0], step)
    case = trial.blip()
    if case:
        yield case


@dataclass(slots=True)
class _Trial:
    """Builder of one test case: the course as it grows, and the checks so far."""

    slo: SLO
    alert: Alert
    one: Condition
    step: Duration
    checks: list[AlertCheck | ValueCheck] = field(default_factory=list)

    def case(self) -> Case:
        """Build a case: quiet for longer than any window, an incident of this condition, quiet."""
        run = self._recovers(self._fires(self._is_quiet()))
        name = f"{self.alert.firing.name}: over {self.one.long} and {self.one.short}"
        return self._case(name, run)

    def too_few(self, guard: int) -> Iterator[Case]:
        """Build the same case with one event less than the guard of the condition asks for."""
        events = Decimal(guard - 1) / self._steps(self.one.long)
        parts = [(self.trouble.before, self._past()), (self.trouble.share, self._enough_steps())]
        ahead = evaluator.of(self.step, events, parts)
        unguarded = replace(self.one, guard=None)
        would = (n for n in range(self._past(), ahead.last) if unguarded.holds(ahead, n))
        at = min(next(would, ahead.last) + self._waits(), ahead.last)
        run = replace(ahead, shares=ahead.shares[: at + 1])
        if not any(self._firing_on(run)):
            self.checks = []
            self._is_silent(run, run.last)
            name = f"{self.alert.firing.name}: too few events in {self.one.long}"
            yield self._case(name, run)

    def blip(self) -> Case | None:
        """Build a case of an incident that ends before the shortest window is full of it."""
        short = self._steps(self.one.short)
        parts = [(self.trouble.before, self._steps(self.one.long)), (self.trouble.share, short - 1)]
        run = evaluator.of(self.step, self._events(), parts)
        after = run.then(self.trouble.before, short)
        if any(self._firing_on(after)):
            return None
        self._is_silent(run, run.last)
        self._is_silent(after, after.last)
        return self._case(f"{self.alert.firing.name}: a blip", after)

    @property
    def every(self) -> list[Condition]:
        return conditions(self.slo, self.alert)

    @property
    def trouble(self) -> Trouble:
        return alert_timing.trouble(self.one, self.every, self.step, self._waits(), self._shows)

    def _case(self, name: str, run: Course) -> Case:
        return Case(
            name, self.step, self.step, build_tier_series(self.slo, run), tuple(self.checks)
        )

    def _is_quiet(self) -> Course:
        run = evaluator.of(self.step, self._events(), [(self.trouble.before, self._past())])
        self._is_silent(run, run.last)
        return run

    def _events(self) -> Decimal:
        """Choose the events of a step: the long window has as many as the guard asks for."""
        return Decimal(self.one.guard) / self._steps(self.one.long) if self.one.guard else _EVENTS

    def _fires(self, run: Course) -> Course:
        """Append an incident up to the step at which the alert must fire."""
        ahead = run.then(self.trouble.share, self._enough_steps())
        firing = self._firing_on(ahead)
        first = next((n for n in range(run.last, ahead.last) if firing[n]), None)
        if first is None:  # a threshold so close to 100 % that only rounding exceeds it
            return run
        before = self._clear(ahead, range(first - 1, run.last, -1))
        at = self._showable(ahead, range(first, ahead.last))
        if before is not None:
            self._is_silent(ahead, before)
        if at is None:
            return run
        self._is_firing(ahead, at)
        telling = self._telling(ahead, at)
        if telling is not None:
            self._is_firing(ahead, telling)
        return run.then(self.trouble.share, (telling or at) - run.last)

    def _telling(self, run: Course, at: int) -> int | None:
        """Find a later step that reveals the rounding of the value, if the first one does not."""
        every = self.every
        if self._tells(value(every, run, at)):
            return None
        later = (n for n in range(at + 1, run.last) if self._holds(run, n))
        return self._showable(run, (n for n in later if self._tells(value(every, run, n))))

    def _recovers(self, run: Course) -> Course:
        ahead = run.then(self.trouble.before, self._enough_steps())
        firing = self._firing_on(ahead)
        over = next((n for n in range(run.last, ahead.last) if not firing[n]), None)
        at = self._clear(ahead, range(over, ahead.last)) if over is not None else None
        if over is None or at is None:
            return run
        # As long as this condition holds; another one may hold longer.
        held = [n for n in range(over - 1, run.last, -1) if firing[n] and self.one.holds(ahead, n)]
        still = self._showable(ahead, held)
        if still is not None:
            self._is_firing(ahead, still)
        self._is_silent(ahead, at)
        return run.then(self.trouble.before, at - run.last)

    def _steps(self, length: Duration) -> int:
        return -(-length.ms // self.step.ms)

    def _past(self) -> int:
        """Count the steps that any condition reads, so that no window is partly empty."""
        return max(self._steps(condition.long) for condition in self.every) + 1

    def _waits(self) -> int:
        return self._steps(self.alert.firing.for_) if self.alert.firing.for_ else 0

    def _enough_steps(self) -> int:
        """Count the steps after which a constant share has no further effect."""
        keeps = self.alert.firing.keep_firing_for
        return self._past() + self._waits() + (self._steps(keeps) if keeps else 0) + 10

    def _firing_on(self, run: Course) -> list[bool]:
        return timeline(self.alert.firing, run, lambda step: self._holds(run, step))

    def _holds(self, run: Course, step: int) -> bool:
        return any(condition.holds(run, step) for condition in self.every)

    def _clear(self, run: Course, steps: range) -> int | None:
        """Find the first of some steps at which rounding decides nothing."""
        every = self.every
        clear = (n for n in steps if not any(each.is_near(run, n) for each in every))
        return next(clear, None)

    def _showable(self, run: Course, steps: Iterable[int]) -> int | None:
        """Find the first clear step at which the alert fires and its value rounds one way only."""
        for step in steps:
            if self._clear(run, range(step, step + 1)) is None or not self._holds(run, step):
                continue
            if self._rounds_one_way(value(self.every, run, step)):
                return step
        return None

    def _rounds_one_way(self, ratio: Decimal) -> bool:
        shown = alert_rules.shown(self.slo, ratio)
        half = Decimal(5).scaleb(int(shown.as_tuple().exponent) - 1)
        return abs(abs(100 * ratio - shown) - half) > _TOO_NEAR * half

    def _shows(self, ratio: Decimal) -> bool:
        """Check that a ratio rounds one way only, and that no other rounding shows the same."""
        return self._rounds_one_way(ratio) and self._tells(ratio)

    def _tells(self, ratio: Decimal) -> bool:
        """Check that a rounding half as fine or half as coarse again shows another number."""
        digits = int("".join(map(str, alert_rules.shown(self.slo, ratio).as_tuple().digits)))
        return digits % 2 != 0 and digits % 3 != 0

    def _is_firing(self, run: Course, step: int) -> None:
        shown = alert_rules.shown(self.slo, value(self.every, run, step))
        series = {**names.for_people(self.slo), **build_group_labels(self.slo)}
        labels = {**series, **self.alert.firing.labels}
        self.checks.append(fires(self.alert.firing, run.at(step), labels, series, shown))

    def _is_silent(self, run: Course, step: int) -> None:
        self.checks.append(AlertCheck(run.at(step), self.alert.firing.name))
