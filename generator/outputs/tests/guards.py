"""Test cases of guards: conditions beside the main one in a query, such as enough traffic.

A guard is a comparison with a number on the right side of an `and`. Where series with values of
their own decide it, they are scaled to miss it narrowly and to meet it narrowly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import promql_parser as ast

from generator.outputs.tests import decoys
from generator.outputs.tests.evaluator import Evaluation, NotKnownError, Steady
from slos.schema import promql
from slos.schema.examples import ExampleSeries
from slos.schema.units import Duration

_COMPARISONS = {">": 1, ">=": 1, "<": -1, "<=": -1}
_LITTLE = Decimal("0.02")
_EXACT = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Guarded:
    """Examples that meet a guard or miss it.

    Attributes:
        title: the title of the case.
        examples: the example series.
        is_met: True if the guard is met.
    """

    shown: str
    examples: list[ExampleSeries]
    holds: bool = False


def of_query(
    query: str, examples: Sequence[ExampleSeries], value: Decimal, scrape: Duration
) -> Iterator[Guarded]:
    """List both cases for each guard that series with values of their own decide.

    Args:
        query: the query of the alert.
        examples: its example series.
        value: the value of the query while the alert fires.
        scrape: the interval of samples.
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
    """Find the comparisons with a number to the right of the query's own `and`s."""
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
    """Scale the series with values of their own until an expression has a value.

    Returns None if no factor gives that value.
    """

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
    """Drop one constant series from the examples, if the guard is not met without it."""
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
    """Build the series of an example at a constant value: a rate, or the value of a gauge."""
    metric, labels = decoys.read(each.series)
    if each.while_ or each.ago is not None or each.climbs is not None:
        raise NotKnownError(each.series)
    if each.rate is not None or each.rises is not None:
        return Steady(
            metric, labels, (each.rate or Decimal(0)) * value + (each.rises or Decimal(0))
        )
    return Steady(metric, labels, each.is_ if each.is_ is not None else value * (each.times or 0))
