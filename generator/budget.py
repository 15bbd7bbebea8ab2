"""What an error budget comes to: in time and events, how fast it goes, and who notices when."""

from decimal import Decimal

from generator.model import SLO, BurnCondition
from slos.schema.units import Duration, plain

SHARES = tuple(map(Decimal, ("1", "0.1", "0.01")))
"""Shares of errors for which people are told how long an alert takes."""
_MINUTE = 60_000


def spent(slo: SLO, condition: BurnCondition) -> Decimal:
    """The share of the budget that is gone when a condition comes true, 0 to 1.

    Burning at rate B for a long window W of a period P takes B x W / P (SRE Workbook, ch. 5).
    """
    return condition.factor * condition.long.ms / slo.period.ms


def detection(slo: SLO, condition: BurnCondition, share: Decimal) -> Duration | None:
    """How long after a start from zero errors a condition comes true; None for never.

    With a share E of errors, a window W has E x t / W of them after t, so it passes the threshold
    B x b (b the budget) at t = W x B x b / E; the later of the two windows decides.
    """
    threshold = condition.factor * slo.budget
    if share <= threshold:
        return None
    return Duration(int(condition.long.ms * threshold / share))


def after(
    slo: SLO, condition: BurnCondition, share: Decimal, held: Duration | None
) -> Duration | None:
    """From the start of the trouble to the alert, `for` included; over long times, in minutes."""
    found = detection(slo, condition, share)
    if found is None:
        return None
    seconds = max(found, slo.steps.fine).ms // 1000 * 1000
    comes = seconds if seconds < 10 * _MINUTE else seconds // _MINUTE * _MINUTE
    return Duration(comes + (held.ms if held else 0))


def all_failing(slo: SLO) -> Duration:
    """How long everything may fail until nothing is left."""
    return Duration(int(slo.period.ms * slo.budget) // 1000 * 1000)


def gone_after(slo: SLO, factor: Decimal) -> Duration:
    """How long a whole budget lasts at a burn rate, in minutes."""
    return Duration(int(slo.period.ms / factor) // _MINUTE * _MINUTE)


def allowed(slo: SLO) -> str:
    """How many events may fail: of those the spec expects, or of a million."""
    if slo.expected_events is None:
        return f"{slo.budget * 1_000_000:,.0f} events of a million"
    events = plain(slo.budget * slo.expected_events, 1)
    return f"{events} of the {slo.expected_events:,} events expected in a period"
