"""Test cases of the counting tiers: raw series of known rates, and the counts of both tiers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from generator import names, tiers
from generator.model import SLO
from generator.unit_tests import feed, histories, made_up, quantiles, tier_values
from generator.unit_tests.case import Case, Rising, Series, ValueCheck
from generator.unit_tests.steady import Evaluation, NotKnownError, Steady, Vector
from generator.unit_tests.tier_values import Counted
from slos.schema.units import Duration


def build_counting_cases(slo: SLO) -> Iterator[Case]:
    """Build the cases; none if the queries are not understood or their groups are not known."""
    series = list(made_up.build_series(slo))
    counted = _counted(slo, series)
    if not counted:
        return
    if tiers.counts_increments(slo):
        yield from histories.build_history_cases(slo, series, counted)
    checks = list(_checks(slo, counted))
    if slo.signal.histogram:
        checks.append(quantiles.check(slo, series, _at(slo)))
    yield _case(slo, "what is counted", series, checks)
    for name, fewer in made_up.incomplete(slo, series):
        rest = _evaluated(slo, fewer)
        if rest:
            case = _case(slo, name, fewer, list(_checks(slo, rest)))
            yield case
            # Without the other SLO, whose total could replace the missing one.
            own = tuple(each for each in case.series if each not in _beside(slo))
            yield replace(case, name=f"{name}, and no other SLO", series=own)
    for name, scaled in made_up.around_threshold(slo, series):
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
        yield from tier_values.checks(slo, counted, tier, tier_values.of_step(slo, tier), _at(slo))


def _case(slo: SLO, name: str, series: Sequence[Steady], checks: Sequence[ValueCheck]) -> Case:
    scrape = slo.steps.scrape
    length = 3 * slo.steps.coarse.ms // scrape.ms
    rising = set(made_up.counters(slo))
    given = (_given(each, scrape, length, rises=each.metric in rising) for each in series)
    return Case(name, scrape, slo.steps.fine, (*given, *_beside(slo)), tuple(checks))


def _beside(slo: SLO) -> tuple[Series, ...]:
    samples = 3 * slo.steps.coarse.ms // slo.steps.scrape.ms + 1
    return tuple(feed.of_another(slo, feed.metrics(slo), samples))


def _complete(slo: SLO, errors: Vector, total: Vector) -> Vector:
    """Add zero errors for each total without errors, if the SLI allows missing error series."""
    zero = dict.fromkeys(total, Decimal(0)) if slo.signal.errors_may_be_absent else {}
    return {**zero, **errors}


def _given(series: Steady, scrape: Duration, length: int, *, rises: bool) -> Series | Rising:
    name = names.series(series.metric, series.labels)
    if rises:
        return Rising(name, series.rate * scrape.seconds, length)
    return Series(name, [series.rate] * (length + 1))
