"""Recording rules that people and alerts read: window ratios with the user's labels."""

from generator import names, tiers
from generator.model import SLO, RecordingRule
from slos.schema.units import Duration


def error_ratio(slo: SLO, window: Duration) -> RecordingRule:
    """The share of errors over a window."""
    return RecordingRule(
        record=names.error_ratio(window),
        expr=tiers.ratio_in(slo, window),
        labels={**names.for_people(slo), names.WINDOW: str(window)},
    )


def for_people(slo: SLO, record: str, expr: str, **more: str) -> RecordingRule:
    """A recording rule with the user's labels and the SLO's identity, which wins."""
    return RecordingRule(record, expr, {**names.for_people(slo), **more})
