"""Recording rules with the user's labels, such as the error ratio over a window."""

from generator import names, tiers
from generator.model import SLO, RecordingRule
from slos.schema.units import Duration


def error_ratio(slo: SLO, window: Duration) -> RecordingRule:
    """Recording rule of the error ratio over a window."""
    return RecordingRule(
        record=names.error_ratio(window),
        expr=tiers.ratio_in(slo, window),
        labels={**names.for_people(slo), names.WINDOW: str(window)},
    )


def for_people(slo: SLO, record: str, expr: str, **more: str) -> RecordingRule:
    """Recording rule with the user's labels and the identity labels of the SLO, which win."""
    return RecordingRule(record, expr, {**names.for_people(slo), **more})
