"""Name, labels and texts of each alert."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from generator import names
from generator.model import BurnCondition, Firing, Severity
from generator.slo.links import BURN_RATES, EVENTS, SLI, Place, of_query, url, variable
from slos.schema.alerting import Alerting, BurnAlert, GuardedFiring, ThresholdAlert
from slos.schema.alerting import Firing as FiringSpec
from slos.schema.golang import escape
from slos.schema.runbook import Runbook
from slos.schema.sli_signal import Weight
from slos.schema.spec import Spec
from slos.schema.standalone import PlainAlert
from slos.schema.units import Duration, plain

_SEVERITIES = {Severity.PAGE: "critical", Severity.TICKET: "warning"}
_WARNING = {names.SEVERITY: "warning"}

_MINUTE = Duration.of(minutes=1)
BAD = {Weight.EVENTS: "of events are bad", Weight.TIME: "of the time is bad"}


@dataclass(frozen=True, slots=True)
class AlertWriter:
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
    by: tuple[str, ...] = ()
    run_labels: Mapping[str, str] = field(default_factory=dict)

    def burn(self, severity: Severity, spec: BurnAlert, texts: Mapping[str, str]) -> Firing:
        """Metadata of a burn-rate alert; a page has the given name, a ticket adds `Ticket`."""
        name = self.alerting.name + ("" if severity is Severity.PAGE else "Ticket")
        labels = {names.SLOTH_SEVERITY: str(severity), names.SEVERITY: _SEVERITIES[severity]}
        links = self._links(name, BURN_RATES, self.by)
        annotations = {**texts, **links, **self.alerting.annotations}
        return self._firing(name, spec, labels, annotations)

    def threshold(self, spec: ThresholdAlert, texts: Mapping[str, str]) -> Firing:
        """Metadata of a threshold alert, under its own name."""
        links = self._links(spec.name, SLI, self.by)
        annotations = {**links, **self.alerting.annotations, **texts}
        return self._firing(spec.name, spec, _WARNING, annotations)

    def absent(self, texts: Mapping[str, str], *, default_for: Duration) -> Firing:
        """Metadata of the alert for missing data; its name ends in `NoData`."""
        name = f"{self.alerting.name}NoData"
        links = self._links(name, EVENTS)
        annotations = {**links, **self.alerting.annotations, **texts}
        spec = self.alerting.absent_alert
        firing = self._firing(name, spec, _WARNING, annotations, default_for=default_for)
        # The runbook of a burning budget does not help with missing data; the escalation may.
        common = Runbook(escalate=self.alerting.runbook.escalate)
        return replace(firing, runbook=spec.runbook.over(common))

    def _firing(
        self,
        name: str,
        spec: FiringSpec,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        *,
        default_for: Duration | None = None,
    ) -> Firing:
        merged = {**labels, **self.alerting.labels, **spec.labels}
        return Firing(
            name=name,
            labels={key: value for key, value in merged.items() if key not in names.RESERVED},
            annotations={**annotations, **spec.annotations},
            for_=_any(spec.for_ or default_for),
            keep_firing_for=_any(spec.keep_firing_for),
            min_events=spec.min_events if isinstance(spec, GuardedFiring) else None,
            runbook=spec.runbook.over(self.alerting.runbook),
        )

    def _links(self, alert: str, place: Place, by: Iterable[str] = ()) -> dict[str, str]:
        """Links with the SLO selected, and its group as well on a generated dashboard."""
        groups = {label: f"{{{{ $labels.{label} }}}}" for label in by}
        labels = {variable(key): value for key, value in {**self.run_labels, **groups}.items()}
        return _links(self.spec, alert, place, {"slo": self.slo_id}, labels)


def plain_firing(spec: Spec, alert: PlainAlert) -> Firing:
    """Metadata of a standalone alert; the service is a label, so that routes match it."""
    labels = {**spec.labels, names.SERVICE: spec.service, names.SEVERITY: alert.severity}
    side = "above" if alert.above is not None else "below"
    texts = {
        "summary": alert.summary,
        "description": alert.description,
        "value": f"{{{{ $value }}}}, fires {side} {plain(alert.threshold)}",
    }
    links = _links(spec, alert.name, of_query(alert.query), {"service": spec.service})
    return Firing(
        name=alert.name,
        labels={**labels, **alert.labels},
        annotations={**texts, **links, **alert.annotations},
        for_=_any(alert.for_),
        keep_firing_for=_any(alert.keep_firing_for),
        runbook=alert.runbook,
    )


def _any(length: Duration | None) -> Duration | None:
    """Replace `0s` by None: it overrides a default and is not written."""
    return length if length and length.ms else None


def _links(
    spec: Spec,
    alert: str,
    place: Place,
    about: Mapping[str, str],
    within: Mapping[str, str] | None = None,
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
        links["runbook_url"] = f"{prefix.rstrip('/')}/{names.page_file(alert)}"
    if dashboard := spec.dashboard_url:
        links["dashboard_url"] = url(dashboard, place, about, within or {})
    return links


@dataclass(frozen=True, slots=True)
class Promise:
    """Values of an SLO that its alert annotations are written with.

    Attributes:
        objective: in percent.
        group_by: labels that the SLO is grouped by.
        bad_phrase: phrase after the percentage of an alert, such as `of events are bad`.
    """

    service: str
    slo: str
    description: str
    objective: Decimal
    period: Duration
    by: tuple[str, ...]
    bad: str

    @property
    def subject(self) -> str:
        """Name of the SLO that an alert is about, with its group."""
        groups = ", ".join(f"{label} {{{{ $labels.{label} }}}}" for label in self.by)
        return f"{self.service} {self.slo}" + (f" ({groups})" if groups else "")

    def __str__(self) -> str:
        return (
            escape(self.description)
            or f"The objective is {plain(self.objective)} % over {span(self.period)}."
        )


def burn(
    promise: Promise, severity: Severity, conditions: Sequence[BurnCondition]
) -> dict[str, str]:
    """Annotations of a burn-rate alert."""
    speeds = " or ".join(_speed(promise, condition) for condition in conditions)
    allowed = plain(100 - promise.objective)
    return {
        **_numbers(promise, conditions),
        "value": f"{{{{ $value }}}} % {promise.bad}, {allowed} % allowed",
        "title": f"({severity}) {promise.service} {promise.slo}: error budget burns too fast",
        "summary": f"{promise.subject}: {{{{ $value }}}} % {promise.bad}, {allowed} % allowed",
        "description": f"{promise} Over the short window {{{{ $value }}}} % {promise.bad}; the "
        f"error budget is {allowed} % over {span(promise.period)}. This {severity} fires at a burn "
        f"rate of {speeds}. First check the remaining error budget and what changed.",
    }


def _speed(promise: Promise, condition: BurnCondition) -> str:
    """Burn rate in words: the budget spent over the window, and the time to exhaustion."""
    return (
        f"{plain(condition.factor, 2)} over {condition.long} "
        f"({_gone(promise, condition)} % of the error budget spent in {condition.long}, "
        f"all of it in {_left(promise, condition)})"
    )


def _numbers(promise: Promise, conditions: Sequence[BurnCondition]) -> dict[str, str]:
    """Burn rate, spent budget and time to exhaustion, for notifications that begin with them."""
    rates = (f"{plain(each.factor, 2)} times over {each.long}" for each in conditions)
    gone = (f"{_gone(promise, each)} % in {each.long}" for each in conditions)
    left = (str(_left(promise, each)) for each in conditions)
    return {
        "burn_rate": f"at least {' or '.join(rates)}",
        "budget_gone": f"at least {' or '.join(gone)}",
        "time_to_exhaustion": f"at most {' or '.join(left)}",
    }


def _gone(promise: Promise, condition: BurnCondition) -> str:
    """Percentage of the budget that is spent over the long window at this rate."""
    return plain(100 * condition.factor * condition.long.ms / promise.period.ms, 1)


def _left(promise: Promise, condition: BurnCondition) -> Duration:
    """Time in which this rate spends the whole budget, in whole minutes."""
    return Duration(int(promise.period.ms / condition.factor) // _MINUTE.ms * _MINUTE.ms)


def threshold(promise: Promise, above: Decimal, over: Duration) -> dict[str, str]:
    """Annotations of a threshold alert."""
    limit = plain(above * 100)
    return {
        "value": f"{{{{ $value }}}} % {promise.bad} over {over}, the limit is {limit} %",
        "title": f"{promise.service} {promise.slo}: above {limit} % over {over}",
        "summary": f"{promise.subject}: {{{{ $value }}}} % {promise.bad} over {over}, "
        f"the limit is {limit} %",
        "description": f"{promise} Over {over} {{{{ $value }}}} % {promise.bad}; "
        f"this alert fires above {limit} %. First check what changed.",
    }


def absent(promise: Promise, sources: Sequence[str]) -> dict[str, str]:
    """Annotations of an absent alert; `sources` are the series the SLO is counted from."""
    read = escape(" and ".join(sources) or "its query")
    return {
        "title": f"{promise.service} {promise.slo}: no data",
        "summary": f"{promise.service} {promise.slo}: no events are counted",
        "description": f"{promise} No events are counted, so neither a page nor a ticket can fire. "
        f"First check {read}: it is not exported, was never observed, or is scraped less often "
        "than the scrape_interval of the spec.",
    }


def span(period: Duration) -> str:
    """Period in words: `7 days` rather than `1w`."""
    return f"{plain(period.days)} days" if period.days == int(period.days) else str(period)
