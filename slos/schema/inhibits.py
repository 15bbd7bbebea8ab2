"""Model of `inhibits`: the symptoms that are not notified while their cause fires."""

from typing import Self

from pydantic import Field, model_validator

from slos.schema.wire import MetricName, Name, Wire


class Inhibits(Wire):
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
    def _something(self) -> Self:
        if not (self.metrics or self.slos or self.alerts):
            raise ValueError("this inhibits nothing; name metrics, slos or alerts, or leave it out")
        return self
