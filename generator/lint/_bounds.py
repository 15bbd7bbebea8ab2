"""Bounds of a query: the values that it can have."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

import promql_parser as ast

from generator.lint import _matchers

_INFINITY = math.inf
_COUNTER_SUFFIXES = ("_total", "_count", "_bucket")
_BOOLEANS = ("up", "probe_success")
_SAME_BOUNDS = {
    "label_replace", "label_join", "sort", "sort_desc", "avg_over_time", "max_over_time",
    "min_over_time", "last_over_time", "vector",
}  # fmt: skip
_NOT_NEGATIVE = (
    "rate", "increase", "irate", "changes", "resets", "abs", "sqrt", "exp", "stddev_over_time",
    "stdvar_over_time", "time", "timestamp", "histogram_count",
)  # fmt: skip
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lowest and highest value of a query; no value where the lowest is above the highest.

    Attributes:
        low: lowest value.
        high: highest value.
        is_empty: whether the query never has a value.
    """

    low: float = -_INFINITY
    high: float = _INFINITY
    is_empty: bool = False

    def compare(self, comparison: str, other: "Bounds") -> bool | None:
        """Compare with other bounds; None where it depends on the values."""
        if comparison in ("==", "!="):
            if self.low > other.high or other.low > self.high:
                return comparison == "!="
            is_fixed = self.low == self.high == other.low == other.high
            return comparison == "==" if is_fixed else None
        compare = _COMPARISONS[comparison]
        ends = [
            compare(one, two) for one in (self.low, self.high) for two in (other.low, other.high)
        ]
        return ends[0] if len(set(ends)) == 1 else None


_ANY, _ZERO_OR_MORE, _ONE_OR_MORE = Bounds(), Bounds(0), Bounds(1)
_ZERO_OR_ONE, _ONE, _EMPTY = Bounds(0, 1), Bounds(1, 1), Bounds(is_empty=True)
_AGGREGATIONS = {
    "count": _ONE_OR_MORE,
    "group": _ONE,
    "count_values": _ANY,
    "stddev": _ZERO_OR_MORE,
    "stdvar": _ZERO_OR_MORE,
}
_CALLS = {
    "absent": _ONE,
    "absent_over_time": _ONE,
    "present_over_time": _ONE,
    "count_over_time": _ONE_OR_MORE,
    **dict.fromkeys(_NOT_NEGATIVE, _ZERO_OR_MORE),
}


def compute_bounds(node: ast.Expr) -> Bounds:
    """Compute bounds of a query; all values are possible where they are not known."""
    match node:
        case ast.ParenExpr() | ast.SubqueryExpr():
            bounds = compute_bounds(node.expr)
        case ast.NumberLiteral():
            bounds = Bounds(node.val, node.val)
        case ast.MatrixSelector():
            bounds = _compute_selector_bounds(node.vector_selector)
        case ast.VectorSelector():
            bounds = _compute_selector_bounds(node)
        case ast.AggregateExpr():
            bounds = _compute_aggregate_bounds(node)
        case ast.Call():
            bounds = _compute_call_bounds(node)
        case ast.BinaryExpr():
            bounds = _compute_binary_bounds(node)
        case _:
            bounds = _ANY
    return bounds


def _compute_selector_bounds(node: ast.VectorSelector) -> Bounds:
    name = _matchers.get_name(node)
    if name in _BOOLEANS:
        return _ZERO_OR_ONE
    return _ZERO_OR_MORE if name.endswith(_COUNTER_SUFFIXES) else _ANY


def _compute_aggregate_bounds(node: ast.AggregateExpr) -> Bounds:
    inner, name = compute_bounds(node.expr), str(node.op)
    if inner.is_empty:
        return inner
    return _compute_sum_bounds(inner) if name == "sum" else _AGGREGATIONS.get(name, inner)


def _compute_call_bounds(node: ast.Call) -> Bounds:
    name = node.func.name
    if name in _SAME_BOUNDS:
        return compute_bounds(node.args[0])
    if name == "sum_over_time":
        return _compute_sum_bounds(compute_bounds(node.args[0]))
    return _CALLS.get(name, _ANY)


def _compute_sum_bounds(inner: Bounds) -> Bounds:
    return _ZERO_OR_MORE if inner.low >= 0 else _ANY


def _compute_binary_bounds(node: ast.BinaryExpr) -> Bounds:
    left, right, name = compute_bounds(node.lhs), compute_bounds(node.rhs), str(node.op)
    if name == "or":
        return _join_bounds(left, right)
    if name == "unless":
        return left
    if left.is_empty or right.is_empty:
        return _EMPTY
    if name == "and":
        return left
    if name in (*_COMPARISONS, "==", "!="):
        is_bool = node.modifier is not None and node.modifier.return_bool
        return _ZERO_OR_ONE if is_bool else _narrow(left, name, right)
    is_positive = left.low >= 0 and right.low >= 0
    return _ZERO_OR_MORE if is_positive and name in ("*", "/", "+") else _ANY


def _join_bounds(left: Bounds, right: Bounds) -> Bounds:
    if left.is_empty or right.is_empty:
        return right if left.is_empty else left
    return Bounds(min(left.low, right.low), max(left.high, right.high))


def _narrow(left: Bounds, comparison: str, right: Bounds) -> Bounds:
    """Narrow bounds to those values that a comparison keeps."""
    if left.compare(comparison, right) is False:
        return _EMPTY
    low, high = max(left.low, right.low), min(left.high, right.high)
    return Bounds(
        low if comparison in ("==", ">", ">=") else left.low,
        high if comparison in ("==", "<", "<=") else left.high,
    )
