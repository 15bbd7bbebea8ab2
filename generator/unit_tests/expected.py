"""An alert that fires, with all that it says."""

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
    """The check that it does.

    Args:
        firing: the alert.
        at: when.
        labels: those of the alert.
        series: those of the result of its expression, which templates read.
        value: that result.
    """
    texts = templates.expanded(firing.annotations, series, value)
    if texts is not None:
        return AlertCheck(at, firing.name, (Expected(labels, texts),))
    # A text of the user's own that only Prometheus can fill in.
    return just_fires(firing, at)


def just_fires(firing: Firing, at: Duration) -> ValueCheck:
    """The check that it does, whatever it says."""
    own = label_set({"alertname": firing.name, "alertstate": "firing"})
    return ValueCheck(at, f"count(ALERTS{own})", (("{}", Decimal(1)),))
