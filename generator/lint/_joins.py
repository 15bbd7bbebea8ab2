"""Labels of the two sides of an operator, and whether they can match."""

import promql_parser as ast

from generator.lint import _matchers
from slos.schema.promql import format_operator, walk_nodes
from slos.schema.query_analysis import LABEL_KEEPING_FUNCTIONS, find_node_grouping, is_scalar

_JOINING = {"+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "and"}
_RANGE_SUFFIXES = ("rate", "increase", "delta", "deriv", "_over_time")
# Every series that Prometheus scraped has it.
_JOB = "job"


def describe_mismatch(node: ast.BinaryExpr) -> str:
    """Describe why no series of the two sides match; empty where some can."""
    if str(node.op) not in _JOINING or is_scalar(node.lhs) or is_scalar(node.rhs):
        return ""
    matching = node.modifier.matching if node.modifier is not None else None
    is_on = matching is not None and matching.type == ast.LabelModifierType.Include
    named = set(matching.labels) if matching is not None else set()
    conflict = _find_conflict(node, named, is_on=is_on)
    if conflict:
        return conflict
    left, right = _list_labels(node.lhs), _list_labels(node.rhs)
    if left is not None and right is not None:
        joined = (left & named, right & named) if is_on else (left - named, right - named)
        return "" if joined[0] == joined[1] else _describe_labels(*joined)
    raw = [side for side, labels in ((node.lhs, left), (node.rhs, right)) if labels is None]
    known = left if left is not None else right
    if known is None or len(raw) != 1 or not _is_scraped(raw[0]):
        return ""
    joins_job = _JOB in named if is_on else _JOB not in named
    if joins_job and _JOB not in known:
        return "one side has all labels of its series, the other " + _format_labels(known)
    return ""


def _describe_labels(left: set[str], right: set[str]) -> str:
    return f"one side has {_format_labels(left)}, the other {_format_labels(right)}"


def _format_labels(labels: set[str]) -> str:
    return f"the labels {', '.join(sorted(labels))}" if labels else "no labels"


def _list_labels(node: ast.Expr) -> set[str] | None:
    """List the labels of an aggregation's result; None where its data decides them."""
    grouping = find_node_grouping(node)
    return None if grouping is None or grouping.without else set(grouping.labels)


def _is_scraped(node: ast.Expr) -> bool:
    """Tell whether an expression has all labels of scraped series."""
    selector = _find_plain_selector(node)
    return selector is not None and ":" not in (_matchers.get_name(selector) or ":")


def _find_plain_selector(node: ast.Expr) -> ast.VectorSelector | None:
    """Find the selector of an expression that keeps the labels of its series."""
    match node:
        case ast.VectorSelector():
            return node
        case ast.MatrixSelector():
            return node.vector_selector
        case ast.ParenExpr() | ast.UnaryExpr():
            return _find_plain_selector(node.expr)
        case ast.Call() if node.func.name in LABEL_KEEPING_FUNCTIONS or node.func.name.endswith(
            _RANGE_SUFFIXES
        ):
            return _find_plain_selector(node.args[0])
        case ast.BinaryExpr() if is_scalar(node.rhs):
            return _find_plain_selector(node.lhs)
    return None


def _find_conflict(node: ast.BinaryExpr, named: set[str], *, is_on: bool) -> str:
    """Find a label that two plain selectors ask different values of, and that is matched."""
    left, right = _find_plain_selector(node.lhs), _find_plain_selector(node.rhs)
    if left is None or right is None:
        return ""
    values = {m.name: m.value for m in left.matchers.matchers if format_operator(m) == "="}
    for matcher in right.matchers.matchers:
        value = values.get(matcher.name)
        is_matched = (matcher.name in named) is is_on
        if value is not None and is_matched and not _matchers.match_value(matcher, value):
            return f"one side has {matcher.name}={value!r}, the other does not"
    return ""


def list_lost_labels(node: ast.AggregateExpr) -> list[str]:
    """List the labels that an aggregation groups by although an inner one has removed them."""
    if node.modifier is None or node.modifier.type == ast.AggModifierType.Without:
        return []
    inner = _list_labels(node.expr)
    replaced = any(
        isinstance(each, ast.Call) and each.func.name in ("label_replace", "label_join")
        for each in walk_nodes(node.expr)
    )
    return [] if inner is None or replaced else sorted(set(node.modifier.labels) - inner)
