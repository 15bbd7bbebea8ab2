"""Model of Prometheus 2 and 3: the value of a built expression over one series.

A small model beside promtool, which knows one version and in which no sample is ever late.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import add, mul, sub, truediv

import promql_parser as ast

from slos.schema import promql

Sample = tuple[int, float]
# extrapolatedRate in promql/functions.go: beyond this many distances, half of one is added.
_EXTRAPOLATION_LIMIT = 1.1


@dataclass(frozen=True, slots=True)
class ModelSeries:
    """The one series there is.

    Attributes:
        samples: milliseconds and values, oldest first.
        scrape_delay: how long after its time a sample can be read.
        includes_start: whether a range includes its start, as in Prometheus 2.
    """

    samples: Sequence[Sample]
    scrape_delay: int = 0
    includes_start: bool = True

    def evaluate(self, expr: str, now: int) -> float | None:
        """The value of an expression at a time; None for no sample."""
        return self._evaluate_node(promql.parse_query(expr), now)

    def _evaluate_node(self, node: ast.Expr, now: int) -> float | None:
        match node:
            case ast.ParenExpr() | ast.AggregateExpr():
                return self._evaluate_node(node.expr, now)
            case ast.NumberLiteral():
                return float(node.val)
            case ast.Call():
                return self._evaluate_call(node, now)
            case ast.BinaryExpr():
                left, right = (self._evaluate_node(side, now) for side in (node.lhs, node.rhs))
                return _evaluate_binary(node, left, right)
        raise AssertionError(f"the model does not know {type(node).__name__}")

    def _evaluate_call(self, node: ast.Call, now: int) -> float | None:
        if node.func.name == "time":
            return now / 1000
        selector, name = node.args[0], node.func.name
        if not isinstance(selector, ast.MatrixSelector):
            assert name == "clamp_min"
            value = self._evaluate_node(selector, now)
            return None if value is None else max(value, 0.0)
        if selector.vector_selector.name != "m" or selector.vector_selector.matchers.matchers:
            return None  # the one series has this name and no labels
        offset = selector.vector_selector.offset
        end = now - (round(1000 * offset.total_seconds()) if offset else 0)
        start = end - round(1000 * selector.range.total_seconds())
        first = start if self.includes_start else start + 1
        samples = [
            s for s in self.samples if first <= s[0] <= end and s[0] + self.scrape_delay <= now
        ]
        if name in ("rate", "delta"):
            return _extrapolate(samples, start, end, is_counter=name == "rate")
        return _OVER_TIME[name]([value for _, value in samples]) if samples else None


def _count_resets(values: Sequence[float]) -> float:
    return float(sum(b < a for a, b in pairwise(values)))


_OVER_TIME: dict[str, Callable[[Sequence[float]], float]] = {
    "last_over_time": lambda values: values[-1],
    "min_over_time": min,
    "sum_over_time": sum,
    "count_over_time": len,
    "resets": _count_resets,
}


def _extrapolate(
    samples: Sequence[Sample], start: int, end: int, *, is_counter: bool
) -> float | None:
    if len(samples) < 2:
        return None
    values = [value for _, value in samples]
    gained = float(values[-1] - values[0])
    if is_counter:
        gained += sum(float(a) for a, b in pairwise(values) if b < a)
    span = float(samples[-1][0] - samples[0][0])
    between = span / (len(samples) - 1)
    before, after = float(samples[0][0] - start), float(end - samples[-1][0])
    if is_counter and gained > 0 and values[0] >= 0:
        before = min(before, span * values[0] / gained)
    full_span = span + sum(
        gap if gap < _EXTRAPOLATION_LIMIT * between else between / 2 for gap in (before, after)
    )
    gained *= full_span / span
    return gained * 1000 / (end - start) if is_counter else gained


def _evaluate_binary(node: ast.BinaryExpr, left: float | None, right: float | None) -> float | None:
    operator = str(node.op)
    if operator == "or":
        return right if left is None else left
    if operator == "unless":
        return left if right is None else None
    if left is None or right is None:
        return None
    if operator in (">", ">="):
        holds = left > right if operator == ">" else left >= right
        if node.modifier is not None and node.modifier.return_bool:
            return float(holds)
        return left if holds else None
    arithmetic: dict[str, Callable[[float, float], float]] = {
        "and": lambda value, _: value,
        "+": add,
        "-": sub,
        "*": mul,
        "/": truediv,
    }
    return arithmetic[operator](left, right)
