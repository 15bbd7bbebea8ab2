"""Trend test of a baseline, by statistics libraries.

SciPy takes half a second to import, which the start of a prober should not pay for. So the
libraries are imported where they are first used.
"""

import sys
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from exporter.leaks.series import Floats

_EXACT = 1e-9
"""Residuals below this share of the range are rounding, which has no correlation."""

_FEWEST = 3
"""Minimum number of values for the variance; fewer prove no trend."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Slope of a baseline, in its unit per hour."""

    slope: float
    low: float
    high: float
    """Bounds of the slope: the probability that it is below `low` is the significance level, above
    `high` likewise."""
    p: float
    """One-sided p-value: the probability of such a baseline, or a steeper one, without a rise."""
    n: int
    """Number of values."""


def trend(hours: Floats, values: Floats, *, level: float) -> Trend:
    """Fit the Theil-Sen slope and run the Mann-Kendall test with the variance of Hamed and Rao.

    Neighbouring values are correlated, which makes chance look like a trend. The variance of Hamed
    and Rao corrects for that. It is used only where it is the larger one: for alternating values it
    would be smaller than the plain variance, or negative. The bounds of the slope widen by the same
    factor.
    """
    from scipy import stats  # noqa: PLC0415 - lazy, see above

    n = int(values.size)
    if n < _FEWEST or np.ptp(values) == 0:
        return Trend(0.0, 0.0, 0.0, p=1.0, n=n)
    z, inflation = _mann_kendall(values)
    bound = float(stats.norm.sf(stats.norm.isf(level) * sqrt(inflation)))
    line = stats.theilslopes(values, hours, alpha=2 * max(bound, sys.float_info.min))
    return Trend(
        float(line.slope),
        float(line.low_slope),
        float(line.high_slope),
        p=float(stats.norm.sf(z / sqrt(inflation))),
        n=n,
    )


def slope(x: Floats, y: Floats) -> float:
    """Compute the Theil-Sen slope."""
    from scipy import stats  # noqa: PLC0415 - lazy, see above

    return float(stats.theilslopes(y, x).slope)


def misfit(x: Floats, y: Floats) -> float:
    """Compute the mean distance of `y` from its straight line over `x`."""
    rest = y - slope(x, y) * x
    return float(np.abs(rest - np.median(rest)).mean())


def _mann_kendall(values: Floats) -> tuple[float, float]:
    """Return the plain z-score and the factor by which the corrected variance is larger."""
    import pymannkendall  # type: ignore[import-untyped]  # noqa: PLC0415 - lazy, see above

    with np.errstate(invalid="ignore", divide="ignore"):  # its variance may come out negative
        plain = pymannkendall.original_test(values)
        wide = pymannkendall.hamed_rao_modification_test(values)
    rest = values - np.arange(values.size) * wide.slope
    inflation = float(wide.var_s / plain.var_s)
    if not isfinite(inflation) or np.ptp(rest) <= _EXACT * np.ptp(values):
        return float(plain.z), 1.0
    return float(plain.z), max(inflation, 1.0)
