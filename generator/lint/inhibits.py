"""Alerts that inhibit others which are notified in no other way."""

from collections.abc import Iterator

from generator.alerting.graph import doubts
from generator.lint._subject import Finding, OfRun
from slos.schema.problem import Severity

ID = "inhibits"
ALWAYS = True


def of_run(subject: OfRun) -> Iterator[tuple[int, Finding]]:
    """Inhibitions of alerts, also of alerts in other files."""
    for doubt in doubts(subject.specs):
        if doubt.cause.path:
            spec, alert = doubt.cause.path
            severity = Severity.ERROR if doubt.fatal else Severity.WARNING
            path = ("alerts", alert, "inhibits")
            yield spec, Finding(path, doubt.message, doubt.hint, severity)
