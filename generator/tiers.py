"""Counting each event once: the expressions of the fine and coarse tiers and of windows.

A tier holds one value a step, the events of that step. Sums over tiers weigh every event the
same, however traffic was spread, and raw series are read in the fine tier only.
"""

from generator import names
from generator.model import SLO
from slos.schema import promql
from slos.schema.counting import Counting
from slos.schema.units import Duration, plain

# Windows of up to this many fine steps are summed from the fine tier: 6 h at one minute. Pages
# look at most that far back, so they never wait for a coarse step.
_FINE_STEPS_AT_MOST = 360


def is_fine(slo: SLO, window: Duration) -> bool:
    """Whether a window is short enough to be summed from the fine tier."""
    return window.ms <= slo.steps.fine.ms * _FINE_STEPS_AT_MOST


def step_of(slo: SLO, window: Duration) -> Duration:
    """The step of the tier a window is summed from."""
    return slo.steps.fine if is_fine(slo, window) else slo.steps.coarse


def counted(slo: SLO, template: str) -> str:
    """The value of a query for one fine step.

    `rate` and `increase` see the increments between samples, and a range as long as the step
    misses the one across its border; so the range is one scrape longer and the value is scaled
    back to the step. Sample counts have no such gap, ratios and slices no scale.
    """
    steps = slo.steps
    longer = steps.fine + steps.scrape
    match slo.signal.counting:
        case Counting.PER_SECOND:
            return _scaled(template, longer, plain(steps.fine.seconds))
        case Counting.PER_RANGE:
            return _scaled(template, longer, f"{plain(steps.fine.seconds)} / {longer.seconds:f}")
        case Counting.PER_SAMPLE:
            return promql.render(template, str(Duration(steps.fine.ms - 1))).strip()
        case None:
            return promql.render(template, str(longer)).strip()


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


def _scaled(template: str, window: Duration, factor: str) -> str:
    return f"{promql.wrapped(promql.render(template, str(window)))} * {factor}"
