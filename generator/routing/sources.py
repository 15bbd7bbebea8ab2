"""Metrics that a query depends on: recorded series are followed to the metrics they are made of."""

from collections.abc import Iterable, Iterator, Sequence

import promql_parser as ast

from generator import names
from generator.routing.watched import Watched
from slos.schema import promql

# Prefixes of the series that the rules of every SLO record.
_OF_SLOS = ("slo:", names.INFO)


class Sources:
    """Metrics behind queries, across the recording rules of a run."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._recorded: dict[str, list[tuple[dict[str, str], tuple[str, ...]]]] = {}
        for spec, _ in watched:
            for each in spec.recordings if spec else ():
                made = (dict(each.labels), (each.query,))
                self._recorded.setdefault(each.record, []).append(made)
        self._of_slos = [
            (names.identity(slo), (slo.signal.total, slo.signal.errors))
            for _, slos in watched
            for slo in slos
        ]

    def of(self, queries: Iterable[str]) -> frozenset[str]:
        """Find the names of the metrics behind queries that no rule of this run records."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = list(queries)
        while waiting:
            query = waiting.pop()
            if query not in seen:
                seen.add(query)
                for metric, behind in self._read(query):
                    found |= set() if behind else {metric}
                    waiting += behind
        return frozenset(found)

    def _read(self, query: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the metrics that a query reads, each with the queries that record it."""
        for node in promql.walk(promql.parse_template(query)):
            if isinstance(node, ast.VectorSelector) and node.name:
                yield node.name, list(self._behind(node.name, node))

    def _behind(self, metric: str, node: ast.VectorSelector) -> Iterator[str]:
        made = self._of_slos if metric.startswith(_OF_SLOS) else self._recorded.get(metric, [])
        for labels, queries in made:
            if _may_have(node, labels):
                yield from queries


def _may_have(node: ast.VectorSelector, labels: dict[str, str]) -> bool:
    """Check that no equality matcher of a selector asks for another value of these labels."""
    return all(
        labels.get(matcher.name, matcher.value) == matcher.value
        for matcher in node.matchers.matchers
        if str(matcher.op) == str(ast.MatchOp.Equal)
    )
