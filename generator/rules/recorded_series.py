"""Recorded series: the queries that recording rules make them of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import promql_parser as ast

from generator import names
from generator.model import SLO
from slos.schema import promql
from slos.schema.compatibility import list_label_matchers
from slos.schema.standalone import StandaloneRecording
from slos.schema.units import Duration

# Prefixes of the series that the rules of every SLO record.
_SLO_PREFIXES = ("slo:", names.INFO)


class RecordedSeries:
    """Series that the rules of a run record.

    Args:
        recordings: the standalone recordings.
        slos: the SLOs; their series are recorded from their SLIs.
    """

    def __init__(self, recordings: Iterable[StandaloneRecording], slos: Iterable[SLO] = ()) -> None:
        self._recordings: dict[str, list[tuple[Mapping[str, str], Sequence[str]]]] = {}
        for each in recordings:
            self._recordings.setdefault(each.record, []).append((each.labels, (each.query,)))
        self._slos = [
            (names.build_identity_labels(slo), (slo.signal.total, slo.signal.errors))
            for slo in slos
        ]

    def list_raw_selectors(self, query: str) -> list[str]:
        """List the selectors of the raw series that a query reads, from left to right."""
        return list(dict.fromkeys(self._walk_raw_selectors(query, frozenset())))

    def compute_lookback(self, query: str, outer: frozenset[str] = frozenset()) -> Duration:
        """Compute how far back a query reads, through the recordings that it reads.

        Args:
            query: the query.
            outer: recorded metrics that are not followed again.
        """
        nested = [
            self.compute_lookback(recorded, outer | {metric})
            for selector in promql.list_selectors(query)
            for metric, recorded in self._find_queries(selector, outer)
        ]
        return max(nested, default=Duration(0)) + Duration(promql.compute_lookback_ms(query))

    def _walk_raw_selectors(self, query: str, outer: frozenset[str]) -> Iterator[str]:
        for selector in promql.list_selectors(query):
            found = self._find_queries(selector, outer)
            if not found:
                yield selector
            for metric, recorded in found:
                yield from self._walk_raw_selectors(recorded, outer | {metric})

    def _find_queries(self, selector: str, outer: frozenset[str]) -> list[tuple[str, str]]:
        """Find the metric of a selector with each query that records its series."""
        metric = promql.read_selector_metric(selector)
        if metric in outer:
            return []
        recorded = self._slos if metric.startswith(_SLO_PREFIXES) else ()
        return [
            (metric, query)
            for labels, queries in (*self._recordings.get(metric, ()), *recorded)
            if _can_have_labels(selector, labels)
            for query in queries
        ]


def list_matchers(selector: str, label: str) -> list[ast.Matcher]:
    """List the matchers that a selector has for a label."""
    node = promql.parse_query(selector)
    matchers = list_label_matchers(node) if isinstance(node, ast.VectorSelector) else []
    return [each for each in matchers if each.name == label]


def _can_have_labels(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether no matcher of a selector excludes one of these labels."""
    return all(
        promql.matches_value(each, value)
        for label, value in labels.items()
        for each in list_matchers(selector, label)
    )
