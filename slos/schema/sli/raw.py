"""SLI type `raw` of Sloth: an error ratio; it has no events, so it is weighted by time."""

from typing import ClassVar

from slos.schema import sli_signal
from slos.schema.additive_terms import fill_missing_terms
from slos.schema.fields import WindowedQuery
from slos.schema.promql import wrap_query
from slos.schema.sli_signal import RatioQuery, SliSignal, SliType


class RawSli(SliType):
    """Query over `{{.window}}` that returns the error ratio, 0 to 1."""

    KEY: ClassVar = "raw"

    error_ratio_query: WindowedQuery
    """Query of the error ratio, with `{{.window}}` as the range."""

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        ratio = wrap_query(fill_missing_terms(self.error_ratio_query))
        return sli_signal.build_ratio_signal(ratio, query=self.error_ratio_query)

    def build_queries(self) -> RatioQuery:  # noqa: D102 - documented by SliType
        return RatioQuery(self.error_ratio_query)
