"""Alerting rules of an SLO, with the series of their thresholds and labels."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from textwrap import indent

from generator import names
from generator.model import (
    SLO,
    AlertingRule,
    AlertMeta,
    AlertSeverity,
    BurnAlert,
    BurnCondition,
    RecordingRule,
    ThresholdAlert,
)
from generator.rules import tiers
from generator.slo import no_data
from slos.schema.golang import escape_template
from slos.schema.units import Duration, format_decimal

# The value of an alert has this many digits more than the budget, at least hundredths.
_EXTRA_DIGITS = 2
FACTOR_DIGITS = 6
"""Digits of a burn-rate factor: finer than any traffic can measure, short enough to read."""

_HALF = Decimal("0.5")
# As in the alerts: finer than any traffic can measure.
_THRESHOLD_DIGITS = 6
# A template has no value until the alert fires.
_TEMPLATE = "{{"


def build_fine_group_alerts(slo: SLO) -> Iterator[AlertingRule]:
    """Alerting rules of the fine group: every page, and alerts that read only fine windows."""
    for burn in slo.burn_alerts:
        if is_in_fine_group(slo, burn):
            yield _build_burn_alert_rule(slo, burn)
    for threshold in slo.threshold_alerts:
        if is_in_fine_group(slo, threshold):
            yield _build_threshold_alert_rule(slo, threshold)
    if slo.absent_alert:
        yield _build_absent_alert_rule(slo, slo.absent_alert)


def list_fine_group_windows(slo: SLO) -> frozenset[Duration]:
    """Windows recorded every fine step: those that alerts of the fine group read, and the shortest.

    A window that only a ticket reads is recorded as often as the ticket is evaluated.
    """
    windows = {slo.windows[0], *(alert.over for alert in slo.threshold_alerts)}
    for burn in slo.burn_alerts:
        if is_in_fine_group(slo, burn):
            windows |= {condition.short for condition in burn.conditions}
            windows |= {condition.long for condition in burn.conditions}
    return frozenset(window for window in windows if tiers.is_fine(slo, window))


def build_period_group_alerts(slo: SLO) -> Iterator[AlertingRule]:
    """Alerting rules of the period group, which reads the coarse tier."""
    for burn in slo.burn_alerts:
        if not is_in_fine_group(slo, burn):
            yield _build_burn_alert_rule(slo, burn)
    for threshold in slo.threshold_alerts:
        if not is_in_fine_group(slo, threshold):
            yield _build_threshold_alert_rule(slo, threshold)


def is_in_fine_group(slo: SLO, alert: BurnAlert | ThresholdAlert) -> bool:
    """Tell whether an alert is in the group that is evaluated every fine step."""
    if isinstance(alert, ThresholdAlert):
        return tiers.is_fine(slo, alert.over)
    longest = max(condition.long for condition in alert.conditions)
    return alert.severity is AlertSeverity.PAGE or tiers.is_fine(slo, longest)


def round_to_percentage(budget: Decimal, ratio: Decimal) -> Decimal:
    """Percentage that an alert shows for a ratio; like PromQL's round(), it rounds halves up."""
    return (100 * ratio).quantize(Decimal(1).scaleb(-_count_digits(budget)), ROUND_HALF_UP)


def _count_digits(budget: Decimal) -> int:
    return max(_EXTRA_DIGITS, _EXTRA_DIGITS - (100 * budget).adjusted())


def _build_burn_alert_rule(slo: SLO, alert: BurnAlert) -> AlertingRule:
    """Multi-window, multi-burn-rate alerting rule: any condition, on its short and long window.

    Its value is the error ratio of one window, whichever condition is true. Without events in that
    window it is zero.
    """
    conditions = "\n  or\n".join(
        _render_burn_condition(slo, condition, alert.meta) for condition in alert.conditions
    )
    windows = sorted({condition.short for condition in alert.conditions})
    shortest, *longer = (
        names.select_series(names.name_error_ratio(window), slo) for window in windows
    )
    value = " or ".join((shortest, *(f"0 * {each}" for each in longer)))
    value = f"max without ({names.WINDOW}) ({value})"
    ratio = f"  {value}\nand\n  (\n{indent(conditions, '  ')}\n  )"
    return _build_alert_rule(_render_percentage(slo, ratio), alert.meta)


def _build_threshold_alert_rule(slo: SLO, alert: ThresholdAlert) -> AlertingRule:
    """Alerting rule of an error ratio above a threshold."""
    condition = f"  {_render_comparison(slo, alert.over, format_decimal(alert.above))}"
    condition += _render_count_guards(slo, alert.over, alert.meta)
    return _build_alert_rule(_render_percentage(slo, condition), alert.meta)


def _build_absent_alert_rule(slo: SLO, meta: AlertMeta) -> AlertingRule:
    """Alerting rule of missing data: no metric, too few scrapes for a rate, or other labels.

    It reads the counts, as everything else is computed from them; an idle metric still counts
    zero. `absent` gives no labels, so all labels are added. A group is missing if it had events
    lately, as its ratio over a long window shows, and has no count now.
    """
    absences = no_data.render_absences(slo)
    if groups := slo.expected_groups:
        missing = no_data.render_missing_groups(slo, groups, by=slo.signal.group_by)
        absences += f"\nor on ()\n{missing}"
    # The label of a series is text, that of an alert is a template.
    display_labels = {
        key: escape_template(value) for key, value in names.build_display_labels(slo).items()
    }
    return _build_alert_rule(absences, meta, labels={**display_labels, **meta.labels})


def _render_burn_condition(slo: SLO, condition: BurnCondition, meta: AlertMeta) -> str:
    factor = format_decimal(condition.factor, FACTOR_DIGITS)
    limit = f"({factor} * {format_decimal(slo.budget)})"
    short, long = (
        _render_comparison(slo, condition.short, limit),
        _render_comparison(slo, condition.long, limit),
    )
    guard = _render_count_guards(slo, condition.long, meta)
    return f"  (\n    {short}\n  and\n    {long}{guard}\n  )"


def _render_comparison(slo: SLO, window: Duration, limit: str) -> str:
    error_ratio = names.select_series(names.name_error_ratio(window), slo)
    return f"max without ({names.WINDOW}) ({error_ratio} > {limit})"


def _render_count_guards(slo: SLO, window: Duration, meta: AlertMeta) -> str:
    """Guards against alerts over few events; tiers have no user labels to match on."""
    user_labels = sorted(set(slo.labels) - set(names.build_identity_labels(slo)))
    ignoring = f" ignoring ({', '.join(user_labels)})" if user_labels else ""
    counts = (
        (meta.min_events, tiers.render_event_count),
        (meta.min_errors, tiers.render_error_count),
    )
    return "".join(
        # Counts are extrapolated, so ten events may read 9.97.
        f"\n  and{ignoring}\n    ({render(slo, window)} >= {format_decimal(minimum - _HALF)})"
        for minimum, render in counts
        if minimum is not None
    )


def _render_percentage(slo: SLO, ratio: str) -> str:
    """Expression of a ratio as a percentage, rounded to a few digits more than the budget has."""
    return render_rounded(f"100 * (\n{ratio}\n)", Decimal(1).scaleb(-_count_digits(slo.budget)))


def render_rounded(expr: str, precision: Decimal) -> str:
    """Expression of a value rounded to a multiple of `precision`, a power of ten.

    PromQL's `round` multiplies by `1 / precision` and divides by it again. Where that is no whole
    number in binary floating point (1 / 0.00001 is 99999.99999999999), people would read
    0.030000000000000006.
    """
    if precision >= 1 or (1 / float(precision)).is_integer():
        return f"round({expr}, {format_decimal(precision)})"
    scale = format_decimal(1 / precision)
    return f"round({scale} * ({expr})) / {scale}"


def _build_alert_rule(
    expr: str, meta: AlertMeta, labels: Mapping[str, str] | None = None
) -> AlertingRule:
    return AlertingRule(
        alert=meta.name,
        expr=expr,
        labels=labels or meta.labels,
        annotations=meta.annotations,
        for_=meta.for_,
        keep_firing_for=meta.keep_firing_for,
    )


def build_alert_series(slo: SLO) -> Iterator[RecordingRule]:
    """Recording rules of the info and threshold series of an SLO's alerts."""
    for labels, value in list_burn_thresholds(slo):
        yield tiers.build_labelled_rule(slo, names.BURN_THRESHOLD, f"vector({value})", **labels)
    for meta in slo.alert_metas:
        yield tiers.build_labelled_rule(
            slo, names.ALERT_INFO, "vector(1)", **build_alert_info_labels(meta)
        )


def build_standalone_alert_info(meta: AlertMeta) -> RecordingRule:
    """Recording rule of a standalone alert's info series; like the alert, without run labels."""
    static_labels = {key: value for key, value in meta.labels.items() if _TEMPLATE not in value}
    return RecordingRule(
        names.ALERT_INFO, "vector(1)", {**static_labels, **build_alert_info_labels(meta)}
    )


def list_burn_thresholds(slo: SLO) -> Iterator[tuple[dict[str, str], str]]:
    """Lowest burn rate at which each alert fires on each pair of windows, with its labels."""
    for alert in slo.burn_alerts:
        lowest: dict[tuple[str, str], str] = {}
        for condition in sorted(alert.conditions, key=lambda each: -each.factor):
            lowest[str(condition.long), str(condition.short)] = format_decimal(
                condition.factor, _THRESHOLD_DIGITS
            )
        for (long, short), value in sorted(lowest.items()):
            windows = {names.WINDOW: long, names.SHORT_WINDOW: short}
            yield {names.ALERT: alert.meta.name, **windows}, value
    for threshold in slo.threshold_alerts:
        labels = {names.ALERT: threshold.meta.name, names.WINDOW: str(threshold.over)}
        yield labels, format_decimal(threshold.above / slo.budget, _THRESHOLD_DIGITS)


def build_alert_info_labels(meta: AlertMeta) -> dict[str, str]:
    """Labels of an info series: name, severity and runbook of an alert, without templates."""
    labels = {
        names.SEVERITY: meta.labels.get(names.SEVERITY, ""),
        names.RUNBOOK_URL: meta.annotations.get("runbook_url", ""),
    }
    static_labels = {
        key: value for key, value in labels.items() if value and _TEMPLATE not in value
    }
    return {names.ALERT: meta.name, **static_labels}
