"""Facts of SLOs and of standalone rules that a review compares, as text by their name."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from generator import names
from generator.model import (
    SLO,
    AlertingRule,
    AlertMeta,
    BurnAlert,
    RecordingRule,
    RuleGroup,
    SpecPlan,
)
from generator.rules import cost
from generator.rules.groups import build_groups
from generator.slo import burn_rate
from slos.schema.alerting import InhibitionSpec
from slos.schema.sli_signal import Weight
from slos.schema.units import Duration, format_decimal

_FACT_SERIES = {names.INFO, names.ALERT_INFO}
SAMPLES = "samples read per hour"
SLI_FACTS = ("total query", "error query", "split by", "weight")
"""Facts of the SLI: a change of one mixes two meanings in the same history."""


def list_slo_facts(slo: SLO) -> dict[str, str]:
    """Facts of an SLO in the order in which a reviewer asks for them."""
    signal = slo.signal
    facts = {
        "objective": f"{format_decimal(slo.objective)} %",
        "period": str(slo.period),
        "budget": f"{burn_rate.compute_outage_budget(slo)} of full outage",
    }
    if signal.is_event_count:
        facts["events that may fail"] = burn_rate.describe_allowed_events(slo)
    facts["total query"] = signal.total
    facts["error query"] = signal.errors
    facts["weight"] = "events" if signal.weight is Weight.EVENTS else "time"
    if signal.group_by:
        facts["split by"] = ", ".join(signal.group_by)
    if slo.labels:
        facts["labels"] = _format_labels(slo.labels)
    if slo.steps.delay.ms:
        facts["samples arrive late by"] = str(slo.steps.delay)
    for alert in slo.burn_alerts:
        facts |= dict(_list_burn_facts(slo, alert))
    for threshold in slo.threshold_alerts:
        limit = f"above {format_decimal(100 * threshold.above)} % over {threshold.over}"
        facts[f"alert {threshold.meta.name}"] = limit + burn_rate.describe_timing(threshold.meta)
    if slo.absent_alert:
        facts[f"alert {slo.absent_alert.name}"] = "no events" + burn_rate.describe_timing(
            slo.absent_alert
        )
    if groups := slo.expected_groups:
        transient = f", except {groups.transient}" if groups.transient else ""
        facts["groups that must not disappear"] = f"seen within {groups.seen_within}{transient}"
    for meta in slo.alert_metas:
        facts |= _list_meta_facts(meta)
    facts[SAMPLES] = f"{count_samples(slo):,}"
    return facts


def _list_meta_facts(meta: AlertMeta) -> dict[str, str]:
    """Facts of an alert that its conditions do not have."""
    name = meta.name
    facts = {f"{name} labels": _format_labels(meta.labels)}
    if not meta.office_hours:
        facts[f"{name} notifies"] = "at any hour"
    if meta.inhibits:
        facts[f"{name} inhibits"] = _format_inhibits(meta.inhibits)
    if meta.respond:
        facts[f"{name} response"] = f"{meta.respond.who} within {meta.respond.within}"
    return {
        **facts,
        **{f"{name} annotation {key}": text for key, text in meta.annotations.items()},
    }


def count_samples(slo: SLO) -> int:
    """Samples that all rules of an SLO read in an hour, with one series for each metric."""
    total = cost.compute_hourly_cost(slo, list_groups(slo))
    return total.raw + total.recorded


def list_groups(slo: SLO) -> list[RuleGroup]:
    """Rule groups of an SLO."""
    return list(build_groups(slo))


def list_recorded_series(slo: SLO) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Recorded series with a history: name, and labels that the rule sets.

    The series with the facts of the SLO is none; its labels are the facts.
    """
    return {
        (rule.record, tuple(sorted(rule.labels.items())))
        for group in list_groups(slo)
        for rule in group.rules
        if isinstance(rule, RecordingRule) and rule.record not in _FACT_SERIES
    }


def list_alert_delays(slo: SLO) -> dict[str, Duration]:
    """Time from the start of a full outage to each burn-rate alert, by the name of the alert."""
    delays = {}
    for alert in slo.burn_alerts:
        if delay := _find_delay(slo, alert, Decimal(1)):
            delays[alert.meta.name] = delay
    return delays


def list_standalone_facts(spec_plan: SpecPlan) -> Iterator[tuple[str, dict[str, str]]]:
    """Facts of the rules that belong to no SLO, each with a key that is unique among them."""
    alerts = spec_plan.spec.alerts if spec_plan.spec else ()
    inhibits = {f"alert {each.name}": each.inhibits for each in alerts if each.inhibits}
    for key, rule in _list_standalone_rules(spec_plan.groups):
        facts = _list_rule_facts(rule)
        if key in inhibits:
            facts["inhibits"] = _format_inhibits(inhibits[key])
        yield key, facts


def _list_rule_facts(rule: AlertingRule | RecordingRule) -> dict[str, str]:
    facts = {"query": rule.expr.strip(), "labels": _format_labels(rule.labels)}
    if isinstance(rule, AlertingRule):
        facts["for"] = str(rule.for_ or "-")
        facts["keep firing for"] = str(rule.keep_firing_for or "-")
        facts |= {f"annotation {name}": text for name, text in rule.annotations.items()}
    return facts


def _list_standalone_rules(
    groups: Iterable[RuleGroup],
) -> Iterator[tuple[str, AlertingRule | RecordingRule]]:
    """Rules that belong to no SLO, each with its key.

    Series with the labels of an alert for dashboards are left out; the alert has these labels.
    """
    for group in groups:
        for rule in () if group.slo else group.rules:
            if isinstance(rule, AlertingRule):
                yield f"alert {rule.alert}", rule
            elif rule.record not in _FACT_SERIES:
                labels = f"{{{_format_labels(rule.labels)}}}" if rule.labels else ""
                yield f"recording {rule.record}{labels}", rule


def _list_burn_facts(slo: SLO, alert: BurnAlert) -> Iterator[tuple[str, str]]:
    delays = ((share, _find_delay(slo, alert, share)) for share in burn_rate.ERROR_SHARES)
    reached = [
        f"{delay} at {format_decimal(100 * share)} % errors" for share, delay in delays if delay
    ]
    name = f"{alert.severity} {alert.meta.name}"
    yield name, f"after {', '.join(reached) or 'never'}" + burn_rate.describe_timing(alert.meta)
    yield (
        f"windows of {name}",
        ", ".join(
            f"{each.long} and {each.short} at {format_decimal(each.factor, 2)}x"
            for each in alert.conditions
        ),
    )


def _find_delay(slo: SLO, alert: BurnAlert, share: Decimal) -> Duration | None:
    """Time from the first error to an alert; None if it does not fire at this share of errors."""
    delays = (
        burn_rate.compute_alert_delay(slo, condition, share, alert.meta.for_)
        for condition in alert.conditions
    )
    return min(filter(None, delays), default=None, key=lambda delay: delay.ms)


def _format_inhibits(inhibits: InhibitionSpec) -> str:
    parts = {"metrics": inhibits.metrics, "slos": inhibits.slos, "alerts": inhibits.alerts}
    listed = [f"{kind} {', '.join(found)}" for kind, found in parts.items() if found]
    return "; ".join([*listed, *([f"where {inhibits.where}"] if inhibits.where else [])])


def _format_labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "-"
