"""SLI type `latency`: observations of a histogram above a threshold are errors."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, StrictBool, WithJsonSchema, field_validator

from slos.schema.fields import GroupingLabels, Selector, SourceName
from slos.schema.promql import format_selector, has_label_matcher
from slos.schema.sli_signal import (
    SliSignal,
    SliType,
    build_native_threshold_signal,
    build_threshold_signal,
)
from slos.schema.units import Duration, find_time_unit

_LE = "le"


def _parse_threshold(value: Any) -> Duration | Decimal:  # noqa: ANN401 - whatever YAML holds
    """Parse a threshold: a duration like `500ms`, or a number in the unit of the metric."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return Duration.parse(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not value > 0:
        raise ValueError(f"{value!r} is not a threshold; write it like 500ms, 5s or 0.5")
    return Decimal(value)


class LatencySli(SliType):
    """Histogram `metric` with a `threshold`, and optionally a `selector`."""

    KEY: ClassVar = "latency"

    metric: SourceName
    """Name of a histogram. That of a classic one may end in `_bucket` or `_count`."""
    threshold: Annotated[
        Duration | Decimal,
        BeforeValidator(_parse_threshold),
        WithJsonSchema({"type": ["string", "number"]}),
    ]
    """Latency above which an event is bad: `500ms`, or a number in the unit of the metric. That is
    the unit that its name ends in, such as `_milliseconds` or `_ms`, and seconds otherwise. A
    classic histogram must have a bucket with this upper bound."""
    native: StrictBool = False
    """The metric is a native histogram; its buckets around the threshold are interpolated."""
    selector: Selector = ""
    """Label matchers, without braces."""
    by: Annotated[GroupingLabels, Field(default_factory=list)]
    """Labels to group by; each combination of their values has its own error budget."""

    @property
    def bound(self) -> Decimal:
        """The threshold in the unit of the metric."""
        if isinstance(self.threshold, Duration):
            return self.threshold.seconds / (find_time_unit(self.metric) or 1)
        return self.threshold

    @field_validator("by")
    @classmethod
    def _check_grouping(cls, labels: list[str]) -> list[str]:
        if _LE in labels:
            raise ValueError("'le' is the label of the buckets; remove it")
        return labels

    @field_validator("selector")
    @classmethod
    def _check_selector(cls, selector: str) -> str:
        if has_label_matcher(format_selector("up", selector), _LE):
            raise ValueError("'le' is the label of the buckets; remove it and set 'threshold'")
        return selector

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        if self.native:
            return build_native_threshold_signal(
                self.metric, self.selector, threshold=self.bound, group_by=self.by
            )
        metric = self.metric.removesuffix("_bucket").removesuffix("_count")
        return build_threshold_signal(metric, self.selector, threshold=self.bound, group_by=self.by)
