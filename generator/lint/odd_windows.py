"""Custom windows that do not fit the objective."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfSlo
from generator.model import Severity as AlertSeverity
from slos.schema.problem import Severity
from slos.schema.units import plain

ID = "odd-windows"
ALWAYS = True


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Windows longer than the period, and pages that fire while the objective is met."""
    slo = subject.slo
    for alert in slo.burn_alerts:
        for condition in alert.conditions:
            if condition.long > slo.period:
                yield Finding(
                    ("alerting", "windows"),
                    f"the {alert.severity} window {condition.long} is longer than the period "
                    f"{slo.period}",
                    "shorten it, or lengthen the period",
                    Severity.ERROR,
                )
            elif alert.severity is AlertSeverity.PAGE and condition.wanted < 1:
                yield Finding(
                    ("alerting", "windows"),
                    f"the page over {condition.long} fires at {plain(condition.wanted, 4)} times "
                    "the allowed rate, while the objective is met",
                    "raise error_budget_percent, or shorten the long window",
                )
