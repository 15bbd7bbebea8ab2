"""SLI type `events` of Sloth: bad events over all events."""

from typing import ClassVar, Self

from pydantic import model_validator

from slos.schema import sli_signal
from slos.schema.additive_terms import fill_missing_terms
from slos.schema.fields import WindowedQuery
from slos.schema.promql import list_selectors, wrap_query
from slos.schema.query_analysis import (
    NotSummableError,
    detect_counting,
    find_grouping,
    list_grouping_labels,
)
from slos.schema.sli_signal import EventQueries, SliSignal, SliType, Weight

_UNKNOWN_LABELS = (
    "the labels of the queries are unknown, so missing error series cannot be filled with 0; "
    "wrap both queries in sum(...), or in sum by (...)"
)


class EventsSli(SliType):
    """Two queries over `{{.window}}`: `error_query` and `total_query`."""

    KEY: ClassVar = "events"

    error_query: WindowedQuery
    """Query of bad events, with `{{.window}}` as the range."""
    total_query: WindowedQuery
    """Query of all events, with the same function and grouping as `error_query`."""

    @model_validator(mode="after")
    def _check_queries_differ(self) -> Self:
        if self.error_query.split() == self.total_query.split():
            raise ValueError(
                "error_query and total_query are equal, so every event is an error; "
                "select only the errors in error_query"
            )
        return self

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        self._check_grouping()
        try:
            counting, errors = detect_counting(self.total_query), detect_counting(self.error_query)
        except NotSummableError as reason:
            return self._build_time_weighted_signal(reason)
        if errors is not counting:
            raise NotSummableError(
                "error_query and total_query count different things; "
                "use rate in both or increase in both"
            )
        return SliSignal(
            errors=fill_missing_terms(self.error_query),
            total=fill_missing_terms(self.total_query),
            counting=counting,
            weight=Weight.EVENTS,
            errors_may_be_absent=self._has_known_labels(),
            group_by=list_grouping_labels(self.total_query),
            sources=list_selectors(self.total_query),
            note="" if self._has_known_labels() else _UNKNOWN_LABELS,
        )

    def _build_time_weighted_signal(self, reason: NotSummableError) -> SliSignal:
        """Build a signal weighted by time, like `raw`, with the reason as a note."""
        error = wrap_query(fill_missing_terms(self.error_query))
        total = wrap_query(fill_missing_terms(self.total_query))
        if self._has_known_labels():
            error = f"({error} or {total} * 0)"
        ratio = f"({error} / ({total} > 0))"
        return sli_signal.build_ratio_signal(ratio, query=self.total_query, reason=str(reason))

    def _has_known_labels(self) -> bool:
        return None not in (find_grouping(self.error_query), find_grouping(self.total_query))

    def _check_grouping(self) -> None:
        """Check that errors and total are grouped alike; otherwise no error matches its total."""
        errors, total = find_grouping(self.error_query), find_grouping(self.total_query)
        if errors and total and errors != total:
            raise NotSummableError(
                f"error_query is grouped as {errors} and total_query as {total}; "
                "group both the same way"
            )

    def build_queries(self) -> EventQueries:  # noqa: D102 - documented by SliType
        return EventQueries(self.error_query, self.total_query)
