"""Analysis of the labels of a query's result, as far as the syntax tree decides them.

Errors and total need the same labels. Otherwise their ratio matches no series, and a missing
error series looks like one that never matches.
"""

from dataclasses import dataclass

import promql_parser as ast

from slos.schema.promql import parse_template

_LEAVE_LABELS = {"clamp_min", "clamp_max", "sort", "sort_desc", "round", "abs"}


@dataclass(frozen=True, slots=True)
class Grouping:
    """The grouping of an aggregation.

    Attributes:
        labels: the labels that are kept, or those that are dropped.
        without: the labels are dropped.
    """

    labels: tuple[str, ...] = ()
    without: bool = False

    def __str__(self) -> str:
        if not self.labels:
            return "sum(...)"
        return f"sum {'without' if self.without else 'by'} ({', '.join(self.labels)}) (...)"


def grouping_of(template: str) -> Grouping | None:
    """Find the grouping of a query; None where only its data decides it."""
    return _grouping(parse_template(template))


def labels_of(template: str) -> tuple[str, ...]:
    """List the labels that a query groups by; empty where it has no `by`."""
    grouping = grouping_of(template)
    return grouping.labels if grouping and not grouping.without else ()


def _grouping(node: ast.Expr) -> Grouping | None:
    match node:
        case ast.AggregateExpr():
            return _of_aggregate(node)
        case ast.ParenExpr() | ast.UnaryExpr():
            return _grouping(node.expr)
        case ast.Call() if node.func.name in _LEAVE_LABELS:
            return _grouping(node.args[0])
        case ast.BinaryExpr():
            return _of_binary(node)
    return None


def _of_aggregate(node: ast.AggregateExpr) -> Grouping:
    if node.modifier is None:
        return Grouping()
    labels = tuple(sorted(node.modifier.labels))
    return Grouping(labels, without=node.modifier.type == ast.AggModifierType.Without)


def _of_binary(node: ast.BinaryExpr) -> Grouping | None:
    """Find the grouping of a binary operation: scalars and `vector(0)` do not change labels."""
    if _is_scalar(node.lhs):
        return _grouping(node.rhs)
    left = _grouping(node.lhs)
    if _is_scalar(node.rhs) or left == _grouping(node.rhs):
        return left
    return None


def _is_scalar(node: ast.Expr) -> bool:
    match node:
        case ast.NumberLiteral():
            return True
        case ast.Call():
            return node.func.name in ("scalar", "vector", "time", "pi")
        case ast.ParenExpr() | ast.UnaryExpr():
            return _is_scalar(node.expr)
    return False
