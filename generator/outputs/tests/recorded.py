"""Recorded windows, budget, quantiles."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.outputs.tests import decoys, evaluator
from generator.outputs.tests.evaluator import Course, Labels, Steady, Vector
from generator.outputs.tests.promtool_file import Case, ValueCheck
from generator.outputs.tests.series import (
    INFINITE,
    OTHER,
    build_group_labels,
    build_tier_series,
    of_another,
)
from generator.rules import alert_rules, tiers
from slos.schema import promql
from slos.schema.promql import label_set
from slos.schema.query_analysis import Counting
from slos.schema.units import Duration, plain

_MILLION = 1_000_000
_EVENTS = Decimal(1000)
# Number of steps in a period. It is small, and the values differ for any other period.
_STEPS_IN_PERIOD = 48

Counted = tuple[Vector, Vector]
"""Total and errors, as the queries of an SLO count them."""


def _of_windows(slo: SLO, step: Duration, windows: Iterable[Duration]) -> Iterator[Case]:
    """Build a case of ratios over windows, on a course in which no two steps are equal."""
    every = sorted(windows)
    if every:
        run = _restless(step, every[-1].ms // step.ms + 3)
        checks = tuple(_ratio(slo, run, window) for window in every)
        yield Case(f"ratios up to {every[-1]}", step, step, build_tier_series(slo, run), checks)


def step_of_period(slo: SLO) -> Duration:
    """Choose a step so long that a period has few steps."""
    return Duration(max(slo.period.ms // _STEPS_IN_PERIOD, slo.steps.coarse.ms))


def of_period(slo: SLO) -> Case:
    """Build the case of the budget and the objective, after more than a period."""
    step = step_of_period(slo)
    run = _restless(step, slo.period.ms // step.ms + 5)
    checks = (*_promise(slo, run), *_budget(slo, run), _ratio(slo, run, slo.period))
    read = (*map(names.error_ratio, {slo.windows[0], slo.period}), names.PERIOD_BURN_RATE)
    beside = of_another(slo, sorted(read), run.last + 1)
    series = (*build_tier_series(slo, run), *beside)
    return Case(f"the budget of {slo.period}", step, step, series, checks)


def _restless(step: Duration, steps: int) -> Course:
    shares = [Decimal(7919 * (number + 3) % 1009) / 100_003 for number in range(steps)]
    return evaluator.of(step, _EVENTS, ((share, 1) for share in shares))


def _ratio(slo: SLO, run: Course, window: Duration) -> ValueCheck:
    value = run.ratio(window, run.last)
    return _check(slo, run, names.error_ratio(window), value, {names.WINDOW: str(window)})


def _budget(slo: SLO, run: Course) -> Iterator[ValueCheck]:
    period = run.ratio(slo.period, run.last)
    whole, shortest = {names.WINDOW: str(slo.period)}, {names.WINDOW: str(slo.windows[0])}
    yield _check(slo, run, names.PERIOD_BURN_RATE, period / slo.budget, whole)
    yield _check(slo, run, names.BUDGET_REMAINING, 1 - period / slo.budget, whole)
    now = run.ratio(slo.windows[0], run.last)
    yield _check(slo, run, names.CURRENT_BURN_RATE, now / slo.budget, shortest)
    if slo.signal.counts_events:
        total = run.counted(slo.period, run.last)
        yield _check(slo, run, names.PERIOD_EVENTS, total)
        yield _check(slo, run, names.PERIOD_ERRORS, total * period)
        yield _check(slo, run, names.PERIOD_EVENTS_REMAINING, total * (slo.budget - period))


def _promise(slo: SLO, run: Course) -> Iterator[ValueCheck]:
    constants = {
        names.OBJECTIVE: slo.objective / 100,
        names.ERROR_BUDGET: slo.budget,
        names.PERIOD_DAYS: slo.period.days,
    }
    for metric, value in constants.items():
        yield _check(slo, run, metric, value, grouped=False)
    said = {"sloth_mode": "cli-gen-prom", "sloth_objective": plain(slo.objective)}
    said |= {"sloth_spec": "prometheus/v1", "sloth_version": "slo-rules-exact"}
    yield _check(slo, run, names.INFO, Decimal(1), said, grouped=False)
    if histogram := slo.signal.histogram:
        yield _check(slo, run, names.LATENCY_TARGET, histogram.target, grouped=False)
    yield from _of_alerts(slo, run)


def _of_alerts(slo: SLO, run: Course) -> Iterator[ValueCheck]:
    """Check the series of alerts that dashboards read: a few series under one name."""
    limits = [(labels, Decimal(value)) for labels, value in alert_rules.thresholds(slo)]
    infos = [(alert_rules.about(firing), Decimal(1)) for firing in slo.firings]
    for metric, found in ((names.BURN_THRESHOLD, limits), (names.ALERT_INFO, infos)):
        own = names.for_people(slo)
        shown = [(label_set({**own, **labels}), _millions(value)) for labels, value in found]
        if shown:
            expr = f"round({_MILLION} * {names.of(metric, slo)})"
            yield ValueCheck(run.at(run.last), expr, tuple(sorted(shown)))


def _millions(value: Decimal) -> Decimal:
    return (value * _MILLION).quantize(Decimal(1))


def _check(
    slo: SLO,
    run: Course,
    metric: str,
    value: Decimal,
    more: Mapping[str, str] | None = None,
    *,
    grouped: bool = True,
) -> ValueCheck:
    own = build_group_labels(slo) if grouped else {}
    labels = {**own, **names.for_people(slo), **(more or {})}
    expr = f"round({_MILLION} * {names.of(metric, slo)})"
    return ValueCheck(run.at(run.last), expr, ((label_set(labels), _millions(value)),))


def of_fine_windows(slo: SLO) -> Iterator[Case]:
    """Build the cases of windows that are summed from the fine tier."""
    fine = (window for window in _own(slo) if tiers.is_fine(slo, window))
    yield from _of_windows(slo, slo.steps.fine, fine)


def of_coarse_windows(slo: SLO) -> Iterator[Case]:
    """Build the cases of windows that are summed from the coarse tier."""
    coarse = (window for window in _own(slo) if not tiers.is_fine(slo, window))
    yield from _of_windows(slo, slo.steps.coarse, coarse)


def _own(slo: SLO) -> set[Duration]:
    return {*slo.windows} - {slo.period}


def checks(
    slo: SLO, counted: Counted, tier: Duration, factor: Decimal, at: Duration
) -> Iterator[ValueCheck]:
    """Check that total and errors of a tier are those of the queries, times a factor."""
    for name, vector in zip((names.total, names.errors), counted, strict=True):
        gives = (
            (shown(names.identity(slo), labels), rounded(value * factor))
            for labels, value in sorted(vector.items(), key=str)
        )
        yield ValueCheck(at, rounding(names.of(name(tier), slo)), tuple(gives))


def of_step(slo: SLO, tier: Duration) -> Decimal:
    """Compute the factor from the value of a query to the count of a step of a tier."""
    per_second = slo.signal.counting is Counting.PER_SECOND
    return tier.seconds if per_second else Decimal(tier.ms // slo.steps.fine.ms)


def rounding(metric: str) -> str:
    """Render an expression that gives values in millionths, as `to_millionths` does."""
    return f"round({_MILLION} * {metric})"


def rounded(value: Decimal) -> Decimal:
    """Convert a value to millionths."""
    return (value * _MILLION).quantize(Decimal(1))


def shown(labels: Mapping[str, str], more: Labels) -> str:
    """Render labels as PromQL text."""
    return promql.label_set({**dict(more), **labels})


def check(slo: SLO, series: Iterable[Steady], at: Duration) -> ValueCheck:
    """Check the quantiles.

    Prometheus interpolates from 0 in the first bucket, and returns the bound beyond the last one.
    """
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
        gives.append((shown(labels, own), rounded(value)))
    metric = names.of(names.latency_quantile(window), slo)
    return ValueCheck(at, rounding(metric), tuple(gives))


def _is_bucket(series: Steady, buckets: ast.Expr, *, border: str) -> bool:
    selects = isinstance(buckets, ast.VectorSelector) and decoys.takes(
        buckets, series.metric, series.labels
    )
    return selects and series.labels.get("le") == border


def _groups(slo: SLO) -> set[tuple[str, str]]:
    return {(name, OTHER) for name in slo.signal.histogram.by} if slo.signal.histogram else set()
