"""An alert without a runbook."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfAlert, OfSlo

ID = "no-runbook"
ALWAYS = False

_KEY = "runbook_url"
_HINT = "set runbook_url_prefix in the spec, or the annotation runbook_url"


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Alerts of an SLO without a runbook."""
    for firing in subject.slo.firings:
        if not firing.annotations.get(_KEY):
            yield Finding(("alerting",), f"the alert {firing.name!r} has no runbook", _HINT)


def of_alert(subject: OfAlert) -> Iterator[Finding]:
    """Standalone alerts without a runbook."""
    if not subject.firing.annotations.get(_KEY):
        yield Finding(("name",), f"the alert {subject.firing.name!r} has no runbook", _HINT)
