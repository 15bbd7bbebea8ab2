"""Counting tiers: expressions of the fine and coarse tiers, and sums of them over windows.

A tier is a recorded series with one sample a step: the number of events in that step. Sums over
a tier weigh every event the same, and raw series are read once a step and tier.
"""

from generator import increments, names
from generator.model import SLO
from slos.schema import promql
from slos.schema.counting import Counting
from slos.schema.units import Duration

# Windows of up to this many fine steps are summed from the fine tier: 6 h at one minute. The
# windows of pages are no longer than that, so pages never wait for a coarse step.
_FINE_STEPS_AT_MOST = 360


def is_fine(slo: SLO, window: Duration) -> bool:
    """Tell whether a window is short enough to be summed from the fine tier."""
    return window.ms <= slo.steps.fine.ms * _FINE_STEPS_AT_MOST


def step_of(slo: SLO, window: Duration) -> Duration:
    """Step of the tier that a window is summed from."""
    return slo.steps.fine if is_fine(slo, window) else slo.steps.coarse


def counts_increments(slo: SLO) -> bool:
    """Tell whether the SLO's queries count increments of counters, as most do."""
    return slo.signal.counting in (Counting.PER_SECOND, Counting.PER_RANGE)


def fine(slo: SLO, template: str) -> str:
    """Expression of a query's value in the fine step that ends now.

    Samples are counted one scrape late, when all have arrived. Ratios and time slices, which weigh
    as one each, are read over the same range as counters.
    """
    step, scrape = slo.steps.fine, slo.steps.scrape
    if counts_increments(slo):
        return increments.at_once(template, step, scrape)
    if slo.signal.counting is Counting.PER_SAMPLE:
        return increments.sampled(template, step, scrape)
    return promql.render(template, str(increments.reach(step, scrape))).strip()


def coarse(slo: SLO, template: str) -> str:
    """Expression of the value of a query that counts increments, in one coarse step."""
    return increments.settled(template, slo.steps.coarse, slo.steps.scrape)


def summed(series: str, window: Duration) -> str:
    """Expression of the sum of a tier over a window.

    The range is one millisecond shorter than the window. Prometheus 2 includes both ends of a
    range, so a full window would hold one step too many. Prometheus 3 excludes the start and
    reads the same steps.
    """
    return f"sum_over_time({series}[{Duration(window.ms - 1)}])"


def events_in(slo: SLO, window: Duration) -> str:
    """Expression of the number of events in a window."""
    return summed(names.of(names.total(step_of(slo, window)), slo), window)


def errors_in(slo: SLO, window: Duration) -> str:
    """Expression of the number of errors in a window."""
    return summed(names.of(names.errors(step_of(slo, window)), slo), window)


def ratio_in(slo: SLO, window: Duration) -> str:
    """Expression of the error ratio of a window; it has no value without events."""
    return f"{errors_in(slo, window)}\n/\n({events_in(slo, window)} > 0)"
