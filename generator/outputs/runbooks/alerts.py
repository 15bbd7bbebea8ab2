"""Alerts that get a runbook page: all alerts in the rules of a run."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from generator import names
from generator.model import (
    SLO,
    AlertingRule,
    AlertMeta,
    AlertSeverity,
    BurnAlert,
    BurnCondition,
    Plan,
    SpecPlan,
    ThresholdAlert,
)
from generator.rules import alert_rules, standalone
from generator.slo.annotations import build_standalone_alert_meta
from slos.schema.runbook import ServiceRunbook
from slos.schema.spec import Spec
from slos.schema.standalone import StandaloneAlert

_LABEL = re.compile(r"\$labels\.(\w+)")


class AlertKind(StrEnum):
    """Kind of an alert; the sections of its page depend on it."""

    PAGE = "page"
    TICKET = "ticket"
    THRESHOLD = "threshold"
    NO_DATA = "no data"
    STANDALONE = "standalone"


@dataclass(frozen=True, slots=True)
class AlertPage:
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

    kind: AlertKind
    rule: AlertingRule
    meta: AlertMeta
    spec: Spec
    sources: tuple[str, ...]
    slo: SLO | None = None
    burn: BurnAlert | None = None
    threshold: ThresholdAlert | None = None
    standalone: StandaloneAlert | None = None

    @property
    def lists_missing_slos(self) -> bool:
        """True for the alert of a spec on missing data, whose series name the SLOs."""
        alert = self.spec.no_data_alert
        return self.standalone is not None and alert is not None and alert.name == self.name

    @property
    def name(self) -> str:
        """Name of the alert."""
        return self.meta.name

    @property
    def file(self) -> str:
        """File name of its page."""
        return names.name_runbook_page(self.name)

    @property
    def severity(self) -> str:
        """Severity label; empty if it has none."""
        return self.rule.labels.get(names.SEVERITY, "")

    @property
    def who(self) -> str:
        """Person or role that responds; empty if the spec does not say."""
        return self.meta.respond.who if self.meta.respond else ""

    @property
    def within(self) -> str:
        """Time within which the response begins."""
        return str(self.meta.respond.within) if self.meta.respond else ""

    @property
    def group_labels(self) -> Sequence[str]:
        """Labels in which the series of the alert differ: those of the SLO, or of its texts."""
        if self.slo:
            return self.slo.signal.group_by
        texts = (self.standalone.summary, self.standalone.description) if self.standalone else ()
        return tuple(dict.fromkeys(_LABEL.findall(" ".join(texts))))

    @property
    def first_action(self) -> str:
        """First step of the runbook of the alert."""
        runbook = self.meta.runbook
        return next((step.say for step in (*runbook.checks, *runbook.mitigation)), "")

    @property
    def service_runbook(self) -> ServiceRunbook:
        """Runbook of the service."""
        return self.spec.runbook or ServiceRunbook()

    @property
    def conditions(self) -> tuple[BurnCondition, ...]:
        """Conditions of a burn rate alert, the quick one first."""
        return self.burn.conditions if self.burn else ()


def list_alert_pages(plans: Iterable[Plan]) -> list[AlertPage]:
    """List every alert of a run, in the order of their pages."""
    pages = [
        page
        for plan in plans
        for spec_plan in plan.spec_plans
        if spec_plan.spec
        for page in _list_part_pages(spec_plan, spec_plan.spec, plan.sources)
    ]
    return sorted(pages, key=lambda page: (page.file, page.name, page.sources))


def find_related_pages(page: AlertPage, all_pages: Sequence[AlertPage]) -> list[AlertPage]:
    """Find the other alerts of the same SLO."""
    pages = [each for each in all_pages if page.slo and each.slo == page.slo and each is not page]
    return sorted(pages, key=lambda each: each.name)


def _list_part_pages(
    spec_plan: SpecPlan, spec: Spec, sources: tuple[str, ...]
) -> Iterator[AlertPage]:
    """List the alerts of one spec. Alerts that this run leaves out have no rule and no page."""
    built_alerts = {
        rule.alert
        for group in spec_plan.groups
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    }
    for slo in spec_plan.slos:
        rules = {
            rule.alert: rule
            for rule in (
                *alert_rules.build_fine_group_alerts(slo),
                *alert_rules.build_period_group_alerts(slo),
            )
        }
        for page in _list_slo_pages(slo, rules, spec, sources):
            if page.name in built_alerts:
                yield page
    standalone_rules = {
        rule.alert: rule
        for group in standalone.build_standalone_groups(spec)
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    }
    for alert in spec.alerts:
        if alert.name in built_alerts:
            meta, rule = build_standalone_alert_meta(spec, alert), standalone_rules[alert.name]
            yield AlertPage(AlertKind.STANDALONE, rule, meta, spec, sources, standalone=alert)


def _list_slo_pages(
    slo: SLO, rules: dict[str, AlertingRule], spec: Spec, sources: tuple[str, ...]
) -> Iterator[AlertPage]:
    for burn in slo.burn_alerts:
        kind = AlertKind.PAGE if burn.severity is AlertSeverity.PAGE else AlertKind.TICKET
        rule = rules[burn.meta.name]
        yield AlertPage(kind, rule, burn.meta, spec, sources, slo=slo, burn=burn)
    for threshold in slo.threshold_alerts:
        meta, rule = threshold.meta, rules[threshold.meta.name]
        yield AlertPage(
            AlertKind.THRESHOLD, rule, meta, spec, sources, slo=slo, threshold=threshold
        )
    if slo.absent_alert:
        rule = rules[slo.absent_alert.name]
        yield AlertPage(AlertKind.NO_DATA, rule, slo.absent_alert, spec, sources, slo=slo)
