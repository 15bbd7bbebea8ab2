"""The counted tiers as series of a test."""

from collections.abc import Mapping

from generator import names
from generator.model import SLO
from generator.unit_tests.case import Series
from generator.unit_tests.course import Course

_GROUP = "example"


def tiers(slo: SLO, run: Course) -> tuple[Series, ...]:
    """Both tiers, of one group where the SLO has groups: what is true of one is of all."""
    labels = {**names.identity(slo), **groups(slo)}
    errors = [share * run.events for share in run.shares]
    totals = [run.events] * len(errors)
    return tuple(
        Series(names.series(name(step), labels), values)
        for step in (slo.steps.fine, slo.steps.coarse)
        for name, values in ((names.total, totals), (names.errors, errors))
    )


def groups(slo: SLO) -> Mapping[str, str]:
    """One value for each label that splits the SLO."""
    return dict.fromkeys(slo.signal.by, _GROUP)
