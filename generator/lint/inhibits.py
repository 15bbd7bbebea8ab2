"""Alerts that would hide what nobody hears of otherwise."""

from collections.abc import Iterator

from generator.lint.subject import Finding, OfRun
from generator.routing.causes import doubts
from slos.schema.problem import Severity

ID = "inhibits"
ALWAYS = True


def of_run(subject: OfRun) -> Iterator[tuple[int, Finding]]:
    """What alerts inhibit, be it in another file."""
    for doubt in doubts(subject.specs):
        if doubt.cause.path:
            spec, alert = doubt.cause.path
            severity = Severity.ERROR if doubt.fatal else Severity.WARNING
            path = ("alerts", alert, "inhibits")
            yield spec, Finding(path, doubt.message, doubt.hint, severity)
