"""SLI type `events` of Sloth: bad events over all events."""

from typing import ClassVar, Self

from pydantic import model_validator

from slos.schema import sli_signal
from slos.schema.fields import WindowedQuery
from slos.schema.promql import selectors, wrapped
from slos.schema.query_analysis import NotSummable, counting_of, grouping_of, labels_of
from slos.schema.sli_signal import EventQueries, Signal, SliType, Weight

_UNKNOWN_LABELS = (
    "an error series that is not there yet cannot be told from one that is gone, for the labels "
    "of the queries are not known; wrap both in sum(...), or in sum by (...)"
)


class EventsSli(SliType):
    """Two queries over `{{.window}}`: `error_query` and `total_query`."""

    KEY: ClassVar = "events"

    error_query: WindowedQuery
    """Bad events, with `{{.window}}` for the range."""
    total_query: WindowedQuery
    """All events, counted and grouped like the bad ones."""

    @model_validator(mode="after")
    def _queries_differ(self) -> Self:
        if self.error_query.split() == self.total_query.split():
            raise ValueError(
                "error_query and total_query are the same; every event would be an error"
            )
        return self

    def signal(self) -> Signal:  # noqa: D102 - documented by SliType
        self._check_grouping()
        try:
            counting, errors = counting_of(self.total_query), counting_of(self.error_query)
        except NotSummable as reason:
            return self._weighted_by_time(reason)
        if errors is not counting:
            raise NotSummable(
                "error_query and total_query count different things; "
                "use rate in both or increase in both"
            )
        return Signal(
            errors=self.error_query,
            total=self.total_query,
            counting=counting,
            weight=Weight.EVENTS,
            errors_may_be_absent=self._labels_are_known(),
            by=labels_of(self.total_query),
            sources=selectors(self.total_query),
            note="" if self._labels_are_known() else _UNKNOWN_LABELS,
        )

    def _weighted_by_time(self, reason: NotSummable) -> Signal:
        """Build a signal weighted by time, like `raw`, with the reason as a note."""
        error, total = wrapped(self.error_query), wrapped(self.total_query)
        if self._labels_are_known():
            error = f"({error} or {total} * 0)"
        ratio = f"({error} / ({total} > 0))"
        return sli_signal.of_ratio(ratio, read_from=self.total_query, why=str(reason))

    def _labels_are_known(self) -> bool:
        return None not in (grouping_of(self.error_query), grouping_of(self.total_query))

    def _check_grouping(self) -> None:
        """Check that errors and total are grouped alike; otherwise no error matches its total."""
        errors, total = grouping_of(self.error_query), grouping_of(self.total_query)
        if errors and total and errors != total:
            raise NotSummable(
                f"error_query is grouped as {errors} and total_query as {total}; "
                "group both the same way"
            )

    def queries(self) -> EventQueries:  # noqa: D102 - documented by SliType
        return EventQueries(self.error_query, self.total_query)
