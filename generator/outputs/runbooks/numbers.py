"""Figures of an SLO and of its burn rate alerts, from the arithmetic of the alerts."""

from collections.abc import Iterator
from dataclasses import dataclass

from generator.model import SLO, BurnAlert, BurnCondition
from generator.slo import annotations, burn_rate
from slos.schema.units import Duration, plain


@dataclass(frozen=True, slots=True)
class Promise:
    """Figures of an SLO.

    Attributes:
        objective: in percent.
        bad_phrase: the phrase after a percentage of bad events or time.
        allowed: in percent.
        allowed_outage: how long everything may fail in a period.
        allowed_events: how many events may fail in a period; empty if events are not counted.
    """

    objective: str
    bad: str
    period: str
    allowed: str
    spent: str
    events: str


@dataclass(frozen=True, slots=True)
class Burning:
    """Figures of one condition of a burn rate alert.

    Attributes:
        factor: burn rate; 1 spends the whole budget in exactly one period.
        above: error ratio in percent, over both windows.
        budget_spent: percent of the budget that is spent when the alert fires.
        budget_duration: how long a whole budget lasts at that rate.
        fires_after: delay until the alert fires, for each error ratio of `ERROR_SHARES`.
    """

    factor: str
    above: str
    long: Duration
    short: Duration
    gone: str
    lasts: Duration
    after: tuple[str, ...]


SHARES = tuple(f"{plain(100 * share)} %" for share in burn_rate.SHARES)


def promise(slo: SLO) -> Promise:
    """Compute the figures of an SLO."""
    return Promise(
        objective=plain(slo.objective),
        bad=annotations.BAD[slo.signal.weight],
        period=annotations.span(slo.period),
        allowed=plain(100 * slo.budget),
        spent=str(burn_rate.all_failing(slo)),
        events=burn_rate.allowed(slo) if slo.signal.counts_events else "",
    )


def burning(slo: SLO, alert: BurnAlert) -> Iterator[Burning]:
    """Compute the figures of each condition of an alert, the quick one first."""
    for condition in alert.conditions:
        yield Burning(
            factor=plain(condition.factor, 2),
            above=plain(100 * condition.factor * slo.budget, 2),
            long=condition.long,
            short=condition.short,
            gone=plain(100 * burn_rate.spent(slo, condition), 1),
            lasts=burn_rate.gone_after(slo, condition.factor),
            after=tuple(_after(slo, condition, alert)),
        )


def _after(slo: SLO, condition: BurnCondition, alert: BurnAlert) -> Iterator[str]:
    for share in burn_rate.SHARES:
        yield str(burn_rate.after(slo, condition, share, alert.firing.for_) or "never")
