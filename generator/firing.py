"""Metadata of alerts: name, labels, annotations and timing, merged from spec and defaults."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from generator import names, panels
from generator.model import Firing, Severity
from generator.panels import Place
from slos.schema.alerting import Alerting, BurnAlert, GuardedFiring, ThresholdAlert
from slos.schema.firing import Firing as FiringSpec
from slos.schema.plain import PlainAlert
from slos.schema.runbook import Runbook
from slos.schema.spec import Spec
from slos.schema.units import Duration, plain

_SEVERITIES = {Severity.PAGE: "critical", Severity.TICKET: "warning"}
_WARNING = {names.SEVERITY: "warning"}


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
        links = self._links(name, panels.BURN_RATES, self.by)
        annotations = {**texts, **links, **self.alerting.annotations}
        return self._firing(name, spec, labels, annotations)

    def threshold(self, spec: ThresholdAlert, texts: Mapping[str, str]) -> Firing:
        """Metadata of a threshold alert, under its own name."""
        links = self._links(spec.name, panels.SLI, self.by)
        annotations = {**links, **self.alerting.annotations, **texts}
        return self._firing(spec.name, spec, _WARNING, annotations)

    def absent(self, texts: Mapping[str, str], *, default_for: Duration) -> Firing:
        """Metadata of the alert for missing data; its name ends in `NoData`."""
        name = f"{self.alerting.name}NoData"
        links = self._links(name, panels.EVENTS)
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
        labels = {
            panels.variable(key): value for key, value in {**self.run_labels, **groups}.items()
        }
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
    links = _links(spec, alert.name, panels.of_query(alert.query), {"service": spec.service})
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
        links["dashboard_url"] = panels.url(dashboard, place, about, within or {})
    return links
