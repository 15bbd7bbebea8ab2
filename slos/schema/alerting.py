"""Models of the alerts of an SLO, and the fields that all alerts have."""

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from slos.schema.fields import (
    AlertLabels,
    Annotations,
    DurationField,
    HoldField,
    Name,
    Ratio,
    SpecModel,
)
from slos.schema.runbook import Runbook, get_empty_runbook


def _check_reason(reason: str) -> str:
    """Return the reason of a silence.

    Raises:
        ValueError: it is blank.
    """
    if not reason.strip():
        raise ValueError("a silence needs a reason; write why the check is wrong here")
    return reason


class Silence(SpecModel):
    """A check that is not to speak up, and why."""

    check: Name
    """Its id, as the report shows it."""
    reason: Annotated[str, AfterValidator(_check_reason)]
    """Why the check is wrong here."""


class AlertOptions(SpecModel):
    """Sloth's labels and annotations, and our timing."""

    labels: AlertLabels = Field(default_factory=dict)
    """Added to the alert, above those of everything around it."""
    annotations: Annotations = Field(default_factory=dict)
    """Added to the alert, above the texts that it has by itself."""
    for_: Annotated[HoldField | None, Field(alias="for")] = None
    """Ours: fire only when the condition held this long."""
    keep_firing_for: HoldField | None = None
    """Ours: keep firing this long after the condition ended."""
    runbook: Runbook = Field(default_factory=get_empty_runbook)
    """Ours: what people know of it, for its page."""


def _replace_null(value: Any) -> Any:  # noqa: ANN401
    return {} if value is None else value


def _allow_null(model: type[SpecModel]) -> BeforeValidator:
    """Build a validator that reads `key:` without a value as the defaults, as Sloth does."""
    return BeforeValidator(_replace_null, json_schema_input_type=model | None)


class BurnWindow(SpecModel):
    """One burn-rate condition: this share of the budget gone within the long window."""

    error_budget_percent: Annotated[Decimal, Field(gt=0, le=100)]
    """How much of the period's budget may be gone."""
    short_window: DurationField
    """Ends the alert soon after the trouble ends."""
    long_window: DurationField
    """Tells a trend from a blip."""

    @model_validator(mode="after")
    def _check_window_order(self) -> Self:
        if not self.short_window < self.long_window:
            raise ValueError(
                f"short_window {self.short_window} is not shorter than "
                f"long_window {self.long_window}; swap or change them"
            )
        return self


class SpeedWindows(SpecModel):
    """A quick and a slow condition; either fires the alert."""

    quick: BurnWindow
    """For a budget that is gone in hours."""
    slow: BurnWindow
    """For one that is gone in days."""


class AlertWindows(SpecModel):
    """Windows of both burn-rate alerts; the keys of Sloth's AlertWindows in snake case."""

    page: SpeedWindows
    """What wakes somebody."""
    ticket: SpeedWindows
    """What can wait until morning."""


class EventAlertOptions(AlertOptions):
    """An alert over counted events, which can wait until there are enough of them."""

    min_events: Annotated[int | None, Field(gt=0, strict=True)] = None
    """Ours: stay silent below this many events in the window the alert looks at."""


class BurnAlertSpec(EventAlertOptions):
    """Sloth's `page_alert` and `ticket_alert`."""

    disable: StrictBool = False
    """Leave this alert out."""


class ThresholdAlertSpec(EventAlertOptions):
    """Ours: a plain alert, share of errors `above` a ratio `over` a window."""

    name: Name
    """Unique among all alerts."""
    above: Annotated[Ratio, Field(lt=1)]
    """Fires above this share of errors."""
    over: DurationField
    """The window the share is taken over."""


class AbsentAlertSpec(AlertOptions):
    """Ours: what to do when the metrics behind an SLO are gone."""

    disable: StrictBool = False
    """Leave this alert out."""


class Alerting(SpecModel):
    """Sloth's `alerting`, with windows, threshold alerts and the absent alert as ours."""

    name: str = ""
    """The name of the page; the ticket's ends in `Ticket`, that for missing data in `NoData`."""
    labels: AlertLabels = Field(default_factory=dict)
    """Added to every alert of the SLO."""
    annotations: Annotations = Field(default_factory=dict)
    """Added to every alert of the SLO."""
    page_alert: Annotated[BurnAlertSpec, _allow_null(BurnAlertSpec)] = Field(
        default_factory=BurnAlertSpec
    )
    """Wakes somebody."""
    ticket_alert: Annotated[BurnAlertSpec, _allow_null(BurnAlertSpec)] = Field(
        default_factory=BurnAlertSpec
    )
    """Can wait until morning."""
    absent_alert: Annotated[AbsentAlertSpec, _allow_null(AbsentAlertSpec)] = Field(
        default_factory=AbsentAlertSpec
    )
    """Ours: nothing is counted any more."""
    threshold_alerts: list[ThresholdAlertSpec] = Field(default_factory=list)
    """Ours: plain alerts on the share of errors."""
    windows: AlertWindows | None = None
    """Ours: other windows than those of the period."""
    runbook: Runbook = Field(default_factory=get_empty_runbook)
    """Ours: what people know of the alerts, but for that of missing data."""

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if not self.name and not (self.page_alert.disable and self.ticket_alert.disable):
            raise ValueError(
                "the alerts have no name; add 'name', or disable page_alert and ticket_alert"
            )
        return self

    @model_validator(mode="after")
    def _check_unique_names(self) -> Self:
        """Refuse two alerts of one name; silences, runbooks and panels cannot tell them apart."""
        suffixes = (
            ("", self.page_alert),
            ("Ticket", self.ticket_alert),
            ("NoData", self.absent_alert),
        )
        names = [f"{self.name}{suffix}" for suffix, alert in suffixes if not alert.disable]
        for alert in self.threshold_alerts:
            if alert.name in names:
                raise ValueError(f"two alerts are called {alert.name!r}; rename one of them")
            names.append(alert.name)
        return self
