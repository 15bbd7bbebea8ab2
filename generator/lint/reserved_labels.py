"""A label that identifies SLOs and cannot be set."""

from collections.abc import Iterator

from generator import names
from generator.lint._subject import Finding, OfSlo

ID = "reserved-labels"
ALWAYS = True


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Reserved labels in the spec, which are ignored."""
    alerting = subject.written.alerting
    given = {*subject.slo.labels, *alerting.labels}
    for alert in (alerting.page_alert, alerting.ticket_alert, alerting.absent_alert):
        given |= set(alert.labels)
    for label in sorted(given & set(names.RESERVED)):
        yield Finding(
            ("labels",),
            f"the label {label!r} tells SLOs apart and cannot be set",
            "choose another name; this one is passed over",
        )
