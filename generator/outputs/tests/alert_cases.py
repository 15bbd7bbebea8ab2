"""Test cases of one alert: below the threshold, above it, recovery."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from generator import names
from generator.model import SLO, AlertMeta, AlertSeverity, BurnAlert, ThresholdAlert
from generator.outputs.tests import promtool_file
from generator.outputs.tests.alert_timing import list_conditions
from generator.outputs.tests.checked_timelines import (
    EVENTS,
    AlertNumbers,
    CheckedTimeline,
    build_blip_timeline,
    build_condition_timelines,
)
from generator.outputs.tests.error_timeline import build_timeline
from generator.outputs.tests.promtool_file import (
    AlertCheck,
    ExpectedAlert,
    UnitTestCase,
    ValueCheck,
)
from generator.outputs.tests.series import build_group_labels, build_tier_series
from generator.rules import tiers
from slos.schema.promql import format_label_set
from slos.schema.units import Duration

SLOAlert = BurnAlert | ThresholdAlert

# Steps since the first count at which an error is most of all errors.
_YOUNG_STEPS = 13


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
    """Build a case for each condition of each alert, one for too few events, and one for a blip."""
    for alert in slo_alerts:
        numbers = AlertNumbers.from_alert(slo, alert, step)
        for condition in numbers.conditions:
            for timeline in build_condition_timelines(numbers, condition):
                yield _build_timeline_case(slo, alert, step, timeline)
        if isinstance(alert, BurnAlert) and alert.severity is AlertSeverity.PAGE:
            blip = build_blip_timeline(numbers)
            if blip:
                yield _build_timeline_case(slo, alert, step, blip)
        yield from _build_young_history_cases(slo, alert, step)


def _build_timeline_case(
    slo: SLO, alert: SLOAlert, step: Duration, checked: CheckedTimeline
) -> UnitTestCase:
    meta, timeline = alert.meta, checked.timeline
    series_labels = {**names.build_display_labels(slo), **build_group_labels(slo)}
    labels = {**series_labels, **meta.labels}
    checks = (
        AlertCheck(timeline.compute_time(number), meta.name)
        if value is None
        else expect_firing(meta, timeline.compute_time(number), labels, series_labels, value)
        for number, value in checked.checks
    )
    return UnitTestCase(
        f"{meta.name}: {checked.name}",
        timeline.sample_interval,
        step,
        build_tier_series(slo, timeline),
        tuple(checks),
    )


def _build_young_history_cases(slo: SLO, alert: SLOAlert, step: Duration) -> Iterator[UnitTestCase]:
    """Build the case of an error shortly after the first count, which is a large share of few."""
    conditions = list_conditions(slo, alert)
    if step != slo.steps.fine or not isinstance(alert, BurnAlert):
        return
    bad = min(conditions[0].limit * _YOUNG_STEPS * 3 / 2, Decimal(_YOUNG_STEPS))
    whole, share = int(bad), bad % 1
    parts = [(Decimal(0), _YOUNG_STEPS - whole - 1), (share, 1), (Decimal(1), whole)]
    timeline = build_timeline(step, EVENTS, parts)
    would_fire = conditions[0].holds(timeline, timeline.last_step)
    filled = replace(timeline, filled=tiers.find_longest_fine_window(slo))
    shares = (
        min(filled.compute_ratio(window, timeline.last_step) for window in (each.short, each.long))
        / each.limit
        for each in conditions
    )
    # At three quarters of a limit, rounding decides nothing.
    if would_fire and all(each < Decimal("0.75") for each in shares):
        check = AlertCheck(timeline.compute_time(timeline.last_step), alert.meta.name)
        series = build_tier_series(slo, timeline)
        yield UnitTestCase(f"{alert.meta.name}: a young history", step, step, series, (check,))
