"""SLI type `threshold`: a query compared with a value; each slice of time is good or bad."""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import field_validator

from slos.schema.fields import Query
from slos.schema.promql import is_filter_query, list_selectors, render_template, wrap_query
from slos.schema.query_analysis import list_grouping_labels
from slos.schema.sli_signal import MeasuredValue, RatioQuery, SliSignal, SliType, Weight
from slos.schema.units import format_decimal

_SLICE = "1m"
_OPPOSITE_COMPARISONS = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class ThresholdSli(SliType):
    """Comparison of a query with a value, like cpu < 0.8. Time is good while it holds."""

    KEY: ClassVar = "threshold"

    query: Query
    """Query of the current value, without a window."""
    comparison: Literal["<", "<=", ">", ">=", "==", "!="]
    """Comparison that holds while the service is good."""
    value: Decimal
    """Number that the query is compared with."""

    @field_validator("query")
    @classmethod
    def _check_no_comparison(cls, query: str) -> str:
        """Refuse a comparison in the query: it would drop the samples of bad slices."""
        if is_filter_query(query):
            raise ValueError(
                "the query has a comparison, which drops values; use 'comparison' and 'value'"
            )
        return query

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        # The first comparison drops NaN: a slice without a value is neither good nor bad.
        measured = f"({wrap_query(self.query)} >= -Inf)"
        opposite = _OPPOSITE_COMPARISONS[self.comparison]
        return SliSignal(
            errors=f"{measured} {opposite} bool {format_decimal(self.value)}",
            total=f"{measured} ^ 0",
            counting=None,
            weight=Weight.TIME,
            errors_may_be_absent=False,
            group_by=list_grouping_labels(self.query),
            sources=list_selectors(self.query),
            measured=MeasuredValue(self.query, self.comparison, self.value),
        )

    def build_queries(self) -> RatioQuery:  # noqa: D102 - documented by SliType
        # A ratio over a window needs a subquery here, because there is no counter.
        slices = render_template(self.build_signal().errors, _SLICE)
        return RatioQuery(f"avg_over_time(({slices})[{{{{.window}}}}:{_SLICE}])")
