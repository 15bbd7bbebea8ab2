"""Test cases of guards: conditions beside the main one in a query, such as enough traffic.

A guard is a comparison with a number on the right side of an `and`. Where series with values of
their own decide it, they are scaled to miss it narrowly and to meet it narrowly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import promql_parser as ast

from generator.outputs.tests.evaluator import Evaluator, SteadySeries
from generator.outputs.tests.numbers import UnsupportedQueryError
from generator.outputs.tests.selectors import parse_series, selects_series
from slos.schema import promql
from slos.schema.examples import ExampleSeries
from slos.schema.units import Duration

_COMPARISONS = {">": 1, ">=": 1, "<": -1, "<=": -1}
_MARGIN = Decimal("0.02")
_TOLERANCE = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class GuardCase:
    """Examples that meet a guard or miss it.

    Attributes:
        title: the title of the case.
        examples: the example series.
        is_met: True if the guard is met.
    """

    title: str
    examples: list[ExampleSeries]
    is_met: bool = False


def list_guard_cases(
    query: str, examples: Sequence[ExampleSeries], value: Decimal, scrape: Duration
) -> Iterator[GuardCase]:
    """List both cases for each guard that series with values of their own decide.

    Args:
        query: the query of the alert.
        examples: its example series.
        value: the value of the query while the alert fires.
        scrape: the interval of samples.
    """
    for guard in _find_guards(promql.parse_template(query)):
        limit, side = _read_number(guard.rhs), _COMPARISONS[str(guard.op)]
        for little, is_met in ((-_MARGIN, False), (_MARGIN, True)):
            target = limit * (1 + side * little)
            scaled_examples = _scale_to_target(guard.lhs, examples, value, scrape, target)
            if scaled_examples:
                title = "enough beside it" if is_met else "too little beside it"
                yield GuardCase(
                    f"{title}, {guard.op} {limit.normalize():f}", scaled_examples, is_met
                )
        for remaining in _drop_one_series(guard, examples, value, scrape):
            yield GuardCase(f"one less beside it, {guard.op} {limit.normalize():f}", remaining)


def _find_guards(node: ast.Expr) -> Iterator[ast.BinaryExpr]:
    """Find the comparisons with a number to the right of the query's own `and`s."""
    if isinstance(node, ast.ParenExpr):
        yield from _find_guards(node.expr)
    elif isinstance(node, ast.BinaryExpr) and str(node.op) == "and":
        yield from _find_guards(node.lhs)
        right = node.rhs
        while isinstance(right, ast.ParenExpr):
            right = right.expr
        if (
            isinstance(right, ast.BinaryExpr)
            and str(right.op) in _COMPARISONS
            and isinstance(right.rhs, ast.NumberLiteral)
        ):
            yield right


def _read_number(node: ast.Expr) -> Decimal:
    return Decimal(str(node.val)) if isinstance(node, ast.NumberLiteral) else Decimal("NaN")


def _scale_to_target(
    node: ast.Expr,
    examples: Sequence[ExampleSeries],
    value: Decimal,
    scrape: Duration,
    target: Decimal,
) -> list[ExampleSeries] | None:
    """Scale the series with values of their own until an expression has a value.

    Returns None if no factor gives that value.
    """

    def scale(factor: Decimal) -> list[ExampleSeries]:
        return [
            each.model_copy(update={"rises": each.rises * factor})
            if each.rises is not None and _is_read(node, each)
            else each
            for each in examples
        ]

    def evaluate(factor: Decimal) -> Decimal | None:
        try:
            steady = [_build_steady_series(each, value) for each in scale(factor)]
            found = Evaluator(steady, scrape, scrape).evaluate(node)
        except (UnsupportedQueryError, ArithmeticError):
            return None
        return next(iter(found.values())).value if len(found) == 1 else None

    at_zero, at_one = evaluate(Decimal(0)), evaluate(Decimal(1))
    if at_zero is None or at_one is None or at_zero == at_one:
        return None
    factor = (target - at_zero) / (at_one - at_zero)
    at_factor = evaluate(factor) if factor >= 0 else None
    if at_factor is None or abs(at_factor - target) > _TOLERANCE * abs(target):
        return None
    return scale(factor)


def _drop_one_series(
    guard: ast.BinaryExpr, examples: Sequence[ExampleSeries], value: Decimal, scrape: Duration
) -> Iterator[list[ExampleSeries]]:
    """Drop one constant series from the examples, if the guard is not met without it."""
    for left_out in examples:
        if left_out.is_ is not None and _is_read(guard.lhs, left_out):
            remaining = [each for each in examples if each is not left_out]
            try:
                met = Evaluator(
                    [_build_steady_series(each, value) for each in remaining], scrape, scrape
                ).evaluate(guard)
            except (UnsupportedQueryError, ArithmeticError):
                continue
            if not met:
                yield remaining
                return


def _is_read(node: ast.Expr, example: ExampleSeries) -> bool:
    metric, labels = parse_series(example.series)
    return any(
        isinstance(selector, ast.VectorSelector) and selects_series(selector, metric, labels)
        for selector in promql.walk_nodes(node)
    )


def _build_steady_series(example: ExampleSeries, value: Decimal) -> SteadySeries:
    """Build the series of an example at a constant value: a rate, or the value of a gauge."""
    metric, labels = parse_series(example.series)
    if example.while_ or example.ago is not None or example.climbs is not None:
        raise UnsupportedQueryError(example.series)
    if example.rate is not None or example.rises is not None:
        rate = (example.rate or Decimal(0)) * value + (example.rises or Decimal(0))
        return SteadySeries(metric, labels, rate, is_counter=True)
    return SteadySeries(
        metric, labels, example.is_ if example.is_ is not None else value * (example.times or 0)
    )
