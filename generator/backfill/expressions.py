"""Expressions in two parts: what the server can evaluate, and what reads recorded series."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import promql_parser as ast

from slos.schema import promql
from slos.schema.compatibility import read_metric_name
from slos.schema.promql_printer import (
    print_aggregation,
    print_binary,
    print_call,
    print_template,
)


class MixedSubqueryError(Exception):
    """Subquery that reads raw and recorded series, so neither side can evaluate it."""


@dataclass(frozen=True, slots=True)
class SplitExpression:
    """Expression whose largest parts over raw series are series of their own.

    Attributes:
        text: the expression; it reads recorded series and the series of the parts.
        parts: queries of the server, by the metric that their results get.
    """

    text: str
    parts: dict[str, str]


def split_expression(
    expr: str, recorded: AbstractSet[str], name_part: Callable[[int], str]
) -> SplitExpression:
    """Split an expression.

    Args:
        expr: expression of a rule.
        recorded: metrics that rules record.
        name_part: makes the metric of a part from its number.

    Raises:
        MixedSubqueryError: a subquery reads raw and recorded series.
    """
    parts: dict[str, str] = {}

    def print_node(node: ast.Expr) -> str:
        kinds = {metric in recorded for metric in _list_metrics(node)}
        if True not in kinds and not _is_scalar(node) and kinds:
            name = name_part(len(parts))
            parts[name] = print_template(node)
            return name
        if False not in kinds:
            return print_template(node)
        return _print_parent(node, print_node)

    return SplitExpression(print_node(promql.parse_query(expr)), parts)


def _print_parent(node: ast.Expr, print_node: Callable[[ast.Expr], str]) -> str:
    """Print a node with its direct sub-expressions as `print_node` prints them."""
    match node:
        case ast.ParenExpr():
            return f"({print_node(node.expr)})"
        case ast.UnaryExpr():
            return f"-{print_node(node.expr)}"
        case ast.BinaryExpr():
            return print_binary(node, print_node(node.lhs), print_node(node.rhs))
        case ast.Call():
            return print_call(node, map(print_node, node.args))
        case ast.AggregateExpr():
            return print_aggregation(node, print_node(node.expr))
    raise MixedSubqueryError(
        f"{print_template(node)} reads raw and recorded series in a subquery; "
        "record its inner query"
    )


def list_metrics(expr: str) -> set[str]:
    """List the metrics that an expression reads."""
    return set(_list_metrics(promql.parse_query(expr)))


def _list_metrics(node: ast.Expr) -> list[str]:
    return [
        read_metric_name(each)
        for each in promql.walk_nodes(node)
        if isinstance(each, ast.VectorSelector)
    ]


def _is_scalar(node: ast.Expr) -> bool:
    """Tell whether a node has a number as its value, which is no series."""
    match node:
        case ast.Call():
            return node.func.name == "scalar"
        case ast.ParenExpr() | ast.UnaryExpr():
            return _is_scalar(node.expr)
        case ast.BinaryExpr():
            return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return isinstance(node, ast.NumberLiteral)
