"""Test files of an SLO: counting, counter histories."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from generator import names
from generator.model import SLO, BurnAlert, Firing, ThresholdAlert
from generator.outputs.tests import evaluator, recorded, series, trial
from generator.outputs.tests.alert_timing import conditions, timeline
from generator.outputs.tests.evaluator import Course, Evaluation, NotKnownError, Steady, Vector
from generator.outputs.tests.promtool_file import AlertCheck, Case, Rising, Series, ValueCheck
from generator.outputs.tests.recorded import Counted
from generator.outputs.tests.series import around_threshold, build_series, counters, incomplete
from generator.outputs.tests.trial import fires
from generator.rules import alert_rules, tiers
from generator.rules.groups import groups_of
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
    all_of_it = recorded.of_step(slo, coarse)
    expected = [
        (coarse, step + fine, all_of_it),
        (coarse, Duration(step.ms + coarse.ms - fine.ms), all_of_it),
        (coarse, step + coarse + fine, Decimal(0)),
    ]
    if fine.ms % scrape.ms == 0:
        # Until here, the range of a step contains both samples around the burst.
        seen = tiers.reach(fine, scrape).ms - 2 * scrape.ms
        expected.append((fine, step + fine * (seen // fine.ms + 1), Decimal(0)))
    checks = _build_history_checks(slo, counted, expected)
    if slo.signal.histogram:
        window = slo.windows[0]
        # The window contains both samples around the burst; two thirds of it do not.
        seen = max(1, -(-(window.ms - 2 * scrape.ms) // fine.ms) - 1)
        metric = names.of(names.latency_quantile(window), slo)
        checks.append(recorded.check(slo, series, step + fine * seen))
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
    steps_seen = (tiers.reach(fine, scrape).ms - age) // scrape.ms
    newest = (at.ms - age - part.ms) // scrape.ms
    oldest = newest - steps_seen + 1
    course = [
        *[Decimal(0)] * oldest,
        *[_FIRST * coarse.seconds] * (newest - oldest),
        *[_BOTH * coarse.seconds] * (1 + fine.ms // scrape.ms),
    ]
    spread: list[Decimal | None] = [None] * (len(course) * parts)
    spread[1::parts] = course
    all_of_it = recorded.of_step(slo, coarse)
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
    of_coarse = recorded.of_step(slo, slo.steps.coarse)
    expected = [
        (slo.steps.coarse, scrape * first, of_coarse),
        (fine, scrape * (again + in_fine), recorded.of_step(slo, fine)),
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
        for check in recorded.checks(slo, counted, tier, factor, at)
    ]


def build_counting_cases(slo: SLO) -> Iterator[Case]:
    """Build the cases; none if the queries are not understood or their groups are not known."""
    series = list(build_series(slo))
    counted = _counted(slo, series)
    if not counted:
        return
    if tiers.counts_increments(slo):
        yield from build_history_cases(slo, series, counted)
    checks = list(_checks(slo, counted))
    if slo.signal.histogram:
        checks.append(recorded.check(slo, series, _at(slo)))
    yield _case(slo, "what is counted", series, checks)
    for name, fewer in incomplete(slo, series):
        rest = _evaluated(slo, fewer)
        if rest:
            case = _case(slo, name, fewer, list(_checks(slo, rest)))
            yield case
            # Without the other SLO, whose total could replace the missing one.
            own = tuple(each for each in case.series if each not in _beside(slo))
            yield replace(case, name=f"{name}, and no other SLO", series=own)
    for name, scaled in around_threshold(slo, series):
        judged = _counted(slo, scaled)
        if judged:
            yield _case(slo, name, scaled, list(_checks(slo, judged)))


def _counted(slo: SLO, series: Sequence[Steady]) -> Counted | None:
    """Count total and errors as the queries do; None without series of the right groups."""
    found = _evaluated(slo, series)
    if not found or not found[0]:
        return None
    labels = {name for labels in found[0] for name, _ in labels}
    return found if labels == set(slo.signal.by) else None


def _evaluated(slo: SLO, series: Sequence[Steady]) -> Counted | None:
    run = Evaluation(series, slo.steps.fine, slo.steps.scrape)
    try:
        total = run.of_template(slo.signal.total)
        errors = run.of_template(slo.signal.errors)
    except (NotKnownError, ArithmeticError):
        return None
    return total, _complete(slo, errors, total)


def _at(slo: SLO) -> Duration:
    return slo.steps.coarse * 2 + slo.steps.fine


def _checks(slo: SLO, counted: Counted) -> Iterator[ValueCheck]:
    steps = [slo.steps.fine, slo.steps.coarse]
    if tiers.counts_increments(slo) and slo.steps.coarse.ms % slo.steps.scrape.ms:
        steps.pop()  # coarse steps differ by a scrape, so their counts are not constant
    for tier in steps:
        yield from recorded.checks(slo, counted, tier, recorded.of_step(slo, tier), _at(slo))


def _case(slo: SLO, name: str, series: Sequence[Steady], checks: Sequence[ValueCheck]) -> Case:
    scrape = slo.steps.scrape
    length = 3 * slo.steps.coarse.ms // scrape.ms
    rising = set(counters(slo))
    given = (_given(each, scrape, length, rises=each.metric in rising) for each in series)
    return Case(name, scrape, slo.steps.fine, (*given, *_beside(slo)), tuple(checks))


def _beside(slo: SLO) -> tuple[Series, ...]:
    samples = 3 * slo.steps.coarse.ms // slo.steps.scrape.ms + 1
    return tuple(series.of_another(slo, series.metrics(slo), samples))


def _complete(slo: SLO, errors: Vector, total: Vector) -> Vector:
    """Add zero errors for each total without errors, if the SLI allows missing error series."""
    zero = dict.fromkeys(total, Decimal(0)) if slo.signal.errors_may_be_absent else {}
    return {**zero, **errors}


def _given(series: Steady, scrape: Duration, length: int, *, rises: bool) -> Series | Rising:
    name = names.series(series.metric, series.labels)
    if rises:
        return Rising(name, series.rate * scrape.seconds, length)
    return Series(name, [series.rate] * (length + 1))


def build_slo_files(slo: SLO) -> Iterator[tuple[str, Duration, list[str], list[Case]]]:
    """Build the test files: name, step, order of the groups, and cases.

    Quick alerts are tested in fine steps, slow ones in coarse steps. Groups that others read come
    first. Groups that nothing reads are left out, since each is evaluated at every step.
    """
    fine, coarse, period = (module.group(slo).name for module in groups_of("exact"))
    quick = [alert for alert in _alerts(slo) if alert_rules.is_quick(slo, alert)]
    slow = [alert for alert in _alerts(slo) if not alert_rules.is_quick(slo, alert)]
    in_fine = [
        *trial.cases(slo, quick, slo.steps.fine),
        *_no_traffic(slo, slo.steps.fine),
        *_no_data(slo),
    ]
    in_coarse = [*trial.cases(slo, slow, slo.steps.coarse), *recorded.of_coarse_windows(slo)]
    counted = list(build_counting_cases(slo))
    if counted:
        yield "counting", slo.steps.fine, [fine, coarse], counted
    yield "windows", slo.steps.fine, [fine, period], list(recorded.of_fine_windows(slo))
    before = [period] if _read_slow_windows(slo, quick) else []
    yield "quick", slo.steps.fine, [*before, fine], in_fine
    if in_coarse:
        yield "slow", slo.steps.coarse, [fine, period], in_coarse
    step = recorded.step_of_period(slo)
    yield "period", step, [fine, period], [recorded.of_period(slo)]


def _alerts(slo: SLO) -> Sequence[BurnAlert | ThresholdAlert]:
    return (*slo.burn_alerts, *slo.threshold_alerts)


def _read_slow_windows(slo: SLO, every: Sequence[BurnAlert | ThresholdAlert]) -> bool:
    read = {
        window
        for alert in every
        for condition in conditions(slo, alert)
        for window in (condition.short, condition.long)
    }
    return bool(read - alert_rules.quick_windows(slo))


def _no_traffic(slo: SLO, step: Duration) -> Iterator[Case]:
    run = evaluator.of(step, Decimal(0), [(Decimal(0), 16)])
    silent = tuple(_silence(firing, run, run.last) for firing in slo.firings)
    if silent:
        yield Case(
            "no traffic: nothing fires", step, step, series.build_tier_series(slo, run), silent
        )


def _no_data(slo: SLO) -> Iterator[Case]:
    firing = slo.absent_alert
    if not firing:
        return
    step = slo.steps.fine
    run = evaluator.of(
        step, Decimal(0), [(Decimal(0), 2 + 2 * (firing.for_ or step).ms // step.ms)]
    )
    first = timeline(firing, run, lambda _: True).index(True)
    labels = {**names.for_people(slo), **firing.labels}
    checks: list[AlertCheck | ValueCheck] = []
    checks += [_silence(firing, run, first - 1)] if first else []
    checks.append(fires(firing, run.at(first), labels, names.key(slo), Decimal(1)))
    others = [each for each in slo.firings if each != firing]
    checks += [_silence(each, run, first) for each in others]
    yield Case(f"{firing.name}: no data", step, step, (), tuple(checks))


def _silence(firing: Firing, run: Course, step: int) -> AlertCheck:
    return AlertCheck(run.at(step), firing.name)
