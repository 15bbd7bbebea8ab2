"""Additive terms of a query: a term without series counts as zero.

In PromQL `a + b` has no value where `a` or `b` has no series. A counter that never counted has
often none, so a sum of counters would be missing, and be taken for no errors at all. A native
histogram without observations has NaN as the share of any of them, and NaN spoils every sum.
"""

from collections.abc import Iterator

import promql_parser as ast

from slos.schema.promql import (
    format_label_names,
    parse_template,
    strip_parentheses,
    walk_nodes,
)
from slos.schema.promql_printer import (
    print_aggregation,
    print_binary,
    print_call,
    print_matching,
    print_template,
)
from slos.schema.query_analysis import (
    LABEL_KEEPING_FUNCTIONS,
    SUM_KEEPING_FUNCTIONS,
    Grouping,
    find_histogram_count,
    find_node_grouping,
    is_one_to_one,
    is_scalar,
    reads_range,
)

TERM_LABEL = "sloth_term"
"""Label that tells the terms of a sum apart until they are added."""


def fill_missing_terms(template: str) -> str:
    """Rewrite sums and differences of a query so that a term without series counts as zero.

    A sum `a + b` becomes `sum(a or b)`, in which a label tells the terms apart. A difference
    `a - b` becomes `a - b or a`; without `a` it has no value. Operators with `group_left`, and
    sums of terms that are grouped differently, are left as they are. Shares of native histograms
    without observations are dropped. A query with none of these is left as it is written.
    """
    tree = parse_template(template)
    return _fill_node(tree) if any(map(_is_rewritten, walk_nodes(tree))) else template


def has_additive_terms(template: str) -> bool:
    """Return whether a query has a sum or a difference of counts."""
    return any(map(_is_fillable, walk_nodes(parse_template(template))))


def _fill_node(node: ast.Expr) -> str:
    match node:
        case ast.ParenExpr():
            inner = _fill_node(node.expr)
            return inner if _is_rewritten(node.expr) else f"({inner})"
        case ast.UnaryExpr():
            return f"-{_fill_node(node.expr)}"
        case ast.AggregateExpr():
            return print_aggregation(node, _fill_node(node.expr))
        case ast.Call() if node.func.name in SUM_KEEPING_FUNCTIONS | LABEL_KEEPING_FUNCTIONS:
            first, *others = node.args
            return print_call(node, [_fill_node(first), *map(print_template, others)])
        case ast.BinaryExpr():
            return _fill_binary(node)
    return print_template(node)


def _fill_binary(node: ast.BinaryExpr) -> str:
    operator = str(node.op)
    if _is_histogram_part(node):
        return f"({print_template(node)} >= 0)"
    if not _is_fillable(node):
        # What only decides which series are counted is no term.
        right = print_template if operator in ("and", "unless") else _fill_node
        return print_binary(node, _fill_node(node.lhs), right(node.rhs))
    if operator == "+":
        return _render_sum(node)
    left = _fill_node(node.lhs)
    difference = print_binary(node, left, _fill_node(node.rhs))
    return f"({difference} or{print_matching(node.modifier)} {left})"


def _is_rewritten(node: ast.Expr) -> bool:
    """Return whether a node gets parentheses of its own when it is rewritten."""
    return _is_fillable(node) or _is_histogram_part(node)


def _is_fillable(node: ast.Expr) -> bool:
    """Return whether a node is a sum or a difference of counts that can be rewritten."""
    if not isinstance(node, ast.BinaryExpr) or str(node.op) not in ("+", "-"):
        return False
    if not all(reads_range(each) and _is_vector(each) for each in (node.lhs, node.rhs)):
        return False
    if not is_one_to_one(node):
        return False
    has_matching = node.modifier is not None and node.modifier.matching is not None
    return has_matching or find_node_grouping(node.lhs) == find_node_grouping(node.rhs)


def _is_histogram_part(node: ast.Expr) -> bool:
    """Return whether a node is the number of some observations of a native histogram."""
    return isinstance(node, ast.BinaryExpr) and find_histogram_count(node) is not None


def _is_vector(node: ast.Expr) -> bool:
    """Return whether the result of a node has series; that of `scalar()` has none."""
    match node:
        case ast.ParenExpr() | ast.UnaryExpr():
            return _is_vector(node.expr)
        case ast.BinaryExpr():
            return _is_vector(node.lhs) or _is_vector(node.rhs)
        case ast.Call():
            return str(node.func.return_type) == "ValueType.Vector"
    return not isinstance(node, ast.NumberLiteral)


def _render_sum(node: ast.BinaryExpr) -> str:
    grouping = _find_result_grouping(node)
    terms = (_fill_node(_drop_zero(term, grouping)) for term in _list_terms(node))
    labelled = [
        f'label_replace({term}, "{TERM_LABEL}", "{number}", "", "")'
        for number, term in enumerate(terms, 1)
    ]
    if grouping.without:
        by = f" without ({format_label_names((*grouping.labels, TERM_LABEL))}) "
    else:
        by = f" by ({format_label_names(grouping.labels)}) " if grouping.labels else ""
    return f"sum{by}({' or '.join(labelled)})"


def _list_terms(node: ast.BinaryExpr) -> Iterator[ast.Expr]:
    """List the terms of a sum; those of a sum within it, unless it matches other labels."""
    for side in (node.lhs, node.rhs):
        inner = strip_parentheses(side)
        if (
            isinstance(inner, ast.BinaryExpr)
            and str(inner.op) == "+"
            and _is_fillable(inner)
            and str(inner.modifier) == str(node.modifier)
        ):
            yield from _list_terms(inner)
        else:
            yield inner


def _find_result_grouping(node: ast.BinaryExpr) -> Grouping:
    """Find the labels of the result of an operation between vectors."""
    matching = node.modifier.matching if node.modifier is not None else None
    if matching is not None:
        is_on = matching.type == ast.LabelModifierType.Include
        return Grouping(tuple(matching.labels), without=not is_on)
    return find_node_grouping(node.lhs) or Grouping(without=True)


def _drop_zero(term: ast.Expr, grouping: Grouping) -> ast.Expr:
    """Drop `or vector(0)` of a term of groups: it would be a group of its own."""
    if not grouping.labels or grouping.without:
        return term
    if isinstance(term, ast.BinaryExpr) and str(term.op) == "or" and is_scalar(term.rhs):
        return term.lhs
    return term
