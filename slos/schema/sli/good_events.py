"""SLI type `good_events`: errors are all events minus good events, as in OpenSLO."""

from typing import ClassVar

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
from slos.schema.sli_signal import RatioQuery, SliSignal, SliType, Weight


class GoodEventsSli(SliType):
    """Two queries over `{{.window}}`: `good_query` and `total_query`."""

    KEY: ClassVar = "good_events"

    good_query: WindowedQuery
    """Query of good events, with `{{.window}}` as the range."""
    total_query: WindowedQuery
    """Query of all events, with the same function and grouping as `good_query`."""

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        total_query = fill_missing_terms(self.total_query)
        good, total = wrap_query(fill_missing_terms(self.good_query)), wrap_query(total_query)
        groupings = find_grouping(self.good_query), find_grouping(self.total_query)
        if None not in groupings:
            if groupings[0] != groupings[1]:
                raise NotSummableError(
                    f"good_query is grouped as {groupings[0]} and total_query as {groupings[1]}; "
                    "group both the same way"
                )
            # Without a good series every event is bad.
            good = f"({good} or {total} * 0)"
        try:
            counting, good_counting = (
                detect_counting(self.total_query),
                detect_counting(self.good_query),
            )
        except NotSummableError as reason:
            error_ratio = f"(1 - {good} / ({total} > 0))"
            return sli_signal.build_ratio_signal(
                error_ratio, query=self.total_query, reason=str(reason)
            )
        if counting is not good_counting:
            raise NotSummableError(
                "good_query and total_query count different things; "
                "use rate in both or increase in both"
            )
        return SliSignal(
            # Separate rates may differ slightly more than they should.
            errors=f"clamp_min({total} - {good}, 0)",
            total=total_query,
            counting=counting,
            weight=Weight.EVENTS,
            errors_may_be_absent=False,
            group_by=list_grouping_labels(self.total_query),
            sources=list_selectors(self.total_query),
        )

    def build_queries(self) -> RatioQuery:
        """Build the query that Sloth generates for an OpenSLO, byte for byte."""
        good, total = self.good_query, self.total_query
        return RatioQuery(
            f"\n  1 - (\n    (\n      {good}\n    )\n    /\n    (\n      {total}\n    )\n  )\n"
        )
