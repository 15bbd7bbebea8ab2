"""Test cases of counters that do not rise steadily: bursts, restarts, missed scrapes.

All series of an SLO follow the same course, each in units of its own rate. So the expected counts
are those of steady series, times a factor that follows from the course.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from generator import increments, names
from generator.model import SLO
from generator.unit_tests import quantiles, tier_values
from generator.unit_tests.case import Case, Series, ValueCheck
from generator.unit_tests.steady import Steady
from generator.unit_tests.tier_values import Counted
from slos.schema.units import Duration

# Parts of a scrape interval: the newest sample is an interval less one part old.
_PARTS = (6, 5, 4)
# Counter values in units of a coarse step's events: after a settled burst, and after a new one.
_FIRST, _BOTH = 3, 4


def build_history_cases(slo: SLO, series: Sequence[Steady], counted: Counted) -> Iterator[Case]:
    """Build the cases, for an SLO that counts increments."""
    yield _burst(slo, series, counted)
    if slo.steps.fine.ms % slo.steps.scrape.ms == 0:
        for parts in [each for each in _PARTS if slo.steps.scrape.ms % each == 0][:1]:
            yield _off_beat(slo, series, counted, parts)
        yield _restarts(slo, series, counted)


def _burst(slo: SLO, series: Sequence[Steady], counted: Counted) -> Case:
    """Build a case with all events of a coarse step at one scrape: they are counted once."""
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    # One scrape before a step ends: a range that is a scrape too long sees it in two steps.
    step = coarse * 2
    before = step.ms // scrape.ms - 1
    course = [Decimal(0)] * before + [coarse.seconds] * (2 * before)
    all_of_it = tier_values.of_step(slo, coarse)
    expected = [
        (coarse, step + fine, all_of_it),
        (coarse, Duration(step.ms + coarse.ms - fine.ms), all_of_it),
        (coarse, step + coarse + fine, Decimal(0)),
    ]
    if fine.ms % scrape.ms == 0:
        # Until here, the range of a step contains both samples around the burst.
        seen = increments.reach(fine, scrape).ms - 2 * scrape.ms
        expected.append((fine, step + fine * (seen // fine.ms + 1), Decimal(0)))
    checks = _build_history_checks(slo, counted, expected)
    if slo.signal.histogram:
        window = slo.windows[0]
        # The window contains both samples around the burst; two thirds of it do not.
        seen = max(1, -(-(window.ms - 2 * scrape.ms) // fine.ms) - 1)
        metric = names.of(names.latency_quantile(window), slo)
        checks.append(quantiles.check(slo, series, step + fine * seen))
        checks.append(ValueCheck(step + window + fine, metric, ()))
    given = tuple(_following(each, course) for each in series)
    return Case("a burst is counted once", scrape, fine, given, tuple(checks))


def _off_beat(slo: SLO, series: Sequence[Steady], counted: Counted, parts: int) -> Case:
    """Build a case with scrapes between evaluations: a burst just inside the range, and a new one.

    The coarse tier leaves the newest sample to its next step. The fine tier reads it. The counter
    was zero before, so a rate alone would be too low.
    """
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    at = coarse + fine * 2
    part = Duration(scrape.ms // parts)
    age = scrape.ms - part.ms
    steps_seen = (increments.reach(fine, scrape).ms - age) // scrape.ms
    newest = (at.ms - age - part.ms) // scrape.ms
    oldest = newest - steps_seen + 1
    course = [
        *[Decimal(0)] * oldest,
        *[_FIRST * coarse.seconds] * (newest - oldest),
        *[_BOTH * coarse.seconds] * (1 + fine.ms // scrape.ms),
    ]
    spread: list[Decimal | None] = [None] * (len(course) * parts)
    spread[1::parts] = course
    all_of_it = tier_values.of_step(slo, coarse)
    expected = [
        (fine, at, all_of_it * _BOTH * fine.ms / (steps_seen * scrape.ms)),
        (coarse, at, all_of_it * (_FIRST if steps_seen > 1 else 0)),
        (coarse, at + fine, all_of_it * _BOTH),
    ]
    given = tuple(_following(each, spread) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    return Case("scrapes between evaluations", part, fine, given, checks)


def _restarts(slo: SLO, series: Sequence[Steady], counted: Counted) -> Case:
    """Build a case with equal counts at every scrape across restarts: no event is lost.

    The first restart is among missed scrapes. The counter passes its old value before the check.
    """
    fine, scrape = slo.steps.fine, slo.steps.scrape
    in_coarse, in_fine = slo.steps.coarse.ms // scrape.ms, fine.ms // scrape.ms
    old = max(2, in_coarse // 4)
    first = _up(old + 3 + in_coarse, in_fine)
    again = first + in_fine
    second = _up(again + in_coarse // 2, in_fine)
    missed = first - 1 - in_coarse - old
    counters: list[Decimal | None] = [
        *map(Decimal, range(old + 1)),
        *[None] * missed,
        *map(Decimal, range(1, again - old - missed)),
        *map(Decimal, range(1, second - again + 2)),
    ]
    course = [None if each is None else each * scrape.seconds for each in counters]
    of_coarse = tier_values.of_step(slo, slo.steps.coarse)
    expected = [
        (slo.steps.coarse, scrape * first, of_coarse),
        (fine, scrape * (again + in_fine), tier_values.of_step(slo, fine)),
        (slo.steps.coarse, scrape * second, of_coarse),
    ]
    given = tuple(_following(each, course) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    return Case("restarts lose nothing", scrape, fine, given, checks)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _following(each: Steady, course: Sequence[Decimal | None]) -> Series:
    """Build a series that follows a course in units of its own rate."""
    values = [None if value is None else value * each.rate for value in course]
    return Series(names.series(each.metric, each.labels), values)


def _build_history_checks(
    slo: SLO, counted: Counted, expected: Sequence[tuple[Duration, Duration, Decimal]]
) -> list[ValueCheck]:
    return [
        check
        for tier, at, factor in expected
        for check in tier_values.checks(slo, counted, tier, factor, at)
    ]
