"""What is recorded of alerts, so that dashboards draw their thresholds and link their runbooks.

Constants all of them: a dashboard is then the same for one SLO and for a thousand.
"""

from collections.abc import Iterator

from generator import names, ratios
from generator.model import SLO, Firing, RecordingRule
from slos.schema.units import plain

# As in the alerts themselves: finer than any traffic can tell.
_DIGITS = 6
# Text that depends on the labels of a firing alert is not known before.
_TEMPLATE = "{{"


def of_slo(slo: SLO) -> Iterator[RecordingRule]:
    """What the alerts of an SLO are, and at which burn rates they fire."""
    for labels, value in thresholds(slo):
        yield ratios.for_people(slo, names.BURN_THRESHOLD, f"vector({value})", **labels)
    for firing in slo.firings:
        yield ratios.for_people(slo, names.ALERT_INFO, "vector(1)", **about(firing))


def of_plain(firing: Firing) -> RecordingRule:
    """What a plain alert is; it has no labels of the run, as the alert has none."""
    known = {key: value for key, value in firing.labels.items() if _TEMPLATE not in value}
    return RecordingRule(names.ALERT_INFO, "vector(1)", {**known, **about(firing)})


def thresholds(slo: SLO) -> Iterator[tuple[dict[str, str], str]]:
    """The lowest burn rate at which each alert fires on each pair of windows."""
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
    """Name, severity and runbook of an alert, as far as they are known beforehand."""
    known = {
        names.SEVERITY: firing.labels.get(names.SEVERITY, ""),
        names.RUNBOOK_URL: firing.annotations.get("runbook_url", ""),
    }
    told = {key: value for key, value in known.items() if value and _TEMPLATE not in value}
    return {names.ALERT: firing.name, **told}
