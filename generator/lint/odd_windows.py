"""Custom windows that do not fit the objective."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject
from generator.model import AlertSeverity
from slos.schema.problem import ProblemSeverity
from slos.schema.units import format_decimal

ID = "odd-windows"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Windows longer than the period, and pages that fire while the objective is met."""
    slo = subject.slo
    for alert in slo.burn_alerts:
        for condition in alert.conditions:
            if condition.long > slo.period:
                yield LintFinding(
                    ("alerting", "windows"),
                    f"the {alert.severity} window {condition.long} is longer than the period "
                    f"{slo.period}",
                    "use a shorter window or a longer period",
                    ProblemSeverity.ERROR,
                )
            elif alert.severity is AlertSeverity.PAGE and condition.configured_factor < 1:
                factor = format_decimal(condition.configured_factor, 4)
                yield LintFinding(
                    ("alerting", "windows"),
                    f"the page over {condition.long} fires at a burn rate of {factor}, "
                    "at which the objective is met",
                    "increase error_budget_percent, or use a shorter long window",
                )
