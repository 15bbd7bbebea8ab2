"""A burn rate that no share of errors can reach."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfSlo
from slos.schema.units import plain

ID = "unreachable-burn-rate"
ALWAYS = True


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Burn-rate conditions whose threshold is 100 % errors or more."""
    slo = subject.slo
    for alert in slo.burn_alerts:
        for condition in alert.conditions:
            if condition.factor != condition.wanted:
                yield Finding(
                    ("objective",),
                    f"the {alert.severity} condition over {condition.long} could never fire: "
                    f"burn rate {plain(condition.wanted, 4)} times a budget of "
                    f"{plain(slo.budget)} is 100 % errors or more; it was moved to "
                    f"{plain(condition.factor)}, the highest that can",
                    "raise the objective, or set 'windows' of your own",
                )
