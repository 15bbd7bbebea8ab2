"""Checks of the counts in the tiers of an SLO, to a millionth."""

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
"""Total and errors, as the queries of an SLO count them."""


def checks(
    slo: SLO, counted: Counted, tier: Duration, factor: Decimal, at: Duration
) -> Iterator[ValueCheck]:
    """Check that total and errors of a tier are those of the queries, times a factor."""
    for name, vector in zip((names.total, names.errors), counted, strict=True):
        gives = (
            (shown(names.identity(slo), labels), rounded(value * factor))
            for labels, value in sorted(vector.items(), key=str)
        )
        yield ValueCheck(at, rounding(names.of(name(tier), slo)), tuple(gives))


def of_step(slo: SLO, tier: Duration) -> Decimal:
    """Compute the factor from the value of a query to the count of a step of a tier."""
    per_second = slo.signal.counting is Counting.PER_SECOND
    return tier.seconds if per_second else Decimal(tier.ms // slo.steps.fine.ms)


def rounding(metric: str) -> str:
    """Render an expression that gives values in millionths, as `to_millionths` does."""
    return f"round({_MILLION} * {metric})"


def rounded(value: Decimal) -> Decimal:
    """Convert a value to millionths."""
    return (value * _MILLION).quantize(Decimal(1))


def shown(labels: Mapping[str, str], more: Labels) -> str:
    """Render labels as PromQL text."""
    return promql.label_set({**dict(more), **labels})
