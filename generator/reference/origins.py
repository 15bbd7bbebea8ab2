"""Origins of the series that a query reads: the raw series, and the sources that a spec names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import promql_parser as ast

from slos.schema import promql
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.standalone import StandaloneRecording


@dataclass(frozen=True, slots=True)
class SeriesOrigins:
    """Origins of series.

    Attributes:
        sources: texts by selectors, whose name is the beginning of that of a metric.
        recordings: recordings of all specs.
    """

    sources: Mapping[str, str]
    recordings: Sequence[StandaloneRecording]

    def list_raw_selectors(self, query: str) -> Iterator[str]:
        """List the selectors of the series that a query reads, directly or through recordings."""
        yield from self._list_raw_selectors(query, frozenset())

    def _list_raw_selectors(self, query: str, outer: frozenset[str]) -> Iterator[str]:
        for selector in promql.list_selectors(query):
            metric = promql.read_selector_metric(selector)
            recordings = [] if metric in outer else self._find_recordings(metric, selector)
            if not recordings:
                yield selector
            for recording in recordings:
                yield from self._list_raw_selectors(recording.query, outer | {metric})

    def _find_recordings(self, metric: str, selector: str) -> list[StandaloneRecording]:
        return [
            each
            for each in self.recordings
            if each.record == metric and _can_have_labels(selector, each.labels)
        ]

    def find_texts(self, selector: str) -> list[str]:
        """Find the texts of the sources that fit best: most labels, then the longest name."""
        fitting: dict[tuple[int, int], list[str]] = {}
        for source, text in self.sources.items():
            name, labels = _read_source(source)
            if promql.read_selector_metric(selector).startswith(name) and _names_values(
                selector, labels
            ):
                fitting.setdefault((len(labels), len(name)), []).append(text)
        return fitting[max(fitting)] if fitting else []


def _read_source(source: str) -> tuple[str, dict[str, str]]:
    node = promql.parse_query(source)
    if not isinstance(node, ast.VectorSelector):
        return source, {}
    labels = {each.name: each.value for each in node.matchers.matchers if each.name != "__name__"}
    return read_metric_name(node), labels


def _list_matchers(selector: str, label: str) -> list[ast.Matcher]:
    node = promql.parse_query(selector)
    matchers = list_label_matchers(node) if isinstance(node, ast.VectorSelector) else []
    return [each for each in matchers if each.name == label]


def _names_values(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector has a matcher for each of these labels, and all match its value."""
    found = {label: _list_matchers(selector, label) for label in labels}
    return all(
        found[label] and all(promql.matches_value(each, value) for each in found[label])
        for label, value in labels.items()
    )


def _can_have_labels(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether no matcher of a selector excludes one of these labels."""
    return all(
        promql.matches_value(each, value)
        for label, value in labels.items()
        for each in _list_matchers(selector, label)
    )
