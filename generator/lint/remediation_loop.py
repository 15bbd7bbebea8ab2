"""An alert that would make agent-sre remediate itself, in a loop.

An alert with the annotation `lambda_function` makes agent-sre call that function. All alerts built
here are about agent-sre or its monitoring, whatever service a spec names.
"""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfAlert, OfSlo
from slos.schema.problem import Severity

ID = "remediation-loop"
ALWAYS = True

_REMEDIATION = "lambda_function"


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Alerts of an SLO that name a remediation function."""
    named = (each.name for each in subject.slo.firings if _REMEDIATION in each.annotations)
    first = next(named, None)
    if first is not None:
        yield _found(("alerting",), first)


def of_alert(subject: OfAlert) -> Iterator[Finding]:
    """Standalone alerts that name a remediation function."""
    if _REMEDIATION in subject.firing.annotations:
        yield _found(("annotations",), subject.firing.name)


def _found(path: tuple[str, ...], name: str) -> Finding:
    return Finding(
        path,
        f"the alert {name!r} names a {_REMEDIATION}, and no alert may start a remediation here",
        "remove the annotation: a failing agent would call it again and again",
        Severity.ERROR,
    )
