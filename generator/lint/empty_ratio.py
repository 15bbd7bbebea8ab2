"""A ratio of nothing to nothing is no ratio."""

from collections.abc import Iterator

import promql_parser as ast

from generator.lint.subject import Finding, OfSlo
from slos.schema import promql
from slos.schema.sli.raw import RawSli

ID = "empty-ratio"
ALWAYS = False


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """A raw query that divides: without traffic it gives 0/0, and that time is left out."""
    sli = subject.written.sli.chosen()
    if not isinstance(sli, RawSli):
        return
    tree = promql.parse_template(sli.error_ratio_query)
    while isinstance(tree, ast.ParenExpr):
        tree = tree.expr
    if not isinstance(tree, ast.BinaryExpr) or str(tree.op) != "/":
        return
    if not isinstance(tree.rhs, ast.NumberLiteral):
        yield Finding(
            ("sli", "raw"),
            "without traffic the query is 0/0, and such time counts neither as good nor as bad",
            "write its two sides as 'events', so that each event weighs the same",
        )
