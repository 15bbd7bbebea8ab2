"""Metadata of alerts: name, labels and annotations of each alert of an SLO or a spec."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache

from generator import names
from generator.model import AlertMeta, AlertSeverity, BurnCondition
from generator.slo.links import (
    BURN_RATES_PANEL,
    EVENTS_PANEL,
    SLI_PANEL,
    PanelRef,
    build_dashboard_url,
    find_panel,
    name_variable,
)
from slos.schema.alerting import Alerting, BurnAlertSpec, EventAlertOptions, ThresholdAlertSpec
from slos.schema.alerting import AlertOptions as FiringSpec
from slos.schema.compatibility import is_classic_label
from slos.schema.golang import escape_template
from slos.schema.promql import format_label_name, quote_string
from slos.schema.runbook import Runbook
from slos.schema.sli_signal import Weight
from slos.schema.spec import Spec
from slos.schema.standalone import StandaloneAlert
from slos.schema.units import Duration, format_decimal

_SEVERITIES = {AlertSeverity.PAGE: "critical", AlertSeverity.TICKET: "warning"}
_WARNING = {names.SEVERITY: "warning"}

_MINUTE = Duration.from_parts(minutes=1)
BAD_PHRASES = {Weight.EVENTS: "of events are bad", Weight.TIME: "of the time is bad"}


@dataclass(frozen=True, slots=True)
class AlertMetaBuilder:
    """Builder of alert metadata; it merges a spec with our defaults, and the more specific wins.

    The common annotations of `alerting` describe the burn of the budget, so they do not replace
    the texts of the other alerts.

    Attributes:
        spec: spec of the SLO.
        slo_id: id of the SLO.
        alerting: alerting section of the SLO.
        group_by: labels that the SLO is grouped by.
        run_labels: labels of the run.
    """

    spec: Spec
    slo_id: str
    alerting: Alerting
    group_by: tuple[str, ...] = ()
    run_labels: Mapping[str, str] = field(default_factory=dict)

    def build_burn_alert_meta(
        self, severity: AlertSeverity, spec: BurnAlertSpec, texts: Mapping[str, str]
    ) -> AlertMeta:
        """Metadata of a burn-rate alert; a page has the given name, a ticket adds `Ticket`."""
        name = self.alerting.name + ("" if severity is AlertSeverity.PAGE else "Ticket")
        labels = {names.SLOTH_SEVERITY: str(severity), names.SEVERITY: _SEVERITIES[severity]}
        links = self._build_links(name, BURN_RATES_PANEL, self.group_by)
        annotations = {**texts, **links, **self.alerting.annotations}
        return self._build_meta(name, spec, labels, annotations)

    def build_threshold_alert_meta(
        self, spec: ThresholdAlertSpec, texts: Mapping[str, str]
    ) -> AlertMeta:
        """Metadata of a threshold alert, under its own name."""
        links = self._build_links(spec.name, SLI_PANEL, self.group_by)
        annotations = {**links, **self.alerting.annotations, **texts}
        return self._build_meta(spec.name, spec, _WARNING, annotations)

    def build_absent_alert_meta(
        self, texts: Mapping[str, str], *, default_for: Duration
    ) -> AlertMeta:
        """Metadata of the alert for missing data; its name ends in `NoData`."""
        name = f"{self.alerting.name}NoData"
        links = self._build_links(name, EVENTS_PANEL)
        annotations = {**links, **self.alerting.annotations, **texts}
        spec = self.alerting.absent_alert
        meta = self._build_meta(name, spec, _WARNING, annotations, default_for=default_for)
        # The runbook of a burning budget does not help with missing data; the escalation may.
        common = Runbook(escalate=self.alerting.runbook.escalate)
        return replace(meta, runbook=spec.runbook.merge_defaults(common))

    def format_first_step(self, spec: FiringSpec) -> str:
        """Format the first check of an alert's runbook, for the middle of a sentence."""
        return _format_first_step(spec.runbook.merge_defaults(self.alerting.runbook))

    def _build_meta(
        self,
        name: str,
        spec: FiringSpec,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        *,
        default_for: Duration | None = None,
    ) -> AlertMeta:
        merged = {**labels, **self.alerting.labels, **spec.labels}
        return AlertMeta(
            name=name,
            labels={key: value for key, value in merged.items() if key not in names.RESERVED},
            annotations={**annotations, **spec.annotations},
            for_=_omit_zero(spec.for_ or default_for),
            keep_firing_for=_omit_zero(spec.keep_firing_for),
            min_events=spec.min_events if isinstance(spec, EventAlertOptions) else None,
            min_errors=spec.min_errors if isinstance(spec, EventAlertOptions) else None,
            office_hours=spec.office_hours,
            inhibits=spec.inhibits if isinstance(spec, BurnAlertSpec) else None,
            respond=spec.respond,
            runbook=spec.runbook.merge_defaults(self.alerting.runbook),
        )

    def _build_links(
        self, alert: str, panel: PanelRef, group_by: Iterable[str] = ()
    ) -> dict[str, str]:
        """Links with the SLO selected, and its group as well on a generated dashboard."""
        groups = {label: f"{{{{ {_read_label(label)} }}}}" for label in group_by}
        labels = {name_variable(key): value for key, value in {**self.run_labels, **groups}.items()}
        return _build_alert_links(self.spec, alert, panel, {"slo": self.slo_id}, labels)


def build_standalone_alert_meta(spec: Spec, alert: StandaloneAlert) -> AlertMeta:
    """Metadata of a standalone alert; the service is a label, so that routes match it."""
    # Labels of the spec are text, those of an alert are templates.
    labels = {key: escape_template(value) for key, value in spec.labels.items()}
    labels |= {names.SERVICE: spec.service, names.SEVERITY: alert.severity}
    side = "above" if alert.above is not None else "below"
    texts = {
        "summary": alert.summary,
        "description": alert.description,
        "value": f"{{{{ $value }}}}, fires {side} {format_decimal(alert.threshold)}",
    }
    links = _build_alert_links(spec, alert.name, find_panel(alert.query), {"service": spec.service})
    return AlertMeta(
        name=alert.name,
        labels={**labels, **alert.labels},
        annotations={**texts, **links, **alert.annotations},
        for_=_omit_zero(alert.for_),
        keep_firing_for=_omit_zero(alert.keep_firing_for),
        office_hours=alert.office_hours,
        respond=alert.respond,
        runbook=alert.runbook,
    )


def _read_label(label: str) -> str:
    """Template expression of a label's value; a name that needs quotes is no field."""
    return f"$labels.{label}" if is_classic_label(label) else f"index $labels {quote_string(label)}"


def _format_groups(group_by: Iterable[str]) -> str:
    return ", ".join(f"{label} {{{{ {_read_label(label)} }}}}" for label in group_by)


def _format_first_step(runbook: Runbook) -> str:
    """Format the first sentence of the first check; empty without checks."""
    if not runbook.checks:
        return ""
    sentence = runbook.checks[0].say.partition(". ")[0].rstrip(".")
    return escape_template(f"{sentence[0].lower()}{sentence[1:]}.")


def _omit_zero(length: Duration | None) -> Duration | None:
    """Replace `0s` by None: it overrides a default and is not written."""
    return length if length and length.ms else None


def _build_alert_links(
    spec: Spec,
    alert: str,
    panel: PanelRef,
    common_variables: Mapping[str, str],
    board_variables: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Links to the runbook and to the dashboard, with the variables of the alert set.

    Args:
        spec: spec with the URLs of both.
        alert: name of the alert.
        panel: panel of a generated dashboard.
        common_variables: variables that any dashboard may have.
        board_variables: variables that generated dashboards have.
    """
    links = {}
    if prefix := spec.runbook_url_prefix:
        links["runbook_url"] = f"{prefix.rstrip('/')}/{names.name_runbook_page(alert)}"
    if dashboard := spec.dashboard_url:
        links["dashboard_url"] = build_dashboard_url(
            dashboard, panel, common_variables, board_variables or {}
        )
    return links


@dataclass(frozen=True, slots=True)
class AnnotationContext:
    """Values of an SLO that its alert annotations are written with.

    Attributes:
        objective: in percent.
        group_by: labels that the SLO is grouped by.
        bad_phrase: phrase after the percentage of an alert, such as `of events are bad`.
        queried_labels: labels that select series of the SLO in queries; empty where annotations may
            not contain queries.
    """

    service: str
    slo: str
    description: str
    objective: Decimal
    period: Duration
    group_by: tuple[str, ...]
    bad_phrase: str
    queried_labels: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Name of the SLO that an alert is about, with its group."""
        groups = _format_groups(self.group_by)
        return f"{self.service} {self.slo}" + (f" ({groups})" if groups else "")

    @property
    def group_if_any(self) -> str:
        """Template of the group in parentheses; empty for an alert without the group's labels."""
        if not self.group_by:
            return ""
        first = _read_label(self.group_by[0])
        return f"{{{{ if {first} }}}} ({_format_groups(self.group_by)}){{{{ end }}}}"

    def __str__(self) -> str:
        objective = format_decimal(self.objective)
        return (
            escape_template(self.description)
            or f"The objective is {objective} % over {format_period(self.period)}."
        )


def describe_burn_alert(
    context: AnnotationContext,
    severity: AlertSeverity,
    conditions: tuple[BurnCondition, ...],
    first_step: str = "",
) -> dict[str, str]:
    """Annotations of a burn-rate alert; `first_step` is that of its runbook."""
    texts = _describe_burn_rates(context.period, conditions)
    allowed = format_decimal(100 - context.objective)
    window = min(condition.short for condition in conditions)
    bad = f"{{{{ $value }}}} % {context.bad_phrase}"
    value = f"{bad} over {window}"
    return {
        "burn_rate": texts.burn_rate,
        "budget_gone": texts.budget_gone,
        "time_to_exhaustion": _render_time_to_exhaustion(context, texts.time_to_exhaustion),
        "value": f"{value}, {allowed} % allowed",
        "title": f"({severity}) {context.service} {context.slo}: error budget burns too fast",
        "summary": f"{context.subject}: {value}, {allowed} % allowed",
        "description": f"{context} Over the last {window} {bad}; the error budget is {allowed} % "
        f"over {format_period(context.period)}. This {severity} fires at a burn rate of "
        f"{texts.description}. First "
        f"{first_step or 'check the remaining error budget and what changed.'}",
    }


@dataclass(frozen=True, slots=True)
class _BurnRateTexts:
    """Texts about the burn rates of an alert, each with all its conditions.

    Attributes:
        description: burn rates in words, each with the budget spent and the time to exhaustion.
        burn_rate: burn rates, for notifications that begin with them.
        budget_gone: budget spent over the long windows.
        time_to_exhaustion: time in which the whole budget is spent.
    """

    description: str
    burn_rate: str
    budget_gone: str
    time_to_exhaustion: str


@lru_cache(maxsize=256)  # most SLOs have the same burn rates
def _describe_burn_rates(period: Duration, conditions: tuple[BurnCondition, ...]) -> _BurnRateTexts:
    gone = [_format_budget_gone(period, each) for each in conditions]
    left = [str(_compute_time_to_exhaustion(period, each)) for each in conditions]
    factors = [format_decimal(each.factor, 2) for each in conditions]
    rows = list(zip(factors, conditions, gone, left, strict=True))
    descriptions = (
        f"{factor} over {each.long} ({percent} % of the error budget spent in {each.long}, "
        f"all of it in {time})"
        for factor, each, percent, time in rows
    )
    rates = (f"{factor} times over {each.long}" for factor, each, _, _ in rows)
    budgets = (f"{percent} % in {each.long}" for _, each, percent, _ in rows)
    return _BurnRateTexts(
        description=" or ".join(descriptions),
        burn_rate=f"at least {' or '.join(rates)}",
        budget_gone=f"at least {' or '.join(budgets)}",
        time_to_exhaustion=f"at most {' or '.join(left)}",
    )


def _render_time_to_exhaustion(context: AnnotationContext, otherwise: str) -> str:
    """Template of the time in which the rest of the budget is spent at the present error ratio.

    The ratio is `$value`, in percent. The text is `otherwise` if that is zero or no budget is
    recorded yet.
    """
    if not context.queried_labels:
        return otherwise
    matchers = ", ".join(f"{format_label_name(each)}=%q" for each in context.queried_labels)
    percent_seconds = format_decimal(context.period.seconds * (100 - context.objective))
    budget = f"clamp_min({names.BUDGET_REMAINING}{{{matchers}}}, 0)"
    query = quote_string(f"{budget} * {percent_seconds} / %v < Inf")
    labels = " ".join(f"({_read_label(each)})" for each in context.queried_labels)
    return (
        f"{{{{ with printf {query} {labels} $value | query }}}}"
        "{{ . | first | value | humanizeDuration }} at the present rate"
        f"{{{{ else }}}}{otherwise}{{{{ end }}}}"
    )


def _format_budget_gone(period: Duration, condition: BurnCondition) -> str:
    """Percentage of the budget that is spent over the long window at this rate."""
    return format_decimal(100 * condition.factor * condition.long.ms / period.ms, 1)


def _compute_time_to_exhaustion(period: Duration, condition: BurnCondition) -> Duration:
    """Time in which this rate spends the whole budget, in whole minutes."""
    return Duration(int(period.ms / condition.factor) // _MINUTE.ms * _MINUTE.ms)


def describe_threshold_alert(
    context: AnnotationContext, above: Decimal, over: Duration, first_step: str = ""
) -> dict[str, str]:
    """Annotations of a threshold alert; `first_step` is that of its runbook."""
    limit = format_decimal(above * 100)
    return {
        "value": f"{{{{ $value }}}} % {context.bad_phrase} over {over}, the limit is {limit} %",
        "title": f"{context.service} {context.slo}: above {limit} % over {over}",
        "summary": f"{context.subject}: {{{{ $value }}}} % {context.bad_phrase} over {over}, "
        f"the limit is {limit} %",
        "description": f"{context} Over {over} {{{{ $value }}}} % {context.bad_phrase}; "
        f"this alert fires above {limit} %. First {first_step or 'check what changed.'}",
    }


def describe_absent_alert(context: AnnotationContext, sources: Sequence[str]) -> dict[str, str]:
    """Annotations of an absent alert; `sources` are the series the SLO is counted from."""
    listed_sources = escape_template(" and ".join(sources) or "its query")
    return {
        "title": f"{context.service} {context.slo}: no data",
        "summary": f"{context.service} {context.slo}{context.group_if_any}: no events are counted",
        "description": f"{context} No events are counted, so neither a page nor a ticket can fire. "
        f"First check {listed_sources}: it is not exported, was never observed, or is scraped "
        "less often than the scrape_interval of the spec.",
    }


def describe_no_data_alert(
    group_by: Sequence[str], hold: Duration, runbook: Runbook
) -> dict[str, str]:
    """Texts of the alert of a spec on missing data, whose series name the SLO and its group."""
    groups = "".join(
        f"{{{{ if {_read_label(label)} }}}}, {label} {{{{ {_read_label(label)} }}}}{{{{ end }}}}"
        for label in group_by
    )
    first_step = _format_first_step(runbook)
    return {
        "value": "no events are counted",
        "summary": f"{{{{ $labels.{names.ID} }}}}{groups}: no events are counted",
        "description": f"No events of this SLO have been counted for {hold}, so none of its "
        "alerts can fire. First "
        f"{first_step or 'check that the series that it is counted from exist.'}",
    }


def format_period(period: Duration) -> str:
    """Period in words: `7 days` rather than `1w`."""
    return f"{format_decimal(period.days)} days" if period.days == int(period.days) else str(period)
