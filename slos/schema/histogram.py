"""Queries over a classic histogram: how many observations were above a threshold."""

import re
from collections.abc import Sequence
from decimal import Decimal

from slos.schema.counting import Counting
from slos.schema.promql import quoted
from slos.schema.signal import Histogram, Signal, Weight
from slos.schema.units import plain


def le_pattern(threshold: Decimal) -> str:
    """A regular expression for every spelling of a bucket's `le`.

    The Python client writes `5.0`, the Go client `5`; both write tiny ones as `1e-05`.
    """
    spellings = {plain(threshold), repr(float(threshold)), f"{float(threshold):g}"}
    return "|".join(re.escape(spelling) for spelling in sorted(spellings))


def above_threshold(
    metric: str, selector: str, *, threshold: Decimal, by: Sequence[str] = ()
) -> Signal:
    """Errors are observations above `threshold` (in the metric's unit), total are all.

    Errors and total are read from buckets of the same histogram. A histogram without the
    threshold's bucket therefore has no data, and its absent alert fires; it never looks
    perfect.
    """
    good = f"{metric}_bucket{{{_join(selector, f'le=~{quoted(le_pattern(threshold))}')}}}"
    every = f"{metric}_count{{{selector}}}" if selector else f"{metric}_count"
    buckets = f"{metric}_bucket{{{selector}}}" if selector else f"{metric}_bucket"
    total = f"{_sum(by)} (rate({every}[{{{{.window}}}}]))"
    # rate() extrapolates each bucket on its own, so the difference can dip below zero by a hair.
    errors = f"clamp_min({total} - {_sum(by)} (rate({good}[{{{{.window}}}}])), 0)"
    return Signal(
        errors=errors,
        total=total,
        counting=Counting.PER_SECOND,
        weight=Weight.EVENTS,
        errors_may_be_absent=False,
        by=tuple(by),
        sources=(good,),
        histogram=Histogram(buckets=buckets, by=tuple(by)),
    )


def _sum(by: Sequence[str]) -> str:
    return f"sum by ({', '.join(by)})" if by else "sum"


def _join(*matchers: str) -> str:
    return ", ".join(matcher for matcher in matchers if matcher)
