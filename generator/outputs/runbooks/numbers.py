"""Figures of an SLO and of its alerts, from the arithmetic of the alerts."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from generator.model import SLO, BurnAlert, ThresholdAlert
from generator.rules import alert_rules, increments, tiers
from generator.slo import annotations, burn_rate
from slos.schema.units import Duration, format_decimal

_MINUTE = Duration.from_parts(minutes=1)
_ALL = Decimal(1)


@dataclass(frozen=True, slots=True)
class SLOFigures:
    """Figures of an SLO.

    Attributes:
        objective: in percent.
        bad_phrase: the phrase after a percentage of bad events or time.
        allowed: in percent.
        allowed_outage: how long everything may fail in a period.
    """

    objective: str
    bad_phrase: str
    period: str
    allowed: str
    allowed_outage: str


@dataclass(frozen=True, slots=True)
class BurnFigures:
    """Figures of one condition of a burn rate alert.

    Attributes:
        above: error ratio in percent, over both windows.
        budget_duration: how long a whole budget lasts at that ratio.
        fires_after: delay until the alert fires if everything fails.
        ends_after: longest time from the last bad event to the end of the alert.
    """

    above: str
    long: Duration
    short: Duration
    budget_duration: Duration
    fires_after: Duration | None
    ends_after: Duration


def compute_slo_figures(slo: SLO) -> SLOFigures:
    """Compute the figures of an SLO."""
    return SLOFigures(
        objective=format_decimal(slo.objective),
        bad_phrase=annotations.BAD_PHRASES[slo.signal.weight],
        period=annotations.format_period(slo.period),
        allowed=format_decimal(100 * slo.budget),
        allowed_outage=str(burn_rate.compute_outage_budget(slo)),
    )


def compute_burn_figures(slo: SLO, alert: BurnAlert) -> Iterator[BurnFigures]:
    """Compute the figures of each condition of an alert, the quick one first."""
    for condition in alert.conditions:
        yield BurnFigures(
            above=format_decimal(100 * condition.factor * slo.budget, 2),
            long=condition.long,
            short=condition.short,
            budget_duration=burn_rate.compute_exhaustion_time(slo, condition.factor),
            fires_after=burn_rate.compute_alert_delay(slo, condition, _ALL, alert.meta.for_),
            ends_after=compute_end_delay(slo, alert, condition.short),
        )


def compute_end_delay(slo: SLO, alert: BurnAlert | ThresholdAlert, window: Duration) -> Duration:
    """Compute the longest time from the last bad event to the end of an alert over a window.

    The event is in the counts of a step as long as their range holds it, and these are in the
    window for its length. The rules that read them are evaluated up to an interval later.
    """
    steps = slo.steps
    is_alert_fine = alert_rules.is_in_fine_group(slo, alert)
    is_window_fine = window in alert_rules.list_fine_group_windows(slo)
    lag = compute_count_delay(slo)
    if not tiers.is_fine(slo, window):
        lag = steps.coarse + steps.scrape + steps.coarse_delay
    if slo.engine.writes_late:
        lag += tiers.choose_step(slo, window)
    lag += steps.fine if is_window_fine else steps.slow
    if is_alert_fine is not is_window_fine:
        lag += steps.fine if is_alert_fine else steps.slow
    return round_up_to_minutes(window + lag + (alert.meta.keep_firing_for or Duration(0)))


def compute_count_delay(slo: SLO) -> Duration:
    """Compute the longest time for which the newest counts hold an event."""
    return increments.compute_range(slo.steps.fine, slo.steps.scrape) + slo.steps.delay


def round_up_to_minutes(length: Duration) -> Duration:
    """Round a length up to whole minutes."""
    return _MINUTE * -(-length.ms // _MINUTE.ms)
