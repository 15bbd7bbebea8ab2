"""What Prometheus gives for a built expression over one series, in version 2 and in 3.

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
_NEAR = 1.1


@dataclass(frozen=True, slots=True)
class Series:
    """The one series there is.

    Attributes:
        samples: milliseconds and values, oldest first.
        late: how long after its time a sample can be read.
        with_start: whether a range includes its start, as in Prometheus 2.
    """

    samples: Sequence[Sample]
    late: int = 0
    with_start: bool = True

    def of(self, expr: str, now: int) -> float | None:
        """The value of an expression at a time; None for no sample."""
        return self._value(promql.parse(expr), now)

    def _value(self, node: ast.Expr, now: int) -> float | None:
        match node:
            case ast.ParenExpr() | ast.AggregateExpr():
                return self._value(node.expr, now)
            case ast.NumberLiteral():
                return float(node.val)
            case ast.Call():
                return self._call(node, now)
            case ast.BinaryExpr():
                left, right = (self._value(side, now) for side in (node.lhs, node.rhs))
                return _binary(node, left, right)
        raise AssertionError(f"the model does not know {type(node).__name__}")

    def _call(self, node: ast.Call, now: int) -> float | None:
        selector, name = node.args[0], node.func.name
        if not isinstance(selector, ast.MatrixSelector):
            assert name == "clamp_min"
            value = self._value(selector, now)
            return None if value is None else max(value, 0.0)
        offset = selector.vector_selector.offset
        end = now - (round(1000 * offset.total_seconds()) if offset else 0)
        start = end - round(1000 * selector.range.total_seconds())
        first = start if self.with_start else start + 1
        read = [s for s in self.samples if first <= s[0] <= end and s[0] + self.late <= now]
        if name in ("rate", "delta"):
            return _extrapolated(read, start, end, counter=name == "rate")
        return _OVER_TIME[name]([value for _, value in read]) if read else None


def _resets(values: Sequence[float]) -> float:
    return float(sum(b < a for a, b in pairwise(values)))


_OVER_TIME: dict[str, Callable[[Sequence[float]], float]] = {
    "last_over_time": lambda values: values[-1],
    "min_over_time": min,
    "sum_over_time": sum,
    "count_over_time": len,
    "resets": _resets,
}


def _extrapolated(read: Sequence[Sample], start: int, end: int, *, counter: bool) -> float | None:
    if len(read) < 2:
        return None
    values = [value for _, value in read]
    gained = float(values[-1] - values[0])
    if counter:
        gained += sum(float(a) for a, b in pairwise(values) if b < a)
    span = float(read[-1][0] - read[0][0])
    between = span / (len(read) - 1)
    before, after = float(read[0][0] - start), float(end - read[-1][0])
    if counter and gained > 0 and values[0] >= 0:
        before = min(before, span * values[0] / gained)
    whole = span + sum(gap if gap < _NEAR * between else between / 2 for gap in (before, after))
    gained *= whole / span
    return gained * 1000 / (end - start) if counter else gained


def _binary(node: ast.BinaryExpr, left: float | None, right: float | None) -> float | None:
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
        "+": add,
        "-": sub,
        "*": mul,
        "/": truediv,
    }
    return arithmetic[operator](left, right)
