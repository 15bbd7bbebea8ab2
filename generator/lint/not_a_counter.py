"""A rate of what is no counter."""

from collections.abc import Iterator

import promql_parser as ast

from generator.lint.subject import Facts, Finding, OfSlo
from slos.schema import promql

ID = "not-a-counter"
ALWAYS = False

_RATES = ("rate", "increase")
_RISING = {"counter", "histogram", "summary", "unknown"}


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """By the type that the exporter gives the metric."""
    signal = subject.slo.signal
    rated = {
        inner.name
        for template in (signal.total, signal.errors)
        for node in promql.walk(promql.parse_template(template))
        if isinstance(node, ast.Call) and node.func.name in _RATES
        for inner in promql.walk(node)
        if isinstance(inner, ast.VectorSelector) and inner.name
    }
    for metric in sorted(rated):
        if facts.types.get(metric, "unknown") not in _RISING:
            yield Finding(
                ("sli",),
                f"{metric} is a {facts.types[metric]}, and its rate means nothing",
                "read a counter, or use a 'gauge' or 'threshold' SLI",
            )
