"""A metric or label name against the conventions of Prometheus."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint._subject import Finding, OfQuery, OfSlo
from slos.schema import promql

ID = "metric-names"
ALWAYS = False

_COUNTERS = ("rate", "irate", "increase")
_OF_COUNTERS = ("_total", "_count", "_sum", "_bucket")


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Rates in an SLI of metrics without a counter's suffix, and matchers on internal labels."""
    yield from _found(subject.queries, ("sli",))


def of_query(subject: OfQuery) -> Iterator[Finding]:
    """Such rates and matchers in a standalone alert or recording."""
    yield from _found(subject.queries, ("query",))


def _found(queries: Sequence[str], path: tuple[str, ...]) -> Iterator[Finding]:
    odd: dict[str, str] = {}
    for query in queries:
        for node in promql.walk(promql.parse_template(query)):
            if isinstance(node, ast.Call) and node.func.name in _COUNTERS:
                odd |= _rated(node)
            elif isinstance(node, ast.VectorSelector):
                odd |= _labels(node)
    for message, hint in odd.items():
        yield Finding(path, message, hint)


def _rated(call: ast.Call) -> dict[str, str]:
    return {
        f"{call.func.name}() of {node.name}, which is not called like a counter": "a counter ends "
        f"in {', '.join(_OF_COUNTERS)}; a rate of anything else means nothing"
        for node in promql.walk(call)
        if isinstance(node, ast.VectorSelector)
        and node.name
        and ":" not in node.name
        and not node.name.endswith(_OF_COUNTERS)
    }


def _labels(selector: ast.VectorSelector) -> dict[str, str]:
    return {
        f"the label {matcher.name!r} is never on a stored series": "labels that begin with __ are "
        "gone after relabelling; match another"
        for matcher in selector.matchers.matchers
        if matcher.name.startswith("__") and matcher.name != "__name__"
    }
