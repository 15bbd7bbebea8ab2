"""Latency histograms in the format of HdrHistogram, which its tools and libraries read."""

from collections.abc import Iterable
from math import ceil
from typing import Any

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from exporter.loadtest.quantiles import SHOWN_QUANTILES, QuantileEstimate, find_interval_ranks

_MICROSECONDS = 1_000_000
_LONGEST = 3_600 * _MICROSECONDS
_DIGITS = 3
"""Significant digits: each value is kept within 0.1 percent."""


def encode_histogram(seconds: Iterable[float]) -> str:
    """Encode times as a compressed histogram (V2, base64) of microseconds, up to an hour."""
    histogram = HdrHistogram(1, _LONGEST, _DIGITS)
    for value in seconds:
        histogram.record_value(min(max(round(value * _MICROSECONDS), 1), _LONGEST))
    return str(histogram.encode().decode("ascii"))


def decode_quantiles(encoded: str, probabilities: Iterable[float]) -> list[float]:
    """Decode the quantiles of an encoded histogram, in seconds."""
    histogram = HdrHistogram.decode(encoded)
    return [
        float(histogram.get_value_at_percentile(100 * probability)) / _MICROSECONDS
        for probability in probabilities
    ]


def decode_estimates(encoded: str | None) -> tuple[dict[str, QuantileEstimate], float]:
    """Decode the shown quantiles with their intervals, and the longest time, in seconds."""
    histogram: Any = HdrHistogram.decode(encoded) if encoded else HdrHistogram(1, 2, 1)
    count = histogram.get_total_count()
    if not count:
        return {}, 0.0

    def find_value(rank: int | None) -> float | None:
        if rank is None:
            return None
        return float(histogram.get_value_at_percentile(100 * rank / count)) / _MICROSECONDS

    estimates = {}
    for name, probability in SHOWN_QUANTILES.items():
        low, high = find_interval_ranks(count, probability)
        value = find_value(max(ceil(probability * count), 1))
        estimates[name] = QuantileEstimate(value, find_value(low), find_value(high), count)
    return estimates, float(histogram.get_max_value()) / _MICROSECONDS
