"""API of SLI types: an SLI as two queries, errors and total, and how they are summed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import ClassVar

from slos.schema.fields import SpecModel
from slos.schema.promql import (
    format_label_names,
    format_selector,
    list_selectors,
    quote_string,
)
from slos.schema.query_analysis import Counting, list_grouping_labels
from slos.schema.units import format_decimal

# Powers of ten between which Go's shortest format needs no exponent.
_SMALLEST_PLAIN, _FIRST_EXPONENT = -4, 6


class Weight(Enum):
    """The unit of the total: an event or a slice of time."""

    EVENTS = "events"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram whose quantiles are recorded.

    Attributes:
        selector: the selector of its series: those with `_bucket` of a classic histogram.
        target: the threshold of the SLI, in the unit of the metric.
        group_by: the labels that are kept.
        is_native: it is a native histogram, without the label `le`.
    """

    selector: str
    target: Decimal
    group_by: tuple[str, ...] = ()
    is_native: bool = False


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """Value of an SLI that is compared with a bound; time is good while the comparison holds."""

    query: str
    comparison: str
    bound: Decimal


@dataclass(frozen=True, slots=True)
class SliSignal:
    """An SLI as the rules need it; all queries are templates over `{{.window}}`.

    Attributes:
        errors: bad events (or bad slices of time) per second, range or sample, see `counting`.
        total: all events (or slices of time), counted as `errors`.
        counting: the unit of a value; None when each value stands for one slice of time.
        weight: the unit of the total.
        errors_may_be_absent: a missing error series means no errors, not missing data. False
            where errors and total come from the same series.
        group_by: the labels that split the SLO, as far as its queries decide them; each of their
            values has a budget of its own.
        sources: the selectors without which there is no data; the absent alert uses them.
        histogram: the histogram of the latencies, if there is one.
        measured: the value that decides whether a slice of time is good, if there is one.
        note: the approximation made and, after a semicolon, the remedy.
    """

    errors: str
    total: str
    counting: Counting | None
    weight: Weight
    errors_may_be_absent: bool
    group_by: tuple[str, ...]
    sources: tuple[str, ...]
    histogram: Histogram | None = None
    measured: MeasuredValue | None = None
    note: str = ""

    @property
    def is_event_count(self) -> bool:
        """True when the total sums to a number of events, not of samples or slices of time."""
        is_counter = self.counting in (Counting.PER_SECOND, Counting.PER_RANGE)
        return self.weight is Weight.EVENTS and is_counter


@dataclass(frozen=True, slots=True)
class EventQueries:
    """An SLI as two query templates: bad events and all events."""

    errors: str
    total: str


@dataclass(frozen=True, slots=True)
class RatioQuery:
    """An SLI as one query template that gives the ratio of errors."""

    ratio: str


class SliType(SpecModel):
    """Base class of SLI types; each file in `slos/schema/sli/` defines a subclass."""

    KEY: ClassVar[str]
    """The key of the type under `sli:`."""

    def build_signal(self) -> SliSignal:
        """Build the queries that the rules need.

        Raises:
            NotSummableError: its queries cannot be summed over time.
        """
        raise NotImplementedError

    def build_queries(self) -> EventQueries | RatioQuery:
        """Build the queries over any window that Sloth would have.

        Unless a type overrides this, they are those of the signal.
        """
        signal = self.build_signal()
        return EventQueries(signal.errors, signal.total)


def build_le_pattern(threshold: Decimal) -> str:
    """Build a regular expression that matches every spelling of a bucket's `le`.

    The Python client writes `5.0`, the Go client `5`. Very small numbers and, in Go, large ones
    have an exponent: `1e-05`, `1.048576e+06`.
    """
    spellings = {format_decimal(threshold), repr(float(threshold))}
    if not _SMALLEST_PLAIN <= threshold.adjusted() < _FIRST_EXPONENT:
        spellings.add(_format_with_exponent(threshold))
    return "|".join(re.escape(spelling) for spelling in sorted(spellings))


def build_threshold_signal(
    metric: str, selector: str, *, threshold: Decimal, group_by: Sequence[str] = ()
) -> SliSignal:
    """Build a signal of a classic histogram: errors are observations above `threshold`.

    Only series that have the bucket of the threshold are counted, for errors and for the total.
    Where no series has it there is no data and the absent alert fires, instead of an SLO that
    looks perfect. Single instances without the bucket do not count as broken.
    """
    le = f"le=~{quote_string(build_le_pattern(threshold))}"
    good_series = format_selector(f"{metric}_bucket", selector, le)
    total_series = format_selector(f"{metric}_count", selector)
    buckets = format_selector(f"{metric}_bucket", selector)
    good_rate, total_rate = (
        f"rate({good_series}[{{{{.window}}}}])",
        f"rate({total_series}[{{{{.window}}}}])",
    )
    return SliSignal(
        # rate() extrapolates each series by itself: a difference can be slightly below zero.
        errors=f"{format_sum(group_by)} (clamp_min({total_rate} - ignoring (le) {good_rate}, 0))",
        total=f"{format_sum(group_by)} ({total_rate} and ignoring (le) {good_rate})",
        counting=Counting.PER_SECOND,
        weight=Weight.EVENTS,
        errors_may_be_absent=False,
        group_by=tuple(group_by),
        sources=(good_series,),
        histogram=Histogram(selector=buckets, target=threshold, group_by=tuple(group_by)),
    )


def build_native_threshold_signal(
    metric: str, selector: str, *, threshold: Decimal, group_by: Sequence[str] = ()
) -> SliSignal:
    """Build a signal of a native histogram: errors are observations above `threshold`.

    Each series is counted by itself, so that series with other bucket layouts can be added.
    """
    series = format_selector(metric, selector)
    rate = f"rate({series}[{{{{.window}}}}])"
    above = f"histogram_fraction({format_decimal(threshold)}, +Inf, {rate})"
    count = f"histogram_count({rate})"
    return SliSignal(
        # The comparison drops NaN, which a histogram without observations gives.
        errors=f"{format_sum(group_by)} ({above} * {count} >= 0)",
        total=f"{format_sum(group_by)} ({count})",
        counting=Counting.PER_SECOND,
        weight=Weight.EVENTS,
        errors_may_be_absent=True,
        group_by=tuple(group_by),
        sources=(series,),
        histogram=Histogram(series, threshold, tuple(group_by), is_native=True),
    )


def _format_with_exponent(number: Decimal) -> str:
    """Format a decimal with an exponent of at least two digits."""
    exponent = number.adjusted()
    digits = format_decimal(number.scaleb(-exponent))
    return f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def format_sum(group_by: Sequence[str]) -> str:
    """Format the aggregation of a sum by labels."""
    return f"sum by ({format_label_names(group_by)})" if group_by else "sum"


def build_ratio_signal(ratio: str, *, query: str, reason: str = "") -> SliSignal:
    """Build a signal in which a ratio gives the errors of each slice of time.

    Args:
        ratio: a query template that gives the ratio of errors, 0 to 1.
        query: the query whose labels and series are those of the SLO.
        reason: the reason why events are not counted and, after a semicolon, the remedy.
    """
    # The comparison drops NaN, which a ratio without traffic gives. Separate rates may differ
    # slightly more than they should, so the ratio is clamped to 0 and 1.
    measured = f"({ratio} >= -Inf)"
    return SliSignal(
        errors=f"clamp({measured}, 0, 1)",
        total=f"{measured} ^ 0",
        counting=None,
        weight=Weight.TIME,
        errors_may_be_absent=False,
        group_by=list_grouping_labels(query),
        sources=list_selectors(query),
        note=f"the budget is weighted by time, not by events: {reason}" if reason else "",
    )
