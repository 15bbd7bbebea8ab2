"""Guards of a plain alert's query: what else must hold, such as enough traffic to judge.

A guard is a comparison with a number on the right of an `and`. Where series that go their own way
decide it, they are made to miss it by little, and to reach it by little.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import promql_parser as ast

from generator.unit_tests import decoys
from generator.unit_tests.steady import Evaluation, NotKnownError, Steady
from slos.schema import promql
from slos.schema.example import ExampleSeries
from slos.schema.units import Duration

_COMPARISONS = {">": 1, ">=": 1, "<": -1, "<=": -1}
_LITTLE = Decimal("0.02")
_EXACT = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Guarded:
    """A way to meet a guard, or to miss it.

    Attributes:
        shown: what is the case.
        examples: the series with which it is.
        holds: whether the guard is met.
    """

    shown: str
    examples: list[ExampleSeries]
    holds: bool = False


def of_query(
    query: str, examples: Sequence[ExampleSeries], value: Decimal, scrape: Duration
) -> Iterator[Guarded]:
    """Both ways for each guard that the examples' own series decide.

    Args:
        query: of the alert.
        examples: its series.
        value: that the query has while it fires.
        scrape: the distance of samples.
    """
    for guard in _guards(promql.parse_template(query)):
        limit, side = _number(guard.rhs), _COMPARISONS[str(guard.op)]
        for little, holds in ((-_LITTLE, False), (_LITTLE, True)):
            target = limit * (1 + side * little)
            found = _reaching(guard.lhs, examples, value, scrape, target)
            if found:
                shown = "enough beside it" if holds else "too little beside it"
                yield Guarded(f"{shown}, {guard.op} {limit.normalize():f}", found, holds)
        for fewer in _fewer(guard, examples, value, scrape):
            yield Guarded(f"one less beside it, {guard.op} {limit.normalize():f}", fewer)


def _guards(node: ast.Expr) -> Iterator[ast.BinaryExpr]:
    """The comparisons with a number that a query's own `and`s ask for."""
    if isinstance(node, ast.ParenExpr):
        yield from _guards(node.expr)
    elif isinstance(node, ast.BinaryExpr) and str(node.op) == "and":
        yield from _guards(node.lhs)
        right = node.rhs
        while isinstance(right, ast.ParenExpr):
            right = right.expr
        if (
            isinstance(right, ast.BinaryExpr)
            and str(right.op) in _COMPARISONS
            and isinstance(right.rhs, ast.NumberLiteral)
        ):
            yield right


def _number(node: ast.Expr) -> Decimal:
    return Decimal(str(node.val)) if isinstance(node, ast.NumberLiteral) else Decimal("NaN")


def _reaching(
    node: ast.Expr,
    examples: Sequence[ExampleSeries],
    value: Decimal,
    scrape: Duration,
    target: Decimal,
) -> list[ExampleSeries] | None:
    """The examples with their own ways scaled such that an expression has a value, if they can."""

    def scaled(factor: Decimal) -> list[ExampleSeries]:
        return [
            each.model_copy(update={"rises": each.rises * factor})
            if each.rises is not None and _is_read(node, each)
            else each
            for each in examples
        ]

    def reached(factor: Decimal) -> Decimal | None:
        try:
            steady = [_steady(each, value) for each in scaled(factor)]
            found = Evaluation(steady, scrape, scrape).of(node)
        except (NotKnownError, ArithmeticError):
            return None
        return next(iter(found.values())) if len(found) == 1 else None

    none, once = reached(Decimal(0)), reached(Decimal(1))
    if none is None or once is None or none == once:
        return None
    factor = (target - none) / (once - none)
    exactly = reached(factor) if factor >= 0 else None
    if exactly is None or abs(exactly - target) > _EXACT * abs(target):
        return None
    return scaled(factor)


def _fewer(
    guard: ast.BinaryExpr, examples: Sequence[ExampleSeries], value: Decimal, scrape: Duration
) -> Iterator[list[ExampleSeries]]:
    """The examples without one that stands still, where that is one too few."""
    for left_out in examples:
        if left_out.is_ is not None and _is_read(guard.lhs, left_out):
            rest = [each for each in examples if each is not left_out]
            try:
                met = Evaluation([_steady(each, value) for each in rest], scrape, scrape).of(guard)
            except (NotKnownError, ArithmeticError):
                continue
            if not met:
                yield rest
                return


def _is_read(node: ast.Expr, each: ExampleSeries) -> bool:
    metric, labels = decoys.read(each.series)
    return any(
        isinstance(inner, ast.VectorSelector) and decoys.takes(inner, metric, labels)
        for inner in promql.walk(node)
    )


def _steady(each: ExampleSeries, value: Decimal) -> Steady:
    """What it is while the value stands: a rate, or the value of a gauge."""
    metric, labels = decoys.read(each.series)
    if each.while_ or each.ago is not None or each.climbs is not None:
        raise NotKnownError(each.series)
    if each.rate is not None or each.rises is not None:
        return Steady(
            metric, labels, (each.rate or Decimal(0)) * value + (each.rises or Decimal(0))
        )
    return Steady(metric, labels, each.is_ if each.is_ is not None else value * (each.times or 0))
