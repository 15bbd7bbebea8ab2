"""Name, labels, annotations and timing of each alert: who says what, and who wins."""

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
    """Merges what a spec says of its alerts with our defaults; the more specific wins.

    The common annotations of `alerting` describe the burning budget, so they do not replace
    the texts of the other alerts.

    Attributes:
        spec: where it all is written.
        slo_id: whose alerts they are.
        alerting: what is said of them.
        by: labels that split the SLO.
        run_labels: those of the run.
    """

    spec: Spec
    slo_id: str
    alerting: Alerting
    by: tuple[str, ...] = ()
    run_labels: Mapping[str, str] = field(default_factory=dict)

    def burn(self, severity: Severity, spec: BurnAlert, texts: Mapping[str, str]) -> Firing:
        """A page has the name the user gave; a ticket's ends in `Ticket`."""
        name = self.alerting.name + ("" if severity is Severity.PAGE else "Ticket")
        labels = {names.SLOTH_SEVERITY: str(severity), names.SEVERITY: _SEVERITIES[severity]}
        links = self._links(name, panels.BURN_RATES, self.by)
        annotations = {**texts, **links, **self.alerting.annotations}
        return self._firing(name, spec, labels, annotations)

    def threshold(self, spec: ThresholdAlert, texts: Mapping[str, str]) -> Firing:
        """A plain threshold alert, under its own name."""
        links = self._links(spec.name, panels.SLI, self.by)
        annotations = {**links, **self.alerting.annotations, **texts}
        return self._firing(spec.name, spec, _WARNING, annotations)

    def absent(self, texts: Mapping[str, str], *, default_for: Duration) -> Firing:
        """The alert for missing data; its name ends in `NoData`."""
        name = f"{self.alerting.name}NoData"
        links = self._links(name, panels.EVENTS)
        annotations = {**links, **self.alerting.annotations, **texts}
        spec = self.alerting.absent_alert
        firing = self._firing(name, spec, _WARNING, annotations, default_for=default_for)
        # What is known of a burning budget does not bring data back; whom to call may be the same.
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
        """With the SLO chosen, and on a dashboard of ours its group as well."""
        groups = {label: f"{{{{ $labels.{label} }}}}" for label in by}
        labels = {
            panels.variable(key): value for key, value in {**self.run_labels, **groups}.items()
        }
        return _links(self.spec, alert, place, {"slo": self.slo_id}, labels)


def plain_firing(spec: Spec, alert: PlainAlert) -> Firing:
    """An alert that belongs to no SLO; it carries the service, so that routes find it."""
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
    """None for `0s`, which overrides a default and is then nothing to write."""
    return length if length and length.ms else None


def _links(
    spec: Spec,
    alert: str,
    place: Place,
    about: Mapping[str, str],
    within: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Where the runbook is, and the dashboard with what the alert is about already chosen.

    Args:
        spec: which says where both are.
        alert: its name.
        place: the panel, where the dashboard is one of ours.
        about: variables that any dashboard may have.
        within: variables that ours have.
    """
    links = {}
    if prefix := spec.runbook_url_prefix:
        links["runbook_url"] = f"{prefix.rstrip('/')}/{names.page_file(alert)}"
    if dashboard := spec.dashboard_url:
        links["dashboard_url"] = panels.url(dashboard, place, about, within or {})
    return links
