"""Alerts that get a runbook page: all alerts in the rules of a run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from generator import names
from generator.model import (
    SLO,
    AlertingRule,
    BurnAlert,
    BurnCondition,
    Firing,
    Part,
    Plan,
    Severity,
    ThresholdAlert,
)
from generator.rules import alert_rules, standalone
from generator.slo.annotations import plain_firing
from slos.schema.runbook import ServiceRunbook
from slos.schema.spec import Spec
from slos.schema.standalone import PlainAlert


class Kind(StrEnum):
    """Kind of an alert; the sections of its page depend on it."""

    PAGE = "page"
    TICKET = "ticket"
    THRESHOLD = "threshold"
    NO_DATA = "no data"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Topic:
    """An alert with all that its page is made of.

    Attributes:
        rule: the rule that Prometheus evaluates.
        meta: name, labels, annotations and timing from the spec.
        sources: the spec files that it comes from.
        slo: its SLO; None for a standalone alert.
        burn: the burn rate alert, if it is one.
        threshold: the error ratio alert, if it is one.
        standalone: the standalone alert, if it is one.
    """

    kind: Kind
    rule: AlertingRule
    firing: Firing
    spec: Spec
    sources: tuple[str, ...]
    slo: SLO | None = None
    burn: BurnAlert | None = None
    threshold: ThresholdAlert | None = None
    plain: PlainAlert | None = None

    @property
    def name(self) -> str:
        """Name of the alert."""
        return self.firing.name

    @property
    def file(self) -> str:
        """File name of its page."""
        return names.page_file(self.name)

    @property
    def severity(self) -> str:
        """Severity label; empty if it has none."""
        return self.rule.labels.get(names.SEVERITY, "")

    @property
    def known(self) -> ServiceRunbook:
        """Runbook of the service."""
        return self.spec.runbook or ServiceRunbook()

    @property
    def conditions(self) -> tuple[BurnCondition, ...]:
        """Conditions of a burn rate alert, the quick one first."""
        return self.burn.conditions if self.burn else ()


def topics(plans: Iterable[Plan]) -> list[Topic]:
    """List every alert of a run, in the order of their pages."""
    found = [
        topic
        for plan in plans
        for part in plan.parts
        if part.spec
        for topic in _of_part(part, part.spec, plan.sources)
    ]
    return sorted(found, key=lambda topic: (topic.file, topic.name, topic.sources))


def related(topic: Topic, every: Sequence[Topic]) -> list[Topic]:
    """Find the other alerts of the same SLO."""
    found = [each for each in every if topic.slo and each.slo == topic.slo and each is not topic]
    return sorted(found, key=lambda each: each.name)


def _of_part(part: Part, spec: Spec, sources: tuple[str, ...]) -> Iterator[Topic]:
    """List the alerts of one spec. Alerts that this run leaves out have no rule and no page."""
    built = {
        rule.alert
        for group in part.groups
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    }
    for slo in part.slos:
        rules = {
            rule.alert: rule
            for rule in (*alert_rules.quick_rules(slo), *alert_rules.slow_rules(slo))
        }
        for topic in _of_slo(slo, rules, spec, sources):
            if topic.name in built:
                yield topic
    plain_rules = {
        rule.alert: rule
        for group in standalone.groups(spec)
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    }
    for alert in spec.alerts:
        if alert.name in built:
            firing, rule = plain_firing(spec, alert), plain_rules[alert.name]
            yield Topic(Kind.PLAIN, rule, firing, spec, sources, plain=alert)


def _of_slo(
    slo: SLO, rules: dict[str, AlertingRule], spec: Spec, sources: tuple[str, ...]
) -> Iterator[Topic]:
    for burn in slo.burn_alerts:
        kind = Kind.PAGE if burn.severity is Severity.PAGE else Kind.TICKET
        rule = rules[burn.firing.name]
        yield Topic(kind, rule, burn.firing, spec, sources, slo=slo, burn=burn)
    for threshold in slo.threshold_alerts:
        firing, rule = threshold.firing, rules[threshold.firing.name]
        yield Topic(Kind.THRESHOLD, rule, firing, spec, sources, slo=slo, threshold=threshold)
    if slo.absent_alert:
        rule = rules[slo.absent_alert.name]
        yield Topic(Kind.NO_DATA, rule, slo.absent_alert, spec, sources, slo=slo)
