"""SLI type `good_events`: errors are all events minus good events, as in OpenSLO."""

from typing import ClassVar

from slos.schema import sli_signal
from slos.schema.fields import WindowedQuery
from slos.schema.promql import selectors, wrapped
from slos.schema.query_analysis import NotSummable, counting_of, grouping_of, labels_of
from slos.schema.sli_signal import RatioQuery, Signal, SliType, Weight


class GoodEventsSli(SliType):
    """Two queries over `{{.window}}`: `good_query` and `total_query`."""

    KEY: ClassVar = "good_events"

    good_query: WindowedQuery
    """Good events, with `{{.window}}` for the range."""
    total_query: WindowedQuery
    """All events, counted and grouped like the good ones."""

    def signal(self) -> Signal:  # noqa: D102 - documented by SliType
        good, total = wrapped(self.good_query), wrapped(self.total_query)
        groupings = grouping_of(self.good_query), grouping_of(self.total_query)
        if None not in groupings:
            if groupings[0] != groupings[1]:
                raise NotSummable(
                    f"good_query is grouped as {groupings[0]} and total_query as {groupings[1]}; "
                    "group both the same way"
                )
            # Without a good series every event is bad.
            good = f"({good} or {total} * 0)"
        try:
            counting, of_good = counting_of(self.total_query), counting_of(self.good_query)
        except NotSummable as reason:
            failing = f"(1 - {good} / ({total} > 0))"
            return sli_signal.of_ratio(failing, read_from=self.total_query, why=str(reason))
        if counting is not of_good:
            raise NotSummable(
                "good_query and total_query count different things; "
                "use rate in both or increase in both"
            )
        return Signal(
            # Separate rates may differ slightly more than they should.
            errors=f"clamp_min({total} - {good}, 0)",
            total=self.total_query,
            counting=counting,
            weight=Weight.EVENTS,
            errors_may_be_absent=False,
            by=labels_of(self.total_query),
            sources=selectors(self.total_query),
        )

    def queries(self) -> RatioQuery:
        """Build the query that Sloth generates for an OpenSLO, byte for byte."""
        good, total = self.good_query, self.total_query
        return RatioQuery(
            f"\n  1 - (\n    (\n      {good}\n    )\n    /\n    (\n      {total}\n    )\n  )\n"
        )
