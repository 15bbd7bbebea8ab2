"""A sum over the buckets of a histogram, which counts an event several times."""

from collections.abc import Iterator

import promql_parser as ast

from generator.lint import _matchers
from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from slos.schema import promql
from slos.schema.promql import format_vector_selector

ID = "summed-buckets"
ALWAYS = False

_LE = "le"


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Sums over several buckets in an SLI, and SLIs that are split by bucket."""
    sli = subject.slo_spec.sli.get_type()
    if _LE in subject.slo.signal.group_by:
        yield LintFinding(
            ("sli",),
            "the SLI is grouped by 'le', so each bucket has an error budget of its own",
            "select one bucket with le, and leave 'le' out of the grouping",
        )
    for key, query in subject.written_queries.items():
        yield from _find_sums(query, ("sli", sli.KEY, key))


def check_query(subject: QuerySubject) -> Iterator[LintFinding]:
    """Sums over several buckets in a standalone alert or recording."""
    yield from _find_sums(subject.query, ("query",))


def _find_sums(query: str, path: tuple[str, ...]) -> Iterator[LintFinding]:
    tree = promql.parse_template(query)
    for selector in dict.fromkeys(map(format_vector_selector, _list_summed(tree, is_summed=False))):
        yield LintFinding(
            path,
            f"the sum over {selector} counts an event once for each bucket that has it",
            "select one bucket with le, or all events with the series that ends in _count",
        )


def _list_summed(node: ast.Expr, *, is_summed: bool) -> Iterator[ast.VectorSelector]:
    """List the selectors of several buckets that an aggregation adds up."""
    if isinstance(node, ast.VectorSelector):
        is_bucket = _matchers.get_name(node).endswith("_bucket")
        has_bound = any(map(_matchers.has_bound, node.matchers.matchers))
        if is_summed and is_bucket and (not has_bound or len(_matchers.list_bounds(node)) > 1):
            yield node
        return
    if isinstance(node, ast.Call) and node.func.name == "histogram_quantile":
        return
    if isinstance(node, ast.AggregateExpr):
        is_summed = is_summed or (str(node.op) in ("sum", "avg") and not _keeps_bound(node))
    for child in promql.list_children(node):
        yield from _list_summed(child, is_summed=is_summed)


def _keeps_bound(node: ast.AggregateExpr) -> bool:
    if node.modifier is None:
        return False
    return (_LE in node.modifier.labels) is (node.modifier.type == ast.AggModifierType.By)
