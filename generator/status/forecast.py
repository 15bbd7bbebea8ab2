"""Forecast of when an error budget is exhausted, from recorded burn rates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from slos.schema.units import Duration

# An hour and six hours of 30 days: the windows of a page in the SRE Workbook.
_PERIOD_SHARES = (1 / 720, 1 / 120)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Interval in which an error budget is exhausted if events go on as they do.

    Attributes:
        earliest: seconds until then at the highest burn rate; infinite for never.
        latest: seconds until then at the lowest burn rate; infinite for never.
        burn_rates: burn rate of each window that was used.
    """

    earliest: float
    latest: float
    burn_rates: Mapping[Duration, float]


def forecast_exhaustion(
    budget: float, burn_by_window: Mapping[Duration, float], period: Duration
) -> Forecast | None:
    """Forecast the exhaustion of a budget; None without a recorded burn rate.

    Args:
        budget: what is left of the budget, as a share of it.
        burn_by_window: burn rates over the windows that are recorded.
        period: period of the SLO.
    """
    known = {window: burn for window, burn in burn_by_window.items() if window < period}
    if not known:
        return None
    windows = sorted({_find_nearest(known, share * period.ms) for share in _PERIOD_SHARES})
    times = [_compute_time(budget, known[window], float(period.seconds)) for window in windows]
    return Forecast(min(times), max(times), {window: known[window] for window in windows})


def _find_nearest(windows: Mapping[Duration, float], length: float) -> Duration:
    """Find the window whose length has the smallest ratio to another."""
    return min(windows, key=lambda window: abs(math.log(window.ms / length)))


def _compute_time(budget: float, burn: float, period: float) -> float:
    """Compute the seconds until the budget is exhausted at one burn rate.

    A rate at which the budget lasts for the period or longer never exhausts it: by then all errors
    of before have left the period.
    """
    if budget <= 0:
        return 0.0
    time = budget * period / burn if burn > 0 else math.inf
    return time if time < period else math.inf
