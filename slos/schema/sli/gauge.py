"""SLI type `gauge`: a 0/1 metric such as `up`; every sample at 0 is an error."""

from typing import Annotated, ClassVar

from pydantic import Field

from slos.schema.fields import GroupingLabels, Selector, SourceName
from slos.schema.promql import format_selector
from slos.schema.query_analysis import Counting
from slos.schema.sli_signal import SliSignal, SliType, Weight, format_sum


class GaugeSli(SliType):
    """Gauge `metric` that is 1 in a good state and 0 in a bad one, optionally with a `selector`."""

    KEY: ClassVar = "gauge"

    metric: SourceName
    """Gauge with the values 1 and 0, like `up`."""
    selector: Selector = ""
    """Label matchers, without braces."""
    by: Annotated[GroupingLabels, Field(default_factory=list)]
    """Labels to group by; each combination of their values has its own error budget."""

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        series = format_selector(self.metric, self.selector)
        total = f"count_over_time({series}[{{{{.window}}}}])"
        good = f"sum_over_time({series}[{{{{.window}}}}])"
        aggregation = format_sum(self.by)
        return SliSignal(
            # Clamped for each series: one above 1 must not compensate for another at 0.
            errors=f"{aggregation} (clamp_min({total} - {good}, 0))",
            total=f"{aggregation} ({total})",
            counting=Counting.PER_SAMPLE,
            weight=Weight.TIME,
            errors_may_be_absent=False,
            group_by=tuple(self.by),
            sources=(series,),
        )
