"""A label that identifies SLOs and cannot be set."""

from collections.abc import Iterator

from generator import names
from generator.lint._subject import LintFinding, SloSubject

ID = "reserved-labels"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Reserved labels in the spec, which are ignored."""
    alerting = subject.slo_spec.alerting
    labels = {*subject.slo.labels, *alerting.labels}
    for alert in (alerting.page_alert, alerting.ticket_alert, alerting.absent_alert):
        labels |= set(alert.labels)
    for label in sorted(labels & set(names.RESERVED)):
        yield LintFinding(
            ("labels",),
            f"the label {label!r} is reserved, and its value here is ignored",
            "rename the label; slo-rules sets this label to identify the SLO",
        )
