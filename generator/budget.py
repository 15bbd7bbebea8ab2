"""Error-budget arithmetic: budgets in time and events, burn times and alert delays."""

from decimal import Decimal

from generator.model import SLO, BurnCondition
from slos.schema.units import Duration, plain

SHARES = tuple(map(Decimal, ("1", "0.1", "0.01")))
"""Shares of errors for which `slo-rules explain` shows the alert delay."""
_MINUTE = 60_000


def spent(slo: SLO, condition: BurnCondition) -> Decimal:
    """Share of the budget, 0 to 1, that is spent when a condition becomes true.

    Burning at rate B for a long window W of a period P takes B x W / P (SRE Workbook, ch. 5).
    """
    return condition.factor * condition.long.ms / slo.period.ms


def detection(slo: SLO, condition: BurnCondition, share: Decimal) -> Duration | None:
    """Time from the first error until a condition becomes true; None for never.

    With a share E of errors, the error ratio of a window W is E x t / W after t, so it exceeds
    the threshold B x b (b the budget) at t = W x B x b / E. The long window is the later one.
    """
    threshold = condition.factor * slo.budget
    if share <= threshold:
        return None
    return Duration(int(condition.long.ms * threshold / share))


def after(
    slo: SLO, condition: BurnCondition, share: Decimal, held: Duration | None
) -> Duration | None:
    """Time from the first error to the alert, `for` included; whole minutes from 10 minutes on."""
    found = detection(slo, condition, share)
    if found is None:
        return None
    seconds = max(found, slo.steps.fine).ms // 1000 * 1000
    comes = seconds if seconds < 10 * _MINUTE else seconds // _MINUTE * _MINUTE
    return Duration(comes + (held.ms if held else 0))


def all_failing(slo: SLO) -> Duration:
    """Time in which a full outage spends the whole budget, in whole seconds."""
    return Duration(int(slo.period.ms * slo.budget) // 1000 * 1000)


def gone_after(slo: SLO, factor: Decimal) -> Duration:
    """Time in which a burn rate spends the whole budget, in whole minutes."""
    return Duration(int(slo.period.ms / factor) // _MINUTE * _MINUTE)


def allowed(slo: SLO) -> str:
    """Text for the number of events that may fail, of those the spec expects or of a million."""
    if slo.expected_events is None:
        return f"{slo.budget * 1_000_000:,.0f} events of a million"
    events = plain(slo.budget * slo.expected_events, 1)
    return f"{events} of the {slo.expected_events:,} events expected in a period"
