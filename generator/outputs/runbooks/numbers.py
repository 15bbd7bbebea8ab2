"""Figures of an SLO and of its burn rate alerts, from the arithmetic of the alerts."""

from collections.abc import Iterator
from dataclasses import dataclass

from generator.model import SLO, BurnAlert, BurnCondition
from generator.slo import annotations, burn_rate
from slos.schema.units import Duration, format_decimal


@dataclass(frozen=True, slots=True)
class SLOFigures:
    """Figures of an SLO.

    Attributes:
        objective: in percent.
        bad_phrase: the phrase after a percentage of bad events or time.
        allowed: in percent.
        allowed_outage: how long everything may fail in a period.
        allowed_events: how many events may fail in a period; empty if events are not counted.
    """

    objective: str
    bad_phrase: str
    period: str
    allowed: str
    allowed_outage: str
    allowed_events: str


@dataclass(frozen=True, slots=True)
class BurnFigures:
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
    budget_spent: str
    budget_duration: Duration
    fires_after: tuple[str, ...]


SHARE_TEXTS = tuple(f"{format_decimal(100 * share)} %" for share in burn_rate.ERROR_SHARES)


def compute_slo_figures(slo: SLO) -> SLOFigures:
    """Compute the figures of an SLO."""
    return SLOFigures(
        objective=format_decimal(slo.objective),
        bad_phrase=annotations.BAD_PHRASES[slo.signal.weight],
        period=annotations.format_period(slo.period),
        allowed=format_decimal(100 * slo.budget),
        allowed_outage=str(burn_rate.compute_outage_budget(slo)),
        allowed_events=burn_rate.describe_allowed_events(slo) if slo.signal.is_event_count else "",
    )


def compute_burn_figures(slo: SLO, alert: BurnAlert) -> Iterator[BurnFigures]:
    """Compute the figures of each condition of an alert, the quick one first."""
    for condition in alert.conditions:
        yield BurnFigures(
            factor=format_decimal(condition.factor, 2),
            above=format_decimal(100 * condition.factor * slo.budget, 2),
            long=condition.long,
            short=condition.short,
            budget_spent=format_decimal(100 * burn_rate.compute_budget_spent(slo, condition), 1),
            budget_duration=burn_rate.compute_exhaustion_time(slo, condition.factor),
            fires_after=tuple(_list_delays(slo, condition, alert)),
        )


def _list_delays(slo: SLO, condition: BurnCondition, alert: BurnAlert) -> Iterator[str]:
    for share in burn_rate.ERROR_SHARES:
        yield str(burn_rate.compute_alert_delay(slo, condition, share, alert.meta.for_) or "never")
