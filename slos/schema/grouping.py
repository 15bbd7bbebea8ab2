"""Which labels the result of a query has, as far as its syntax tells.

Errors and total must have the same, or a ratio pairs nothing with nothing, and an error series
that is not there yet could not be told from one that never matches.
"""

from dataclasses import dataclass

import promql_parser as ast

from slos.schema.promql import parse_template

_LEAVE_LABELS = {"clamp_min", "clamp_max", "sort", "sort_desc", "round", "abs"}


@dataclass(frozen=True, slots=True)
class Grouping:
    """The labels that stay (`without` False), or all but these (`without` True)."""

    labels: tuple[str, ...] = ()
    without: bool = False

    def __str__(self) -> str:
        if not self.labels:
            return "sum(...)"
        return f"sum {'without' if self.without else 'by'} ({', '.join(self.labels)}) (...)"


def grouping_of(template: str) -> Grouping | None:
    """The grouping of a query, or None where only its data can tell."""
    return _grouping(parse_template(template))


def labels_of(template: str) -> tuple[str, ...]:
    """The labels a query keeps by name; none where it does not say."""
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
    """Scalars and `or vector(0)` leave the other side's labels; other pairs must agree."""
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
