"""Origins of series: the texts that specs have for them under `sources`."""

from collections.abc import Mapping

import promql_parser as ast

from generator.rules.recorded_series import list_matchers
from slos.schema import promql
from slos.schema.compatibility import read_metric_name


def find_origins(selector: str, sources: Mapping[str, str]) -> list[str]:
    """Find the texts of the sources that fit best: most labels, then the longest name."""
    fitting: dict[tuple[int, int], list[str]] = {}
    for source, text in sources.items():
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


def _names_values(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector has a matcher for each of these labels, and all match its value."""
    found = {label: list_matchers(selector, label) for label in labels}
    return all(
        found[label] and all(promql.matches_value(each, value) for each in found[label])
        for label, value in labels.items()
    )
