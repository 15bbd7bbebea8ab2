"""Printer of syntax trees as PromQL text.

The text of `promql_parser` does not escape strings, so it cannot be parsed again.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import promql_parser as ast

from slos.schema.promql import (
    PLACEHOLDER_WINDOW_SECONDS,
    format_label_names,
    format_vector_selector,
    parse_template,
    quote_string,
)
from slos.schema.units import Duration, format_decimal

_NONE = Duration(0)
_WINDOW = "{{.window}}"


def print_template(node: ast.Expr, delay: Duration = _NONE) -> str:
    """Print a tree; ranges of the placeholder window become `{{.window}}`.

    Args:
        node: the tree.
        delay: time by which all series are read later, except those at a fixed time.

    Raises:
        TypeError: the node is of an unknown type.
    """
    for kind, print_node in _PRINTERS.items():
        if isinstance(node, kind):
            return print_node(node, delay)
    raise TypeError(type(node).__name__)


def delay_query(template: str, delay: Duration) -> str:
    """Read all series of a query later; without a delay, the query stays as it is written."""
    return print_template(parse_template(template), delay) if delay.ms else template


def print_call(node: ast.Call, arguments: Iterable[str]) -> str:
    """Print a call with other arguments."""
    return f"{node.func.name}({', '.join(arguments)})"


def print_aggregation(node: ast.AggregateExpr, inner: str, delay: Duration = _NONE) -> str:
    """Print an aggregation of another expression."""
    parameter = "" if node.param is None else f"{print_template(node.param, delay)}, "
    grouping = ""
    if node.modifier is not None:
        kind = "without" if node.modifier.type == ast.AggModifierType.Without else "by"
        grouping = f" {kind} ({format_label_names(node.modifier.labels)}) "
    return f"{node.op}{grouping}({parameter}{inner})"


def print_binary(node: ast.BinaryExpr, left: str, right: str) -> str:
    """Print a binary operation of other operands."""
    modifier = node.modifier
    flag = " bool" if modifier is not None and modifier.return_bool else ""
    return f"{left} {node.op}{flag}{print_matching(modifier)} {right}"


def print_matching(modifier: ast.BinModifier | None) -> str:
    """Print the vector matching of an operator, with a space in front; empty without one."""
    if modifier is None:
        return ""
    text = ""
    if modifier.matching is not None:
        kind = "on" if modifier.matching.type == ast.LabelModifierType.Include else "ignoring"
        text += f" {kind} ({format_label_names(modifier.matching.labels)})"
    card = str(modifier.card).rpartition(".")[2]
    if card in ("ManyToOne", "OneToMany"):
        side = "left" if card == "ManyToOne" else "right"
        text += f" group_{side} ({format_label_names(modifier.group_labels or [])})"
    return text


def _print_subquery(node: ast.SubqueryExpr, delay: Duration) -> str:
    range_ = f"[{_print_length(node.range)}:{_print_length(node.step)}]"
    return print_template(node.expr) + range_ + _print_modifiers(node, delay)


def _print_selector(node: ast.VectorSelector, delay: Duration, range_: str = "") -> str:
    selector = format_vector_selector(node)
    return f"{selector}{range_}{_print_modifiers(node, delay)}"


def _print_modifiers(node: ast.VectorSelector | ast.SubqueryExpr, delay: Duration) -> str:
    offset = node.offset
    if delay.ms and node.at is None:
        offset = (offset or timedelta()) + timedelta(milliseconds=delay.ms)
    text = f" offset {_print_length(offset)}" if offset is not None else ""
    if node.at is None:
        return text
    kind = str(node.at.type).rpartition(".")[2]
    if node.at.at is not None:
        return f"{text} @ {node.at.at.timestamp():.3f}"
    return f"{text} @ {kind.lower()}()"


def _print_length(length: timedelta | None) -> str:
    if length is None:
        return ""
    seconds = length.total_seconds()
    if seconds == PLACEHOLDER_WINDOW_SECONDS:
        return _WINDOW
    milliseconds = round(1000 * seconds)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _print_number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return {"inf": "Inf", "-inf": "-Inf"}.get(str(value), "NaN")
    text = repr(value)
    # A division by -0 has another result than one by 0.
    return text if "e" in text or text == "-0.0" else format_decimal(Decimal(text))


_PRINTERS: Mapping[type, Callable[[Any, Duration], str]] = {
    ast.ParenExpr: lambda node, delay: f"({print_template(node.expr, delay)})",
    ast.UnaryExpr: lambda node, delay: f"-{print_template(node.expr, delay)}",
    ast.NumberLiteral: lambda node, _: _print_number(node.val),
    ast.StringLiteral: lambda node, _: quote_string(node.val),
    ast.VectorSelector: _print_selector,
    ast.MatrixSelector: lambda node, delay: _print_selector(
        node.vector_selector, delay, f"[{_print_length(node.range)}]"
    ),
    ast.SubqueryExpr: _print_subquery,
    ast.Call: lambda node, delay: print_call(
        node, (print_template(argument, delay) for argument in node.args)
    ),
    ast.AggregateExpr: lambda node, delay: print_aggregation(
        node, print_template(node.expr, delay), delay
    ),
    ast.BinaryExpr: lambda node, delay: print_binary(
        node, print_template(node.lhs, delay), print_template(node.rhs, delay)
    ),
}
