"""Alerting rules, thresholds and alert info series."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal

from generator import names
from generator.model import (
    SLO,
    AlertingRule,
    BurnAlert,
    BurnCondition,
    Firing,
    RecordingRule,
    Severity,
    ThresholdAlert,
)
from generator.rules import tiers
from slos.schema.golang import escape
from slos.schema.units import Duration, plain

# The value of an alert has this many digits more than the budget, at least hundredths.
_FINER = 2
# Digits of a burn-rate factor: finer than any traffic can measure, short enough to read.
_FACTOR_DIGITS = 6

# As in the alerts: finer than any traffic can measure.
_DIGITS = 6
# A template has no value until the alert fires.
_TEMPLATE = "{{"


def quick_rules(slo: SLO) -> Iterator[AlertingRule]:
    """Alerting rules of the fine group: every page, and alerts that read only fine windows."""
    for burn in slo.burn_alerts:
        if is_quick(slo, burn):
            yield _burn_rule(slo, burn)
    for threshold in slo.threshold_alerts:
        if is_quick(slo, threshold):
            yield _threshold_rule(slo, threshold)
    if slo.absent_alert:
        yield _absent_rule(slo, slo.absent_alert)


def quick_windows(slo: SLO) -> frozenset[Duration]:
    """Windows recorded every fine step: those that quick alerts read, and the shortest.

    A window that only a ticket reads is recorded as often as the ticket is evaluated.
    """
    read = {slo.windows[0], *(alert.over for alert in slo.threshold_alerts)}
    for burn in slo.burn_alerts:
        if is_quick(slo, burn):
            read |= {condition.short for condition in burn.conditions}
            read |= {condition.long for condition in burn.conditions}
    return frozenset(window for window in read if tiers.is_fine(slo, window))


def slow_rules(slo: SLO) -> Iterator[AlertingRule]:
    """Alerting rules of the period group, which reads the coarse tier."""
    for burn in slo.burn_alerts:
        if not is_quick(slo, burn):
            yield _burn_rule(slo, burn)
    for threshold in slo.threshold_alerts:
        if not is_quick(slo, threshold):
            yield _threshold_rule(slo, threshold)


def is_quick(slo: SLO, alert: BurnAlert | ThresholdAlert) -> bool:
    """Tell whether an alert is evaluated every fine step."""
    if isinstance(alert, ThresholdAlert):
        return tiers.is_fine(slo, alert.over)
    longest = max(condition.long for condition in alert.conditions)
    return alert.severity is Severity.PAGE or tiers.is_fine(slo, longest)


def shown(slo: SLO, ratio: Decimal) -> Decimal:
    """Percentage that an alert shows for a ratio; like PromQL's round(), it rounds halves up."""
    return (100 * ratio).quantize(Decimal(1).scaleb(-_digits(slo)), ROUND_HALF_UP)


def _digits(slo: SLO) -> int:
    return max(_FINER, _FINER - (100 * slo.budget).adjusted())


def _burn_rule(slo: SLO, alert: BurnAlert) -> AlertingRule:
    """Multi-window, multi-burn-rate alerting rule: any condition, on its short and long window."""
    either = "\n  or\n".join(
        _burning(slo, condition, alert.firing.min_events) for condition in alert.conditions
    )
    return _rule(_percent(slo, either), alert.firing)


def _threshold_rule(slo: SLO, alert: ThresholdAlert) -> AlertingRule:
    """Alerting rule of an error ratio above a threshold."""
    above = f"  {_above(slo, alert.over, plain(alert.above))}"
    above += _enough(slo, alert.over, alert.firing.min_events)
    return _rule(_percent(slo, above), alert.firing)


def _absent_rule(slo: SLO, firing: Firing) -> AlertingRule:
    """Alerting rule of missing data: no metric, too few scrapes for a rate, or other labels.

    It reads the counts, as everything else is computed from them; an idle metric still counts
    zero. `absent` gives no labels, so all labels are added.
    """
    step = slo.steps.fine
    gone = "\nor\n".join(
        f"absent({names.of(name(step), slo)})" for name in (names.total, names.errors)
    )
    # The label of a series is text, that of an alert is a template.
    own = {key: escape(value) for key, value in names.for_people(slo).items()}
    return _rule(gone, firing, labels={**own, **firing.labels})


def _burning(slo: SLO, condition: BurnCondition, min_events: int | None) -> str:
    factor = plain(condition.factor, _FACTOR_DIGITS)
    limit = f"({factor} * {plain(slo.budget)})"
    short, long = _above(slo, condition.short, limit), _above(slo, condition.long, limit)
    return f"  (\n    {short}\n  and\n    {long}{_enough(slo, condition.long, min_events)}\n  )"


def _above(slo: SLO, window: Duration, limit: str) -> str:
    return f"max without ({names.WINDOW}) ({names.of(names.error_ratio(window), slo)} > {limit})"


def _enough(slo: SLO, window: Duration, min_events: int | None) -> str:
    """Guard against alerts over few events; tiers have no user labels to match on."""
    if min_events is None:
        return ""
    user = sorted(set(slo.labels) - set(names.identity(slo)))
    ignoring = f" ignoring ({', '.join(user)})" if user else ""
    # Counts are extrapolated, so ten events may read 9.97.
    least = Decimal(min_events) - Decimal("0.5")
    return f"\n  and{ignoring}\n    ({tiers.events_in(slo, window)} >= {plain(least)})"


def _percent(slo: SLO, ratio: str) -> str:
    """Expression of a ratio as a percentage, rounded to a few digits more than the budget has."""
    return f"round(100 * (\n{ratio}\n), {plain(Decimal(1).scaleb(-_digits(slo)))})"


def _rule(expr: str, firing: Firing, labels: Mapping[str, str] | None = None) -> AlertingRule:
    return AlertingRule(
        alert=firing.name,
        expr=expr,
        labels=labels or firing.labels,
        annotations=firing.annotations,
        for_=firing.for_,
        keep_firing_for=firing.keep_firing_for,
    )


def of_slo(slo: SLO) -> Iterator[RecordingRule]:
    """Recording rules of the info and threshold series of an SLO's alerts."""
    for labels, value in thresholds(slo):
        yield tiers.for_people(slo, names.BURN_THRESHOLD, f"vector({value})", **labels)
    for firing in slo.firings:
        yield tiers.for_people(slo, names.ALERT_INFO, "vector(1)", **about(firing))


def of_plain(firing: Firing) -> RecordingRule:
    """Recording rule of a standalone alert's info series; like the alert, without run labels."""
    known = {key: value for key, value in firing.labels.items() if _TEMPLATE not in value}
    return RecordingRule(names.ALERT_INFO, "vector(1)", {**known, **about(firing)})


def thresholds(slo: SLO) -> Iterator[tuple[dict[str, str], str]]:
    """Lowest burn rate at which each alert fires on each pair of windows, with its labels."""
    for alert in slo.burn_alerts:
        lowest: dict[tuple[str, str], str] = {}
        for condition in sorted(alert.conditions, key=lambda each: -each.factor):
            lowest[str(condition.long), str(condition.short)] = plain(condition.factor, _DIGITS)
        for (long, short), value in sorted(lowest.items()):
            windows = {names.WINDOW: long, names.SHORT_WINDOW: short}
            yield {names.ALERT: alert.firing.name, **windows}, value
    for threshold in slo.threshold_alerts:
        labels = {names.ALERT: threshold.firing.name, names.WINDOW: str(threshold.over)}
        yield labels, plain(threshold.above / slo.budget, _DIGITS)


def about(firing: Firing) -> dict[str, str]:
    """Labels of an info series: name, severity and runbook of an alert, without templates."""
    known = {
        names.SEVERITY: firing.labels.get(names.SEVERITY, ""),
        names.RUNBOOK_URL: firing.annotations.get("runbook_url", ""),
    }
    told = {key: value for key, value in known.items() if value and _TEMPLATE not in value}
    return {names.ALERT: firing.name, **told}
