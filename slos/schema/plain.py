"""Ours: what a spec watches beside its SLOs, recordings and plain alerts."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from slos.schema.example import ExampleSeries
from slos.schema.firing import Firing
from slos.schema.promql import is_filter
from slos.schema.wire import AlertText, Covers, Labels, MetricName, Name, Query, Wire


class Recording(Wire):
    """A series made of others, under the name and labels that SLOs, alerts and people read.

    Attributes:
        example: series with which the query's value is what they follow.
    """

    record: MetricName
    description: Annotated[str, Field(min_length=1)]
    labels: Labels = Field(default_factory=dict)
    query: Query
    example: Annotated[list[ExampleSeries], Field(min_length=1)]
    covers: Covers = Field(default_factory=list)


class PlainAlert(Firing):
    """Fires while the value of a query is above, or below, a threshold.

    Attributes:
        summary: what is wrong, with `{{ $value }}`.
        description: what it means for whoever is woken.
        example: series with which the query's value is what they follow.
        quiet: the value at which its test expects silence; half a threshold it must not exceed,
            twice one it must not fall below, 0 for a threshold of 0.
        firing: the value at which its test expects the alert; the other way round, or 1.
    """

    name: Name
    severity: Literal["critical", "warning", "info"]
    summary: Annotated[AlertText, Field(min_length=1)]
    description: Annotated[AlertText, Field(min_length=1)]
    query: Query
    above: Decimal | None = None
    below: Decimal | None = None
    example: list[ExampleSeries] = Field(default_factory=list)
    quiet: Decimal | None = None
    firing: Decimal | None = None
    covers: Covers = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("an alert has exactly one threshold; write either above or below")
        if is_filter(self.query):
            raise ValueError(
                "the query drops values by a comparison of its own; leave that to above or below"
            )
        return self

    @property
    def threshold(self) -> Decimal:
        """What the value is compared with."""
        return next(limit for limit in (self.above, self.below) if limit is not None)
