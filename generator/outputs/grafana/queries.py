"""Queries of panels: selectors, and the metrics that a run has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator import names
from generator.alerting.model import match_none
from generator.model import Plan, RecordingRule
from generator.slo import links
from slos.schema import promql
from slos.schema.accepted import AcceptedCriterion, merge_accepted
from slos.schema.contract import PREFIX
from slos.schema.standalone import StandaloneAlert
from slos.schema.units import Duration, find_time_unit, find_unit

FIRING = 'alertstate="firing"'
# The severities by which alerts are routed. Other alerts are routed by Sloth's severity.
_KNOWN_SEVERITIES = "critical|warning|info"
_PAGE_MATCHERS = (
    (f'{names.SEVERITY}="critical"',),
    (
        f'{names.SEVERITY}!~"{_KNOWN_SEVERITIES}"',
        f'{names.SLOTH_SEVERITY}="page"',
    ),
)
_OTHER_MATCHERS = (
    (f'{names.SEVERITY}=~"warning|info"',),
    (
        f'{names.SEVERITY}!~"{_KNOWN_SEVERITIES}"',
        f'{names.SLOTH_SEVERITY}!="page"',
    ),
)


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """Summary of a build: all that differs between the dashboards of two builds.

    Attributes:
        run_labels: labels of the run, which tell its SLOs from those of other runs.
        grouping: labels that split some SLO.
        steps: the steps in which events are counted, without duplicates.
        has_latency: True if some SLO has latency quantiles.
        latency_in_seconds: True if all latencies are in seconds, as far as the metric names say.
        reads_probe: True if some rule reads a metric of slo-probe.
        recorded_metrics: names of the metrics that some rule records.
        alerts: the standalone alerts.
        accepted: criteria whose failure is accepted.
    """

    run_labels: tuple[str, ...] = ()
    grouping: tuple[str, ...] = ()
    steps: tuple[Duration, ...] = ()
    has_latency: bool = False
    latency_in_seconds: bool = True
    reads_probe: bool = False
    recorded_metrics: frozenset[str] = frozenset()
    alerts: tuple[StandaloneAlert, ...] = ()
    accepted: tuple[AcceptedCriterion, ...] = ()

    @property
    def heartbeat_exclusion(self) -> tuple[str, ...]:
        """The matcher that excludes alerts that always fire; empty if there are none."""
        heartbeats = [alert.name for alert in self.alerts if alert.heartbeat]
        return (str(match_none(names.ALERT, heartbeats)),) if heartbeats else ()

    def find_threshold(self, *texts: str) -> Decimal | None:
        """Find the threshold of the standalone alert whose query contains all these texts.

        Returns None if there is no such alert.
        """
        thresholds = (
            each.threshold for each in self.alerts if all(text in each.query for text in texts)
        )
        return next(thresholds, None)


def summarize_build(plans: Sequence[Plan]) -> BuildSummary:
    """Summarize the SLOs, alerts and rules of a build."""
    slos = [slo for plan in plans for spec_plan in plan.spec_plans for slo in spec_plan.slos]
    rules = [rule for plan in plans for group in plan.groups for rule in group.rules]
    run_labels = {label for slo in slos for label in slo.run_labels}
    return BuildSummary(
        run_labels=tuple(sorted(run_labels)),
        grouping=tuple(
            sorted({label for slo in slos for label in slo.signal.group_by} - run_labels)
        ),
        steps=tuple(sorted({slo.steps.fine for slo in slos})),
        has_latency=any(slo.signal.histogram for slo in slos),
        latency_in_seconds=all(
            _is_in_seconds(promql.read_selector_metric(slo.signal.histogram.selector))
            for slo in slos
            if slo.signal.histogram
        ),
        reads_probe=any(PREFIX in rule.expr for rule in rules),
        recorded_metrics=frozenset(
            rule.record for rule in rules if isinstance(rule, RecordingRule)
        ),
        alerts=tuple(_list_standalone_alerts(plans)),
        accepted=merge_accepted(_list_accepted(plans)),
    )


def _is_in_seconds(metric: str) -> bool:
    return not find_unit(metric) or find_time_unit(metric) == 1


def _list_standalone_alerts(plans: Sequence[Plan]) -> Iterator[StandaloneAlert]:
    for plan in plans:
        for spec_plan in plan.spec_plans:
            if spec_plan.spec:
                yield from spec_plan.spec.alerts


def _list_accepted(plans: Sequence[Plan]) -> Iterator[Sequence[AcceptedCriterion]]:
    for plan in plans:
        for spec_plan in plan.spec_plans:
            if spec_plan.spec:
                yield spec_plan.spec.accepted


@dataclass(frozen=True, slots=True)
class SeriesSelection:
    """The SLO or the services that are selected in a dashboard.

    Attributes:
        summary: the labels that exist.
        matcher: the matcher of the SLO or of the services.
    """

    summary: BuildSummary
    matcher: str

    @property
    def key(self) -> str:
        """Labels on which series of one SLO are joined."""
        return ", ".join((names.ID, *self.summary.run_labels))

    @property
    def identity(self) -> str:
        """Labels that identify an SLO for people."""
        return f"{names.SERVICE}, {names.SLO_NAME}, {self.key}"

    def select(self, metric: str, *matchers: str) -> str:
        """Select a metric with one series for each SLO."""
        return _render_selector(
            metric, *matchers, self.matcher, *_match_variables(self.summary.run_labels)
        )

    def select_firing(self, *matchers: str) -> str:
        """Select the firing alerts of the selection."""
        return select_firing_alerts(
            self.summary, *matchers, self.matcher, *_match_variables(self.summary.run_labels)
        )

    def select_pages(self) -> str:
        """Select the firing alerts that are pages, with an SLO or without."""
        return " or ".join(self.select_firing(*severity) for severity in _PAGE_MATCHERS)

    def select_other_alerts(self) -> str:
        """Select the firing alerts that are no pages."""
        return " or ".join(self.select_firing(*severity) for severity in _OTHER_MATCHERS)

    def select_groups(self, metric: str, *matchers: str) -> str:
        """Select a metric with one series for each group of an SLO."""
        within = _match_variables(self.summary.grouping)
        return _render_selector(
            metric, *matchers, self.matcher, *_match_variables(self.summary.run_labels), *within
        )

    def join_slo(self, measured: str, metric: str, operator: str = "*") -> str:
        """Join series of each group with the series of their SLO."""
        return f"{measured} {operator} on ({self.key}) group_left () {self.select(metric)}"

    @property
    def group_legend(self) -> str:
        """Part of a legend that tells groups apart."""
        return "".join(f" {{{{{label}}}}}" for label in self.summary.grouping)

    def join_runbooks(self, metric: str = "ALERTS", *matchers: str) -> str:
        """Select alerts, joined with the URLs of their runbooks where these are known."""
        key = f"{names.ALERT}, {names.SERVICE}, {self.key}"
        alert_info = f"max by ({key}, {names.RUNBOOK_URL}) ({names.ALERT_INFO})"
        alerts = self.select(metric, *matchers)
        if metric != "ALERTS":
            alerts = f"({alerts} and ignoring (alertstate) {self.select('ALERTS', FIRING)})"
        return (
            f"{alerts} * on ({key}) group_left ({names.RUNBOOK_URL}) {alert_info}"
            f" or {alerts} unless on ({key}) {names.ALERT_INFO}"
        )


def select_firing_alerts(summary: BuildSummary, *matchers: str) -> str:
    """Select firing alerts without heartbeats, which always fire."""
    return _render_selector("ALERTS", FIRING, *summary.heartbeat_exclusion, *matchers)


def select_slo(summary: BuildSummary) -> SeriesSelection:
    """Select one SLO."""
    return SeriesSelection(summary, f'{names.ID}="$slo"')


def select_services(summary: BuildSummary) -> SeriesSelection:
    """Select all SLOs of some services."""
    return SeriesSelection(summary, f'{names.SERVICE}=~"$service"')


def _match_variables(labels: tuple[str, ...]) -> list[str]:
    return [
        f'{promql.format_label_name(label)}=~"${links.name_variable(label)}"' for label in labels
    ]


def _render_selector(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join(matchers)}}}"
