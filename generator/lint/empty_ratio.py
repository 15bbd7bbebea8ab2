"""A ratio query that is 0/0 without traffic."""

from collections.abc import Iterator

import promql_parser as ast

from generator.lint._subject import LintFinding, SloSubject
from slos.schema import promql
from slos.schema.sli.raw import RawSli
from slos.schema.sli.threshold import ThresholdSli

ID = "empty-ratio"
ALWAYS = False

_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Queries with a division, at any depth: without traffic they give 0/0, which is left out."""
    sli = subject.slo_spec.sli.get_type()
    if isinstance(sli, RawSli):
        query = sli.error_ratio_query
    elif isinstance(sli, ThresholdSli):
        query = sli.query
    else:
        return
    if any(_is_division(node) for node in promql.walk_nodes(promql.parse_template(query))):
        yield LintFinding(
            ("sli", sli.KEY),
            "the query is 0/0 without traffic; such time is not counted",
            "use an 'events' SLI with the two sides as queries, so that events have equal weight",
        )


def _is_division(node: ast.Expr) -> bool:
    """Tell whether an expression is a division by a series that may be zero."""
    if not isinstance(node, ast.BinaryExpr) or str(node.op) != "/":
        return False
    divisor = node.rhs
    while isinstance(divisor, ast.ParenExpr):
        divisor = divisor.expr
    # `a / (b > 0)` has no value without traffic, on purpose.
    drops_zeros = isinstance(divisor, ast.BinaryExpr) and str(divisor.op) in _COMPARISONS
    reads = any(isinstance(inner, ast.VectorSelector) for inner in promql.walk_nodes(divisor))
    return reads and not drops_zeros
