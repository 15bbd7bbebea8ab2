"""Test cases of recorded series: windows, error budget, quantiles."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.outputs.tests import numbers
from generator.outputs.tests.error_timeline import ErrorTimeline, build_timeline
from generator.outputs.tests.evaluator import LabelSet, SteadySeries, Vector
from generator.outputs.tests.numbers import Number
from generator.outputs.tests.promtool_file import UnitTestCase, ValueCheck, expect_values
from generator.outputs.tests.selectors import selects_series
from generator.outputs.tests.series import (
    INFINITE_BUCKET,
    build_foreign_series,
    build_group_labels,
    build_tier_series,
)
from generator.rules import alert_rules, tiers
from slos.schema import promql
from slos.schema.promql import format_label_set
from slos.schema.query_analysis import Counting
from slos.schema.units import Duration, format_decimal

_EVENTS = Decimal(1000)
# Number of steps in a period. It is small, and the values differ for any other period.
_STEPS_IN_PERIOD = 48

CountedEvents = tuple[Vector, Vector]
"""Total and errors, as the queries of an SLO count them."""


def _build_window_cases(
    slo: SLO, step: Duration, windows: Iterable[Duration]
) -> Iterator[UnitTestCase]:
    """Build a case of ratios over windows, on a timeline in which no two steps are equal."""
    sorted_windows = sorted(windows)
    if sorted_windows:
        timeline = _build_varied_timeline(step, sorted_windows[-1].ms // step.ms + 3)
        checks = tuple(_check_ratio(slo, timeline, window) for window in sorted_windows)
        yield UnitTestCase(
            f"ratios up to {sorted_windows[-1]}",
            step,
            step,
            build_tier_series(slo, timeline),
            checks,
        )


def choose_period_step(slo: SLO) -> Duration:
    """Choose a step so long that a period has few steps."""
    return Duration(max(slo.period.ms // _STEPS_IN_PERIOD, slo.steps.coarse.ms))


def build_period_case(slo: SLO) -> UnitTestCase:
    """Build the case of the budget and the objective, after more than a period."""
    step = choose_period_step(slo)
    timeline = _build_varied_timeline(step, slo.period.ms // step.ms + 5)
    checks = (
        *_check_objective(slo, timeline),
        *_check_budget(slo, timeline),
        *_check_period_sums(slo, timeline),
        _check_ratio(slo, timeline, slo.period),
    )
    metrics_read = (
        *map(names.name_error_ratio, {slo.windows[0], slo.period}),
        names.PERIOD_BURN_RATE,
    )
    foreign_series = build_foreign_series(slo, sorted(metrics_read), timeline.last_step + 1)
    series = (*build_tier_series(slo, timeline), *foreign_series)
    return UnitTestCase(f"the budget of {slo.period}", step, step, series, checks)


def build_young_period_case(slo: SLO) -> UnitTestCase | None:
    """Build the case of a period of which a part has been recorded; None for a short period."""
    if tiers.is_fine(slo, slo.period):
        return None
    step = choose_period_step(slo)
    timeline = _build_varied_timeline(step, slo.period.ms // step.ms * 5 // 6)
    known = Decimal(timeline.last_step + 1) / -(-slo.period.ms // slo.steps.coarse.ms)
    burned = timeline.compute_ratio(slo.period, timeline.last_step) / slo.budget * known
    checks = [
        _check_value(slo, timeline, names.PERIOD_COVERAGE, known),
        _check_value(
            slo, timeline, names.BUDGET_REMAINING, 1 - burned,
            {names.WINDOW: str(slo.period)},
        ),
    ]  # fmt: skip
    if slo.signal.is_event_count:
        events = timeline.count_events(slo.period, timeline.last_step)
        remaining = events / known * slo.budget * (1 - burned)
        checks.append(_check_value(slo, timeline, names.PERIOD_EVENTS_REMAINING, remaining))
    series = build_tier_series(slo, timeline)
    return UnitTestCase(f"a part of {slo.period}", step, step, series, tuple(checks))


def _check_period_sums(slo: SLO, timeline: ErrorTimeline) -> Iterator[ValueCheck]:
    """Check the sums of the period as the coarse group records them."""
    if tiers.is_fine(slo, slo.period):
        return
    events = timeline.count_events(slo.period, timeline.last_step)
    errors = events * timeline.compute_ratio(slo.period, timeline.last_step)
    labels = {**names.build_identity_labels(slo), **build_group_labels(slo)}
    for name, value in (
        (names.name_total, events),
        (names.name_errors, errors),
        (names.name_coverage, Decimal(1)),
    ):
        yield expect_values(
            timeline.compute_time(timeline.last_step),
            names.select_series(name(slo.period), slo),
            [(format_label_set(labels), Number(value))],
        )


def _build_varied_timeline(step: Duration, steps: int) -> ErrorTimeline:
    shares = [Decimal(7919 * (number + 3) % 1009) / 100_003 for number in range(steps)]
    return build_timeline(step, _EVENTS, ((share, 1) for share in shares))


def _check_ratio(slo: SLO, timeline: ErrorTimeline, window: Duration) -> ValueCheck:
    value = timeline.compute_ratio(window, timeline.last_step)
    return _check_value(
        slo, timeline, names.name_error_ratio(window), value, {names.WINDOW: str(window)}
    )


def _check_budget(slo: SLO, timeline: ErrorTimeline) -> Iterator[ValueCheck]:
    period = timeline.compute_ratio(slo.period, timeline.last_step)
    whole, shortest = {names.WINDOW: str(slo.period)}, {names.WINDOW: str(slo.windows[0])}
    yield _check_value(slo, timeline, names.PERIOD_BURN_RATE, period / slo.budget, whole)
    yield _check_value(slo, timeline, names.BUDGET_REMAINING, 1 - period / slo.budget, whole)
    # The steps of the timeline are long, so most fine steps of the window are missing.
    now = timeline.compute_ratio(slo.windows[0], timeline.last_step)
    now *= timeline.count_steps(slo.windows[0])
    now /= -(-slo.windows[0].ms // slo.steps.fine.ms)
    yield _check_value(slo, timeline, names.CURRENT_BURN_RATE, now / slo.budget, shortest)
    if slo.signal.is_event_count:
        total = timeline.count_events(slo.period, timeline.last_step)
        yield _check_value(slo, timeline, names.PERIOD_EVENTS, total)
        yield _check_value(slo, timeline, names.PERIOD_ERRORS, total * period)
        yield _check_value(
            slo, timeline, names.PERIOD_EVENTS_REMAINING, total * (slo.budget - period)
        )


def _check_objective(slo: SLO, timeline: ErrorTimeline) -> Iterator[ValueCheck]:
    constants = {
        names.OBJECTIVE: slo.objective / 100,
        names.ERROR_BUDGET: slo.budget,
        names.PERIOD_DAYS: slo.period.days,
    }
    for metric, value in constants.items():
        yield _check_value(slo, timeline, metric, value, grouped=False)
    info_labels = {"sloth_mode": "cli-gen-prom", "sloth_objective": format_decimal(slo.objective)}
    info_labels |= {"sloth_spec": "prometheus/v1", "sloth_version": "slo-rules-exact"}
    yield _check_value(slo, timeline, names.INFO, Decimal(1), info_labels, grouped=False)
    if histogram := slo.signal.histogram:
        yield _check_value(slo, timeline, names.LATENCY_TARGET, histogram.target, grouped=False)
    yield from _check_alert_series(slo, timeline)


def _check_alert_series(slo: SLO, timeline: ErrorTimeline) -> Iterator[ValueCheck]:
    """Check the series of alerts that dashboards read: a few series under one name."""
    limits = [(labels, Decimal(value)) for labels, value in alert_rules.list_burn_thresholds(slo)]
    infos = [
        (alert_rules.build_alert_info_labels(firing), Decimal(1)) for firing in slo.alert_metas
    ]
    for metric, labelled_values in ((names.BURN_THRESHOLD, limits), (names.ALERT_INFO, infos)):
        slo_labels = names.build_display_labels(slo)
        expected_samples = [
            (format_label_set({**slo_labels, **labels}), Number(value))
            for labels, value in labelled_values
        ]
        if expected_samples:
            yield expect_values(
                timeline.compute_time(timeline.last_step),
                names.select_series(metric, slo),
                sorted(expected_samples, key=lambda sample: sample[0]),
            )


def _check_value(
    slo: SLO,
    timeline: ErrorTimeline,
    metric: str,
    value: Decimal,
    extra_labels: Mapping[str, str] | None = None,
    *,
    grouped: bool = True,
) -> ValueCheck:
    group_labels = build_group_labels(slo) if grouped else {}
    labels = {**group_labels, **names.build_display_labels(slo), **(extra_labels or {})}
    return expect_values(
        timeline.compute_time(timeline.last_step),
        names.select_series(metric, slo),
        [(format_label_set(labels), Number(value))],
    )


def build_fine_window_cases(slo: SLO) -> Iterator[UnitTestCase]:
    """Build the cases of windows that are summed from the fine tier."""
    fine = (window for window in _list_windows(slo) if tiers.is_fine(slo, window))
    yield from _build_window_cases(slo, slo.steps.fine, fine)


def build_coarse_window_cases(slo: SLO, step: Duration) -> Iterator[UnitTestCase]:
    """Build the cases of windows that are summed from the coarse tier, with a sample each step."""
    coarse = (window for window in _list_windows(slo) if not tiers.is_fine(slo, window))
    yield from _build_window_cases(slo, step, coarse)


def _list_windows(slo: SLO) -> set[Duration]:
    return {*slo.windows} - {slo.period}


def check_tiers(
    slo: SLO, counted: CountedEvents, tier: Duration, factor: Decimal, eval_time: Duration
) -> Iterator[ValueCheck]:
    """Check that total and errors of a tier are those of the queries, times a factor.

    A coarse step is recorded at some evaluation in it.
    """
    is_coarse = tier == slo.steps.coarse
    return _check_counts(
        slo, counted, tier, factor, eval_time, f"last_over_time(%s[{tier}])" if is_coarse else "%s"
    )


def check_coarse_sums(
    slo: SLO, counted: CountedEvents, factor: Decimal, eval_time: Duration
) -> Iterator[ValueCheck]:
    """Check the sums of two coarse steps: each is recorded once, however often it is evaluated."""
    tier = slo.steps.coarse
    expr = f"sum_over_time(%s[{Duration(tier.ms * 2 - 1)}])"
    return _check_counts(slo, counted, tier, factor, eval_time, expr)


def _check_counts(
    slo: SLO,
    counted: CountedEvents,
    tier: Duration,
    factor: Decimal,
    eval_time: Duration,
    expr: str,
) -> Iterator[ValueCheck]:
    for name, vector in zip((names.name_total, names.name_errors), counted, strict=True):
        expected_samples = (
            (
                render_labels(names.build_identity_labels(slo), labels),
                numbers.compute(number, "*", Number(factor)),
            )
            for labels, number in sorted(vector.items(), key=str)
        )
        series = names.select_series(name(tier), slo)
        yield expect_values(eval_time, expr % series, expected_samples)


def compute_step_factor(slo: SLO, tier: Duration) -> Decimal:
    """Compute the factor from the value of a query to the count of a step of a tier."""
    per_second = slo.signal.counting is Counting.PER_SECOND
    return tier.seconds if per_second else Decimal(tier.ms // slo.steps.fine.ms)


def render_labels(labels: Mapping[str, str], extra_labels: LabelSet) -> str:
    """Render labels as PromQL text."""
    return promql.format_label_set({**dict(extra_labels), **labels})


def check_quantiles(
    slo: SLO, series: Iterable[SteadySeries], eval_time: Duration
) -> Iterator[ValueCheck]:
    """Check the quantiles of a histogram with one finite bound.

    Prometheus interpolates from 0 in the first bucket, and returns the bound beyond the last one.
    """
    histogram = slo.signal.histogram
    buckets = promql.parse_query(histogram.selector if histogram else "")
    groups: dict[LabelSet, dict[str, Decimal]] = {}
    for each in series:
        if _is_bucket(each, buckets):
            group_by = histogram.group_by if histogram else ()
            labels = frozenset(pair for pair in each.labels.items() if pair[0] in group_by)
            rates = groups.setdefault(labels, {})
            rates[each.labels["le"]] = rates.get(each.labels["le"], Decimal(0)) + each.rate
    if any(len(rates.keys() - {INFINITE_BUCKET}) != 1 for rates in groups.values()):
        return
    window = slo.windows[0]
    metric = names.select_series(names.name_latency_quantile(window), slo)
    expected_samples = []
    for labels, rates in sorted(groups.items(), key=str):
        (border,) = rates.keys() - {INFINITE_BUCKET}
        share_within = rates[border] / rates[INFINITE_BUCKET]
        for quantile in names.QUANTILES:
            value = Decimal(border) * min(Decimal(1), Decimal(quantile) / share_within)
            group_labels = frozenset({(names.QUANTILE, quantile), *labels})
            text = render_labels(names.build_display_labels(slo), group_labels)
            expected_samples.append((text, Number(value)))
    yield expect_values(eval_time, metric, expected_samples)


def _is_bucket(series: SteadySeries, buckets: ast.Expr) -> bool:
    return (
        isinstance(buckets, ast.VectorSelector)
        and selects_series(buckets, series.metric, series.labels)
        and "le" in series.labels
    )
