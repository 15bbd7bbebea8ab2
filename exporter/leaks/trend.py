"""Whether a floor rises, and how fast: the statistics, all of them from libraries.

SciPy takes half a second to import, which the start of a prober should not pay for; so the
libraries are imported where they are first used.
"""

import sys
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from exporter.leaks.series import Floats

_EXACT = 1e-9
"""Residuals below this share of the range are rounding, and rounding has no correlation."""

_FEWEST = 3
"""The variance needs so many; fewer prove no trend anyway."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope of a floor, in its unit per hour."""

    slope: float
    low: float
    high: float
    """The bounds of the slope; below `low` it is with the level's probability, above `high` too."""
    p: float
    """One-sided: how likely a floor that does not rise looks like this or worse."""
    n: int
    """Floors that were looked at."""


def trend(hours: Floats, values: Floats, *, level: float) -> Trend:
    """Theil-Sen slope, and Mann-Kendall test with the variance of Hamed and Rao.

    Floors that follow one another are alike, which makes chance look like a trend. The variance
    of Hamed and Rao allows for that. It is used only where it is the larger one: floors that
    alternate would make the test surer than the plain one, or the variance negative. The bounds
    of the slope widen by the same factor.
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
    """The Theil-Sen slope."""
    from scipy import stats  # noqa: PLC0415 - lazy, see above

    return float(stats.theilslopes(y, x).slope)


def misfit(x: Floats, y: Floats) -> float:
    """What a straight line over `x` leaves unexplained of `y`: the mean distance from it."""
    rest = y - slope(x, y) * x
    return float(np.abs(rest - np.median(rest)).mean())


def _mann_kendall(values: Floats) -> tuple[float, float]:
    """The plain z, and by how much the variance is larger than it takes it to be."""
    import pymannkendall  # type: ignore[import-untyped]  # noqa: PLC0415 - lazy, see above

    with np.errstate(invalid="ignore", divide="ignore"):  # its variance may come out negative
        plain = pymannkendall.original_test(values)
        wide = pymannkendall.hamed_rao_modification_test(values)
    rest = values - np.arange(values.size) * wide.slope
    inflation = float(wide.var_s / plain.var_s)
    if not isfinite(inflation) or np.ptp(rest) <= _EXACT * np.ptp(values):
        return float(plain.z), 1.0
    return float(plain.z), max(inflation, 1.0)
