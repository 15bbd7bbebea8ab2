"""Terms of a query: the selectors that it adds and those that it subtracts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import promql_parser as ast

from generator.lint import _matchers
from slos.schema import promql
from slos.schema.promql import strip_parentheses, walk_nodes
from slos.schema.query_analysis import Grouping, find_node_grouping, is_scalar
from slos.schema.sli.events import EventsSli
from slos.schema.sli.good_events import GoodEventsSli
from slos.schema.sli.raw import RawSli
from slos.schema.sli_signal import SliType

_SUMS = {"sum", "avg", "max", "min", "topk", "bottomk"}
_RANGE_FUNCTIONS = {
    "rate", "irate", "increase", "delta", "idelta", "sum_over_time", "avg_over_time",
    "count_over_time", "max_over_time", "min_over_time", "last_over_time",
}  # fmt: skip
_VALUE_FUNCTIONS = {
    "label_replace", "label_join", "clamp", "clamp_min", "clamp_max", "sort", "sort_desc", "round",
    "ceil", "floor", "abs", "scalar",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Term:
    """Selector of a query, which adds it or subtracts it.

    Attributes:
        selector: selector.
        is_added: whether the query adds it.
        function: range function that reads it; empty without one.
    """

    selector: ast.VectorSelector
    is_added: bool
    function: str = ""

    @property
    def outcome(self) -> bool | None:
        """True where the term makes the query count good events, False for bad ones."""
        if self.function == "count_over_time":  # it counts samples, whatever their value
            return None
        outcome = _matchers.judge_selector(self.selector)
        return outcome if outcome is None or self.is_added else not outcome

    @property
    def family(self) -> str:
        """Name of the metric; buckets and the count of a histogram have one name."""
        name = _matchers.get_name(self.selector)
        return name.removesuffix("_bucket").removesuffix("_count")

    @property
    def bound(self) -> float:
        """Upper bound of the bucket; infinite for all observations, NaN where it is unknown."""
        return max(_matchers.list_bounds(self.selector))


class UnknownTermsError(ValueError):
    """A query is no sum of selectors."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Two queries of an SLI of which the first counts a part of the events of the second.

    Attributes:
        key: key of the SLI that has the part.
        part: query of the part.
        whole: query of all events; None where the SLI has none.
        counts_bad: whether the part must be the bad events.
        joins_labels: whether the sides are joined by all their labels.
    """

    key: str
    part: ast.Expr
    whole: ast.Expr | None
    counts_bad: bool
    joins_labels: bool = True

    @property
    def grouping(self) -> Grouping | None:
        """Labels that each ratio keeps; None where they are unknown or differ."""
        if self.whole is None or not self.joins_labels:
            return None
        part, whole = _find_grouping(self.part), _find_grouping(self.whole)
        return part if part == whole else None

    def list_terms(self) -> tuple[list[Term], list[Term]]:
        """List the terms of the part and of the whole; empty for a query that is no sum."""
        return _list_terms(self.part), _list_terms(self.whole) if self.whole else []


def list_sides(sli: SliType) -> Iterator[Sides]:
    """List the sides of an SLI; none for those that write their queries themselves."""
    match sli:
        case EventsSli():
            part, whole = map(promql.parse_template, (sli.error_query, sli.total_query))
            yield Sides("error_query", part, whole, counts_bad=True)
        case GoodEventsSli():
            part, whole = map(promql.parse_template, (sli.good_query, sli.total_query))
            yield Sides("good_query", part, whole, counts_bad=False)
        case RawSli():
            yield from _split_ratio(promql.parse_template(sli.error_ratio_query))


def _split_ratio(node: ast.Expr, *, counts_bad: bool = True) -> Iterator[Sides]:
    """Split a query of a ratio into its sides; `1 - x` is the ratio of the other events."""
    node = strip_parentheses(node)
    if isinstance(node, ast.BinaryExpr):
        operator = str(node.op)
        if operator == "-" and is_scalar(node.lhs):
            yield from _split_ratio(node.rhs, counts_bad=not counts_bad)
            return
        if operator == "/" and not is_scalar(node.rhs):
            joins_labels = node.modifier is None or node.modifier.matching is None
            yield Sides("error_ratio_query", node.lhs, node.rhs, counts_bad, joins_labels)
            return
        if operator in ("or", "*", "/") and is_scalar(node.rhs):
            yield from _split_ratio(node.lhs, counts_bad=counts_bad)
            return
    if isinstance(node, ast.Call) and (
        node.func.name in _VALUE_FUNCTIONS or isinstance(node.args[0], ast.SubqueryExpr)
    ):
        yield from _split_ratio(node.args[0], counts_bad=counts_bad)
        return
    if isinstance(node, ast.SubqueryExpr):
        yield from _split_ratio(node.expr, counts_bad=counts_bad)
        return
    if isinstance(node, ast.AggregateExpr) and str(node.op) in _SUMS:
        yield from _split_ratio(node.expr, counts_bad=counts_bad)
        return
    yield Sides("error_ratio_query", node, None, counts_bad)


def _list_terms(node: ast.Expr) -> list[Term]:
    """List the terms of a query; none of a query that is no sum of selectors."""
    try:
        return list(_iterate_terms(node, is_added=True))
    except UnknownTermsError:
        return []


def _iterate_terms(node: ast.Expr, *, is_added: bool) -> Iterator[Term]:
    match node:
        case ast.ParenExpr() | ast.SubqueryExpr():
            yield from _iterate_terms(node.expr, is_added=is_added)
        case ast.UnaryExpr():
            yield from _iterate_terms(node.expr, is_added=not is_added)
        case ast.VectorSelector():
            yield Term(node, is_added)
        case ast.MatrixSelector():
            yield Term(node.vector_selector, is_added)
        case ast.AggregateExpr() if str(node.op) in _SUMS:
            yield from _iterate_terms(node.expr, is_added=is_added)
        case ast.Call() if node.func.name in _RANGE_FUNCTIONS | _VALUE_FUNCTIONS:
            terms = _iterate_terms(node.args[0], is_added=is_added)
            is_range = node.func.name in _RANGE_FUNCTIONS
            yield from (replace(e, function=node.func.name) if is_range else e for e in terms)
        case ast.BinaryExpr():
            yield from _iterate_binary_terms(node, is_added=is_added)
        case _ if not is_scalar(node):
            raise UnknownTermsError(str(node))


def _iterate_binary_terms(node: ast.BinaryExpr, *, is_added: bool) -> Iterator[Term]:
    operator = str(node.op)
    if operator in ("+", "or", "-"):
        yield from _iterate_terms(node.lhs, is_added=is_added)
        yield from _iterate_terms(node.rhs, is_added=is_added is not (operator == "-"))
    elif operator == "*" and (_is_zero(node.lhs) or _is_zero(node.rhs)):
        return  # `total * 0` stands for missing errors
    elif operator == "*" and is_scalar(node.lhs):
        yield from _iterate_terms(node.rhs, is_added=is_added)
    elif is_scalar(node.rhs) and (
        operator in ("*", "/") or (operator in (">", ">=", "!=") and not returns_bool(node))
    ):
        yield from _iterate_terms(node.lhs, is_added=is_added)
    else:
        raise UnknownTermsError(operator)


def _find_grouping(node: ast.Expr) -> Grouping | None:
    """Find the labels of a result; a query without an aggregation keeps all of its series."""
    if not any(isinstance(each, ast.AggregateExpr) for each in walk_nodes(node)):
        return Grouping(without=True)
    return find_node_grouping(node)


def returns_bool(node: ast.BinaryExpr) -> bool:
    """Tell whether a comparison gives 0 or 1 instead of dropping samples."""
    return node.modifier is not None and node.modifier.return_bool


def _is_zero(node: ast.Expr) -> bool:
    node = strip_parentheses(node)
    return isinstance(node, ast.NumberLiteral) and node.val == 0
