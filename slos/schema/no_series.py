"""Result that a query has while no series exists, as far as its text decides it."""

import math
from collections.abc import Callable, Mapping

import promql_parser as ast

from slos.schema.promql import list_children, parse_template, strip_parentheses

_UNKNOWN = math.nan
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else _UNKNOWN,
}
_SAME_VALUE = {"sum", "max", "min", "avg"}


def find_result_without_series(template: str) -> float | None:
    """Find the value of a query while no series exists; None without a result, NaN if unknown."""
    return _evaluate(parse_template(template))


def _evaluate(node: ast.Expr) -> float | None:
    node = strip_parentheses(node)
    match node:
        case ast.NumberLiteral():
            return float(node.val)
        case ast.VectorSelector() | ast.MatrixSelector():
            return None
        case ast.BinaryExpr():
            return _evaluate_binary(node)
        case ast.Call():
            return _evaluate_call(node)
        case ast.UnaryExpr() | ast.AggregateExpr():
            return _evaluate_operand(node)
    results = [_evaluate(child) for child in list_children(node)]
    return None if None in results else _UNKNOWN


def _evaluate_operand(node: ast.UnaryExpr | ast.AggregateExpr) -> float | None:
    value = _evaluate(node.expr)
    if isinstance(node, ast.UnaryExpr):
        return None if value is None else -value
    return value if value is None or str(node.op) in _SAME_VALUE else _UNKNOWN


def _evaluate_call(node: ast.Call) -> float | None:
    name = node.func.name
    results = [_evaluate(each) for each in node.args if not isinstance(each, ast.StringLiteral)]
    if name == "scalar":
        return _UNKNOWN
    if name in {"absent", "absent_over_time"}:
        return 1.0 if results == [None] else _UNKNOWN
    if None in results:
        return None
    return results[0] if name in {"vector", "label_replace"} else _UNKNOWN


def _evaluate_binary(node: ast.BinaryExpr) -> float | None:
    operator, left, right = str(node.op), _evaluate(node.lhs), _evaluate(node.rhs)
    if operator == "or":
        return right if left is None else left
    if operator == "unless" and right is None:
        return left
    if left is None or (right is None and operator != "unless"):
        return None
    compute = _ARITHMETIC.get(operator)
    return compute(left, right) if compute and right is not None else _UNKNOWN
