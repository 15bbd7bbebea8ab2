"""A burn rate that no share of errors can reach."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject
from slos.schema.units import format_decimal

ID = "unreachable-burn-rate"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Burn-rate conditions whose threshold is 100 % errors or more."""
    slo = subject.slo
    if slo.objective <= 1:  # `ratio-objective` reports it
        return
    for alert in slo.burn_alerts:
        for condition in alert.conditions:
            if condition.factor != condition.configured_factor:
                yield LintFinding(
                    ("objective",),
                    f"the {alert.severity} condition over {condition.long} cannot fire: "
                    f"burn rate {format_decimal(condition.configured_factor, 4)} times a budget of "
                    f"{format_decimal(slo.budget)} is 100 % errors or more; "
                    f"{format_decimal(condition.factor)} is used instead",
                    "raise the objective, or set 'windows'",
                )
