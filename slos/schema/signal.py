"""API of SLI types: an SLI as two queries, errors and total, and how they are summed."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import ClassVar

from slos.schema.counting import Counting
from slos.schema.wire import Wire


class Weight(Enum):
    """The unit of the total: an event or a slice of time."""

    EVENTS = "events"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Histogram:
    """A classic histogram whose quantiles are recorded.

    Attributes:
        buckets: the selector of the `_bucket` series.
        target: the threshold of the SLI, in the unit of the metric.
        group_by: the labels that are kept.
    """

    buckets: str
    target: Decimal
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
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
        note: the approximation made and, after a semicolon, the remedy.
    """

    errors: str
    total: str
    counting: Counting | None
    weight: Weight
    errors_may_be_absent: bool
    by: tuple[str, ...]
    sources: tuple[str, ...]
    histogram: Histogram | None = None
    note: str = ""

    @property
    def counts_events(self) -> bool:
        """True when the total sums to a number of events, not of samples or slices of time."""
        of_events = self.counting in (Counting.PER_SECOND, Counting.PER_RANGE)
        return self.weight is Weight.EVENTS and of_events


@dataclass(frozen=True, slots=True)
class EventQueries:
    """An SLI as two query templates: bad events and all events."""

    errors: str
    total: str


@dataclass(frozen=True, slots=True)
class RatioQuery:
    """An SLI as one query template that gives the ratio of errors."""

    ratio: str


class SliType(Wire):
    """Base class of SLI types; each file in `slos/schema/sli/` defines a subclass."""

    KEY: ClassVar[str]
    """The key of the type under `sli:`."""

    def signal(self) -> Signal:
        """Build the queries that the rules need.

        Raises:
            NotSummableError: its queries cannot be summed over time.
        """
        raise NotImplementedError

    def queries(self) -> EventQueries | RatioQuery:
        """Build the queries over any window that Sloth would have.

        Unless a type overrides this, they are those of the signal.
        """
        signal = self.signal()
        return EventQueries(signal.errors, signal.total)
