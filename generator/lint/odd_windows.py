"""Custom windows that do not fit the objective."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject
from generator.model import AlertSeverity
from slos.schema.problem import ProblemSeverity
from slos.schema.units import Duration, format_decimal

ID = "odd-windows"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Windows longer than the period, and pages that fire while the objective is met."""
    slo = subject.slo
    for alert in slo.burn_alerts:
        for condition in alert.conditions:
            if condition.long > slo.period:
                window = f"the {alert.severity} window {condition.long}"
                yield _build_long_window_finding(("alerting", "windows"), window, slo.period)
            elif alert.severity is AlertSeverity.PAGE and condition.configured_factor < 1:
                factor = format_decimal(condition.configured_factor, 4)
                yield LintFinding(
                    ("alerting", "windows"),
                    f"the page over {condition.long} fires at a burn rate of {factor}, "
                    "at which the objective is met",
                    "increase error_budget_percent, or use a shorter long window",
                )
    yield from _check_other_windows(subject)


def _check_other_windows(subject: SloSubject) -> Iterator[LintFinding]:
    """Windows of threshold alerts and of missing groups that are longer than the period."""
    alerting, period = subject.slo_spec.alerting, subject.slo.period
    for index, alert in enumerate(alerting.threshold_alerts):
        if alert.over > period:
            path = ("alerting", "threshold_alerts", index, "over")
            yield _build_long_window_finding(path, f"the window {alert.over}", period)
    seen_within = alerting.absent_alert.seen_within
    if seen_within and seen_within > period:
        path_of_groups = ("alerting", "absent_alert", "seen_within")
        yield _build_long_window_finding(path_of_groups, f"seen_within {seen_within}", period)


def _build_long_window_finding(
    path: tuple[str | int, ...], window: str, period: Duration
) -> LintFinding:
    return LintFinding(
        path,
        f"{window} is longer than the period {period}",
        "use a shorter window or a longer period",
        ProblemSeverity.ERROR,
    )
