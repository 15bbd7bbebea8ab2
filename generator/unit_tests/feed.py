"""The counted tiers as series of a test."""

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


def tiers(slo: SLO, run: Course) -> tuple[Series, ...]:
    """Both tiers, of one group where the SLO has groups: what is true of one is of all."""
    labels = {**names.identity(slo), **groups(slo)}
    errors = [share * run.events for share in run.shares]
    totals = [run.events] * len(errors)
    own = tuple(
        Series(names.series(name(step), labels), values)
        for step in (slo.steps.fine, slo.steps.coarse)
        for name, values in ((names.total, totals), (names.errors, errors))
    )
    return (*own, *of_another(slo, metrics(slo), len(errors)))


def metrics(slo: SLO) -> list[str]:
    """The names of both tiers."""
    return [name(step) for step in (slo.steps.fine, slo.steps.coarse) for name in _TIERS]


def of_another(slo: SLO, metrics: Iterable[str], samples: int) -> Iterator[Series]:
    """The same metrics of an SLO that is nothing but trouble, which no rule may look at."""
    labels = {**names.identity(slo), **groups(slo), names.ID: _ANOTHER}
    for metric in metrics:
        yield Series(names.series(metric, labels), [_MUCH] * samples)


def groups(slo: SLO) -> Mapping[str, str]:
    """One value for each label that splits the SLO."""
    return dict.fromkeys(slo.signal.by, _GROUP)
