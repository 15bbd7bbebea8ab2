"""Universal Scalability Law, fitted to throughput by load or by replicas. Pure.

X(n) = rate * n / (1 + contention * (n - 1) + coherency * n * (n - 1))

(Gunther, Guerrilla Capacity Planning, 2007, chapter 4). The fit is by non-negative least squares of
n / X(n), which is linear in the three parameters. Intervals are those of a bootstrap over the
points. The fit is refused with fewer than five different sizes: three parameters through three or
four points describe the points, and predict nothing. It is refused as well where the points are far
from any curve of the law.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.optimize import nnls

FEWEST_SIZES = 5
_RESAMPLES = 400
_FARTHEST = 0.25
"""Largest relative error of the fit, as the root of the mean square."""
_NO_COHERENCY = 1e-12
"""Coherency below which it is an error of rounding."""
_TAILS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """Estimate with its interval of 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScalabilityFit:
    """Fit of the law.

    Attributes:
        rate: events a second of a size of one.
        contention: share that is serial.
        coherency: cost of each pair.
        peak: size with the highest throughput; infinite without coherency.
        r_squared: share of the variance of the throughput that it explains.
        points: the sizes and throughputs.
    """

    rate: Interval
    contention: Interval
    coherency: Interval
    peak: Interval
    r_squared: float
    points: tuple[tuple[float, float], ...]

    def predict(self, size: float) -> float:
        """Predict the throughput of a size."""
        return _predict((self.rate.value, self.contention.value, self.coherency.value), size)


@dataclass(frozen=True, slots=True)
class FitRefusal:
    """Reason why the law was not fitted."""

    sizes: int
    reason: str


_Parameters = tuple[float, float, float]


def fit_scalability_law(points: Sequence[tuple[float, float]]) -> ScalabilityFit | FitRefusal:
    """Fit the law to pairs of size and throughput, or refuse."""
    kept = [(n, x) for n, x in points if n > 0 and x > 0]
    sizes = {n for n, _ in kept}
    if len(sizes) < FEWEST_SIZES:
        reason = f"{len(sizes)} different sizes, and {FEWEST_SIZES} are needed"
        return FitRefusal(len(sizes), reason)
    array = np.array(kept)
    best = _fit(array)
    if best is None:
        return FitRefusal(len(sizes), "the throughput does not start above zero")
    error = _measure_relative_error(best, kept)
    if error > _FARTHEST:
        return FitRefusal(len(sizes), f"the points differ from the law by {error:.0%}")
    rng = np.random.default_rng(0)
    fits = []
    for _ in range(_RESAMPLES):
        resampled = array[rng.integers(0, len(array), len(array))]
        if len(set(resampled[:, 0])) >= FEWEST_SIZES - 2:
            fit = _fit(resampled)
            if fit is not None:
                fits.append(fit)
    columns = list(zip(*fits, strict=True)) if fits else [(value,) for value in best]
    estimates = [_estimate(value, column) for value, column in zip(best, columns, strict=True)]
    peaks = [_find_peak(fit) for fit in fits] or [_find_peak(best)]
    rate, contention, coherency = estimates
    return ScalabilityFit(
        rate,
        contention,
        coherency,
        peak=_estimate(_find_peak(best), peaks),
        r_squared=_measure_fit(best, kept),
        points=tuple(kept),
    )


def _fit(array: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> _Parameters | None:
    n, x = array[:, 0], array[:, 1]
    # Weights by X / n make the errors relative ones.
    weights = x / n
    matrix = np.column_stack([np.ones_like(n), n - 1, n * (n - 1)]) * weights[:, None]
    (first, second, third), _ = nnls(matrix, np.ones_like(n))
    if first <= 0:
        return None
    return float(1 / first), float(second / first), float(third / first)


def _predict(parameters: _Parameters, n: float) -> float:
    rate, contention, coherency = parameters
    return rate * n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def _find_peak(parameters: _Parameters) -> float:
    _, contention, coherency = parameters
    return sqrt(max(0.0, 1 - contention) / coherency) if coherency > _NO_COHERENCY else inf


def _estimate(value: float, resampled: Sequence[float]) -> Interval:
    ordered = sorted(resampled)
    last = len(ordered) - 1
    low, high = (ordered[round(last * tail / 100)] for tail in _TAILS)
    return Interval(value, min(low, value), max(high, value))


def _measure_relative_error(
    parameters: _Parameters, points: Sequence[tuple[float, float]]
) -> float:
    errors = [x / _predict(parameters, n) - 1 for n, x in points]
    return sqrt(sum(error**2 for error in errors) / len(errors))


def _measure_fit(parameters: _Parameters, points: Sequence[tuple[float, float]]) -> float:
    mean = sum(x for _, x in points) / len(points)
    spread = sum((x - mean) ** 2 for _, x in points)
    rest = sum((x - _predict(parameters, n)) ** 2 for n, x in points)
    return 1 - rest / spread if spread > 0 else 0.0
