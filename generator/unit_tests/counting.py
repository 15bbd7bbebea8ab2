"""A test of what is counted: from raw series of known rates to the tiers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import promql_parser as ast

from generator import increments, names, tiers
from generator.model import SLO
from generator.unit_tests import decoys, feed, made_up
from generator.unit_tests.case import Case, Rising, Series, ValueCheck
from generator.unit_tests.made_up import INFINITE, OTHER
from generator.unit_tests.steady import Evaluation, Labels, NotKnownError, Steady, Vector
from slos.schema import promql
from slos.schema.counting import Counting
from slos.schema.units import Duration

_MILLION = 1_000_000


def cases(slo: SLO) -> Iterator[Case]:
    """The tests, unless the queries do more than is understood, or their groups are not known."""
    series = list(made_up.series(slo))
    counted = _counted(slo, series)
    if not counted:
        return
    if tiers.counts_increments(slo):
        yield _burst(slo, series, *counted)
    checks = list(_checks(slo, *counted))
    if slo.signal.histogram:
        checks.append(_quantiles(slo, series, _at(slo)))
    yield _case(slo, "what is counted", series, checks)
    for name, fewer in made_up.incomplete(slo, series):
        rest = _evaluated(slo, fewer)
        if rest:
            yield _case(slo, name, fewer, list(_checks(slo, *rest)))
    for name, scaled in made_up.around_threshold(slo, series):
        judged = _counted(slo, scaled)
        if judged:
            yield _case(slo, name, scaled, list(_checks(slo, *judged)))


def _counted(slo: SLO, series: Sequence[Steady]) -> tuple[Vector, Vector] | None:
    """Total and errors, as the queries see them, where there are any of the right groups."""
    found = _evaluated(slo, series)
    if not found or not found[0]:
        return None
    labels = {name for labels in found[0] for name, _ in labels}
    return found if labels == set(slo.signal.by) else None


def _evaluated(slo: SLO, series: Sequence[Steady]) -> tuple[Vector, Vector] | None:
    run = Evaluation(series, slo.steps.fine, slo.steps.scrape)
    try:
        total = run.of_template(slo.signal.total)
        errors = run.of_template(slo.signal.errors)
    except (NotKnownError, ArithmeticError):
        return None
    return total, _complete(slo, errors, total)


def _at(slo: SLO) -> Duration:
    return slo.steps.coarse * 2 + slo.steps.fine


def _checks(slo: SLO, total: Vector, errors: Vector) -> Iterator[ValueCheck]:
    per_second = slo.signal.counting is Counting.PER_SECOND
    each_step = slo.steps.fine.seconds if per_second else Decimal(1)
    for tier, steps in ((slo.steps.fine, 1), (slo.steps.coarse, _ratio(slo))):
        for name, vector in ((names.total, total), (names.errors, errors)):
            yield _check(slo, name(tier), vector, each_step * steps, _at(slo))


def _case(slo: SLO, name: str, series: Sequence[Steady], checks: Sequence[ValueCheck]) -> Case:
    scrape = slo.steps.scrape
    length = 3 * slo.steps.coarse.ms // scrape.ms
    rising = set(made_up.counters(slo))
    given = (_given(each, scrape, length, rises=each.metric in rising) for each in series)
    beside = feed.of_another(slo, feed.metrics(slo), length + 1)
    return Case(name, scrape, slo.steps.fine, (*given, *beside), tuple(checks))


def _burst(slo: SLO, series: Sequence[Steady], total: Vector, errors: Vector) -> Case:
    """All events of a coarse step at one scrape: they are counted once, and then forgotten."""
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    # A scrape before a step ends; what looks back one scrape too far would see it a step longer.
    step = coarse * 2
    before = step.ms // scrape.ms - 1
    given = tuple(
        Series(
            names.series(each.metric, each.labels),
            [*[Decimal(0)] * before, *[each.rate * coarse.seconds] * (2 * before)],
        )
        for each in series
    )
    per_second = slo.signal.counting is Counting.PER_SECOND
    all_of_it = coarse.seconds if per_second else Decimal(_ratio(slo))
    expected = [
        (coarse, step + fine, all_of_it),
        (coarse, Duration(step.ms + coarse.ms - fine.ms), all_of_it),
        (coarse, step + coarse + fine, Decimal(0)),
    ]
    if fine.ms % scrape.ms == 0:
        # The range of a step holds both samples around the burst up to here.
        seen = increments.reach(fine, scrape).ms - 2 * scrape.ms
        expected.append((fine, step + fine * (seen // fine.ms + 1), Decimal(0)))
    checks = [
        _check(slo, name(tier), vector, factor, at)
        for tier, at, factor in expected
        for name, vector in ((names.total, total), (names.errors, errors))
    ]
    if slo.signal.histogram:
        metric = names.of(names.latency_quantile(slo.windows[0]), slo)
        checks.append(ValueCheck(step + slo.windows[0] + fine, metric, ()))
    return Case("a burst is counted once", scrape, fine, given, tuple(checks))


def _ratio(slo: SLO) -> int:
    return slo.steps.coarse.ms // slo.steps.fine.ms


def _complete(slo: SLO, errors: Vector, total: Vector) -> Vector:
    """No errors where there is a total and no error series yet, if the SLI says so."""
    zero = dict.fromkeys(total, Decimal(0)) if slo.signal.errors_may_be_absent else {}
    return {**zero, **errors}


def _check(slo: SLO, metric: str, vector: Vector, factor: Decimal, at: Duration) -> ValueCheck:
    gives = (
        (_shown(names.identity(slo), labels), _rounded(value * factor))
        for labels, value in sorted(vector.items(), key=str)
    )
    return ValueCheck(at, f"round({_MILLION} * {names.of(metric, slo)})", tuple(gives))


def _quantiles(slo: SLO, series: Iterable[Steady], at: Duration) -> ValueCheck:
    """Within the first bucket they are interpolated from 0; beyond the last one, its border."""
    buckets = promql.parse(slo.signal.histogram.buckets if slo.signal.histogram else "")
    rates = {
        border: sum(each.rate for each in series if _is_bucket(each, buckets, border=border))
        for border in {each.labels["le"] for each in series if "le" in each.labels}
    }
    border = next(border for border in rates if border != INFINITE)
    within = Decimal(rates[border]) / rates[INFINITE]
    labels = names.for_people(slo)
    window = slo.windows[0]
    gives = []
    for quantile in names.QUANTILES:
        value = Decimal(border) * min(Decimal(1), Decimal(quantile) / within)
        own = frozenset({(names.QUANTILE, quantile), *_groups(slo)})
        gives.append((_shown(labels, own), _rounded(value)))
    metric = names.of(names.latency_quantile(window), slo)
    return ValueCheck(at, f"round({_MILLION} * {metric})", tuple(gives))


def _is_bucket(series: Steady, buckets: ast.Expr, *, border: str) -> bool:
    selects = isinstance(buckets, ast.VectorSelector) and decoys.takes(
        buckets, series.metric, series.labels
    )
    return selects and series.labels.get("le") == border


def _groups(slo: SLO) -> set[tuple[str, str]]:
    return {(name, OTHER) for name in slo.signal.histogram.by} if slo.signal.histogram else set()


def _shown(labels: Mapping[str, str], more: Labels) -> str:
    return promql.label_set({**dict(more), **labels})


def _rounded(value: Decimal) -> Decimal:
    return (value * _MILLION).quantize(Decimal(1))


def _given(series: Steady, scrape: Duration, length: int, *, rises: bool) -> Series | Rising:
    name = names.series(series.metric, series.labels)
    if rises:
        return Rising(name, series.rate * scrape.seconds, length)
    return Series(name, [series.rate] * (length + 1))
