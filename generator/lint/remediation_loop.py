"""An alert that would make agent-sre remediate itself, in a loop.

An alert with the annotation `lambda_function` makes agent-sre call that function. All alerts built
here are about agent-sre or its monitoring, whatever service a spec names.
"""

from collections.abc import Iterator

from generator.lint._subject import AlertSubject, LintFinding, SloSubject
from slos.schema.problem import ProblemSeverity

ID = "remediation-loop"
ALWAYS = True

_REMEDIATION = "lambda_function"


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Alerts of an SLO that name a remediation function."""
    alert_names = (
        each.name for each in subject.slo.alert_metas if _REMEDIATION in each.annotations
    )
    first = next(alert_names, None)
    if first is not None:
        yield _build_finding(("alerting",), first)


def check_alert(subject: AlertSubject) -> Iterator[LintFinding]:
    """Standalone alerts that name a remediation function."""
    if _REMEDIATION in subject.meta.annotations:
        yield _build_finding(("annotations",), subject.meta.name)


def _build_finding(path: tuple[str, ...], name: str) -> LintFinding:
    return LintFinding(
        path,
        f"the alert {name!r} has the annotation {_REMEDIATION}; "
        "alerts must not start a remediation",
        "remove the annotation; a failing agent would start the remediation in a loop",
        ProblemSeverity.ERROR,
    )
