"""SLI type `latency`: observations of a classic histogram above a threshold are errors."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from slos.schema.fields import LabelName, MetricName, Selector
from slos.schema.sli_signal import SliSignal, SliType, build_threshold_signal
from slos.schema.units import Duration


def _parse_threshold(value: Any) -> Decimal:  # noqa: ANN401 - whatever YAML holds
    """Parse a threshold: `500ms` in seconds, or a number in the unit of the metric."""
    if isinstance(value, str):
        return Duration.parse(value).seconds
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not value > 0:
        raise ValueError(f"{value!r} is not a threshold; write it like 500ms, 5s or 0.5")
    return Decimal(value)


class LatencySli(SliType):
    """A histogram `metric` (without `_bucket`), a `threshold` and optionally a `selector`."""

    KEY: ClassVar = "latency"

    metric: MetricName
    """A classic histogram, with or without `_bucket`."""
    threshold: Annotated[
        Decimal, BeforeValidator(_parse_threshold), WithJsonSchema({"type": ["string", "number"]})
    ]
    """Slower than this is an error: `500ms`, or a number in the metric's own unit. A bucket must
    stand exactly here."""
    selector: Selector = ""
    """Label matchers, without braces."""
    by: Annotated[list[LabelName], Field(default_factory=list)]
    """Labels that split the SLO: one budget for each of their values."""

    def build_signal(self) -> SliSignal:  # noqa: D102 - documented by SliType
        metric = self.metric.removesuffix("_bucket").removesuffix("_count")
        return build_threshold_signal(
            metric, self.selector, threshold=self.threshold, group_by=self.by
        )
