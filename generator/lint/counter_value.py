"""The raw value of a counter, which depends on how long its process has run."""

from collections.abc import Iterator, Mapping

import promql_parser as ast

from generator.lint import _matchers
from generator.lint._subject import AlertSubject, LintFinding, SloSubject
from slos.schema import promql
from slos.schema.query_analysis import is_scalar
from slos.schema.sli.gauge import GaugeSli

ID = "counter-value"
ALWAYS = False
DEPENDS_ON_OPTIONS = True

_COUNTER_SUFFIXES = ("_total", "_bucket", "_sum")
_COUNTER_TYPES = {"counter", "histogram", "summary"}
_VALUE_AGGREGATIONS = {"sum", "avg", "min", "max", "topk", "bottomk", "quantile"}
_VALUE_FUNCTIONS = {
    "label_replace", "label_join", "clamp", "clamp_min", "clamp_max", "sort", "sort_desc", "round",
    "ceil", "floor", "abs", "scalar", "sum_over_time", "avg_over_time", "min_over_time",
    "max_over_time", "last_over_time", "quantile_over_time",
}  # fmt: skip
_HINT = "use rate(...) or increase(...) of it"


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Counters whose value an SLI reads without a rate; a gauge has a check of its own."""
    sli = subject.slo_spec.sli.get_type()
    if not isinstance(sli, GaugeSli):
        for key, query in subject.written_queries.items():
            yield from _find_counters(query, subject.types, ("sli", sli.KEY, key))


def check_alert(subject: AlertSubject) -> Iterator[LintFinding]:
    """Counters whose value a standalone alert compares."""
    yield from _find_counters(subject.query, subject.types, ("query",))


def _find_counters(
    query: str, types: Mapping[str, str], path: tuple[str, ...]
) -> Iterator[LintFinding]:
    """Find counters by the type that the exporter declares, or else by their names."""
    for metric in _list_values(query):
        kind = types.get(metric, "unknown")
        if kind in _COUNTER_TYPES:
            reason = f"{metric} is a {kind}"
        elif kind == "unknown" and metric.endswith(_COUNTER_SUFFIXES):
            reason = f"{metric} has the name of a counter"
        else:
            continue
        yield LintFinding(
            path, f"{reason}, and its value only grows until the process restarts", _HINT
        )


def _list_values(query: str) -> Iterator[str]:
    """List the metrics whose value decides the value of a query."""
    return iter(dict.fromkeys(_iterate_values(promql.parse_template(query))))


def _iterate_values(node: ast.Expr) -> Iterator[str]:
    match node:
        case ast.VectorSelector():
            yield _matchers.get_name(node)
        case ast.AggregateExpr() if str(node.op) not in _VALUE_AGGREGATIONS:
            return
        case ast.Call() if node.func.name not in _VALUE_FUNCTIONS:
            return
        case ast.BinaryExpr():
            yield from _iterate_binary_values(node)
        case _:
            for child in promql.list_children(node):
                yield from _iterate_values(child)


def _iterate_binary_values(node: ast.BinaryExpr) -> Iterator[str]:
    operator = str(node.op)
    # A difference of counters may be the number of things that are under way.
    if operator == "-" and not (is_scalar(node.lhs) or is_scalar(node.rhs)):
        return
    yield from _iterate_values(node.lhs)
    if operator not in ("and", "unless"):
        yield from _iterate_values(node.rhs)
