"""A metric or label name against the conventions of Prometheus."""

import re
from collections.abc import Iterator, Mapping, Sequence

import promql_parser as ast

from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from slos.schema import promql
from slos.schema.compatibility import is_classic_metric, read_metric_name

ID = "metric-names"
ALWAYS = False
DEPENDS_ON_OPTIONS = True

_COUNTER_FUNCTIONS = ("rate", "irate", "increase")
_COUNTER_SUFFIXES = ("_total", "_count", "_sum", "_bucket")
# Counters of Envoy and ingress-nginx, whose names have no such suffix.
_OTHER_COUNTERS = re.compile(
    r"envoy_\w+_rq(_xx|_completed|_timeout)?|nginx_ingress_controller_requests"
)


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Rates in an SLI of metrics without a counter's suffix, and matchers on internal labels."""
    yield from _find_odd_names(subject.queries, subject.types, ("sli",))


def check_query(subject: QuerySubject) -> Iterator[LintFinding]:
    """Such rates and matchers in a standalone alert or recording."""
    yield from _find_odd_names(subject.queries, subject.types, ("query",))


def _find_odd_names(
    queries: Sequence[str], types: Mapping[str, str], path: tuple[str, ...]
) -> Iterator[LintFinding]:
    messages: dict[str, str] = {}
    for query in queries:
        tree = promql.parse_template(query)
        for call in _find_counter_calls(tree):
            messages |= _check_counter_names(call, types)
        for node in promql.walk_nodes(tree):
            if isinstance(node, ast.VectorSelector):
                messages |= _check_label_names(node)
    for message, hint in messages.items():
        yield LintFinding(path, message, hint)


def _find_counter_calls(node: ast.Expr) -> Iterator[ast.Call]:
    """Find the calls that need a counter; a native histogram has no suffix."""
    if isinstance(node, ast.Call) and node.func.name.startswith("histogram_"):
        return
    if isinstance(node, ast.Call) and node.func.name in _COUNTER_FUNCTIONS:
        yield node
    for child in promql.list_children(node):
        yield from _find_counter_calls(child)


def _check_counter_names(call: ast.Call, types: Mapping[str, str]) -> dict[str, str]:
    return {
        f"{call.func.name}() of {name}, which does not have the name of a counter": "use a "
        f"counter; its name ends in {', '.join(_COUNTER_SUFFIXES)}"
        for node in promql.walk_nodes(call)
        if isinstance(node, ast.VectorSelector)
        # A name that needs quotes is that of OpenTelemetry, which has no suffixes.
        and is_classic_metric(name := read_metric_name(node))
        and ":" not in name
        and types.get(name, "unknown") == "unknown"  # others have a check of their own
        and not name.endswith(_COUNTER_SUFFIXES)
        and not _OTHER_COUNTERS.fullmatch(name)
    }


def _check_label_names(selector: ast.VectorSelector) -> dict[str, str]:
    return {
        f"the label {matcher.name!r} does not exist on stored series": "match another label; "
        "Prometheus drops labels that begin with __ after relabelling"
        for matcher in selector.matchers.matchers
        if matcher.name.startswith("__") and matcher.name != "__name__"
    }
