"""Sample quantiles, their confidence intervals, and the significance of a rise. Pure.

An interval needs no assumption about the distribution: with n independent values, the number of
those below the quantile p is binomial, so two ranks enclose the quantile with a known probability
(David and Nagaraja, Order Statistics, 7.1). With too few values one of the ranks does not exist,
and that bound is None.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, exp, floor, lgamma, log, sqrt

from exporter.model.bounds import Bounds

CONFIDENCE = 0.95
"""Probability that an interval holds the quantile."""
SHOWN_QUANTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_FAR = 9.0
"""Standard deviations beyond which a binomial probability is negligible."""
_PERMUTATIONS = 2_000
_ENOUGH_REACHED = 30
"""Permutations with such a rise after which it is known to be no rare one (Besag and Clifford,
Sequential Monte Carlo p-values, 1991)."""


@dataclass(frozen=True, slots=True)
class QuantileEstimate:
    """Estimate of a quantile.

    Attributes:
        value: the sample quantile; None without values.
        low: lower bound of the interval; None if there are too few values for one.
        high: upper bound of the interval; None if there are too few values for one.
        count: number of values.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int

    @property
    def has_interval(self) -> bool:
        """Return whether there were enough values for both bounds."""
        return self.low is not None and self.high is not None


def estimate_quantile(values: Sequence[Bounds], probability: float) -> QuantileEstimate:
    """Estimate a quantile of times that may be known within bounds only.

    The value is that of the upper bounds. The interval reaches from the lower bounds to the upper
    ones, so it also covers what is not known of the times.
    """
    count = len(values)
    if not count:
        return QuantileEstimate(None, None, None, 0)
    lows, highs = sorted(value.low for value in values), sorted(value.high for value in values)
    low_rank, high_rank = find_interval_ranks(count, probability)
    return QuantileEstimate(
        find_quantile(highs, probability),
        None if low_rank is None else lows[low_rank - 1],
        None if high_rank is None else highs[high_rank - 1],
        count,
    )


def estimate_quantiles(values: Sequence[Bounds]) -> dict[str, QuantileEstimate]:
    """Estimate the quantiles that are shown, by their names."""
    return {name: estimate_quantile(values, p) for name, p in SHOWN_QUANTILES.items()}


@cache
def find_interval_ranks(count: int, probability: float) -> tuple[int | None, int | None]:
    """Find the ranks, from 1, of the values that enclose a quantile; None where there is none."""
    tail = (1 - CONFIDENCE) / 2
    cumulative, low_rank, high_rank = 0.0, None, None
    for successes, mass in _list_binomial(count, probability):
        cumulative += mass
        if cumulative <= tail:
            low_rank = successes + 1
        if cumulative >= 1 - tail:
            high_rank = successes + 1
            break
    return low_rank, high_rank if high_rank is not None and high_rank <= count else None


def _list_binomial(count: int, probability: float) -> list[tuple[int, float]]:
    """List the binomial probabilities that are not negligible, by the number of successes."""
    mean, deviation = count * probability, sqrt(count * probability * (1 - probability))
    first = max(0, floor(mean - _FAR * deviation) - 1)
    last = min(count, ceil(mean + _FAR * deviation) + 1)
    return [
        (
            k,
            exp(
                lgamma(count + 1)
                - lgamma(k + 1)
                - lgamma(count - k + 1)
                + k * log(probability)
                + (count - k) * log(1 - probability)
            ),
        )
        for k in range(first, last + 1)
    ]


def count_needed_values(probability: float) -> int:
    """Count the values that are needed for both bounds of the interval of a quantile."""
    count = 1
    while None in find_interval_ranks(count, probability):
        count += 1
    return count


def find_quantile(ordered: Sequence[float], probability: float) -> float:
    """Find the sample quantile of ordered values."""
    return ordered[max(ceil(probability * len(ordered)), 1) - 1]


def measure_significance(
    before: Sequence[float], after: Sequence[float], probability: float
) -> float:
    """Test whether a quantile rose: the share of permutations with such a rise or a greater one.

    The same values always give the same result.
    """
    rng, pool = random.Random(0), [*before, *after]
    observed = find_quantile(sorted(after), probability) - find_quantile(
        sorted(before), probability
    )
    reached = 0
    for number in range(1, _PERMUTATIONS + 1):
        rng.shuffle(pool)
        first, second = sorted(pool[: len(before)]), sorted(pool[len(before) :])
        rise = find_quantile(second, probability) - find_quantile(first, probability)
        reached += rise >= observed
        if reached == _ENOUGH_REACHED:
            return reached / number
    return (1 + reached) / (1 + _PERMUTATIONS)
