"""A window that is no whole number of steps, so that it covers a longer time."""

from collections.abc import Iterator
from decimal import Decimal

from generator.lint._subject import Finding, OfSlo
from generator.rules import tiers
from slos.schema.units import Duration

ID = "uneven-window"
ALWAYS = True

# More than the excess of any window over coarse steps, and too little to matter.
_MATTERS = Decimal("0.03")


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Windows of an SLO whose last step changes their length noticeably."""
    slo = subject.slo
    for window in slo.windows:
        step = tiers.step_of(slo, window)
        seen = Duration(-(-window.ms // step.ms) * step.ms)
        if seen.ms - window.ms > _MATTERS * window.ms:
            yield Finding(
                ("alerting",),
                f"the window {window} is no whole number of steps of {step}, so its alerts look "
                f"at {seen}",
                "make all windows multiples of the shortest, or the shortest one longer",
            )
