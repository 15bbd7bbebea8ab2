"""Analysis of a query's syntax tree: the unit that it counts in, and the labels of its result."""

from dataclasses import dataclass
from enum import Enum

import promql_parser as ast

from slos.schema.promql import PLACEHOLDER_WINDOW_SECONDS, format_query, parse_template, walk_nodes

SUM_KEEPING_FUNCTIONS = {"label_replace", "label_join", "sort", "sort_desc"}
"""Functions that keep sums: they change labels or order only."""
LABEL_KEEPING_FUNCTIONS = {"clamp_min", "clamp_max", "sort", "sort_desc", "round", "abs"}
"""Functions that keep the labels of their first argument."""


class Counting(Enum):
    """The unit of the value of a query over a range."""

    PER_SECOND = "events a second"
    PER_RANGE = "events in the range"
    PER_SAMPLE = "samples in the range"


class NotSummableError(ValueError):
    """A query cannot be summed over time; the message has a reason and, after `; `, a hint."""


_RANGE_FUNCTIONS = {
    "rate": Counting.PER_SECOND,
    "increase": Counting.PER_RANGE,
    "count_over_time": Counting.PER_SAMPLE,
    "sum_over_time": Counting.PER_SAMPLE,
}


def detect_counting(template: str) -> Counting:
    """Detect the unit that a summable query counts in.

    Raises:
        NotSummableError: the query cannot be summed over time.
    """
    countings = _find_countings(parse_template(template))
    if not countings:
        raise NotSummableError(
            "no counter over {{.window}} in the query; use rate(...[{{.window}}]), "
            "or a 'raw' SLI, which is weighted by time"
        )
    if len(countings) > 1:
        names = " and ".join(sorted(counting.value for counting in countings))
        raise NotSummableError(f"the query mixes {names}; use rate or increase throughout")
    return countings.pop()


def _find_countings(node: ast.Expr) -> set[Counting]:
    match node:
        case ast.ParenExpr() | ast.UnaryExpr():
            return _find_countings(node.expr)
        case ast.Call():
            return _find_call_countings(node)
        case ast.AggregateExpr():
            return _find_aggregate_countings(node)
        case ast.BinaryExpr():
            return _find_binary_countings(node)
    if _is_zero(node):
        return set()
    raise NotSummableError(
        f"{_shorten_query(node)} is added without a range function; "
        "wrap counters in rate(...[{{.window}}]), or use a 'raw' SLI, which is weighted by time"
    )


def _find_call_countings(node: ast.Call) -> set[Counting]:
    name = node.func.name
    if name in SUM_KEEPING_FUNCTIONS or (name == "clamp_min" and _is_zero(node.args[1])):
        return _find_countings(node.args[0])
    if name == "vector" and _is_zero(node.args[0]):
        return set()
    counting = _RANGE_FUNCTIONS.get(name)
    if counting is None:
        raise NotSummableError(
            f"{name}() cannot be added up over time, as in {_shorten_query(node)}; "
            f"use one of {', '.join(_RANGE_FUNCTIONS)}, or a 'raw' SLI, which is weighted by time"
        )
    _check_range(node.args[0], name)
    return {counting}


def _check_range(argument: ast.Expr, function_name: str) -> None:
    if isinstance(argument, ast.ParenExpr):
        raise NotSummableError(
            f"{function_name}() reads a range in brackets; remove the brackets around it"
        )
    if not isinstance(argument, ast.MatrixSelector):
        raise NotSummableError(
            f"{function_name}() over a subquery cannot be added up; read the counter"
        )
    if argument.range.total_seconds() != PLACEHOLDER_WINDOW_SECONDS:
        raise NotSummableError(f"{function_name}() reads a fixed range; write [{{{{.window}}}}]")
    selector = argument.vector_selector
    if selector.offset is not None or selector.at is not None:
        raise NotSummableError(
            f"{_shorten_query(selector)} is shifted in time; remove 'offset' and '@' from the query"
        )


def _find_aggregate_countings(node: ast.AggregateExpr) -> set[Counting]:
    if str(node.op) != "sum":
        raise NotSummableError(
            f"{node.op}() over series cannot be added up over time; use sum(), "
            "or a 'raw' SLI, which is weighted by time"
        )
    return _find_countings(node.expr)


def _find_binary_countings(node: ast.BinaryExpr) -> set[Counting]:
    operator = str(node.op)
    if operator in ("+", "-", "or"):
        return _find_countings(node.lhs) | _find_countings(node.rhs)
    if operator == "*" and not reads_range(node.lhs):
        return _find_countings(node.rhs)
    if operator in ("*", "/") and not reads_range(node.rhs):
        return _find_countings(node.lhs)
    # A counter that is counted only where another series exists is still a counter.
    if operator == "and" and reads_range(node.rhs):
        return _find_countings(node.lhs) | _find_countings(node.rhs)
    # `> 0` drops only minutes that add nothing; `> bool 0` turns counts into 0 and 1.
    if operator in (">", "!=") and _is_zero(node.rhs) and not _returns_bool(node):
        return _find_countings(node.lhs)
    raise NotSummableError(
        f"'{operator}' between counts cannot be added up over time; "
        "write errors and total as separate queries, or use a 'raw' SLI, which is weighted by time"
    )


def _returns_bool(node: ast.BinaryExpr) -> bool:
    return node.modifier is not None and node.modifier.return_bool


def reads_range(node: ast.Expr) -> bool:
    """Return whether a node has a range selector or a subquery, as counts have."""
    return any(
        isinstance(inner, ast.MatrixSelector | ast.SubqueryExpr) for inner in walk_nodes(node)
    )


def _is_zero(node: ast.Expr) -> bool:
    return isinstance(node, ast.NumberLiteral) and node.val == 0


def _shorten_query(node: ast.Expr) -> str:
    text = format_query(str(node))
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - one terminal line


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


def find_grouping(template: str) -> Grouping | None:
    """Find the grouping of a query; None where only its data decides it."""
    return find_node_grouping(parse_template(template))


def list_grouping_labels(template: str) -> tuple[str, ...]:
    """List the labels that a query groups by; empty where it has no `by`."""
    grouping = find_grouping(template)
    return grouping.labels if grouping and not grouping.without else ()


def find_node_grouping(node: ast.Expr) -> Grouping | None:
    """Find the grouping of a node's result; None where only its data decides it."""
    match node:
        case ast.AggregateExpr():
            return _find_aggregate_grouping(node)
        case ast.ParenExpr() | ast.UnaryExpr():
            return find_node_grouping(node.expr)
        case ast.Call() if node.func.name in LABEL_KEEPING_FUNCTIONS:
            return find_node_grouping(node.args[0])
        case ast.BinaryExpr():
            return _find_binary_grouping(node)
    return None


def _find_aggregate_grouping(node: ast.AggregateExpr) -> Grouping:
    if node.modifier is None:
        return Grouping()
    labels = tuple(sorted(node.modifier.labels))
    return Grouping(labels, without=node.modifier.type == ast.AggModifierType.Without)


def _find_binary_grouping(node: ast.BinaryExpr) -> Grouping | None:
    """Find the grouping of a binary operation: scalars and `vector(0)` do not change labels."""
    if is_scalar(node.lhs):
        return find_node_grouping(node.rhs)
    left = find_node_grouping(node.lhs)
    if is_scalar(node.rhs) or left == find_node_grouping(node.rhs):
        return left
    return None


def is_scalar(node: ast.Expr) -> bool:
    """Return whether a node is a number, or a single sample without labels like `vector(0)`."""
    match node:
        case ast.NumberLiteral():
            return True
        case ast.Call():
            return node.func.name in ("scalar", "vector", "time", "pi")
        case ast.ParenExpr() | ast.UnaryExpr():
            return is_scalar(node.expr)
    return False
