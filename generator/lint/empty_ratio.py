"""A ratio of counters, which is 0/0 without traffic."""

import re
from collections.abc import Iterator

import promql_parser as ast

from generator.lint._subject import LintFinding, SloSubject
from slos.schema import promql
from slos.schema.sli.raw import RawSli
from slos.schema.sli.threshold import ThresholdSli

ID = "empty-ratio"
ALWAYS = False

_COUNTER_FUNCTIONS = {"rate", "irate", "increase"}
# Recorded rates, such as `job:http_requests:rate5m`.
_RECORDED_RATE = re.compile(r":(?:i?rate|increase)\w*$")


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Divisions by a rate, at any depth: without traffic they give 0/0, which is left out."""
    sli = subject.slo_spec.sli.get_type()
    if not isinstance(sli, RawSli | ThresholdSli):
        return
    for key, query in subject.written_queries.items():
        if any(_is_division(node) for node in promql.walk_nodes(promql.parse_template(query))):
            yield LintFinding(
                ("sli", sli.KEY, key),
                "the query is 0/0 without traffic; such time is not counted",
                "use an 'events' SLI with the two sides as queries, so that events have equal "
                "weight",
            )


def _is_division(node: ast.Expr) -> bool:
    """Tell whether an expression is a division by a rate that may be zero."""
    if not isinstance(node, ast.BinaryExpr) or str(node.op) != "/":
        return False
    divisor = promql.strip_parentheses(node.rhs)
    # `a / (b > 0)` has no value without traffic, on purpose.
    drops_zeros = isinstance(divisor, ast.BinaryExpr) and str(divisor.op) in promql.COMPARISONS
    return not drops_zeros and any(map(_is_rate, promql.walk_nodes(divisor)))


def _is_rate(node: ast.Expr) -> bool:
    if isinstance(node, ast.Call):
        return node.func.name in _COUNTER_FUNCTIONS
    return isinstance(node, ast.VectorSelector) and bool(_RECORDED_RATE.search(node.name or ""))
