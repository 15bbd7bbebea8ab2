"""Rule groups of standalone recordings and standalone alerts, which belong to no SLO."""

from collections.abc import Iterator

from generator import names
from generator.model import AlertingRule, RecordingRule, RuleGroup
from generator.rules import alert_rules
from generator.slo.annotations import plain_firing
from slos.schema.golang import escape
from slos.schema.promql import wrapped
from slos.schema.spec import Spec
from slos.schema.standalone import PlainAlert, Recording
from slos.schema.units import Duration, plain

INTERVAL = Duration.of(minutes=1)


def groups(spec: Spec) -> Iterator[RuleGroup]:
    """Rule groups of a spec: one for each recorded name and each alert, so that they fail alone."""
    for record in dict.fromkeys(recording.record for recording in spec.recordings):
        rules = [_recording(each) for each in spec.recordings if each.record == record]
        yield RuleGroup(names.recording_group(record), INTERVAL, tuple(rules))
    for alert in spec.alerts:
        about = alert_rules.of_plain(plain_firing(spec, alert))
        both = (about, _alert(spec, alert))
        yield RuleGroup(names.alert_group(alert.name), INTERVAL, both)


def _recording(recording: Recording) -> RecordingRule:
    return RecordingRule(recording.record, recording.query.strip(), recording.labels)


def _alert(spec: Spec, alert: PlainAlert) -> AlertingRule:
    firing = plain_firing(spec, alert)
    comparison = ">" if alert.above is not None else "<"
    fires = f"{wrapped(alert.query)} {comparison} {plain(alert.threshold)}"
    return AlertingRule(
        alert=firing.name,
        # People read the value, so it is rounded: not "9.000000000000002 failed".
        expr=f"round({fires}, {plain(alert.rounded_to)})",
        # Labels of the spec are text, those of an alert are templates.
        labels={key: escape(value) for key, value in firing.labels.items()} | dict(alert.labels),
        annotations=firing.annotations,
        for_=firing.for_,
        keep_firing_for=firing.keep_firing_for,
    )
