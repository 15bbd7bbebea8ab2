"""Models of standalone alerts and recordings."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from slos.schema.alerting import AlertOptions, Silence
from slos.schema.examples import AlertCase, ExampleSeries, RecordingCase, check_no_samples
from slos.schema.fields import AlertText, Covers, Labels, MetricName, Name, Query, SpecModel
from slos.schema.promql import is_filter_query
from slos.schema.units import format_decimal

_THRESHOLD_MARGIN = Decimal("0.98")
_Example = Annotated[list[ExampleSeries], AfterValidator(check_no_samples)]


class InhibitionSpec(SpecModel):
    """The symptoms of an alert: while it fires, they are not notified.

    Attributes:
        metrics: starts of names; whatever reads such a metric, be it through recorded series.
        slos: ids of SLOs, whose alerts say that a budget burns or a limit is passed.
        alerts: names of alerts.
    """

    metrics: list[MetricName] = Field(default_factory=list)
    slos: list[Name] = Field(default_factory=list)
    alerts: list[Name] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not (self.metrics or self.slos or self.alerts):
            raise ValueError("this inhibits nothing; name metrics, slos or alerts, or leave it out")
        return self


class StandaloneRecording(SpecModel):
    """A series made of others, under the name and labels that SLOs, alerts and people read.

    Attributes:
        record: the name of the series.
        description: what it is, for whoever reads the rules.
        labels: those that every sample gets.
        query: what is recorded, once a minute.
        covers: the requirements it serves.
        example: series from which the query makes the value `expect`.
        example_labels: those of the result, beside `labels`.
        expect: what the series of `example` follow.
        examples: more cases, where one example cannot show all that the query does.
    """

    record: MetricName
    description: Annotated[str, Field(min_length=1)]
    labels: Labels = Field(default_factory=dict)
    query: Query
    example: Annotated[_Example, Field(min_length=1)]
    example_labels: Labels = Field(default_factory=dict)
    expect: Decimal = Decimal(1)
    examples: list[RecordingCase] = Field(default_factory=list)
    covers: Covers = Field(default_factory=list)


class StandaloneAlert(AlertOptions):
    """Fires while the value of a query is above, or below, a threshold.

    Attributes:
        name: unique among all alerts.
        severity: how an alert reaches a person.
        query: gives a value for each thing that may be wrong.
        above: fires above this value.
        below: fires below this value.
        covers: the requirements this alert keeps watch over.
        silence: checks that are not to speak up about this alert, with the reason.
        summary: what is wrong, with `{{ $value }}`.
        description: what it means for whoever is woken.
        example: series with which the query has whatever value they follow.
        example_labels: those that the query's result has then.
        quiet: the value at which it must be silent; half of what it must not exceed, twice what
            it must not fall below.
        firing: the value at which it must fire; the other way round, and 1 above 0.
        no_data: what it must do when there is no series at all.
        heartbeat: it always fires, and its absence is the alarm; it has a route of its own.
        inhibits: what needs no notification while it fires.
        examples: more cases, where one example cannot show all that the query does.
    """

    name: Name
    severity: Literal["critical", "warning", "info"]
    summary: Annotated[AlertText, Field(min_length=1)]
    description: Annotated[AlertText, Field(min_length=1)]
    query: Query
    above: Decimal | None = None
    below: Decimal | None = None
    example: _Example = Field(default_factory=list)
    example_labels: Labels = Field(default_factory=dict)
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
            raise ValueError("an alert has exactly one threshold; write either above or below")
        if is_filter_query(self.query):
            raise ValueError(
                "the query drops values by a comparison of its own; leave that to above or below"
            )
        if self.is_firing_at(self.quiet_value) or not self.is_firing_at(self.firing_value):
            raise ValueError(
                f"at {format_decimal(self.quiet_value)} it should be silent and at "
                f"{format_decimal(self.firing_value)} it should fire, by its threshold "
                f"{format_decimal(self.threshold)} it does not; set quiet and firing"
            )
        return self

    @model_validator(mode="after")
    def _check_heartbeat(self) -> Self:
        if self.heartbeat and self.inhibits:
            raise ValueError("a heartbeat always fires and would hide its symptoms for ever")
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

    @property
    def boundary_values(self) -> tuple[Decimal, Decimal]:
        """The values just on the silent and just on the firing side of the threshold.

        An alert with `quiet` or `firing` of its own has those two values.
        """
        if self.quiet is not None or self.firing is not None or not self.threshold:
            return self.quiet_value, self.firing_value
        below, above = self.threshold * _THRESHOLD_MARGIN, self.threshold * (2 - _THRESHOLD_MARGIN)
        return (below, above) if self.above is not None else (above, below)

    def is_firing_at(self, value: Decimal) -> bool:
        """Return whether the condition of the alert holds at a value."""
        return value > self.threshold if self.above is not None else value < self.threshold
