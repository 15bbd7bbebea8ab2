"""A rate of what is no counter."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint.subject import Facts, Finding, OfQuery, OfSlo
from slos.schema import promql

ID = "not-a-counter"
ALWAYS = False

_RATES = ("rate", "irate", "increase")
_RISING = {"counter", "histogram", "summary", "unknown"}


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """By the type that the exporter gives the metric."""
    yield from _found(subject.queries, facts, ("sli",))


def live_query(subject: OfQuery, facts: Facts) -> Iterator[Finding]:
    """The same of a plain alert or a recording."""
    yield from _found(subject.queries, facts, ("query",))


def _found(queries: Sequence[str], facts: Facts, path: tuple[str, ...]) -> Iterator[Finding]:
    rated = {
        inner.name
        for query in queries
        for node in promql.walk(promql.parse_template(query))
        if isinstance(node, ast.Call) and node.func.name in _RATES
        for inner in promql.walk(node)
        if isinstance(inner, ast.VectorSelector) and inner.name
    }
    for metric in sorted(rated):
        if facts.types.get(metric, "unknown") not in _RISING:
            yield Finding(
                path,
                f"{metric} is a {facts.types[metric]}, and its rate means nothing",
                "read a counter; in an SLI, use 'gauge' or 'threshold'",
            )
