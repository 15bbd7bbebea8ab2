"""A window that is no whole number of steps, so that it covers a longer time."""

from collections.abc import Iterator
from decimal import Decimal

from generator.lint._subject import LintFinding, SloSubject
from generator.rules import tiers
from slos.schema.units import Duration

ID = "uneven-window"
ALWAYS = True

# More than the excess of any window over coarse steps, and too little to matter.
_MAX_EXCESS = Decimal("0.03")


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Windows of an SLO whose last step changes their length noticeably."""
    slo = subject.slo
    for window in slo.windows:
        step = tiers.choose_step(slo, window)
        covered = Duration(-(-window.ms // step.ms) * step.ms)
        if covered.ms - window.ms > _MAX_EXCESS * window.ms:
            yield LintFinding(
                ("alerting",),
                f"the window {window} is not a multiple of the step {step}; its alerts use "
                f"{covered}",
                "use windows that are multiples of the shortest, or a longer shortest window",
            )
