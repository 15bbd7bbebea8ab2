"""An alert on trial: silent at half its threshold and on a blip, firing at twice, over after."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from generator import alerts, names
from generator.model import SLO, BurnAlert, Severity, ThresholdAlert
from generator.unit_tests import course, feed
from generator.unit_tests.case import AlertCheck, Case, ValueCheck
from generator.unit_tests.course import Course
from generator.unit_tests.expected import fires
from generator.unit_tests.firing import Condition, conditions, timeline, value
from slos.schema.units import Duration

Alert = BurnAlert | ThresholdAlert

_ALL = Decimal(1)
# Without a guard, any number of events will do.
_EVENTS = Decimal(1000)
# Twice a threshold, or a little more where that happens to be another condition's threshold.
_TWICE = tuple(map(Decimal, ("2", "2.03", "2.07")))
_APART = Decimal("0.01")
# As near to the middle of two numbers, floating-point noise may round to either.
_TOO_NEAR = Decimal("1e-3")


def cases(slo: SLO, every: Sequence[Alert], step: Duration) -> Iterator[Case]:
    """A case for each condition of each alert, and one for too few events."""
    for alert in every:
        for condition in conditions(slo, alert):
            trial = _Trial(slo, alert, condition, step)
            yield trial.case()
            if condition.guard:
                yield from trial.too_few(condition.guard)


@dataclass(slots=True)
class _Trial:
    """The course of one case as it grows, and what was expected on the way."""

    slo: SLO
    alert: Alert
    one: Condition
    step: Duration
    checks: list[AlertCheck | ValueCheck] = field(default_factory=list)

    def case(self) -> Case:
        run = self._recovers(self._fires(self._blips(self._is_quiet())))
        name = f"{self.alert.firing.name}: over {self.one.long} and {self.one.short}"
        return Case(name, self.step, self.step, feed.tiers(self.slo, run), tuple(self.checks))

    def too_few(self, guard: int) -> Iterator[Case]:
        """The same course, but its events are one less than it takes to judge."""
        steps = -(-self.one.long.ms // self.step.ms)
        much = [(self.quiet, 2 * steps), (self._much(self.one), self._enough_steps())]
        ahead = course.of(self.step, Decimal(guard - 1) / steps, much)
        unguarded = replace(self.one, guard=None)
        would = (n for n in range(2 * steps, ahead.last) if unguarded.holds(ahead, n))
        wait = self.alert.firing.for_.ms // self.step.ms + 1 if self.alert.firing.for_ else 0
        at = min(next(would, ahead.last) + wait, ahead.last)
        firing = self._firing_on(ahead)
        if not any(firing[: at + 1]):
            run = replace(ahead, shares=ahead.shares[: at + 1])
            silent = AlertCheck(run.at(run.last), self.alert.firing.name)
            name = f"{self.alert.firing.name}: too few events in {self.one.long}"
            yield Case(name, self.step, self.step, feed.tiers(self.slo, run), (silent,))

    @property
    def every(self) -> list[Condition]:
        return conditions(self.slo, self.alert)

    @property
    def quiet(self) -> Decimal:
        """Half of the lowest threshold, so that no condition holds."""
        return min(condition.limit for condition in self.every) / 2

    def _is_quiet(self) -> Course:
        # No more events than the guard asks of the long window: one less, and nothing fires.
        steps = -(-self.one.long.ms // self.step.ms)
        events = Decimal(self.one.guard) / steps if self.one.guard else _EVENTS
        run = course.of(self.step, events, [(self.quiet, steps + 1)])
        self._is_silent(run, run.last)
        return run

    def _blips(self, run: Course) -> Course:
        """For pages, and where they are made to bear it: trouble a step shorter than the window."""
        last, first = self.every[-1], self.every[0]
        is_page = isinstance(self.alert, BurnAlert) and self.alert.severity is Severity.PAGE
        if not is_page or self.one != last:
            return run
        blip = run.then(self._much(first), run.steps_in(first.short) - 1)
        if any(self._firing_on(blip)):
            return run
        self._is_silent(blip, blip.last)
        after = blip.then(self.quiet, blip.steps_in(first.short))
        self._is_silent(after, after.last)
        return after

    def _fires(self, run: Course) -> Course:
        """Twice the threshold, up to where it must fire."""
        ahead = run.then(self._much(self.one), self._enough_steps())
        firing = self._firing_on(ahead)
        first = next((n for n in range(run.last, ahead.last) if firing[n]), None)
        if first is None:  # a threshold so near to 100 % that only rounding exceeds it
            return run
        before = self._clear(ahead, range(first - 1, run.last, -1))
        at = self._showable(ahead, range(first, ahead.last))
        if before is not None:
            self._is_silent(ahead, before)
        if at is None:
            return run
        self._is_firing(ahead, at)
        return run.then(self._much(self.one), at - run.last)

    def _recovers(self, run: Course) -> Course:
        ahead = run.then(self.quiet, self._enough_steps())
        firing = self._firing_on(ahead)
        over = next((n for n in range(run.last, ahead.last) if not firing[n]), None)
        at = self._clear(ahead, range(over, ahead.last)) if over is not None else None
        if over is None or at is None:
            return run
        # As long as this very condition holds: another may well hold longer.
        held = [n for n in range(over - 1, run.last, -1) if firing[n] and self.one.holds(ahead, n)]
        still = self._showable(ahead, held)
        if still is not None:
            self._is_firing(ahead, still)
        self._is_silent(ahead, at)
        return run.then(self.quiet, at - run.last)

    def _much(self, condition: Condition) -> Decimal:
        for factor in _TWICE:
            share = min(factor * condition.limit, _ALL)
            if all(abs(share - each.limit) > _APART * each.limit for each in self.every):
                break
        return share

    def _enough_steps(self) -> int:
        """After so many steps a constant share has shown all its effects."""
        waits = (self.alert.firing.for_, self.alert.firing.keep_firing_for)
        longest = max(condition.long.ms for condition in self.every)
        whole = longest + sum(wait.ms for wait in waits if wait)
        return whole // self.step.ms + 10

    def _firing_on(self, run: Course) -> list[bool]:
        return timeline(self.alert.firing, run, lambda step: self._holds(run, step))

    def _holds(self, run: Course, step: int) -> bool:
        return any(condition.holds(run, step) for condition in self.every)

    def _clear(self, run: Course, steps: range) -> int | None:
        """The first of some steps at which rounding decides nothing."""
        every = self.every
        clear = (n for n in steps if not any(each.is_near(run, n) for each in every))
        return next(clear, None)

    def _showable(self, run: Course, steps: Iterable[int]) -> int | None:
        """The first clear step at which it fires with a value that rounds one way only."""
        for step in steps:
            if self._clear(run, range(step, step + 1)) is None or not self._holds(run, step):
                continue
            exact = 100 * value(self.every, run, step)
            shown = alerts.shown(self.slo, exact / 100)
            half = Decimal(5).scaleb(int(shown.as_tuple().exponent) - 1)
            if abs(abs(exact - shown) - half) > _TOO_NEAR * half:
                return step
        return None

    def _is_firing(self, run: Course, step: int) -> None:
        shown = alerts.shown(self.slo, value(self.every, run, step))
        series = {**names.for_people(self.slo), **feed.groups(self.slo)}
        labels = {**series, **self.alert.firing.labels}
        self.checks.append(fires(self.alert.firing, run.at(step), labels, series, shown))

    def _is_silent(self, run: Course, step: int) -> None:
        self.checks.append(AlertCheck(run.at(step), self.alert.firing.name))
