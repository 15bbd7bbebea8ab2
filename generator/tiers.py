"""Counting each event once: the expressions of the fine and coarse tiers and of windows.

A tier holds one value a step, the events of that step. Sums over tiers weigh every event the
same, however traffic was spread, and raw series are read once a step and tier.
"""

from generator import increments, names
from generator.model import SLO
from slos.schema import promql
from slos.schema.counting import Counting
from slos.schema.units import Duration

# Windows of up to this many fine steps are summed from the fine tier: 6 h at one minute. Pages
# look at most that far back, so they never wait for a coarse step.
_FINE_STEPS_AT_MOST = 360


def is_fine(slo: SLO, window: Duration) -> bool:
    """Whether a window is short enough to be summed from the fine tier."""
    return window.ms <= slo.steps.fine.ms * _FINE_STEPS_AT_MOST


def step_of(slo: SLO, window: Duration) -> Duration:
    """The step of the tier a window is summed from."""
    return slo.steps.fine if is_fine(slo, window) else slo.steps.coarse


def counts_increments(slo: SLO) -> bool:
    """Whether the SLO's queries count increments of counters, as most do."""
    return slo.signal.counting in (Counting.PER_SECOND, Counting.PER_RANGE)


def fine(slo: SLO, template: str) -> str:
    """The value of a query for the fine step that ends now.

    Samples are counted when all are in; ratios and slices, each of which weighs as one, are
    read over as long a range as counters.
    """
    step, scrape = slo.steps.fine, slo.steps.scrape
    if counts_increments(slo):
        return increments.at_once(template, step, scrape)
    if slo.signal.counting is Counting.PER_SAMPLE:
        return increments.sampled(template, step, scrape)
    return promql.render(template, str(increments.reach(step, scrape))).strip()


def coarse(slo: SLO, template: str) -> str:
    """The value of a query that counts increments, for a whole coarse step."""
    return increments.settled(template, slo.steps.coarse, slo.steps.scrape)


def summed(series: str, window: Duration) -> str:
    """The sum of a tier over a window.

    One millisecond less than the window: Prometheus 2 includes both ends of a range, so with
    steps on the same clock a full window would hold one step too many. Prometheus 3 leaves the
    start out and takes the same steps.
    """
    return f"sum_over_time({series}[{Duration(window.ms - 1)}])"


def events_in(slo: SLO, window: Duration) -> str:
    """How many events a window holds."""
    return summed(names.of(names.total(step_of(slo, window)), slo), window)


def errors_in(slo: SLO, window: Duration) -> str:
    """How many of a window's events are errors."""
    return summed(names.of(names.errors(step_of(slo, window)), slo), window)


def ratio_in(slo: SLO, window: Duration) -> str:
    """The share of errors in a window; no value when there were no events."""
    return f"{errors_in(slo, window)}\n/\n({events_in(slo, window)} > 0)"
