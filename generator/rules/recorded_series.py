"""Raw series that a query reads, directly or through standalone recordings."""

from collections.abc import Iterator, Mapping, Sequence

import promql_parser as ast

from slos.schema import promql
from slos.schema.compatibility import list_label_matchers
from slos.schema.standalone import StandaloneRecording


def list_raw_selectors(query: str, recordings: Sequence[StandaloneRecording]) -> list[str]:
    """List the selectors of the raw series that a query reads, from left to right."""
    return list(dict.fromkeys(_walk_raw_selectors(query, recordings, frozenset())))


def list_matchers(selector: str, label: str) -> list[ast.Matcher]:
    """List the matchers that a selector has for a label."""
    node = promql.parse_query(selector)
    matchers = list_label_matchers(node) if isinstance(node, ast.VectorSelector) else []
    return [each for each in matchers if each.name == label]


def _walk_raw_selectors(
    query: str, recordings: Sequence[StandaloneRecording], outer: frozenset[str]
) -> Iterator[str]:
    for selector in promql.list_selectors(query):
        metric = promql.read_selector_metric(selector)
        found = [
            each
            for each in recordings
            if each.record == metric
            and metric not in outer
            and _can_have_labels(selector, each.labels)
        ]
        if not found:
            yield selector
        for recording in found:
            yield from _walk_raw_selectors(recording.query, recordings, outer | {metric})


def _can_have_labels(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether no matcher of a selector excludes one of these labels."""
    return all(
        promql.matches_value(each, value)
        for label, value in labels.items()
        for each in list_matchers(selector, label)
    )
