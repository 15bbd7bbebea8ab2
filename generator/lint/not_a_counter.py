"""A rate of a metric that is no counter."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint._subject import Finding, OfQuery, OfSlo
from generator.model import Facts
from slos.schema import promql

ID = "not-a-counter"
ALWAYS = False

_RATES = ("rate", "irate", "increase")
_RISING = {"counter", "histogram", "summary", "unknown"}


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Rates in an SLI, by the type that the exporter declares."""
    yield from _found(subject.queries, facts, ("sli",))


def live_query(subject: OfQuery, facts: Facts) -> Iterator[Finding]:
    """Rates in a standalone alert or recording, by the type that the exporter declares."""
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
