"""A query that never has a value, or a comparison that never holds."""

import math
from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint import _bounds, _joins, _matchers
from generator.lint._subject import AlertSubject, LintFinding, QuerySubject, SloSubject
from slos.schema import promql
from slos.schema.promql import format_query, format_vector_selector
from slos.schema.query_analysis import find_node_grouping
from slos.schema.sli.threshold import ThresholdSli
from slos.schema.units import format_decimal

ID = "impossible"
ALWAYS = False

_QUANTILE = "histogram_quantile"
_COUNT_HINT = "count() has no value where nothing matches; add 'or vector(0)' to the query"
_ALWAYS = {True: "always", False: "never"}


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Parts of an SLI that never have a value, and a threshold that is never crossed."""
    sli = subject.slo_spec.sli.get_type()
    for key, query in subject.written_queries.items():
        yield from _find_impossible((query,), ("sli", sli.KEY, key))
    if isinstance(sli, ThresholdSli):
        holds = _compare(sli.query, sli.comparison, float(sli.value))
        if holds is not None:
            text = f"{sli.comparison} {format_decimal(sli.value)}"
            yield LintFinding(
                ("sli", sli.KEY),
                f"the comparison {text} {_ALWAYS[holds]} holds for {format_query(sli.query)}",
                _hint_at_count(sli.query, "compare with a value that the query can have"),
            )


def check_alert(subject: AlertSubject) -> Iterator[LintFinding]:
    """Standalone alerts that can never fire."""
    alert = subject.alert
    comparison, side = (">", "above") if alert.above is not None else ("<", "below")
    if _compare(alert.query, comparison, float(alert.threshold)) is False:
        yield LintFinding(
            (side,),
            f"{format_query(alert.query)} is never {side} {format_decimal(alert.threshold)}",
            _hint_at_count(alert.query, "compare with a value that the query can have"),
        )


def check_query(subject: QuerySubject) -> Iterator[LintFinding]:
    """Parts of a standalone alert or recording that never have a value."""
    yield from _find_impossible(subject.queries, ("query",))


def _compare(query: str, comparison: str, value: float) -> bool | None:
    bounds = _bounds.compute_bounds(promql.parse_template(query))
    if bounds.is_empty:
        return None
    return bounds.compare(comparison, _bounds.Bounds(value, value))


def _hint_at_count(query: str, hint: str) -> str:
    return _COUNT_HINT if query.lstrip().startswith("count") else hint


def _find_impossible(queries: Sequence[str], path: tuple[str, ...]) -> Iterator[LintFinding]:
    found: dict[tuple[str, str], None] = {}
    for query in queries:
        for node in promql.walk_nodes(promql.parse_template(query)):
            found |= dict.fromkeys(_describe_node(node))
    for message, hint in found:
        yield LintFinding(path, message, hint)


def _describe_node(node: ast.Expr) -> Iterator[tuple[str, str]]:
    match node:
        case ast.VectorSelector():
            yield from _describe_selector(node)
        case ast.BinaryExpr():
            yield from _describe_binary(node)
        case ast.Call() if node.func.name == _QUANTILE:
            yield from _describe_quantile(node)
        case ast.AggregateExpr():
            for label in _joins.list_lost_labels(node):
                yield (
                    f"{node.op} by ({label}) groups by a label that an inner aggregation removes",
                    f"keep {label!r} in the inner aggregation",
                )


def _describe_selector(node: ast.VectorSelector) -> Iterator[tuple[str, str]]:
    matcher = _matchers.find_contradiction(node)
    if matcher is not None:
        selector = format_vector_selector(node)
        yield (
            f"{selector} matches nothing: no {matcher.name!r} fits all its matchers",
            "use one matcher for the label; a pattern like a|b matches either",
        )
    elif any(map(math.isnan, _matchers.list_bounds(node))) and not _has_pattern(node):
        yield (
            f"{format_vector_selector(node)} matches nothing: 'le' of a bucket is a number",
            'write the upper bound in the unit of the metric, such as le="0.5"',
        )


def _has_pattern(node: ast.VectorSelector) -> bool:
    return any(
        _matchers.list_alternatives(each) is None
        for each in node.matchers.matchers
        if each.name == "le"
    )


def _describe_binary(node: ast.BinaryExpr) -> Iterator[tuple[str, str]]:
    mismatch = _joins.describe_mismatch(node)
    if mismatch:
        yield (
            f"the two sides of '{node.op}' never match: {mismatch}",
            "aggregate both sides to the same labels, or join them with on(...)",
        )
    sides = map(_bounds.compute_bounds, (node.lhs, node.rhs))
    if _bounds.compute_bounds(node).is_empty and not any(side.is_empty for side in sides):
        yield (
            f"the comparison never holds: {_shorten(node)}",
            _hint_at_count(str(node.lhs), "compare with a value that the query can have"),
        )


def _describe_quantile(node: ast.Call) -> Iterator[tuple[str, str]]:
    quantile, buckets = node.args
    if isinstance(quantile, ast.NumberLiteral) and not 0 <= quantile.val <= 1:
        yield (
            f"histogram_quantile({quantile.val:g}, ...) is infinite",
            "write the quantile as a number from 0 to 1, such as 0.99",
        )
    names = {
        _matchers.get_name(each)
        for each in promql.walk_nodes(buckets)
        if isinstance(each, ast.VectorSelector)
    }
    grouping = find_node_grouping(buckets)
    drops_bound = grouping is not None and ("le" in grouping.labels) is grouping.without
    is_classic = any(name.endswith("_bucket") for name in names)
    if is_classic and drops_bound:
        yield (
            "histogram_quantile() has no value: the aggregation removes the label 'le'",
            "group by 'le' as well, such as sum by (le) (...)",
        )
    elif names and all(name.endswith(("_count", "_sum")) for name in names):
        yield (
            "histogram_quantile() has no value: it needs the buckets of a histogram",
            "read the series that end in _bucket",
        )


def _shorten(node: ast.Expr) -> str:
    text = format_query(str(node))
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004 - one line
