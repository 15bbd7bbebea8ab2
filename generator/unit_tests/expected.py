"""Checks that an alert fires, with its labels and annotations."""

from collections.abc import Mapping
from decimal import Decimal

from generator.model import Firing
from generator.unit_tests import templates
from generator.unit_tests.case import AlertCheck, Expected, ValueCheck
from slos.schema.promql import label_set
from slos.schema.units import Duration


def fires(
    firing: Firing,
    at: Duration,
    labels: Mapping[str, str],
    series: Mapping[str, str],
    value: Decimal,
) -> AlertCheck | ValueCheck:
    """Expect an alert to fire with its labels and annotations.

    Args:
        meta: the alert.
        eval_time: the evaluation time.
        labels: labels of the alert.
        result_labels: labels of the result of its expression, which templates read.
        value: the result of its expression.
    """
    texts = templates.expanded(firing.annotations, series, value)
    if texts is not None:
        return AlertCheck(at, firing.name, (Expected(labels, texts),))
    # A text of the user with a template that only Prometheus can expand.
    return just_fires(firing, at)


def just_fires(firing: Firing, at: Duration) -> ValueCheck:
    """Expect an alert to fire, with any labels and annotations."""
    own = label_set({"alertname": firing.name, "alertstate": "firing"})
    return ValueCheck(at, f"count(ALERTS{own})", (("{}", Decimal(1)),))
