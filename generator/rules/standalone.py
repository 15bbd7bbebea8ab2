"""Rule groups of standalone recordings and standalone alerts, which belong to no SLO."""

from collections.abc import Iterator

from generator import names
from generator.model import AlertingRule, RecordingRule, RuleGroup
from generator.rules import alert_rules
from generator.slo.annotations import build_standalone_alert_meta
from generator.slo.signals import match_bucket_spellings
from slos.schema.promql import wrap_query
from slos.schema.spec import Spec
from slos.schema.standalone import StandaloneAlert, StandaloneRecording
from slos.schema.units import Duration, format_decimal

INTERVAL = Duration.from_parts(minutes=1)


def build_standalone_groups(spec: Spec) -> Iterator[RuleGroup]:
    """Rule groups of a spec: one for each recorded name and each alert, so that they fail alone."""
    for record in dict.fromkeys(recording.record for recording in spec.recordings):
        rules = [_build_recording_rule(each) for each in spec.recordings if each.record == record]
        yield RuleGroup(names.name_recording_group(record), INTERVAL, tuple(rules))
    for alert in spec.alerts:
        info = alert_rules.build_standalone_alert_info(build_standalone_alert_meta(spec, alert))
        rules_of_alerts = (info, _build_standalone_alert_rule(spec, alert))
        yield RuleGroup(names.name_alert_group(alert.name), INTERVAL, rules_of_alerts)


def _build_recording_rule(recording: StandaloneRecording) -> RecordingRule:
    query = match_bucket_spellings(recording.query.strip())
    return RecordingRule(recording.record, query, recording.labels)


def _build_standalone_alert_rule(spec: Spec, alert: StandaloneAlert) -> AlertingRule:
    meta = build_standalone_alert_meta(spec, alert)
    comparison = ">" if alert.above is not None else "<"
    query = wrap_query(match_bucket_spellings(alert.query))
    condition = f"{query} {comparison} {format_decimal(alert.threshold)}"
    return AlertingRule(
        alert=meta.name,
        # People read the value, so it is rounded: not "9.000000000000002 failed".
        expr=alert_rules.render_rounded(condition, alert.display_precision),
        labels=meta.labels,
        annotations=meta.annotations,
        for_=meta.for_,
        keep_firing_for=meta.keep_firing_for,
    )
