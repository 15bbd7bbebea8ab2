"""`raw`: a ready-made error ratio, Sloth's own; it has no events, so time is the weight."""

from typing import ClassVar

from slos.schema.grouping import labels_of
from slos.schema.promql import selectors, wrapped
from slos.schema.signal import RatioQuery, Signal, SliType, Weight
from slos.schema.wire import WindowedQuery


class RawSli(SliType):
    """One query over `{{.window}}` that gives the share of errors, 0 to 1."""

    KEY: ClassVar = "raw"

    error_ratio_query: WindowedQuery

    def signal(self) -> Signal:  # noqa: D102 - documented by SliType
        # The comparison drops NaN, which a ratio without traffic gives. Two rates apart may
        # differ by a hair more than they should, so the ratio is held between 0 and 1.
        ratio = f"({wrapped(self.error_ratio_query)} >= -Inf)"
        return Signal(
            errors=f"clamp({ratio}, 0, 1)",
            total=f"{ratio} ^ 0",
            counting=None,
            weight=Weight.TIME,
            errors_may_be_absent=False,
            by=labels_of(self.error_ratio_query),
            sources=selectors(self.error_ratio_query),
        )

    def queries(self) -> RatioQuery:  # noqa: D102 - documented by SliType
        return RatioQuery(self.error_ratio_query)
