"""Models of the alerts of an SLO, and the fields that all alerts have."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from slos.schema.fields import (
    AlertHoldField,
    AlertLabels,
    Annotations,
    DurationField,
    MetricName,
    Name,
    Ratio,
    Reason,
    Selector,
    SpecModel,
    check_unique,
)
from slos.schema.runbook import Paragraph, Runbook, get_empty_runbook


class Silence(SpecModel):
    """A silenced check and the reason."""

    check: Name
    """Id of the check, as `slo-rules check` reports it."""
    reason: Reason
    """Reason why the finding does not apply here."""


class Response(SpecModel):
    """Expected response to an alert, for the table of all alerts."""

    who: Paragraph
    """Person or role that responds."""
    within: DurationField
    """Time from the notification within which the response begins."""


class AlertOptions(SpecModel):
    """Labels and annotations as in Sloth, timing and urgency."""

    labels: AlertLabels = Field(default_factory=dict)
    """Labels of the alert. They override those of the SLO and of the document."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the alert. They override the generated annotations."""
    for_: Annotated[AlertHoldField | None, Field(alias="for")] = None
    """Ours: duration for which the condition must hold before the alert fires; at most
    `7d`."""
    keep_firing_for: AlertHoldField | None = None
    """Ours: duration for which the alert keeps firing after the condition ends; at most `7d`."""
    office_hours: StrictBool = True
    """Ours: `false` to notify of this alert at any hour although its severity is warning."""
    respond: Response | None = None
    """Ours: who responds to the alert within which time."""
    runbook: Runbook = Field(default_factory=get_empty_runbook)
    """Ours: runbook texts for the page of this alert."""


def _replace_null(value: Any) -> Any:  # noqa: ANN401
    return {} if value is None else value


def _allow_null(model: type[SpecModel]) -> BeforeValidator:
    """Build a validator that reads `key:` without a value as the defaults, as Sloth does."""
    return BeforeValidator(_replace_null, json_schema_input_type=model | None)


class BurnWindow(SpecModel):
    """Burn-rate condition: a percentage of the error budget is spent in the long window."""

    error_budget_percent: Annotated[Decimal, Field(gt=0, le=100)]
    """Percentage of the error budget that may be spent in the long window."""
    short_window: DurationField
    """Short window. It resolves the alert soon after the errors stop."""
    long_window: DurationField
    """Long window. It prevents alerts for short error spikes."""

    @model_validator(mode="after")
    def _check_window_order(self) -> Self:
        if not self.short_window < self.long_window:
            raise ValueError(
                f"short_window {self.short_window} is not shorter than "
                f"long_window {self.long_window}; use a shorter short_window"
            )
        return self


class SpeedWindows(SpecModel):
    """Quick and slow burn-rate conditions. The alert fires when either is met."""

    quick: BurnWindow
    """Condition for a budget that is exhausted within hours."""
    slow: BurnWindow
    """Condition for a budget that is exhausted within days."""


class AlertWindows(SpecModel):
    """Windows of both burn-rate alerts, with the keys of Sloth's AlertWindows in snake case."""

    page: SpeedWindows
    """Windows of the page alert."""
    ticket: SpeedWindows
    """Windows of the ticket alert."""


class InhibitionSpec(SpecModel):
    """Symptoms of an alert. Their notifications are inhibited while the alert fires."""

    metrics: Annotated[list[MetricName], AfterValidator(check_unique)] = Field(default_factory=list)
    """Prefixes of metric names; alerts that read such a metric are inhibited, directly or through
    recorded series."""
    slos: Annotated[list[Name], AfterValidator(check_unique)] = Field(default_factory=list)
    """Ids of SLOs; their burn-rate and threshold alerts are inhibited."""
    alerts: Annotated[list[Name], AfterValidator(check_unique)] = Field(default_factory=list)
    """Names of alerts."""
    where: Selector = ""
    """Label matchers, without braces, of the series of this alert that inhibit; all by default."""

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not (self.metrics or self.slos or self.alerts):
            raise ValueError("empty inhibits; add metrics, slos or alerts, or remove the key")
        return self


class EventAlertOptions(AlertOptions):
    """Options of an alert over counted events, with minimum numbers of events."""

    min_events: Annotated[int | None, Field(gt=0, strict=True)] = None
    """Ours: minimum number of events in the window; with fewer the alert does not fire."""
    min_errors: Annotated[int | None, Field(gt=0, strict=True)] = None
    """Ours: minimum number of bad events in the window; with fewer the alert does not fire. For
    SLOs with few events, where one bad event is a large share."""


class BurnAlertSpec(EventAlertOptions):
    """Burn-rate alert: `page_alert` or `ticket_alert` of Sloth."""

    disable: StrictBool = False
    """Disable this alert."""
    inhibits: InhibitionSpec | None = None
    """Ours: alerts that are inhibited while this alert fires."""


class ThresholdAlertSpec(EventAlertOptions):
    """Ours: alert on an error ratio `above` a threshold `over` a window."""

    name: Name
    """Name of the alert, unique among all alerts."""
    above: Annotated[Ratio, Field(lt=1)]
    """Error ratio above which the alert fires."""
    over: DurationField
    """Window of the error ratio."""


class AbsentAlertSpec(AlertOptions):
    """Ours: alert on missing metrics of an SLO, or of one of its groups."""

    disable: StrictBool = False
    """Disable this alert."""
    seen_within: DurationField | None = None
    """A group that had events within this time and is not counted any more is missing; `1d` by
    default, at most the period."""
    transient_groups: Selector = ""
    """Label matchers, without braces, of groups that are meant to come and go."""


class NoDataAlertSpec(AlertOptions):
    """Ours: one alert on missing data for all SLOs of a document, with a series for each SLO."""

    name: Name
    """Name of the alert, unique among all alerts."""
    severity: Literal["critical", "warning", "info"] = "warning"
    """Severity of the alert; it selects the receiver."""


class Alerting(SpecModel):
    """Alerts of an SLO, as in Sloth; windows, threshold alerts and the absent alert are ours."""

    name: str = ""
    """Name of the page alert. The ticket alert adds `Ticket` to it, the absent alert `NoData`."""
    labels: AlertLabels = Field(default_factory=dict)
    """Labels of every alert of the SLO."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of every alert of the SLO."""
    page_alert: Annotated[BurnAlertSpec, _allow_null(BurnAlertSpec)] = Field(
        default_factory=BurnAlertSpec
    )
    """Burn-rate alert of severity page, for urgent problems."""
    ticket_alert: Annotated[BurnAlertSpec, _allow_null(BurnAlertSpec)] = Field(
        default_factory=BurnAlertSpec
    )
    """Burn-rate alert of severity ticket, for problems that can wait until office hours."""
    absent_alert: Annotated[AbsentAlertSpec, _allow_null(AbsentAlertSpec)] = Field(
        default_factory=AbsentAlertSpec
    )
    """Ours: alert for the case that no events are counted."""
    threshold_alerts: list[ThresholdAlertSpec] = Field(default_factory=list)
    """Ours: alerts on the error ratio, without a burn rate."""
    windows: AlertWindows | None = None
    """Ours: alert windows that replace the defaults of the period."""
    runbook: Runbook = Field(default_factory=get_empty_runbook)
    """Ours: runbook texts for the pages of all alerts except the absent alert."""

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if not self.name and not (self.page_alert.disable and self.ticket_alert.disable):
            raise ValueError(
                "missing alert name; add 'name', or disable page_alert and ticket_alert"
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
                raise ValueError(f"duplicate alert name {alert.name!r}; rename one of the alerts")
            names.append(alert.name)
        return self
