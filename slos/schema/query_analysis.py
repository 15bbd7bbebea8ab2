"""Analysis of a query's syntax tree: the unit that it counts in, and the labels of its result."""

from dataclasses import dataclass
from enum import Enum

import promql_parser as ast

from slos.schema.promql import (
    COMPARISONS,
    PLACEHOLDER_WINDOW_SECONDS,
    format_label_names,
    format_query,
    parse_template,
    strip_parentheses,
    walk_nodes,
)

SUM_KEEPING_FUNCTIONS = {"label_replace", "label_join", "sort", "sort_desc"}
"""Functions that keep sums: they change labels or order only."""
LABEL_KEEPING_FUNCTIONS = {"clamp_min", "clamp_max", "sort", "sort_desc", "round", "abs"}
"""Functions that keep the labels of their first argument."""
HISTOGRAM_FRACTION = "histogram_fraction"
"""Function that gives the share of a native histogram's observations between two bounds."""
HISTOGRAM_COUNTS = ("histogram_count", "histogram_sum")
"""Functions that make a counter of a native histogram."""


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
_COUNTER_FUNCTIONS = ("rate", "increase")


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
    if name in HISTOGRAM_COUNTS:
        return _find_histogram_countings(node.args[0])
    counting = _RANGE_FUNCTIONS.get(name)
    if counting is None:
        raise NotSummableError(
            f"{name}() cannot be added up over time, as in {_shorten_query(node)}; "
            f"use one of {', '.join(_RANGE_FUNCTIONS)}, or a 'raw' SLI, which is weighted by time"
        )
    _check_range(node.args[0], name)
    return {counting}


def counts_native_histograms(template: str) -> bool:
    """Return whether a query reads the number or sum of a native histogram's observations."""
    return any(
        isinstance(node, ast.Call) and node.func.name in HISTOGRAM_COUNTS
        for node in walk_nodes(parse_template(template))
    )


def _find_histogram_countings(node: ast.Expr) -> set[Counting]:
    """Find the unit of a native histogram; Prometheus 2 adds histograms with `sum` only."""
    match node:
        case ast.ParenExpr():
            return _find_histogram_countings(node.expr)
        case ast.AggregateExpr() if str(node.op) == "sum":
            return _find_histogram_countings(node.expr)
        case ast.Call() if node.func.name in _COUNTER_FUNCTIONS:
            return _find_call_countings(node)
    raise NotSummableError(
        f"{_shorten_query(node)} is no rate of a native histogram; use rate(...[{{{{.window}}}}]) "
        "or a sum of it, or a 'raw' SLI, which is weighted by time"
    )


def find_histogram_count(node: ast.BinaryExpr) -> ast.Call | None:
    """Find the count of all observations in a product with the share of some of them.

    The share is `histogram_fraction` of the same native histogram, or one minus it.
    """
    if str(node.op) != "*" or not is_one_to_one(node):
        return None
    sides = strip_parentheses(node.lhs), strip_parentheses(node.rhs)
    for count, share in (sides, sides[::-1]):
        if isinstance(count, ast.Call) and count.func.name == "histogram_count":
            histogram = strip_parentheses(count.args[0])
            if reads_range(share) and _is_share(share, histogram):
                return count
    return None


def _is_share(node: ast.Expr, histogram: ast.Expr) -> bool:
    """Return whether a node is a sum of shares of a histogram and numbers."""
    match node:
        case ast.NumberLiteral():
            return True
        case ast.ParenExpr() | ast.UnaryExpr():
            return _is_share(node.expr, histogram)
        case ast.Call() if node.func.name == HISTOGRAM_FRACTION:
            return str(strip_parentheses(node.args[2])) == str(histogram)
        case ast.BinaryExpr() if str(node.op) in ("+", "-"):
            return _is_share(node.lhs, histogram) and _is_share(node.rhs, histogram)
    return False


def is_one_to_one(node: ast.BinaryExpr) -> bool:
    """Return whether an operation has no `group_left` or `group_right`."""
    return node.modifier is None or "OneToOne" in str(node.modifier.card)


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
    if histogram_count := find_histogram_count(node):
        return _find_countings(histogram_count)
    if operator == "*" and not reads_range(node.lhs):
        return _find_countings(node.rhs)
    if operator in ("*", "/") and not reads_range(node.rhs):
        return _find_countings(node.lhs)
    # A counter that is counted only where another series exists is still a counter.
    if operator == "and" and reads_range(node.rhs):
        return _find_countings(node.lhs) | _find_countings(node.rhs)
    # `> 0` drops only minutes that add nothing; `> bool 0` turns counts into 0 and 1.
    if operator in (">", ">=", "!=") and _is_zero(node.rhs) and not _returns_bool(node):
        return _find_countings(node.lhs)
    raise NotSummableError(
        f"'{operator}' between counts cannot be added up over time; "
        "write errors and total as separate queries, or use a 'raw' SLI, which is weighted by time"
    )


def drops_counts(template: str) -> bool:
    """Return whether a query drops counts by their value somewhere, as `> 0` drops zeros."""
    return any(
        isinstance(node, ast.BinaryExpr) and str(node.op) in COMPARISONS and not _returns_bool(node)
        for node in walk_nodes(parse_template(template))
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
        kind = "without" if self.without else "by"
        return f"sum {kind} ({format_label_names(self.labels)}) (...)"


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
        case ast.Call() if node.func.name in (*LABEL_KEEPING_FUNCTIONS, *HISTOGRAM_COUNTS):
            return find_node_grouping(node.args[0])
        case ast.Call() if node.func.name == HISTOGRAM_FRACTION:
            return find_node_grouping(node.args[2])
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
