"""The numbers of an SLO's alert, from the arithmetic that the alert itself was made with."""

from collections.abc import Iterator
from dataclasses import dataclass

from generator import budget, wording
from generator.model import SLO, BurnAlert, BurnCondition
from slos.schema.units import Duration, plain


@dataclass(frozen=True, slots=True)
class Promise:
    """An SLO in words.

    Attributes:
        objective: in percent.
        bad: what the percentages are percentages of.
        allowed: in percent.
        spent: how long everything may fail.
        events: how many may fail; empty where they are not counted.
    """

    objective: str
    bad: str
    period: str
    allowed: str
    spent: str
    events: str


@dataclass(frozen=True, slots=True)
class Burning:
    """One way in which a budget burns too fast.

    Attributes:
        factor: as a multiple of what is allowed.
        above: in percent, on both windows.
        gone: percent of the budget that is gone when it fires.
        lasts: how long a whole budget lasts at that rate.
        after: how long it takes to fire, for each of `budget.SHARES`.
    """

    factor: str
    above: str
    long: Duration
    short: Duration
    gone: str
    lasts: Duration
    after: tuple[str, ...]


SHARES = tuple(f"{plain(100 * share)} %" for share in budget.SHARES)


def promise(slo: SLO) -> Promise:
    """What the SLO promises, and what that allows."""
    return Promise(
        objective=plain(slo.objective),
        bad=wording.BAD[slo.signal.weight],
        period=wording.span(slo.period),
        allowed=plain(100 * slo.budget),
        spent=str(budget.all_failing(slo)),
        events=budget.allowed(slo) if slo.signal.counts_events else "",
    )


def burning(slo: SLO, alert: BurnAlert) -> Iterator[Burning]:
    """The conditions of an alert, the quick one first."""
    for condition in alert.conditions:
        yield Burning(
            factor=plain(condition.factor, 2),
            above=plain(100 * condition.factor * slo.budget, 2),
            long=condition.long,
            short=condition.short,
            gone=plain(100 * budget.spent(slo, condition), 1),
            lasts=budget.gone_after(slo, condition.factor),
            after=tuple(_after(slo, condition, alert)),
        )


def _after(slo: SLO, condition: BurnCondition, alert: BurnAlert) -> Iterator[str]:
    for share in budget.SHARES:
        yield str(budget.after(slo, condition, share, alert.firing.for_) or "never")
