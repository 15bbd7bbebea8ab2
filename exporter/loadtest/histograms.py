"""Latency histograms in the format of HdrHistogram, which its tools and libraries read."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

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
