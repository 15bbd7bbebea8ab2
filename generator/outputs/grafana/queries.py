"""Selectors, and which metrics a run has."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator import names
from generator.alerting.model import none_of
from generator.model import Plan, RecordingRule
from generator.slo import links
from slos.schema.contract import PREFIX
from slos.schema.standalone import PlainAlert
from slos.schema.units import Duration

_OTHER_UNIT = re.compile(
    r"_(?:ms|us|ns|millis|milliseconds|microseconds|nanoseconds|minutes|hours|bytes)(?:_bucket)?\b"
)

FIRING = 'alertstate="firing"'
# The severities by which alerts are routed. Other alerts are routed by Sloth's severity.
_NAMED = "critical|warning|info"
_PAGES = (
    (f'{names.SEVERITY}="critical"',),
    (
        f'{names.SEVERITY}!~"{_NAMED}"',
        f'{names.SLOTH_SEVERITY}="page"',
    ),
)
_OTHERS = (
    (f'{names.SEVERITY}=~"warning|info"',),
    (
        f'{names.SEVERITY}!~"{_NAMED}"',
        f'{names.SLOTH_SEVERITY}!="page"',
    ),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that differs between the dashboards of two runs.

    Attributes:
        run_labels: labels of the run, which tell its SLOs from those of other runs.
        grouping: labels that split some SLO.
        steps: the steps in which events are counted, without duplicates.
        has_latency: True if some SLO has latency quantiles.
        latency_in_seconds: True if all latencies are in seconds, as far as the metric names say.
        reads_probe: True if some rule reads a metric of slo-probe.
        recorded_metrics: names of the metrics that some rule records.
        alerts: the standalone alerts.
    """

    run_labels: tuple[str, ...] = ()
    grouping: tuple[str, ...] = ()
    steps: tuple[Duration, ...] = ()
    latency: bool = False
    seconds: bool = True
    probe: bool = False
    recorded: frozenset[str] = frozenset()
    alerts: tuple[PlainAlert, ...] = ()

    @property
    def no_heartbeat(self) -> tuple[str, ...]:
        """The matcher that excludes alerts that always fire; empty if there are none."""
        always = [alert.name for alert in self.alerts if alert.heartbeat]
        return (str(none_of(names.ALERT, always)),) if always else ()

    def limit(self, *read: str) -> Decimal | None:
        """Find the threshold of the standalone alert whose query contains all these texts.

        Returns None if there is no such alert.
        """
        found = (each.threshold for each in self.alerts if all(one in each.query for one in read))
        return next(found, None)


def of(plans: Sequence[Plan]) -> Facts:
    """Collect the inventory of a run."""
    slos = [slo for plan in plans for part in plan.parts for slo in part.slos]
    rules = [rule for plan in plans for group in plan.groups for rule in group.rules]
    of_run = {label for slo in slos for label in slo.run_labels}
    return Facts(
        run_labels=tuple(sorted(of_run)),
        grouping=tuple(sorted({label for slo in slos for label in slo.signal.by} - of_run)),
        steps=tuple(sorted({slo.steps.fine for slo in slos})),
        latency=any(slo.signal.histogram for slo in slos),
        seconds=not any(
            _OTHER_UNIT.search(slo.signal.histogram.buckets) for slo in slos if slo.signal.histogram
        ),
        probe=any(PREFIX in rule.expr for rule in rules),
        recorded=frozenset(rule.record for rule in rules if isinstance(rule, RecordingRule)),
        alerts=tuple(_plain(plans)),
    )


def _plain(plans: Sequence[Plan]) -> Iterator[PlainAlert]:
    for plan in plans:
        for part in plan.parts:
            if part.spec:
                yield from part.spec.alerts


@dataclass(frozen=True, slots=True)
class Selection:
    """The SLO or the services that are selected in a dashboard.

    Attributes:
        inventory: the labels that exist.
        matcher: the matcher of the SLO or of the services.
    """

    facts: Facts
    chosen: str

    @property
    def key(self) -> str:
        """Labels on which series of one SLO are joined."""
        return ", ".join((names.ID, *self.facts.run_labels))

    @property
    def identity(self) -> str:
        """Labels that identify an SLO for people."""
        return f"{names.SERVICE}, {names.SLO_NAME}, {self.key}"

    def of(self, metric: str, *matchers: str) -> str:
        """Select a metric with one series for each SLO."""
        return _selector(metric, *matchers, self.chosen, *_by(self.facts.run_labels))

    def firing(self, *matchers: str) -> str:
        """Select the firing alerts of the selection."""
        return firing(self.facts, *matchers, self.chosen, *_by(self.facts.run_labels))

    def pages(self) -> str:
        """Select the firing alerts that are pages, with an SLO or without."""
        return " or ".join(self.firing(*severity) for severity in _PAGES)

    def others(self) -> str:
        """Select the firing alerts that are no pages."""
        return " or ".join(self.firing(*severity) for severity in _OTHERS)

    def split(self, metric: str, *matchers: str) -> str:
        """Select a metric with one series for each group of an SLO."""
        within = _by(self.facts.grouping)
        return _selector(metric, *matchers, self.chosen, *_by(self.facts.run_labels), *within)

    def times(self, measured: str, metric: str, operator: str = "*") -> str:
        """Join series of each group with the series of their SLO."""
        return f"{measured} {operator} on ({self.key}) group_left () {self.of(metric)}"

    @property
    def groups(self) -> str:
        """Part of a legend that tells groups apart."""
        return "".join(f" {{{{{label}}}}}" for label in self.facts.grouping)

    def alerts(self, metric: str = "ALERTS", *matchers: str) -> str:
        """Select alerts, joined with the URLs of their runbooks where these are known."""
        key = f"{names.ALERT}, {names.SERVICE}, {self.key}"
        told = f"max by ({key}, {names.RUNBOOK_URL}) ({names.ALERT_INFO})"
        found = self.of(metric, *matchers)
        if metric != "ALERTS":
            found = f"({found} and ignoring (alertstate) {self.of('ALERTS', FIRING)})"
        return (
            f"{found} * on ({key}) group_left ({names.RUNBOOK_URL}) {told}"
            f" or {found} unless on ({key}) {names.ALERT_INFO}"
        )


def firing(facts: Facts, *matchers: str) -> str:
    """Select firing alerts without heartbeats, which always fire."""
    return _selector("ALERTS", FIRING, *facts.no_heartbeat, *matchers)


def of_slo(facts: Facts) -> Selection:
    """Select one SLO."""
    return Selection(facts, f'{names.ID}="$slo"')


def of_services(facts: Facts) -> Selection:
    """Select all SLOs of some services."""
    return Selection(facts, f'{names.SERVICE}=~"$service"')


def _by(labels: tuple[str, ...]) -> list[str]:
    return [f'{label}=~"${links.variable(label)}"' for label in labels]


def _selector(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join(matchers)}}}"
