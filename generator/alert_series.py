"""Info and threshold series of alerts, from which dashboards draw thresholds and link runbooks.

They are constants, so that one dashboard serves any number of SLOs.
"""

from collections.abc import Iterator

from generator import names, ratios
from generator.model import SLO, Firing, RecordingRule
from slos.schema.units import plain

# As in the alerts: finer than any traffic can measure.
_DIGITS = 6
# A template has no value until the alert fires.
_TEMPLATE = "{{"


def of_slo(slo: SLO) -> Iterator[RecordingRule]:
    """Recording rules of the info and threshold series of an SLO's alerts."""
    for labels, value in thresholds(slo):
        yield ratios.for_people(slo, names.BURN_THRESHOLD, f"vector({value})", **labels)
    for firing in slo.firings:
        yield ratios.for_people(slo, names.ALERT_INFO, "vector(1)", **about(firing))


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
