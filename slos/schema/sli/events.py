"""`events`: bad events over all events, Sloth's own."""

from typing import ClassVar, Self

from pydantic import model_validator

from slos.schema.counting import NotSummable, counting_of
from slos.schema.grouping import grouping_of, labels_of
from slos.schema.promql import selectors
from slos.schema.signal import EventQueries, Signal, SliType, Weight
from slos.schema.wire import WindowedQuery


class EventsSli(SliType):
    """Two queries over `{{.window}}`: `error_query` and `total_query`."""

    KEY: ClassVar = "events"

    error_query: WindowedQuery
    total_query: WindowedQuery

    @model_validator(mode="after")
    def _queries_differ(self) -> Self:
        if self.error_query.split() == self.total_query.split():
            raise ValueError(
                "error_query and total_query are the same; every event would be an error"
            )
        return self

    def signal(self) -> Signal:  # noqa: D102 - documented by SliType
        counting = counting_of(self.total_query)
        if counting_of(self.error_query) is not counting:
            raise NotSummable(
                "error_query and total_query count different things; "
                "use rate in both or increase in both"
            )
        return Signal(
            errors=self.error_query,
            total=self.total_query,
            counting=counting,
            weight=Weight.EVENTS,
            errors_may_be_absent=True,
            by=self._common_labels(),
            sources=selectors(self.total_query),
        )

    def queries(self) -> EventQueries:  # noqa: D102 - documented by SliType
        return EventQueries(self.error_query, self.total_query)

    def _common_labels(self) -> tuple[str, ...]:
        """The labels of both queries.

        Were they different, errors would never meet their total: with "no error series yet is
        no error" that would read as perfect for ever.
        """
        errors, total = grouping_of(self.error_query), grouping_of(self.total_query)
        if errors is None or total is None:
            which = "error_query" if errors is None else "total_query"
            raise NotSummable(
                f"the labels of {which} are not known; "
                "wrap it in sum(...), or sum by (...) with the labels that split the SLO"
            )
        if errors != total:
            raise NotSummable(
                f"error_query is grouped as {errors} and total_query as {total}; "
                "group both the same way"
            )
        return labels_of(self.total_query)
