"""A rate over a window with fewer than two scrapes sees nothing."""

from collections.abc import Iterator

from generator.lint.subject import Finding, OfSlo
from slos.schema.problem import Severity

ID = "short-window"
ALWAYS = True

_SCRAPES_IN_WINDOW = 2


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Windows shorter than two scrapes."""
    slo = subject.slo
    least = slo.steps.scrape * _SCRAPES_IN_WINDOW
    for window in slo.windows:
        if window < least:
            yield Finding(
                ("alerting",),
                f"the window {window} is shorter than two scrapes of {slo.steps.scrape}",
                "make the window longer, or set 'scrape_interval' to what it is",
                Severity.ERROR,
            )
