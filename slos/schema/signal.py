"""What every SLI comes down to: two queries, errors and total, and how to add them up."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import ClassVar

from slos.schema.counting import Counting
from slos.schema.wire import Wire


class Weight(Enum):
    """What one unit of the total is."""

    EVENTS = "events"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Histogram:
    """A classic histogram whose quantiles are worth recording.

    `buckets` selects the `_bucket` series, `by` are the labels that stay, `target` is what an
    observation must not exceed, in the metric's unit.
    """

    buckets: str
    target: Decimal
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """An SLI as the rules need it; all queries are templates over `{{.window}}`.

    Attributes:
        errors: bad events (or bad time slices) per second, range or sample, see `counting`.
        total: all events (or time slices), counted like `errors`.
        counting: what a value means; None when each value stands for one time slice.
        weight: what the total counts.
        errors_may_be_absent: no error series yet means no errors, not no data. False where
            errors and total come from the same series, so that a hole is a hole.
        by: labels that split the SLO, as far as its queries tell; one budget for each value.
        sources: selectors without which there is no data; an absent alert watches them.
        histogram: where latencies come from, if anywhere.
        note: what is approximated, and after a semicolon what would mend it.
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
        """Whether sums of the total are numbers of events, not of samples or slices."""
        of_events = self.counting in (Counting.PER_SECOND, Counting.PER_RANGE)
        return self.weight is Weight.EVENTS and of_events


@dataclass(frozen=True, slots=True)
class EventQueries:
    """An SLI as two templates, bad and all events, in the unit of their queries."""

    errors: str
    total: str


@dataclass(frozen=True, slots=True)
class RatioQuery:
    """An SLI as one template that gives the share of errors."""

    ratio: str


class SliType(Wire):
    """A kind of SLI; a subclass per file in `slos/schema/sli/` is all there is to add one."""

    KEY: ClassVar[str]
    """The key that selects it under `sli:`."""

    def signal(self) -> Signal:
        """The SLI as rules need it.

        Raises:
            NotSummable: when its queries cannot be added up over time.
        """
        raise NotImplementedError

    def queries(self) -> EventQueries | RatioQuery:
        """The SLI as plain queries over any window, as Sloth has it.

        Unless a type says otherwise, the queries that are counted.
        """
        signal = self.signal()
        return EventQueries(signal.errors, signal.total)
