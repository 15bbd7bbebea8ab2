"""What the tiers of an SLO must hold: checks of it, to a millionth."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from generator import names
from generator.model import SLO
from generator.unit_tests.case import ValueCheck
from generator.unit_tests.steady import Labels, Vector
from slos.schema import promql
from slos.schema.counting import Counting
from slos.schema.units import Duration

_MILLION = 1_000_000

Counted = tuple[Vector, Vector]
"""Total and errors, as the queries of an SLO see them."""


def checks(
    slo: SLO, counted: Counted, tier: Duration, factor: Decimal, at: Duration
) -> Iterator[ValueCheck]:
    """That total and errors of a tier are what the queries see, times a factor."""
    for name, vector in zip((names.total, names.errors), counted, strict=True):
        gives = (
            (shown(names.identity(slo), labels), rounded(value * factor))
            for labels, value in sorted(vector.items(), key=str)
        )
        yield ValueCheck(at, rounding(names.of(name(tier), slo)), tuple(gives))


def of_step(slo: SLO, tier: Duration) -> Decimal:
    """By how much a step of a tier is more than the queries see."""
    per_second = slo.signal.counting is Counting.PER_SECOND
    return tier.seconds if per_second else Decimal(tier.ms // slo.steps.fine.ms)


def rounding(metric: str) -> str:
    """The expression whose values `rounded` gives."""
    return f"round({_MILLION} * {metric})"


def rounded(value: Decimal) -> Decimal:
    """A value in millionths."""
    return (value * _MILLION).quantize(Decimal(1))


def shown(labels: Mapping[str, str], more: Labels) -> str:
    """Labels as PromQL text."""
    return promql.label_set({**dict(more), **labels})
