"""A rate of a metric that is no counter."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from generator.model import MetricFacts
from slos.schema import promql
from slos.schema.compatibility import read_metric_name

ID = "not-a-counter"
ALWAYS = False

_COUNTER_FUNCTIONS = ("rate", "irate", "increase")
_COUNTER_TYPES = {"counter", "histogram", "summary", "unknown"}


def check_live_slo(subject: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Rates in an SLI, by the type that the exporter declares."""
    yield from _find_wrong_types(subject.queries, facts, ("sli",))


def check_live_query(subject: QuerySubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Rates in a standalone alert or recording, by the type that the exporter declares."""
    yield from _find_wrong_types(subject.queries, facts, ("query",))


def _find_wrong_types(
    queries: Sequence[str], facts: MetricFacts, path: tuple[str, ...]
) -> Iterator[LintFinding]:
    metrics = {
        read_metric_name(inner)
        for query in queries
        for node in promql.walk_nodes(promql.parse_template(query))
        if isinstance(node, ast.Call) and node.func.name in _COUNTER_FUNCTIONS
        for inner in promql.walk_nodes(node)
        if isinstance(inner, ast.VectorSelector)
    }
    for metric in sorted(metrics):
        if facts.types.get(metric, "unknown") not in _COUNTER_TYPES:
            yield LintFinding(
                path,
                f"{metric} is a {facts.types[metric]}, and a rate needs a counter",
                "use a counter; in an SLI, use 'gauge' or 'threshold'",
            )
