"""Models of standalone alerts and recordings."""

import math
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from slos.schema.alerting import AlertOptions, InhibitionSpec, Silence
from slos.schema.examples import AlertCase, ExampleSeries, RecordingCase, check_no_samples
from slos.schema.fields import (
    AlertText,
    Covers,
    Labels,
    MetricName,
    Name,
    PlainQuery,
    ResultLabels,
    SpecModel,
)
from slos.schema.no_series import find_result_without_series
from slos.schema.promql import is_filter_query
from slos.schema.units import format_decimal

_Example = Annotated[list[ExampleSeries], AfterValidator(check_no_samples)]


class StandaloneRecording(SpecModel):
    """Recording rule that does not belong to an SLO.

    Attributes:
        record: name of the recorded series.
        description: description of the recorded series.
        labels: labels of the recorded series.
        query: PromQL expression, evaluated once a minute.
        covers: ids of the requirements that this recording covers.
        example: input series for which the query returns `expect`.
        example_labels: labels of the result for `example`, in addition to `labels`.
        expect: expected value for `example`.
        examples: further test cases.
    """

    record: MetricName
    description: Annotated[str, Field(min_length=1)]
    labels: Labels = Field(default_factory=dict)
    query: PlainQuery
    example: Annotated[_Example, Field(min_length=1)]
    example_labels: ResultLabels = Field(default_factory=dict)
    expect: Decimal = Decimal(1)
    examples: list[RecordingCase] = Field(default_factory=list)
    covers: Covers = Field(default_factory=list)


class StandaloneAlert(AlertOptions):
    """Alert that does not belong to an SLO. It fires while a value is above or below a threshold.

    Attributes:
        name: name of the alert, unique among all alerts.
        severity: severity of the alert; it selects the receiver. `none` is for heartbeats only.
        query: PromQL expression; each series of the result can fire.
        above: threshold above which the alert fires.
        below: threshold below which the alert fires.
        covers: ids of the requirements that this alert covers.
        silence: checks that are silenced for this alert, with the reason.
        summary: annotation `summary`: the problem, with `{{ $value }}`.
        description: annotation `description`: the meaning of the alert for the person on call.
        example: input series for which the query returns the value that a test sets.
        example_labels: labels of the result for `example`.
        quiet: value at which the alert must not fire. Default: half of `above`, or twice `below`.
        firing: value at which the alert must fire. Default: twice `above`, or half of `below`; 1
            for `above` 0.
        no_data: expected state of the alert without any series.
        heartbeat: the alert always fires, and its absence is the problem. It has its own route.
        inhibits: alerts that are inhibited while this alert fires.
        examples: further test cases.
    """

    name: Name
    severity: Literal["critical", "warning", "info", "none"]
    summary: Annotated[AlertText, Field(min_length=1)]
    description: Annotated[AlertText, Field(min_length=1)]
    query: PlainQuery
    above: Decimal | None = None
    below: Decimal | None = None
    example: _Example = Field(default_factory=list)
    example_labels: ResultLabels = Field(default_factory=dict)
    examples: list[AlertCase] = Field(default_factory=list)
    quiet: Decimal | None = None
    firing: Decimal | None = None
    no_data: Literal["silent", "firing"] = "silent"
    heartbeat: StrictBool = False
    inhibits: InhibitionSpec | None = None
    covers: Covers = Field(default_factory=list)
    silence: list[Silence] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_threshold(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("an alert has exactly one threshold; set either above or below")
        if is_filter_query(self.query):
            raise ValueError("the query has a comparison, which drops values; use above or below")
        if self.is_firing_at(self.quiet_value) or not self.is_firing_at(self.firing_value):
            raise ValueError(
                f"the test values quiet {format_decimal(self.quiet_value)} and firing "
                f"{format_decimal(self.firing_value)} do not fit the threshold "
                f"{format_decimal(self.threshold)}; set quiet to a value at which the alert is "
                "silent, and firing to one at which it fires"
            )
        return self

    @model_validator(mode="after")
    def _check_no_data(self) -> Self:
        result = find_result_without_series(self.query)
        if result is None and self.no_data == "firing":
            raise ValueError(
                "the query has no result without series, so the alert cannot fire without data; "
                "add 'or vector(...)' to the query, or remove no_data"
            )
        if result is None or not math.isfinite(result):
            return self
        state = "firing" if self.is_firing_at(Decimal(str(result))) else "silent"
        if state != self.no_data:
            raise ValueError(
                f"without series the query is {format_decimal(Decimal(str(result)))}, at which the "
                f"alert is {state}; set no_data: {state}"
            )
        return self

    @model_validator(mode="after")
    def _check_heartbeat(self) -> Self:
        if self.heartbeat and self.inhibits:
            raise ValueError("a heartbeat always fires and must not inhibit; remove inhibits")
        if self.heartbeat and self.no_data == "silent":
            raise ValueError("a heartbeat always fires; set no_data: firing")
        if self.severity == "none" and not self.heartbeat:
            raise ValueError("severity none is for a heartbeat; use critical, warning or info")
        return self

    @property
    def threshold(self) -> Decimal:
        """The threshold: `above` or `below`."""
        return next(limit for limit in (self.above, self.below) if limit is not None)

    @property
    def display_precision(self) -> Decimal:
        """The unit that displayed values are rounded to: two digits finer than the threshold."""
        return Decimal(1).scaleb(min(-2, self.threshold.adjusted() - 2 if self.threshold else 0))

    @property
    def quiet_value(self) -> Decimal:
        """A value at which the alert is clearly silent."""
        if self.quiet is not None:
            return self.quiet
        return self.threshold / 2 if self.above is not None else self.threshold * 2

    @property
    def firing_value(self) -> Decimal:
        """A value at which the alert clearly fires."""
        if self.firing is not None:
            return self.firing
        if self.above is not None:
            return self.threshold * 2 if self.threshold else Decimal(1)
        return self.threshold / 2

    def is_firing_at(self, value: Decimal) -> bool:
        """Return whether the condition of the alert holds at a value."""
        return value > self.threshold if self.above is not None else value < self.threshold
