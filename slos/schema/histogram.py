"""Signal of a classic histogram: observations above a threshold are errors."""

import re
from collections.abc import Sequence
from decimal import Decimal

from slos.schema.counting import Counting
from slos.schema.promql import quoted
from slos.schema.signal import Histogram, Signal, Weight
from slos.schema.units import plain

# Powers of ten between which Go's shortest format needs no exponent.
_SMALLEST_PLAIN, _FIRST_EXPONENT = -4, 6


def le_pattern(threshold: Decimal) -> str:
    """Build a regular expression that matches every spelling of a bucket's `le`.

    The Python client writes `5.0`, the Go client `5`. Very small numbers and, in Go, large ones
    have an exponent: `1e-05`, `1.048576e+06`.
    """
    spellings = {plain(threshold), repr(float(threshold))}
    if not _SMALLEST_PLAIN <= threshold.adjusted() < _FIRST_EXPONENT:
        spellings.add(_with_exponent(threshold))
    return "|".join(re.escape(spelling) for spelling in sorted(spellings))


def above_threshold(
    metric: str, selector: str, *, threshold: Decimal, by: Sequence[str] = ()
) -> Signal:
    """Build a signal: errors are observations above `threshold` (in the metric's unit).

    Only series that have the bucket of the threshold are counted, for errors and for the total.
    Where no series has it there is no data and the absent alert fires, instead of an SLO that
    looks perfect. Single instances without the bucket do not count as broken.
    """
    good = f"{metric}_bucket{{{_join(selector, f'le=~{quoted(le_pattern(threshold))}')}}}"
    every = f"{metric}_count{{{selector}}}" if selector else f"{metric}_count"
    buckets = f"{metric}_bucket{{{selector}}}" if selector else f"{metric}_bucket"
    fast, seen = f"rate({good}[{{{{.window}}}}])", f"rate({every}[{{{{.window}}}}])"
    return Signal(
        # rate() extrapolates each series by itself: a difference can be slightly below zero.
        errors=f"{_sum(by)} (clamp_min({seen} - ignoring (le) {fast}, 0))",
        total=f"{_sum(by)} ({seen} and ignoring (le) {fast})",
        counting=Counting.PER_SECOND,
        weight=Weight.EVENTS,
        errors_may_be_absent=False,
        by=tuple(by),
        sources=(good,),
        histogram=Histogram(buckets=buckets, target=threshold, by=tuple(by)),
    )


def _with_exponent(number: Decimal) -> str:
    """Format a decimal with an exponent of at least two digits."""
    exponent = number.adjusted()
    digits = plain(number.scaleb(-exponent))
    return f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _sum(by: Sequence[str]) -> str:
    return f"sum by ({', '.join(by)})" if by else "sum"


def _join(*matchers: str) -> str:
    return ", ".join(matcher for matcher in matchers if matcher)
