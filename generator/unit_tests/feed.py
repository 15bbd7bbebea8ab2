"""Input series of the counting tiers."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from generator import names
from generator.model import SLO
from generator.unit_tests.case import Series
from generator.unit_tests.course import Course

_GROUP = "example"
_ANOTHER = "another"
_MUCH = Decimal(1_000_000)
_TIERS = (names.total, names.errors)


def build_tier_series(slo: SLO, run: Course) -> tuple[Series, ...]:
    """Build the series of both tiers, for a single group if the SLO has groups."""
    labels = {**names.identity(slo), **build_group_labels(slo)}
    errors = [share * run.events for share in run.shares]
    totals = [run.events] * len(errors)
    own = tuple(
        Series(names.series(name(step), labels), values)
        for step in (slo.steps.fine, slo.steps.coarse)
        for name, values in ((names.total, totals), (names.errors, errors))
    )
    return (*own, *of_another(slo, metrics(slo), len(errors)))


def metrics(slo: SLO) -> list[str]:
    """List the metric names of both tiers."""
    return [name(step) for step in (slo.steps.fine, slo.steps.coarse) for name in _TIERS]


def of_another(slo: SLO, metrics: Iterable[str], samples: int) -> Iterator[Series]:
    """Build the same metrics of another SLO with many errors, which no rule may read."""
    labels = {**names.identity(slo), **build_group_labels(slo), names.ID: _ANOTHER}
    for metric in metrics:
        yield Series(names.series(metric, labels), [_MUCH] * samples)


def build_group_labels(slo: SLO) -> Mapping[str, str]:
    """Build a value for each label that splits the SLO."""
    return dict.fromkeys(slo.signal.by, _GROUP)
