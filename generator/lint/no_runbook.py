"""An alert without a runbook."""

from collections.abc import Iterator

from generator.lint._subject import AlertSubject, LintFinding, SloSubject

ID = "no-runbook"
ALWAYS = False
ONE_PER_FILE = True
ABOUT_RUNBOOKS = True

_RUNBOOK_ANNOTATION = "runbook_url"
_HINT = "set runbook_url_prefix in the spec, or the annotation runbook_url"


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Alerts of an SLO without a runbook."""
    for meta in subject.slo.alert_metas:
        if not meta.annotations.get(_RUNBOOK_ANNOTATION):
            yield LintFinding(("alerting",), f"the alert {meta.name!r} has no runbook", _HINT)


def check_alert(subject: AlertSubject) -> Iterator[LintFinding]:
    """Standalone alerts without a runbook."""
    if not subject.meta.annotations.get(_RUNBOOK_ANNOTATION):
        yield LintFinding(("name",), f"the alert {subject.meta.name!r} has no runbook", _HINT)
