"""An alert about agent-sre must not make agent-sre act on itself."""

from collections.abc import Iterator

from generator.lint.subject import Finding, OfAlert, OfSlo
from slos.schema import contract
from slos.schema.problem import Severity

ID = "remediation-loop"
ALWAYS = True

_REMEDIATION = "lambda_function"


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Alerts of an SLO of agent-sre that name a function to call."""
    slo = subject.slo
    named = any(_REMEDIATION in firing.annotations for firing in slo.firings)
    if named and slo.service == contract.SERVICE:
        yield _found(("alerting",))


def of_alert(subject: OfAlert) -> Iterator[Finding]:
    """Plain alerts of agent-sre that do."""
    named = _REMEDIATION in subject.firing.annotations
    if named and subject.spec.service == contract.SERVICE:
        yield _found(("annotations",))


def _found(path: tuple[str, ...]) -> Finding:
    return Finding(
        path,
        f"an alert about {contract.SERVICE} names a {_REMEDIATION}",
        "remove the annotation: a failing agent would call it again and again",
        Severity.ERROR,
    )
